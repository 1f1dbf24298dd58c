"""ICCIDs: a profile's serial number (ITU-T E.118), 18 to 20 digits, the last a Luhn check digit.

Real stock often fails Luhn, the examples of several providers too, so a failed check is
reported, not refused, unless the operator asks for strictness (`ICCID_LUHN_STRICT`).
"""

import re
from dataclasses import dataclass

from domain.errors import InvalidIccid

MIN_DIGITS = 18
MAX_DIGITS = 20

_EXACT_DIGITS = 15
"""A spreadsheet keeps so many of a number, and writes zeros in place of the others."""

_DIGITS = re.compile(r"[0-9]+")
# 8.9E+18, 8,9012E18, 8901120200045678901.0: what is left after a spreadsheet took it for a number.
_ROUNDED_NUMBER = re.compile(r"[0-9]+([.,][0-9]*)?E[+-]?[0-9]+|[0-9]+[.,][0-9]*", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Iccid:
    """An ICCID in digits; `luhn_valid` says whether the last one checks the others."""

    digits: str
    luhn_valid: bool

    def __str__(self) -> str:
        return self.digits


def parse_iccid(text: str, strict_luhn: bool = False) -> Iccid:
    """Read an ICCID as files and providers write it: spaces, hyphens and `F` padding go.

    The padding is what a 19-digit ICCID carries on the card and in ES2+ (SGP.22 section 5.3).

    Raises:
        InvalidIccid: not 18 to 20 digits, or, with `strict_luhn`, a wrong check digit.
    """
    compact = "".join(text.split())
    if _ROUNDED_NUMBER.fullmatch(compact):
        raise InvalidIccid(
            "The ICCID was turned into a rounded number, as spreadsheets do (8.9E+18), and its"
            " digits are lost: export the column as text."
        )
    digits = compact.replace("-", "").rstrip("Ff")
    if not _DIGITS.fullmatch(digits):
        raise InvalidIccid("An ICCID holds digits only.")
    if not MIN_DIGITS <= len(digits) <= MAX_DIGITS:
        raise InvalidIccid(f"An ICCID has {MIN_DIGITS} to {MAX_DIGITS} digits, not {len(digits)}.")
    iccid = Iccid(digits, luhn_valid=luhn_check_digit(digits[:-1]) == digits[-1])
    if strict_luhn and not iccid.luhn_valid:
        raise InvalidIccid("The ICCID's last digit is not its Luhn check digit.")
    return iccid


def looks_rounded(digits: str) -> bool:
    """Tell whether an ICCID ends as a spreadsheet leaves it: zeros from the 16th digit on."""
    return len(digits) > _EXACT_DIGITS and not digits[_EXACT_DIGITS:].strip("0")


def rounded_by_chance(digits: str) -> float:
    """Say how likely an ICCID of this length ends in such zeros although nobody rounded it."""
    return 10.0 ** -max(len(digits) - _EXACT_DIGITS, 0)


def luhn_check_digit(digits: str) -> str:
    """Compute the digit that, put behind `digits`, makes them pass the Luhn check.

    Raises:
        InvalidIccid: `digits` is empty or holds anything but 0 to 9.
    """
    if not _DIGITS.fullmatch(digits):
        raise InvalidIccid("A check digit is made of digits only.")
    doubled = (int(digit) * 2 for digit in digits[::-2])
    total = sum(value - 9 if value > 9 else value for value in doubled)  # noqa: PLR2004 - Luhn
    total += sum(int(digit) for digit in digits[-2::-2])
    return str(-total % 10)
