"""The example of docs/adding-a-provider.md: it loads, works, and fails as an adapter must."""

import asyncio
import importlib.util
import inspect
import re
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from functools import partial
from pathlib import Path
from types import ModuleType

import pytest

from domain.errors import (
    CredentialsRefused,
    ProviderError,
    ProviderOutcomeUnknown,
    ProviderOutOfStock,
    ProviderRefused,
    ProviderReplyUnusable,
    ProviderUnavailable,
)
from domain.provider import ProvisionedEsim, ProvisionRequest
from providers import Adapter, build_providers
from settings import load_config
from tests.conformance import test_providers as conformance
from tests.conformance.conftest import CUSTOMER, Case
from tests.partners.connected_you import API_KEY, MATCHING_ID, PartnerServer
from tests.partners.scripted import (
    Answer,
    Received,
    answering,
    cut_off,
    reset_after_reading,
    send_json,
)

ROOT = Path(__file__).parent.parent.parent
GUIDE = (ROOT / "docs" / "adding-a-provider.md").read_text()
SOURCE = "".join(re.findall(r"^```python\n(.*?)^```$", GUIDE, re.DOTALL | re.MULTILINE))

EXPECTATIONS = {
    name: check for name, check in vars(conformance).items() if name.startswith("test_")
}
TALK = f"{API_KEY} {MATCHING_ID} LPA:1$smdp.example.com${MATCHING_ID}"
FAULTS: dict[str, Answer] = {
    **{f"status {status}": answering(status, {"message": TALK}) for status in (302, 401, 429, 500)},
    "another order": answering(
        200, {"reference": "order-0", "activationCode": MATCHING_ID, "iccid": MATCHING_ID}
    ),
    "cut off": cut_off(TALK.encode()),
    "reset": reset_after_reading,
}


class ExampleServer(PartnerServer):
    """The provider that the guide's example is for."""

    async def sell(self, received: Received, writer: asyncio.StreamWriter) -> None:
        """One order per reference; look-ups list it."""
        assert received.headers["x-api-key"] == API_KEY
        if received.method == "GET":
            order = self.orders.get(received.query["reference"])
            await send_json(writer, 200, {"orders": [] if order is None else [order]})
            return
        reference = str(received.json["reference"])
        number = len(self.orders)
        order = self.orders[reference] = {
            "reference": reference,
            "iccid": ("8921012345678901236", "8921012345678901244")[number],
            "activationCode": f"LPA:1$smdp.example.com${MATCHING_ID}-{number}",
        }
        await send_json(writer, 201, order)


@pytest.fixture(scope="module")
def example(tmp_path_factory: pytest.TempPathFactory) -> ModuleType:
    """The guide's python block as a module."""
    path = tmp_path_factory.mktemp("guide") / "example_of_the_guide.py"
    path.write_text(SOURCE)
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = module  # dataclasses and pydantic look their module up
    spec.loader.exec_module(module)
    return module


@pytest.fixture
async def server() -> AsyncIterator[ExampleServer]:
    """The provider on loopback."""
    server = ExampleServer()
    await server.start()
    yield server
    await server.stop()


@pytest.fixture
async def case(example: ModuleType, server: ExampleServer) -> AsyncIterator[Case]:
    """The example adapter as the conformance suite wants it."""
    config = example.ExampleConfig(base_url=server.base_url, api_key=API_KEY)
    faults: dict[str, Callable[[], object]] = {
        name: partial(setattr, server, "answer", answer) for name, answer in FAULTS.items()
    }
    provider = example.EXAMPLE.build(config)
    yield Case(provider, (*CUSTOMER, API_KEY, MATCHING_ID), faults)
    await provider.aclose()


@pytest.mark.parametrize("expectation", EXPECTATIONS)
async def test_example_meets_every_expectation_of_the_conformance_suite(
    case: Case, request_42: ProvisionRequest, expectation: str
) -> None:
    """What holds for every adapter holds for the one that new adapters are copied from."""
    check = EXPECTATIONS[expectation]
    known: dict[str, object] = {"case": case, "request_42": request_42}
    outcome = check(**{name: known[name] for name in inspect.signature(check).parameters})
    if inspect.isawaitable(outcome):
        await outcome


async def test_example_sells_and_finds_again(
    case: Case, server: ExampleServer, request_42: ProvisionRequest
) -> None:
    """One request each, with the fields that the guide describes."""
    assert await case.provider.advance(request_42) is None
    sold = await case.provider.provision(request_42)
    found = await case.provider.advance(request_42)
    assert isinstance(sold, ProvisionedEsim)
    assert isinstance(found, ProvisionedEsim)
    assert (found.iccid, found.qr_payload) == (sold.iccid, sold.qr_payload)
    looked, bought, _ = server.requests
    assert (looked.path, looked.query) == ("/orders", {"reference": "order-42"})
    assert (bought.path, bought.json) == ("/orders", {"reference": "order-42", "plan": "ES-5GB"})


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (answering(422, {"error": {"code": "SOLD_OUT"}}), ProviderOutOfStock),
        (answering(422, {"error": {"code": "NO_SUCH_PLAN"}}), ProviderRefused),
        (answering(401, {}), CredentialsRefused),
        (answering(503, {}), ProviderUnavailable),
        (answering(500, {}), ProviderOutcomeUnknown),
        (reset_after_reading, ProviderOutcomeUnknown),
        (answering(200, {"reference": "order-7"}), ProviderReplyUnusable),
        (answering(200, b"<html>"), ProviderReplyUnusable),
    ],
)
async def test_example_tells_failures_apart(
    case: Case,
    server: ExampleServer,
    request_42: ProvisionRequest,
    answer: Answer,
    expected: type[ProviderError],
) -> None:
    """Each line of the guide's error table that a purchase can meet."""
    server.answer = answer
    with pytest.raises(expected) as raised:
        await case.provider.provision(request_42)
    assert type(raised.value) is expected


async def test_lookup_that_is_no_list_is_not_an_absence(
    case: Case, server: ExampleServer, request_42: ProvisionRequest
) -> None:
    """Only an empty list says that nothing was bought; two orders are one too many."""
    order = {"reference": "order-42"}
    odds: tuple[object, ...] = ({}, {"orders": None}, [], {"orders": [order, order]})
    for odd in odds:
        server.answer = answering(200, odd)
        with pytest.raises(ProviderRefused):
            await case.provider.advance(request_42)


async def test_one_line_makes_it_a_provider_of_the_deployment(
    example: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """With the adapter in ADAPTERS its variables are read and the provider is built."""
    adapter: Adapter = example.EXAMPLE
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("providers.ADAPTERS", (adapter,))
    monkeypatch.setattr("providers.NAMES", ("EXAMPLE",))
    shared = {"iccid_luhn_strict": False}
    assert load_config("EXAMPLE", adapter.config, adapter.requires, shared) is None
    monkeypatch.setenv("EXAMPLE_API_KEY", API_KEY)
    monkeypatch.setenv("EXAMPLE_RATE_PER_SECOND", "2")
    config = load_config("EXAMPLE", adapter.config, adapter.requires, shared)
    assert config is not None
    built = build_providers("EXAMPLE", {"EXAMPLE": config})["EXAMPLE"]
    assert built.traits.limits.rate_per_second == 2
    assert API_KEY not in f"{config!r} {built!r}"
    await built.aclose()


def test_example_is_as_clean_as_our_own_code() -> None:
    """A reader copies it as it stands: linted and formatted as if it lay in providers/."""
    ruff = Path(sys.executable).with_name("ruff")
    name = "--stdin-filename=providers/example.py"
    for command in (["check", "--no-cache"], ["format", "--check", "--no-cache"]):
        checked = subprocess.run(
            [str(ruff), *command, name, "-"],
            input=SOURCE,
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
        )
        assert checked.returncode == 0, checked.stdout + checked.stderr


def test_guide_names_what_is_there() -> None:
    """Every file that the guide sends its reader to exists, but for the new provider's own."""
    named = set(re.findall(r"`((?:providers|tests|sandbox|domain)/[\w/.]+\.py)`", GUIDE))
    own = {path for path in named if path.endswith("example.py")}
    assert named - own
    assert [path for path in sorted(named - own) if not (ROOT / path).exists()] == []
