"""The profiles that are sold: ICCIDs of an invented range, and codes that are easy to recognise.

ICCID: 19 digits with a Luhn check digit (ITU-T E.118); the issuer's calling code is 210, which no
country has. Activation code: SGP.22 section 4.1; the host never resolves (RFC 2606).
"""

import secrets
import string
from collections.abc import Container
from dataclasses import dataclass
from typing import Final

SMDP_ADDRESS: Final = "smdp.sandbox.example"
CODE_PREFIX: Final = "SBX-"
ICCID_PREFIX: Final = "89210"
ICCID_DIGITS: Final = 19

_CODE_LETTERS = string.digits + string.ascii_uppercase
_MATCHING_ID_LENGTH = 16
_CONFIRMATION_CODE_LENGTH = 8


@dataclass(frozen=True, slots=True)
class Profile:
    """One eSIM.

    Attributes:
        matching_id: empty while none is set (ES2+ sets it at confirmOrder).
        confirmation_code: what the phone asks for; empty if it asks for nothing.
    """

    iccid: str
    matching_id: str
    confirmation_code: str = ""

    @property
    def lpa_string(self) -> str:
        """What the QR code says; its last field tells the phone to ask."""
        flag = "$$1" if self.confirmation_code else ""
        return f"LPA:1${SMDP_ADDRESS}${self.matching_id}{flag}"


def new_profile(sold: Container[str], *, confirmed: bool = False) -> Profile:
    """Make up a profile whose ICCID was never sold, with a confirmation code if `confirmed`."""
    confirmation_code = _new_code(_CONFIRMATION_CODE_LENGTH) if confirmed else ""
    return Profile(new_iccid(sold), new_matching_id(), confirmation_code)


def new_iccid(sold: Container[str]) -> str:
    """Draw an ICCID: a sandbox that forgot its ledger must not sell the same ones again."""
    free_digits = ICCID_DIGITS - len(ICCID_PREFIX) - 1
    while True:
        account = f"{ICCID_PREFIX}{secrets.randbelow(10**free_digits):0{free_digits}d}"
        iccid = account + luhn_digit(account)
        if iccid not in sold:
            return iccid


def new_matching_id() -> str:
    """Make up a matching id that nobody has."""
    return _new_code(_MATCHING_ID_LENGTH)


def _new_code(length: int) -> str:
    """Make up a code that a search through logs and databases finds."""
    return CODE_PREFIX + "".join(secrets.choice(_CODE_LETTERS) for _ in range(length))


def luhn_digit(digits: str) -> str:
    """Compute the check digit that belongs after these digits."""
    total = 0
    for place, digit in enumerate(reversed(digits)):
        doubled = int(digit) * (2 if place % 2 == 0 else 1)
        total += doubled - 9 if doubled > 9 else doubled  # noqa: PLR2004 - the digit sum
    return str(-total % 10)


def is_ours(iccid: str) -> bool:
    """Tell whether the ICCID is of our range, with a right check digit."""
    return (
        len(iccid) == ICCID_DIGITS
        and iccid.isdecimal()
        and iccid.startswith(ICCID_PREFIX)
        and luhn_digit(iccid[:-1]) == iccid[-1]
    )
