"""Translates our words into eSIM Access's fields and back (docs/providers/esim-access.md)."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from domain.codes import install_codes
from domain.errors import InvalidInput
from domain.provider import Balance, Bought, ProvisionRequest
from providers.kit.base import SoldProfile
from providers.kit.fields import (
    complete,
    decimal_of,
    identifier,
    mapping,
    mappings,
    optional_text,
    text,
)

MAX_REFERENCE = 50
"""How many characters a transactionId may have."""

PAGE_SIZE = 200
"""Profiles on a page of a list: far below their 500, so that it stays below our 1 MiB."""

_SKEW = timedelta(hours=1)
_LATEST = timedelta(days=1)
_USUAL = timedelta(days=7)

CANCELLED = "CANCEL"
_ENDED = frozenset({CANCELLED, "REVOKED", "DELETED", "USED_UP", "USED_EXPIRED", "UNUSED_EXPIRED"})
_UNITS_PER_DOLLAR = Decimal(10_000)


def order_body(request: ProvisionRequest) -> dict[str, object]:
    """Make the body of `POST esim/order`."""
    return {
        "transactionId": request.reference,
        "packageInfoList": [{"packageCode": request.plan_code, "count": 1}],
    }


def query_body(key: str, value: str) -> dict[str, object]:
    """Make the body of `POST esim/query` for one order or profile. The pager is mandatory."""
    return {key: value, "pager": {"pageNum": 1, "pageSize": 20}}


def list_body(request: ProvisionRequest, now: datetime, page: int) -> dict[str, object]:
    """Make the body of `POST esim/query` for all that was bought since we know an order.

    Their clock may be an hour off, and is never asked for: the range ends tomorrow.
    """
    since = (request.since or now - _USUAL) - _SKEW
    return {
        "startTime": _minute(since),
        "endTime": _minute(now + _LATEST),
        "pager": {"pageNum": page, "pageSize": PAGE_SIZE},
    }


def order_of(profiles: Sequence[Mapping[str, object]], reference: str) -> str | None:
    """Read which order of those listed has our transactionId; None if none has.

    Raises:
        InvalidInput: several have, or one that is not named.
    """
    ours = [each.get("orderNo") for each in profiles if each.get("transactionId") == reference]
    if not ours:
        return None
    named = {identifier(order_no) for order_no in ours}
    if len(named) > 1 or None in named:
        raise InvalidInput(f"{len(named)} orders have our reference.")
    return named.pop()


def is_last_page(body: object, seen: int) -> bool:
    """Tell whether a page of a list is the last one, after so many profiles on all of them.

    Raises:
        InvalidInput: it is no such page.
    """
    pager, listed = mapping(mapping(body).get("obj")).get("pager"), listed_profiles(body)
    total = pager.get("total") if isinstance(pager, dict) else None
    if type(total) is int:
        return seen >= total or not listed
    return len(listed) < PAGE_SIZE


def order_no(body: object) -> str:
    """Read what eSIM Access calls a new order.

    Raises:
        InvalidInput: it does not say.
    """
    named = named_order(body)
    if named is None:
        raise InvalidInput("It names no orderNo.")
    return named


def named_order(body: object) -> str | None:
    """Read the orderNo in a reply; None if there is none."""
    obj = mapping(body).get("obj")
    return identifier(obj.get("orderNo")) if isinstance(obj, dict) else None


def listed_profiles(body: object) -> list[Mapping[str, object]]:
    """Read the profiles in the reply to `POST esim/query`.

    Raises:
        InvalidInput: there is no list.
    """
    return mappings(mapping(mapping(body).get("obj")).get("esimList"))


def is_ours(profile: Mapping[str, object], request: ProvisionRequest) -> bool:
    """Tell whether a profile carries our reference or the name of our order.

    One that carries only one of the two is ours as well, and cannot be used.
    """
    if profile.get("transactionId") == request.reference:
        return True
    accepted_id = request.provider_order_id
    return accepted_id is not None and profile.get("orderNo") == accepted_id


def profile_of(profiles: Sequence[Mapping[str, object]], request: ProvisionRequest) -> SoldProfile:
    """Read the one profile of our order, and check every field.

    Raises:
        InvalidInput: several, another order's, or a code that cannot be used; quotes no code.
    """
    if len(profiles) != 1:
        raise InvalidInput(f"{len(profiles)} profiles have our reference.")
    (profile,) = profiles
    _check_echo(profile, request)
    if profile.get("esimStatus") in _ENDED:
        raise InvalidInput("It is cancelled or used up.")
    return SoldProfile(
        iccid=optional_text(profile, "iccid"),
        codes=complete(install_codes(text(profile, "ac"))),
        expires_at=_moment(profile.get("expiredTime")),
        sale_id=identifier(profile.get("esimTranNo")),
    )


def balance_of(body: object) -> Balance:
    """Read what `POST balance/query` tells.

    Raises:
        InvalidInput: it cannot be read.
    """
    units = decimal_of(mapping(mapping(body).get("obj")).get("balance"))
    return Balance(units / _UNITS_PER_DOLLAR, "USD")


def sale_of(
    profiles: Sequence[Mapping[str, object]], bought: Bought
) -> Mapping[str, object] | None:
    """Find the profile of a purchase among those of its order; None if it is not there.

    An ICCID alone does not name a sale: they sell it again once it was given back.
    """
    for profile in profiles:
        is_its_own = profile.get("transactionId") == bought.reference
        if is_its_own and bought.iccid in (None, profile.get("iccid")):
            return profile
    return None


def _minute(moment: datetime) -> str:
    """Write a moment as their reference does: `2010-06-30T01:20+00:00`."""
    return moment.astimezone(UTC).isoformat(timespec="minutes")


def _check_echo(profile: Mapping[str, object], request: ProvisionRequest) -> None:
    if profile.get("transactionId") != request.reference:
        raise InvalidInput("It does not carry our order reference.")
    if request.provider_order_id not in (None, profile.get("orderNo")):
        raise InvalidInput("It belongs to another order.")
    packages, wanted = profile.get("packageList"), request.plan_code
    if packages is not None and wanted and wanted not in _package_names(packages):
        raise InvalidInput("It is for another package.")


def _package_names(packages: object) -> set[object]:
    listed = mappings(packages)
    if len(listed) != 1:
        raise InvalidInput(f"It holds {len(listed)} packages.")
    return {identifier(listed[0].get(key)) for key in ("packageCode", "slug")}


def _moment(value: object) -> datetime | None:
    """Read until when the profile can be used. An unreadable date never spoils a purchase."""
    try:
        moment = datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        return None
    if moment is None or moment.tzinfo is not None:
        return moment
    return moment.replace(tzinfo=UTC)
