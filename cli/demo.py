"""`esimctl demo`: a customer's whole way, over HTTP: order, pay, activate, see the QR code."""

import asyncio
import os
import sys
import time
import uuid
from typing import Annotated, Any

import httpx
import segno
import typer

from cli.terminal import say, this_program
from cli.token import mint
from db.catalogue_seed import DEMO_USER, STOCKED_PLAN
from domain.errors import EsimError
from settings import ApiSettings, TemporalSettings, load
from workflows.messages import workflow_id

EXAMPLE = "Example: esimctl demo --plan 2"

_PATIENCE_SECONDS = 90.0
_HTTP_TIMEOUT_SECONDS = 40.0
_WAIT_SECONDS = 10


class DemoStopped(EsimError):
    """The API did not do what the demonstration needs."""

    code = "demo-stopped"


def demo(
    plan: Annotated[int, typer.Option(min=1, help="The plan to order.")] = STOCKED_PLAN,
) -> None:
    """Order, pay and activate an eSIM, and show its QR."""
    token = asyncio.run(mint(DEMO_USER))
    say(f"1. Token for {DEMO_USER}")
    with httpx.Client(
        base_url=_api_url(),
        headers={"Authorization": f"Bearer {token}"},
        timeout=_HTTP_TIMEOUT_SECONDS,
        trust_env=False,
    ) as client:
        order_id = _order(client, plan)
        _pay(client, order_id)
        esim = _activate(client, order_id)
    _show(esim)
    _point_onward(order_id)


def _api_url() -> str:
    settings = load(ApiSettings)
    return settings.api_public_url or f"http://{settings.api_host}:{settings.api_port}"


def _order(client: httpx.Client, plan: int) -> int:
    headers = {"Idempotency-Key": str(uuid.uuid4())}
    order = _post(client, "/api/orders", {"plan_id": plan, "currency": "USD"}, headers).json()
    name = order["plan_snapshot"]["name"]
    say(f"2. Order {order['id']}: {name}, {order['amount_major']} {order['currency']}")
    return int(order["id"])


def _pay(client: httpx.Client, order_id: int) -> None:
    payment = {"order_id": order_id, "provider": "MOCK"}
    intent_id = _post(client, "/api/payments/create", payment).json()["intent_id"]
    paid = {"provider": "MOCK", "intent_id": intent_id, "status": "succeeded"}
    answer = _post(client, "/api/payments/webhook", paid).json()
    say(f"3. Payment {intent_id}: {answer['intent_status']}")


def _activate(client: httpx.Client, order_id: int) -> dict[str, Any]:
    """Ask until the eSIM is there: repeating the request is safe, and what clients do."""
    give_up = time.monotonic() + _PATIENCE_SECONDS
    headers = {"Prefer": f"wait={_WAIT_SECONDS}"}
    while time.monotonic() < give_up:
        began = time.monotonic()
        answer = _post(client, "/api/esims/activate", {"order_id": order_id}, headers)
        if answer.status_code == httpx.codes.OK:
            say(f"4. Activated in {time.monotonic() - began:.2f} s")
            esim: dict[str, Any] = answer.json()
            return esim
        say("   still under way ...")
        time.sleep(min(float(answer.headers.get("Retry-After", "1")), 5))
    raise DemoStopped(
        f"Order {order_id} was not activated in {_PATIENCE_SECONDS:.0f} s."
        f" See why: {this_program()} status {order_id}"
    )


def _post(
    client: httpx.Client, path: str, body: dict[str, object], headers: dict[str, str] | None = None
) -> httpx.Response:
    try:
        answer = client.post(path, json=body, headers=headers)
    except httpx.TransportError:
        raise DemoStopped(
            f"The API does not answer at {client.base_url}. Start it: ./dev up"
        ) from None
    if answer.is_success:
        return answer
    raise DemoStopped(f"POST {path} answered {answer.status_code}: {_detail(answer)}")


def _detail(answer: httpx.Response) -> str:
    try:
        return str(answer.json()["detail"])
    except (ValueError, KeyError, TypeError):
        return "no reason given"


def _show(esim: dict[str, Any]) -> None:
    """Print the eSIM with its codes: the screen is the demo user's own."""
    say(f"5. The eSIM: {esim['status']}, ICCID {esim['iccid']}, item {esim['inventory_item_id']}")
    payload = esim["qr_payload"] or esim["activation_code"]
    segno.make_qr(payload).terminal(out=sys.stdout, compact=True)
    say(payload)
    if esim["confirmation_code"]:
        say(f"Confirmation code: {esim['confirmation_code']}")


def _point_onward(order_id: int) -> None:
    say(f"Next: {this_program()} status {order_id}")
    if ui := os.environ.get("TEMPORAL_UI_URL"):
        namespace = load(TemporalSettings).temporal_namespace
        say(f"In Temporal: {ui}/namespaces/{namespace}/workflows/{workflow_id(order_id)}")
