"""Airalo's replies as its reference shows them, for a scripted server that hands out a token.

The replies are literal on purpose: a test of the adapter must not read what our sandbox wrote.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

from providers.airalo import Airalo, AiraloConfig
from tests.partners.scripted import Answer, Received, ScriptedServer, answering

CLIENT_ID = "client-1"
CLIENT_SECRET = "canary-client-secret"
TOKEN = "canary-token-7f3k"
MATCHING_ID = "CANARY-7F3K-9QXZ"
CONFIRMATION_CODE = "4711-canary"
SECRETS = (CLIENT_SECRET, TOKEN, MATCHING_ID, CONFIRMATION_CODE)

TOKEN_REPLY = {
    "data": {"token_type": "Bearer", "expires_in": 86400, "access_token": TOKEN},
    "meta": {"message": "success"},
}
SIM: dict[str, object] = {
    "id": 11047,
    "iccid": "891000000000009125",
    "lpa": "lpa.airalo.com",
    "matching_id": MATCHING_ID,
    "qrcode": f"LPA:1$lpa.airalo.com${MATCHING_ID}",
    "apn_type": "automatic",
    "apn_value": None,
    "confirmation_code": None,
}
ORDER: dict[str, object] = {
    "id": 9666,
    "code": "20230227-009666",
    "package_id": "ES-5GB",
    "quantity": "1",  # as the reference shows it; elsewhere it is a number
    "type": "sim",
    "description": "order-42",
    "data": "1 GB",
    "manual_installation": None,
    "qrcode_installation": None,
    "sims": [SIM],
}
TALKATIVE = (
    f"secret {CLIENT_SECRET} token {TOKEN} code {MATCHING_ID} LPA:1$lpa.airalo.com${MATCHING_ID}"
    f" confirmation {CONFIRMATION_CODE}"
)


def config_for(partner: ScriptedServer, **changes: object) -> AiraloConfig:
    """How a deployment would name this partner."""
    config = AiraloConfig(
        base_url=f"{partner.base_url}/v2", client_id=CLIENT_ID, client_secret=CLIENT_SECRET
    )
    return replace(config, **changes)  # type: ignore[arg-type]


@asynccontextmanager
async def airalo_at(partner: ScriptedServer, **changes: object) -> AsyncIterator[Airalo]:
    """An adapter for this partner; keywords change its configuration."""
    adapter = Airalo(config_for(partner, **changes))
    yield adapter
    await adapter.aclose()


def after_token(answer: Answer, token: Answer | None = None) -> Answer:
    """Give out a token, and answer everything else so."""
    hand_out = token or answering(200, TOKEN_REPLY)

    async def dispatch(received: Received, writer: asyncio.StreamWriter) -> None:
        chosen = hand_out if received.path.endswith("/token") else answer
        await chosen(received, writer)

    return dispatch


def selling(order: object) -> Answer:
    """Answer an order with this one."""
    return after_token(answering(200, {"data": order, "meta": {"message": "success"}}))


def listing(*orders: object, last_page: int = 1) -> Answer:
    """Answer a look-up with these orders."""
    meta = {"message": "success", "current_page": 1, "last_page": last_page}
    return after_token(answering(200, {"data": list(orders), "meta": meta, "links": {}}))
