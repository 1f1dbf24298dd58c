"""Profiles and packages as eSIM Access lists them."""

import time
from typing import Any, Final

from sandbox.ledger import Order, ProfileState
from sandbox.profiles import Profile
from sandbox.shop import PRICE_CENTS

CANCELLED: Final = "CANCEL"
PRICE: Final = PRICE_CENTS * 100  # USD times 10,000
_GIGABYTE = 1024**3
_DAYS = 30
_UNUSED_FOR_SECONDS = 180 * 24 * 3600


def esim(
    order: Order, profile: Profile, state: ProfileState | None, order_no: str
) -> dict[str, Any]:
    """Write one entry of `esimList`."""
    return {
        "esimTranNo": f"T{profile.iccid}",
        "orderNo": order_no,
        "transactionId": order.reference,
        "imsi": None,
        "iccid": profile.iccid,
        "smsStatus": 0,
        "msisdn": "",
        "ac": profile.lpa_string,
        "qrCodeUrl": f"https://sandbox.example/qr/{order.number}.png",
        "shortUrl": f"https://sandbox.example/qr/{order.number}",
        "smdpStatus": "RELEASED",
        "eid": "",
        "activeType": 2,
        "dataType": 1,
        "activateTime": None,
        "expiredTime": _moment(order.booked_at + _UNUSED_FOR_SECONDS),
        "totalVolume": _GIGABYTE,
        "totalDuration": _DAYS,
        "durationUnit": "DAY",
        "orderUsage": 0,
        "esimStatus": state.state if state else "GOT_RESOURCE",
        "packageList": [
            {**_named(order.plan_code), "createTime": _moment(order.booked_at)},
        ],
    }


def package(plan_code: str) -> dict[str, Any]:
    """Write one entry of `packageList`."""
    return {
        **_named(plan_code),
        "name": f"Sandbox {plan_code}",
        "price": PRICE,
        "currencyCode": "USD",
        "retailPrice": 2 * PRICE,
        "unusedValidTime": 180,
        "durationUnit": "DAY",
        "location": "ES",
        "description": "Sold by the sandbox",
        "activeType": 2,
        "favorite": False,
        "speed": "4G/5G",
    }


def _named(plan_code: str) -> dict[str, Any]:
    return {
        "packageName": f"Sandbox {plan_code}",
        "packageCode": plan_code,
        "slug": plan_code,
        "duration": _DAYS,
        "volume": _GIGABYTE,
        "locationCode": "ES",
    }


def _moment(at: float) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S+0000", time.gmtime(at))
