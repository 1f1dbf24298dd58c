"""What a person brings of a purchase: copied from a provider's portal or e-mail."""

from dataclasses import dataclass, field, replace

from domain.blank import seen
from domain.codes.activation_code import LPA, VERSION
from domain.codes.beside import confirmation_code as read_confirmation_code
from domain.codes.verdict import InstallCodes, install_codes
from domain.errors import InvalidActivationCode, InvalidInput
from domain.iccid import parse_iccid

_MOST_BYTES = 1000
"""Of a code as given: a QR code has room for it."""


@dataclass(frozen=True, slots=True)
class SoldCode:
    """A profile that a provider stands by. The codes are bearer secrets: no `repr` shows one.

    Attributes:
        as_given: a person answers for the code; no rule has judged it.
    """

    codes: InstallCodes
    iccid: str | None = None
    confirmation_code: str | None = field(default=None, repr=False)
    as_given: bool = False


def sold_code(
    activation_code: str,
    iccid: str | None = None,
    confirmation_code: str | None = None,
    *,
    as_given: bool = False,
) -> SoldCode:
    """Check what somebody has found out.

    Stricter than stock, where a code may lack its SM-DP+ address: a customer waits for this one.
    With `as_given` it is taken to the letter, whatever it is.

    Raises:
        InvalidInput: says what is wrong without quoting a code.
    """
    codes = _as_given(activation_code) if as_given else _judged(activation_code)
    confirmation = read_confirmation_code(confirmation_code)
    if codes.confirmation_required and not confirmation and not as_given:
        raise InvalidInput("The activation code asks for a confirmation code: bring that too.")
    digits = parse_iccid(iccid).digits if iccid and iccid.strip() else None
    return SoldCode(codes, digits, confirmation, as_given)


def _judged(activation_code: str) -> InstallCodes:
    codes = install_codes(activation_code)
    if not codes.installable:
        raise InvalidActivationCode(
            "An activation code reads 1$<SM-DP+ address>$<matching id>[$<OID>][$1]. If the provider"
            " stands by this one, say so: --as-given (as_given in the API)."
        )
    if codes.lacks_matching_id:
        raise InvalidActivationCode("The activation code has no matching id: it names no profile.")
    # A person copies what a page shows; the customer is given the plain form.
    return replace(codes, activation_code=codes.qr_payload.removeprefix(LPA))


def _as_given(activation_code: str) -> InstallCodes:
    text = seen(activation_code)
    if not text or not text.isprintable() or len(text.encode()) > _MOST_BYTES:
        raise InvalidActivationCode(f"It is blank, not printable, or over {_MOST_BYTES} bytes.")
    is_version_1 = text.startswith(f"{VERSION}$")
    return InstallCodes(text, LPA + text if is_version_1 else text, installable=False)
