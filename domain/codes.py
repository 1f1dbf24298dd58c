"""Activation codes: what a device needs to download a profile from an SM-DP+.

`1$<SM-DP+ address>$<matching id>[$<SM-DP+ OID>[$1]]`, the last part meaning "a confirmation code
is required" (GSMA SGP.22 v2, section 4.1). A QR code shows the LPA string: `LPA:` and the same.
Codes are bearer secrets: no `repr` shows one and no error quotes one.
"""

import re
from dataclasses import dataclass, field

from domain.errors import InvalidActivationCode, InvalidInput
from domain.iccid import parse_iccid

MAX_LENGTH = 255
"""Characters of an activation code, `LPA:` not counted."""

_LPA = "LPA:"
_VERSION = "1"
_MAX_FIELDS = 5
_PRINTABLE_ASCII = re.compile(r"[!-~]+")
_MATCHING_ID = re.compile(r"[0-9A-Z-]*")
_OID = re.compile(r"[0-2](\.[0-9]+)+")
_MAX_FQDN_LENGTH = 253
# The last label is never all digits, so an IP address is not a name.
_FQDN = re.compile(
    r"([0-9a-z]([0-9a-z-]{0,61}[0-9a-z])?\.)+(?![0-9]+$)[0-9a-z]([0-9a-z-]{0,61}[0-9a-z])?",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class ActivationCode:
    """A complete activation code; one that exists is valid.

    Attributes:
        smdp_address: the SM-DP+ as a fully qualified domain name, in the case it came in.
        matching_id: the secret part; may be empty.
        smdp_oid: the SM-DP+ object identifier, None if the code names none.
        confirmation_required: the customer will be asked for a confirmation code.

    Raises:
        InvalidActivationCode: a part does not have the form SGP.22 asks for.
    """

    smdp_address: str
    matching_id: str = field(repr=False)
    smdp_oid: str | None = None
    confirmation_required: bool = False

    def __post_init__(self) -> None:
        if len(self.smdp_address) > _MAX_FQDN_LENGTH or not _FQDN.fullmatch(self.smdp_address):
            raise InvalidActivationCode("The SM-DP+ address is not a fully qualified domain name.")
        if not _MATCHING_ID.fullmatch(self.matching_id):
            raise InvalidActivationCode("The matching id may hold only 0-9, A-Z and hyphens.")
        if self.smdp_oid is not None and not _OID.fullmatch(self.smdp_oid):
            raise InvalidActivationCode("The SM-DP+ OID is not a dotted object identifier.")
        if len(self.activation_code) > MAX_LENGTH:
            raise _too_long()

    @property
    def activation_code(self) -> str:
        """`1$host$matching-id`, for typing in."""
        fields = [_VERSION, self.smdp_address, self.matching_id]
        if self.smdp_oid is not None or self.confirmation_required:
            fields.append(self.smdp_oid or "")
        if self.confirmation_required:
            fields.append("1")
        return "$".join(fields)

    @property
    def lpa_string(self) -> str:
        """`LPA:1$host$matching-id`, for a QR code."""
        return _LPA + self.activation_code


@dataclass(frozen=True, slots=True)
class InstallCodes:
    """The two texts of a code that stock and profiles keep.

    Attributes:
        activation_code: as the source gave it, so that ops recognise it; without `LPA:` and empty
            fields if it is longer than `MAX_LENGTH` with them.
        qr_payload: always an LPA string, prefixed once.
        installable: False if the QR payload lacks the SM-DP+ address; such stock is kept and
            handed out, but a phone cannot install it by QR.
    """

    activation_code: str = field(repr=False)
    qr_payload: str = field(repr=False)
    installable: bool


def parse_activation_code(text: str) -> ActivationCode:
    """Read a complete activation code or LPA string.

    Raises:
        InvalidActivationCode: says what is wrong without quoting the code.
    """
    body, _ = _split_prefix(_clean(text))
    fields = body.split("$")
    if fields[0] != _VERSION or not 3 <= len(fields) <= _MAX_FIELDS:  # noqa: PLR2004 - SGP.22
        raise InvalidActivationCode(
            "An activation code reads 1$<SM-DP+ address>$<matching id>[$<OID>][$1]."
        )
    fields += [""] * (_MAX_FIELDS - len(fields))
    _, smdp_address, matching_id, smdp_oid, flag = fields
    if flag not in ("", "1"):
        raise InvalidActivationCode("The confirmation code flag is 1 or absent.")
    return ActivationCode(smdp_address, matching_id, smdp_oid or None, flag == "1")


def install_codes(activation_code: str, qr_payload: str | None = None) -> InstallCodes:
    """Check and complete the pair that a stock row or a provider's reply holds.

    A bare code `XYZ` gets the QR payload `LPA:1$XYZ`; nothing is ever prefixed twice. A bare
    code may label any complete QR payload; otherwise the two must name the same profile.

    Raises:
        InvalidActivationCode: says what is wrong without quoting a code.
    """
    given = _clean(activation_code)
    own, own_complete = _lpa_string(given)
    kept = given if len(given) <= MAX_LENGTH else own.removeprefix(_LPA)
    if qr_payload is None or not qr_payload.strip():
        return InstallCodes(kept, own, own_complete)
    payload, complete = _lpa_string(_clean(qr_payload))
    labels_only = complete and not own_complete
    if not labels_only and own.lower() != payload.lower():
        raise InvalidActivationCode("The activation code and QR payload name different profiles.")
    return InstallCodes(kept, payload, complete)


def _lpa_string(text: str) -> tuple[str, bool]:
    """Make the LPA string of any accepted form, and say whether it is complete."""
    short = _short_code(text)
    if short is None:
        return parse_activation_code(text).lpa_string, True
    payload = f"{_LPA}{_VERSION}${short}"
    if len(payload) > len(_LPA) + MAX_LENGTH:
        raise _too_long()
    return payload, False


def _short_code(text: str) -> str | None:
    """Return the code of stock without an SM-DP+ address (`XYZ`, `LPA:1$XYZ`), else None."""
    body, prefixed = _split_prefix(text)
    short = body.removeprefix(f"{_VERSION}$")
    misread = "$" in short or _split_prefix(short)[1] or (prefixed and short == body)
    return None if misread or not short else short


def _split_prefix(text: str) -> tuple[str, bool]:
    prefixed = text[: len(_LPA)].upper() == _LPA
    return (text[len(_LPA) :] if prefixed else text), prefixed


def _clean(text: str) -> str:
    stripped = text.strip()
    if not stripped:
        raise InvalidActivationCode("The activation code is empty.")
    if not _PRINTABLE_ASCII.fullmatch(stripped):
        raise InvalidActivationCode(
            "The activation code holds a space, a control character or one outside ASCII."
        )
    return stripped


def _too_long() -> InvalidActivationCode:
    return InvalidActivationCode(f"The activation code is longer than {MAX_LENGTH} characters.")


_CONFIRMATION_LENGTH = 64


@dataclass(frozen=True, slots=True)
class SoldCode:
    """A profile that can be installed. The codes are bearer secrets, so no `repr` shows one."""

    code: ActivationCode
    iccid: str | None = None
    confirmation_code: str | None = field(default=None, repr=False)


def sold_code(
    activation_code: str, iccid: str | None = None, confirmation_code: str | None = None
) -> SoldCode:
    """Check what somebody copied from a provider's portal or e-mail.

    Stricter than stock, where a code may lack its SM-DP+ address: a customer waits for this one.

    Raises:
        InvalidInput: says what is wrong without quoting a code.
    """
    code = parse_activation_code(activation_code.strip())
    if not code.matching_id:
        raise InvalidActivationCode("The activation code has no matching id: it names no profile.")
    confirmation = (confirmation_code or "").strip()
    if code.confirmation_required and not confirmation:
        raise InvalidInput("The activation code asks for a confirmation code: bring that too.")
    if len(confirmation) > _CONFIRMATION_LENGTH or not (
        confirmation.isascii() and confirmation.isprintable()
    ):
        raise InvalidInput("The confirmation code is too long or cannot be typed in.")
    digits = parse_iccid(iccid).digits if iccid and iccid.strip() else None
    return SoldCode(code, digits, confirmation or None)
