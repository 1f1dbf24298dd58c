"""Reading a provider's JSON: a field is what we take it for, or the reply cannot be used."""

import re
from collections.abc import Mapping
from decimal import Decimal

import structlog

from domain.codes import InstallCodes
from domain.errors import InvalidActivationCode, InvalidInput
from domain.iccid import parse_iccid
from domain.provider import ProvisionRequest

log = structlog.get_logger(__name__)

_IDENTIFIER = re.compile(r"[0-9A-Za-z._:-]{1,64}")


def mapping(value: object) -> Mapping[str, object]:
    """Take a value for a JSON object.

    Raises:
        InvalidInput: it is none.
    """
    if not isinstance(value, dict):
        raise InvalidInput("It holds no order.")
    return value


def mappings(value: object) -> list[Mapping[str, object]]:
    """Take a value for a list of JSON objects.

    Raises:
        InvalidInput: it is none.
    """
    if not isinstance(value, list):
        raise InvalidInput("It holds no list.")
    return [mapping(each) for each in value]


def text(fields: Mapping[str, object], key: str) -> str:
    """Read a field that must be text. A number is none, since JSON writers round long ones.

    Raises:
        InvalidInput: it is not.
    """
    value = fields.get(key)
    if not isinstance(value, str):
        raise InvalidInput(f"It has no text in {key}.")
    return value


def optional_text(fields: Mapping[str, object], key: str) -> str | None:
    """Read a field that is text, or None if it is missing, null or empty.

    Raises:
        InvalidInput: it is something else than text.
    """
    return None if fields.get(key) in (None, "") else text(fields, key)


def text_or_none(fields: Mapping[str, object], key: str) -> str | None:
    """Read a field that is text in some replies, and an object or a list in others."""
    value = fields.get(key)
    return value if isinstance(value, str) else None


def complete(codes: InstallCodes) -> InstallCodes:
    """Take only codes that name their SM-DP+, as every sale of most providers does.

    Raises:
        InvalidActivationCode: they do not.
    """
    if not codes.installable:
        raise InvalidActivationCode("The code names no SM-DP+ address.")
    return codes


def identifier(value: object) -> str | None:
    """Take a value for a name that the provider gave or echoes; None if it is not like one."""
    return value if isinstance(value, str) and _IDENTIFIER.fullmatch(value) else None


def checked_iccid(digits: str, request: ProvisionRequest, strict_luhn: bool) -> str:
    """Check the ICCID of a sold profile, and log a wrong check digit.

    Raises:
        InvalidInput: it is none, or with `strict_luhn` its check digit is wrong.
    """
    iccid = parse_iccid(digits, strict_luhn)
    if not iccid.luhn_valid:
        log.warning("ICCID fails its Luhn check", order_id=request.order_id, iccid=iccid.digits)
    return iccid.digits


def decimal_of(value: object) -> Decimal:
    """Read an amount as its digits say it, not as a binary fraction.

    Raises:
        InvalidInput: it is no finite number.
    """
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise InvalidInput("It holds no amount.")
    amount = Decimal(str(value))
    if not amount.is_finite():
        raise InvalidInput("It holds no amount.")
    return amount


def printable(value: object) -> str | None:
    """Keep of a text what Postgres and screens can show; None if nothing is left."""
    if not isinstance(value, str):
        return None
    return "".join(one for one in value if one.isprintable() or one in "\n\t").strip() or None
