"""The one place that decides what may reach a customer as an activation code.

Every entrance asks here: a provider's reply, a stock file, a code that a person brings, and an
item before it is given out. `esim_can_be_code` in the database mirrors `NO_CODE` for raw SQL.

| given                                              | verdict                                   |
|----------------------------------------------------|-------------------------------------------|
| a complete code, however it is wrapped             | deliverable                               |
| small letters, no matching id, or it was wrapped   | deliverable, with a warning               |
| SM-DP+ address and matching id apart               | deliverable, as one code                  |
| a bare code (`INV-ABC123`, `LPA:1$XYZ`) alone      | deliverable by hand, not by QR: a warning |
| a complete code, and beside it what is none        | deliverable: a picture contradicts nobody |
| two codes of different profiles                    | refused                                   |
| nothing but what can be no code (`NO_CODE`)        | refused                                   |
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeAlias

from domain.blank import is_nothing, is_word_for_nothing, says_nothing, seen, was_number
from domain.codes.activation_code import (
    LPA,
    MAX_LENGTH,
    VERSION,
    ActivationCode,
    clean,
    parse_activation_code,
    split_prefix,
    too_long,
)
from domain.codes.unwrapping import unwrapped
from domain.errors import InvalidActivationCode

_URL_PARTS = re.compile(r"^https?://|(:443)?/*$", re.IGNORECASE)
_BARE = re.compile(r"[0-9A-Za-z][0-9A-Za-z_.:#+-]*")
_LINK = re.compile(r"([a-z][a-z0-9+.-]*:)?//|(data|mailto|tel|sms|https?):|www\.", re.IGNORECASE)
_HOST = re.compile(r"([0-9a-z-]+\.)+[a-z]{2,63}", re.IGNORECASE)  # a file's name as well: qr.png
_CARD_NUMBER = re.compile(r"([0-9][ -]?){18,20}F?F?|[0-9]{32}", re.IGNORECASE)  # ICCID, EID
# The first characters of PNG, GIF, JPEG, SVG and PDF in base64.
_PICTURE = re.compile(r"iVBORw0KG|R0lGOD|/9j/|PHN2Zy|PD94bWw|JVBERi")

NO_CODE: tuple[tuple[str, Callable[[str], object]], ...] = (
    ("a word for nothing, or for a state", says_nothing),
    ("an address", _LINK.match),
    ("an address", _HOST.fullmatch),
    ("the number of a card (ICCID or EID)", _CARD_NUMBER.fullmatch),
    ("a rounded number, as spreadsheets make them", was_number),
    ("a picture", _PICTURE.match),
)
"""What a text can be that is no code, and how it is recognised."""

SMALL_LETTERS = "The matching id has small letters, which SGP.22 does not know; they are kept."
NOT_BY_QR = "Not installable by QR: the code names no SM-DP+ address."
NO_MATCHING_ID = "The code has no matching id: the SM-DP+ must know the phone."
WAS_WRAPPED = "The code was taken out of a link or an encoding."
IGNORED = "What stood beside the code is no LPA string, and was ignored."


@dataclass(frozen=True, slots=True)
class InstallCodes:
    """The two texts of a code that stock and profiles keep.

    Attributes:
        activation_code: as the source gave it, so that ops recognise it, but unwrapped; without
            `LPA:` and empty fields if it is longer than `MAX_LENGTH` with them.
        qr_payload: always an LPA string, prefixed once.
        installable: False if the QR payload lacks the SM-DP+ address; such stock is kept and
            handed out, but a phone cannot install it by QR.
        confirmation_required: the phone will ask for a confirmation code.
        warnings: what ops should know; quotes nothing.
        identity: what two spellings of one code have in common.
    """

    activation_code: str = field(repr=False)
    qr_payload: str = field(repr=False)
    installable: bool
    confirmation_required: bool = False
    warnings: tuple[str, ...] = ()
    identity: str = field(default="", repr=False, compare=False)

    @property
    def lacks_matching_id(self) -> bool:
        """Tell whether only a phone that the SM-DP+ knows can use the code."""
        return NO_MATCHING_ID in self.warnings


@dataclass(frozen=True, slots=True)
class _Complete:
    code: ActivationCode = field(repr=False)
    text: str = field(repr=False)
    was_wrapped: bool


@dataclass(frozen=True, slots=True)
class _Bare:
    """A code without its SM-DP+ address; `marked` if it has the form of an LPA string."""

    short: str = field(repr=False)
    text: str = field(repr=False)
    marked: bool


@dataclass(frozen=True, slots=True)
class _NoCode:
    """What is none; `marked` if it was meant as one all the same."""

    why: InvalidActivationCode
    marked: bool


_Read: TypeAlias = _Complete | _Bare | _NoCode | None


def install_codes(
    activation_code: str | None,
    qr_payload: str | None = None,
    *,
    smdp_address: str | None = None,
    matching_id: str | None = None,
) -> InstallCodes:
    """Check and complete what a stock row, a provider's reply or a person brings; see the table.

    A bare code `XYZ` gets the QR payload `LPA:1$XYZ`; nothing is ever prefixed twice. A bare
    code may label any complete QR payload; otherwise the two must name the same profile.

    Raises:
        InvalidActivationCode: says what is wrong without quoting a code.
    """
    own, beside = _read(activation_code), _read(qr_payload)
    if smdp_address is not None or matching_id is not None:
        own = _with_columns(own, beside, smdp_address or "", matching_id or "")
    for read in (own, beside):
        if isinstance(read, _NoCode) and read.marked:
            raise read.why
    if isinstance(own, _Complete):
        return _of_complete(own, beside)
    if isinstance(beside, _Complete):
        label = own.text if isinstance(own, _Bare) else split_prefix(beside.text)[0]
        return _codes(label, beside, ignored=isinstance(own, _NoCode))
    return _of_bare(own, beside)


def why_no_code(short: str) -> InvalidActivationCode | None:
    """Say why a text without an SM-DP+ address can be no code; None if it may be one."""
    for what, recognises in NO_CODE:
        if recognises(short):
            return InvalidActivationCode(f"The activation code is {what}.")
    if not _BARE.fullmatch(short):
        return InvalidActivationCode("The activation code holds what no code has.")
    return None


def _read(given: str | None) -> _Read:
    """Take what one field holds for what it is; None if it says that there is nothing."""
    if given is None or is_nothing(given):
        return None
    marked = False
    try:
        text = unwrapped(given)
        marked = _is_marked(text)
        return _as_code(clean(text), was_wrapped=text != seen(given))
    except InvalidActivationCode as why:
        return _NoCode(why, marked)


def _as_code(text: str, *, was_wrapped: bool) -> _Read:
    short = _short_code(text)
    if short is None:
        return _Complete(_sound(parse_activation_code(text)), text, was_wrapped)
    if why := why_no_code(short):
        return _NoCode(why, marked=False)
    if len(f"{VERSION}${short}") > MAX_LENGTH:
        raise too_long()
    return _Bare(short, text, _is_marked(text))


def _sound(code: ActivationCode) -> ActivationCode:
    """Refuse a code that a program made of a matching id it did not have."""
    if is_word_for_nothing(code.matching_id):
        raise InvalidActivationCode("The matching id is a word for nothing, or for a state.")
    return code


def _short_code(text: str) -> str | None:
    """Return the code of stock without an SM-DP+ address (`XYZ`, `LPA:1$XYZ`), else None."""
    body, prefixed = split_prefix(text)
    short = body.removeprefix(f"{VERSION}$")
    misread = "$" in short or split_prefix(short)[1] or (prefixed and short == body)
    return None if misread or not short else short


def _is_marked(text: str) -> bool:
    return split_prefix(text)[1] or "$" in text


def _of_complete(own: _Complete, beside: _Read) -> InstallCodes:
    other = isinstance(beside, _Complete) and beside.code.identity != own.code.identity
    if other or (isinstance(beside, _Bare) and beside.marked):
        raise _different()
    return _codes(own.text, own, ignored=isinstance(beside, _Bare | _NoCode))


def _of_bare(own: _Read, beside: _Read) -> InstallCodes:
    """Keep a bare code; nothing that stands beside it makes it a complete one."""
    if own is None and isinstance(beside, _Bare) and beside.marked:
        own = _Bare(beside.short, split_prefix(beside.text)[0], marked=True)
    for read in (own, beside):
        if isinstance(read, _NoCode):
            raise read.why
    if not isinstance(own, _Bare):
        raise InvalidActivationCode("There is no activation code, nor an LPA string in its place.")
    if isinstance(beside, _Bare) and beside.short != own.short:
        raise _different()
    payload = f"{LPA}{VERSION}${own.short}"
    kept = own.text if len(own.text) <= MAX_LENGTH else payload.removeprefix(LPA)
    return InstallCodes(kept, payload, installable=False, warnings=(NOT_BY_QR,), identity=payload)


def _codes(text: str, read: _Complete, *, ignored: bool) -> InstallCodes:
    code = read.code
    doubts = (
        (SMALL_LETTERS, code.matching_id != code.matching_id.upper()),
        (NO_MATCHING_ID, not code.matching_id),
        (WAS_WRAPPED, read.was_wrapped),
        (IGNORED, ignored),
    )
    return InstallCodes(
        text if len(text) <= MAX_LENGTH else code.activation_code,
        code.lpa_string,
        installable=True,
        confirmation_required=code.confirmation_required,
        warnings=tuple(warning for warning, applies in doubts if applies),
        identity=code.identity,
    )


def _with_columns(own: _Read, beside: _Read, smdp_address: str, matching_id: str) -> _Read:
    """Join an SM-DP+ address and a matching id that stand in fields of their own."""
    host, named = _host(smdp_address), _read(matching_id)
    if isinstance(named, _Complete):  # the whole code, in the matching id's field
        return _with_columns(named, own, smdp_address, "") if own is None else own
    the_id = "" if named is None else seen(matching_id)
    complete = [each.code for each in (own, beside) if isinstance(each, _Complete)]
    for code in complete:
        if host not in ("", code.smdp_address.lower()) or the_id not in ("", code.matching_id):
            raise _different()
    mangled = isinstance(own, _NoCode) and own.marked
    if complete or mangled or not (host or the_id):
        return own
    if not host:
        return named if own is None else own
    short = own.short if isinstance(own, _Bare) else ""
    if not the_id and not short:
        raise InvalidActivationCode("There is an SM-DP+ address, and no matching id to it.")
    joined = _sound(ActivationCode(host, the_id or short))
    is_label = isinstance(own, _Bare) and the_id not in ("", short)
    text = own.text if is_label and isinstance(own, _Bare) else joined.activation_code
    return _Complete(joined, text, was_wrapped=False)


def _host(address: str) -> str:
    """Return the host of an SM-DP+ address, which some write as a URL."""
    if is_nothing(address):
        return ""
    return _URL_PARTS.sub("", seen(address)).lower()


def _different() -> InvalidActivationCode:
    return InvalidActivationCode("The activation code and QR payload name different profiles.")
