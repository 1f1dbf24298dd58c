"""Money in a provider's JSON."""

from decimal import Decimal

from domain.errors import InvalidInput


def decimal_of(value: object) -> Decimal:
    """An amount as its digits say it, not as a binary fraction.

    Raises:
        InvalidInput: it is no finite number.
    """
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise InvalidInput("It holds no amount.")
    amount = Decimal(str(value))
    if not amount.is_finite():
        raise InvalidInput("It holds no amount.")
    return amount
