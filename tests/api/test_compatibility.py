"""What the shop's web and mobile apps know already stays: fields, types, status codes, words."""

from typing import Any

import httpx
import pytest

from api.app import AppSettings, build_app

NUMBER, TEXT, MOMENT, OBJECT = "integer", "string", "date-time", "object"

ORDER = {
    "id": NUMBER,
    "plan_id": NUMBER,
    "status": TEXT,
    "currency": TEXT,
    "amount_minor_units": NUMBER,
    "amount_major": TEXT,
    "created_at": MOMENT,
    "plan_snapshot": OBJECT,
    "esim_profile": OBJECT,
}
ESIM = {
    "id": NUMBER,
    "order_id": NUMBER,
    "activation_code": TEXT,
    "iccid": TEXT,
    "status": TEXT,
    "created_at": MOMENT,
    "provisioned_at": MOMENT,
    "provider_reference": TEXT,
    "qr_payload": TEXT,
    "instructions": TEXT,
    "inventory_item_id": NUMBER,
    "plan_id": NUMBER,
    "country_id": NUMBER,
    "carrier_id": NUMBER,
    "plan_snapshot": OBJECT,
}
PAYMENT = {
    "intent_id": TEXT,
    "status": TEXT,
    "provider": TEXT,
    "amount_minor_units": NUMBER,
    "currency": TEXT,
}
REPORT = {"status": TEXT, "intent_status": TEXT}
KNOWN = {
    ("post", "/api/orders"): ORDER,
    ("get", "/api/orders/mine"): ORDER,
    ("post", "/api/payments/create"): PAYMENT,
    ("post", "/api/payments/webhook"): REPORT,
    ("post", "/api/esims/activate"): ESIM,
    ("get", "/api/esims/mine"): ESIM,
    ("get", "/api/esims/{esim_id}"): ESIM,
}
WORDS = [
    ("/api/orders", {"plan_id": 9}, 404, "Plan not found"),
    ("/api/esims/activate", {"order_id": 9}, 404, "Order not found"),
    ("/api/payments/create", {"order_id": 9}, 404, "Order not found"),
]


@pytest.fixture
def document(settings: AppSettings) -> dict[str, Any]:
    """The API as it describes itself; a fuzzed test holds it to that."""
    return build_app(settings).openapi()


@pytest.mark.parametrize(("method", "path"), KNOWN)
def test_an_answer_has_the_fields_that_the_apps_read(
    document: dict[str, Any], method: str, path: str
) -> None:
    """All of them, always, of the same types, with 200; more may come."""
    answer = document["paths"][path][method]["responses"]["200"]
    body = answer["content"]["application/json"]["schema"]
    described = _resolved(document, body.get("items", body))
    assert set(KNOWN[method, path]) <= set(described["required"])
    shown = {name: _type(document, described["properties"][name]) for name in KNOWN[method, path]}
    assert shown == KNOWN[method, path]


async def test_problems_say_what_the_apps_look_for(customer: httpx.AsyncClient) -> None:
    """Their `detail` is shown to people as it is."""
    for path, body, status, detail in WORDS:
        answer = await customer.post(path, json=body)
        assert (answer.status_code, answer.json()["detail"]) == (status, detail)


def _type(document: dict[str, Any], schema: dict[str, Any]) -> str:
    """The type of a value where it is not null."""
    [kind] = [each for each in schema.get("anyOf", [schema]) if each.get("type") != "null"]
    resolved = _resolved(document, kind)
    named = resolved.get("format") if resolved.get("format") == MOMENT else resolved["type"]
    return str(named)


def _resolved(document: dict[str, Any], schema: dict[str, Any]) -> dict[str, Any]:
    name = schema.get("$ref", "").rpartition("/")[2]
    found: dict[str, Any] = document["components"]["schemas"].get(name, schema)
    return found
