"""An SM-DP+'s replies as SGP.22 has them, for a scripted server, and our adapter's settings for it.

The replies are literal on purpose: a test of the adapter must not read what our sandbox wrote.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest

from domain.errors import ProviderError
from domain.provider import Bought
from providers.es2plus import Es2Plus, Es2PlusConfig
from sandbox.credentials import ES2PLUS_REQUESTER
from sandbox.profiles import SMDP_ADDRESS as SANDBOX_SMDP_ADDRESS
from sandbox.sandbox import Sandbox
from tests.partners.scripted import (
    Answer,
    Received,
    ScriptedServer,
    answering,
    close_without_a_word,
    cut_off,
    reset_after_reading,
    send_json,
)

ICCID = "8921012345678901236"  # 19 digits, the last one right
WIRE_ICCID = f"{ICCID}F"
SMDP_ADDRESS = "smdp.canary.example"
SECRET = "canary-matching-id-secret-of-ours"
BOUGHT_42 = Bought("order-42", ICCID, ICCID)

Build = Callable[..., Es2Plus]


def config_for(url: str, /, **changes: object) -> Es2PlusConfig:
    """A configuration that works over plain HTTP on loopback."""
    config = Es2PlusConfig(
        base_url=url,
        requester_id="operator-1",
        matching_id_secret=SECRET,
        smdp_address=SMDP_ADDRESS,
    )
    return replace(config, **changes)  # type: ignore[arg-type]


def config_in(sandbox: Sandbox) -> Es2PlusConfig:
    """What the sandbox's SM-DP+ accepts, with certificates where it runs with TLS."""
    config = config_for(
        sandbox.base_url("ES2PLUS"),
        requester_id=ES2PLUS_REQUESTER,
        smdp_address=SANDBOX_SMDP_ADDRESS,
    )
    if sandbox.tls_port is None:
        return config
    return replace(
        config,
        client_certificate_file=str(sandbox.folder / "client.pem"),
        ca_file=str(sandbox.folder / "ca.pem"),
    )


def done(status: str = "Executed-Success", **fields: object) -> dict[str, object]:
    """The reply of a function that was carried out."""
    return {"header": {"functionExecutionStatus": {"status": status}}, **fields}


def failed(subject: object, reason: object, message: str = "No") -> dict[str, object]:
    """The reply of a function that failed."""
    codes = {"subjectCode": subject, "reasonCode": reason, "message": message}
    return {"header": {"functionExecutionStatus": {"status": "Failed", "statusCodeData": codes}}}


def by_function(**answers: Answer | dict[str, object]) -> Answer:
    """Each function has its own answer; a body alone goes out with HTTP 200."""

    async def answer(received: Received, writer: asyncio.StreamWriter) -> None:
        given = answers[called(received)]
        if isinstance(given, dict):
            await send_json(writer, 200, given)
        else:
            await given(received, writer)

    return answer


def one_after_the_other(*answers: Answer | dict[str, object]) -> Answer:
    """Each call has its own answer; the last one stays."""
    waiting = list(answers)

    async def answer(received: Received, writer: asyncio.StreamWriter) -> None:
        given = waiting.pop(0) if len(waiting) > 1 else waiting[0]
        await (answering(200, given) if isinstance(given, dict) else given)(received, writer)

    return answer


def called(received: Received) -> str:
    """Which function a request calls."""
    return received.path.rpartition("/")[2]


def call_identifier(received: Received) -> str:
    """Its functionCallIdentifier."""
    header = received.json["header"]
    assert isinstance(header, Mapping)
    return str(header["functionCallIdentifier"])


@asynccontextmanager
async def builder(partner: ScriptedServer) -> AsyncIterator[Build]:
    """Builds adapters for the partner and closes them; keywords change the configuration."""
    built: list[Es2Plus] = []

    def build(**changes: object) -> Es2Plus:
        built.append(Es2Plus(config_for(partner.base_url, **changes)))
        return built[-1]

    yield build
    for adapter in built:
        await adapter.aclose()


CANARY = "CANARY12-CANARY34-CANARY56"
TALK = f"code LPA:1$smdp.example.com${CANARY} for canary.user@example.com, {CANARY}"

CODES_LOST = [
    pytest.param(reset_after_reading, id="reset"),
    pytest.param(close_without_a_word, id="closed"),
    pytest.param(cut_off(json.dumps(done()).encode()), id="cut off"),
    pytest.param(answering(200, b"<html>"), id="no JSON"),
    pytest.param(answering(200, {}), id="no header"),
    pytest.param(answering(200, []), id="no message"),
    pytest.param(answering(200, done("Expired")), id="expired"),
    pytest.param(answering(200, done("Under way")), id="neither done nor failed"),
    pytest.param(answering(200, {"header": {"functionExecutionStatus": "x"}}), id="odd status"),
    pytest.param(answering(200, done([])), id="status of another kind"),  # type: ignore[arg-type]
    pytest.param(answering(500, {"message": TALK}), id="HTTP 500"),
    pytest.param(answering(502, b""), id="HTTP 502"),
]


def assert_clean(error: ProviderError, *secrets: str) -> None:
    """No secret in anything that an error carries."""
    everything = f"{error!r} {error} {error.message} {json.dumps(error.reply)}"
    for secret in (CANARY, SECRET, "canary.user", "smdp.", *secrets):
        assert secret not in everything
    assert error.__cause__ is None
    assert error.__context__ is None or error.__suppress_context__
