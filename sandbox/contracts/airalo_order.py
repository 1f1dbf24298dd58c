"""An order as Airalo's replies and webhooks tell it (shape: README of PyPI `airalo-sdk` 1.0.3)."""

import time
from collections.abc import Collection
from typing import Any

from sandbox.ledger import Order
from sandbox.profiles import SMDP_ADDRESS, Profile

_FIRST_ID = 70_000
_SIM_IDS_PER_ORDER = 100
_STEPS = "<p>Settings, Mobile data, Add eSIM.</p>"
_APPLE = "https://esimsetup.apple.com/esim_qrcode_provisioning?carddata="


def full_order(order: Order) -> dict[str, Any]:
    """Tell an order with its sims. An order that failed has none."""
    places = range(0 if order.failed else len(order.profiles))
    return {**summary(order), "sims": [_sim(order, place) for place in places]}


def listed_order(order: Order, included: Collection[str]) -> dict[str, Any]:
    """Tell an order with what a list was asked to include: `sims`, `status`."""
    slug = "failed" if order.failed else "completed"
    status = {"status": {"name": slug.title(), "slug": slug}} if "status" in included else {}
    return {**(full_order(order) if "sims" in included else summary(order)), **status}


def summary(order: Order) -> dict[str, Any]:
    """Tell an order without its sims."""
    number = _FIRST_ID + order.number
    day = time.strftime("%Y%m%d", time.gmtime(order.booked_at))
    return {
        "id": number,
        "code": f"{day}-{number:06d}",
        "currency": "USD",
        "package_id": order.plan_code,
        "quantity": order.quantity,
        "type": "sim",
        "description": order.reference,
        "esim_type": "Prepaid",
        "validity": 7,
        "package": f"Sandbox {order.plan_code}",
        "data": "1 GB",
        "price": order.amount_cents / 100,
        "pricing_model": "net_pricing",
        "net_price": order.amount_cents / 100,
        "created_at": _moment(order.booked_at),
        "manual_installation": _STEPS,
        "qrcode_installation": _STEPS,
        "installation_guides": {"en": "https://sandbox.example/install"},
        "text": None,
        "voice": None,
        "brand_settings_name": None,
    }


def _sim(order: Order, place: int) -> dict[str, Any]:
    profile: Profile = order.profiles[place]
    apn = {"apn_type": "automatic", "apn_value": None}
    return {
        "id": (_FIRST_ID + order.number) * _SIM_IDS_PER_ORDER + place,
        "created_at": _moment(order.booked_at),
        "iccid": profile.iccid,
        "lpa": SMDP_ADDRESS,
        "imsis": None,
        "matching_id": profile.matching_id,
        "qrcode": profile.lpa_string,
        "qrcode_url": f"https://sandbox.example/qr/{order.number}-{place}",
        "direct_apple_installation_url": _APPLE + profile.lpa_string,
        "airalo_code": None,
        "is_roaming": True,
        "confirmation_code": profile.confirmation_code or None,
        **apn,
        "apn": {"ios": apn, "android": apn},
        "msisdn": None,
    }


def _moment(at: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(at))
