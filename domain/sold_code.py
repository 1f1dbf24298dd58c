"""What a provider sold, as a person brings it: checked before it becomes stock."""

from dataclasses import dataclass, field

from domain.activation_code import ActivationCode, parse_activation_code
from domain.errors import InvalidActivationCode, InvalidInput
from domain.iccid import parse_iccid

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
