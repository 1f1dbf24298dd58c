"""An SM-DP+ that answers by script, and what the adapter under test is told about it."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace

from domain.provider import Bought
from providers.es2plus import Es2Plus, Es2PlusConfig
from sandbox.credentials import ES2PLUS_REQUESTER
from sandbox.profiles import SMDP_ADDRESS as SANDBOX_SMDP_ADDRESS
from sandbox.sandbox import Sandbox
from tests.providers.partner_server import Answer, PartnerServer, Received, answering, send_json

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
async def builder(partner: PartnerServer) -> AsyncIterator[Build]:
    """Builds adapters for the partner and closes them; keywords change the configuration."""
    built: list[Es2Plus] = []

    def build(**changes: object) -> Es2Plus:
        built.append(Es2Plus(config_for(partner.base_url, **changes)))
        return built[-1]

    yield build
    for adapter in built:
        await adapter.aclose()
