"""Activation codes by the standard (GSMA SGP.22 section 4.1).

`1$<SM-DP+ address>$<matching id>[$<SM-DP+ OID>[$<flag>[$...]]]`. The flag 1 means "a confirmation
code is required"; SGP.22 v3 adds fields behind it. A QR code shows the LPA string: `LPA:` and the
same.
"""

import re
from dataclasses import dataclass, field

from domain.blank import seen
from domain.errors import InvalidActivationCode

MAX_LENGTH = 255
"""Characters of an activation code, `LPA:` not counted."""

LPA = "LPA:"
VERSION = "1"

_FIELDS = 5
_FEWEST_FIELDS = 3
_PRINTABLE_ASCII = re.compile(r"[!-~]+")
# The standard has no small letters; providers do, and phones take them.
_MATCHING_ID = re.compile(r"[0-9A-Za-z-]*")
_OID = re.compile(r"[0-2](\.[0-9]+)+")
_MAX_FQDN_LENGTH = 253
# The last label is never all digits, so an IP address is not a name.
FQDN = re.compile(
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
        further: fields beyond the fifth, kept as they came (SGP.22 v3).

    Raises:
        InvalidActivationCode: a part does not have the form SGP.22 asks for.
    """

    smdp_address: str
    matching_id: str = field(repr=False)
    smdp_oid: str | None = None
    confirmation_required: bool = False
    further: tuple[str, ...] = field(default=(), repr=False)

    def __post_init__(self) -> None:
        if len(self.smdp_address) > _MAX_FQDN_LENGTH or not FQDN.fullmatch(self.smdp_address):
            raise InvalidActivationCode("The SM-DP+ address is not a fully qualified domain name.")
        if not _MATCHING_ID.fullmatch(self.matching_id):
            raise InvalidActivationCode("The matching id may hold only letters, digits, hyphens.")
        if self.smdp_oid is not None and not _OID.fullmatch(self.smdp_oid):
            raise InvalidActivationCode("The SM-DP+ OID is not a dotted object identifier.")
        if len(self.activation_code) > MAX_LENGTH:
            raise too_long()

    @property
    def activation_code(self) -> str:
        """`1$host$matching-id`, for typing in."""
        flag = "1" if self.confirmation_required else ""
        optional = [self.smdp_oid or "", flag, *self.further]
        while optional and not optional[-1]:
            optional.pop()
        return "$".join([VERSION, self.smdp_address, self.matching_id, *optional])

    @property
    def lpa_string(self) -> str:
        """`LPA:1$host$matching-id`, for a QR code."""
        return LPA + self.activation_code

    @property
    def identity(self) -> str:
        """What two spellings of one code have in common: hosts know no case, matching ids do."""
        host, rest = self.smdp_address, self.activation_code[len(self.smdp_address) + 2 :]
        return f"{LPA}{VERSION}${host.lower()}{rest}"


def parse_activation_code(text: str) -> ActivationCode:
    """Read a complete activation code or LPA string.

    Raises:
        InvalidActivationCode: says what is wrong without quoting the code.
    """
    body, _ = split_prefix(clean(text))
    fields = body.split("$")
    if fields[0] != VERSION or len(fields) < _FEWEST_FIELDS:
        raise InvalidActivationCode(
            "An activation code reads 1$<SM-DP+ address>$<matching id>[$<OID>][$1]."
        )
    fields += [""] * (_FIELDS - len(fields))
    _, smdp_address, matching_id, smdp_oid, flag, *further = fields
    if flag not in ("", "1"):
        raise InvalidActivationCode("The confirmation code flag is 1 or absent.")
    while further and not further[-1]:
        further.pop()
    return ActivationCode(smdp_address, matching_id, smdp_oid or None, flag == "1", tuple(further))


def split_prefix(text: str) -> tuple[str, bool]:
    """Split off `LPA:`, whatever its case; tells whether it was there."""
    prefixed = text[: len(LPA)].upper() == LPA
    return (text[len(LPA) :] if prefixed else text), prefixed


def clean(text: str) -> str:
    """Return a text without blanks and unseen characters around it.

    Raises:
        InvalidActivationCode: nothing is left, or what no code holds.
    """
    stripped = seen(text)
    if not stripped:
        raise InvalidActivationCode("The activation code is empty.")
    if not _PRINTABLE_ASCII.fullmatch(stripped):
        raise InvalidActivationCode(
            "The activation code holds a space, a control character or one outside ASCII."
        )
    return stripped


def too_long() -> InvalidActivationCode:
    """Make the error for a code that is longer than the standard allows."""
    return InvalidActivationCode(f"The activation code is longer than {MAX_LENGTH} characters.")
