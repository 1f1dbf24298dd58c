"""Misbehaviour by seed."""

import dataclasses
from contextlib import suppress
from pathlib import Path

import httpx

from sandbox.misbehaviours import MEANINGS, Misbehaviour
from sandbox.rules import Rulebook
from sandbox.running import running_sandbox
from sandbox.sandbox import CONTRACTS
from sandbox.settings import SandboxSettings
from tests.sandbox.buyers import Buyer
from tests.sandbox.conftest import QUICK

_OPERATIONS = {contract.provider: contract.operations for contract in CONTRACTS}
_CALLS = [
    (provider, operation, f"order-{number}")
    for number in range(200)
    for provider, operations in _OPERATIONS.items()
    for operation in operations
]


def _drawn(seed: int, calls: list[tuple[str, str, str]], rate: float = 0.2) -> dict[str, str]:
    book = Rulebook(_OPERATIONS, SandboxSettings(seed=seed, rate=rate))
    picked = {"/".join(call): book.pick(*call, earlier_sale=True) for call in calls}
    return {
        call: rule.misbehaviour.value for call, rules in picked.items() for rule in rules.values()
    }


def test_a_seed_repeats_a_run_whatever_runs_beside_it() -> None:
    """The same calls in another order misbehave in the same way; another seed differs."""
    assert _drawn(7, _CALLS) == _drawn(7, _CALLS[::-1])
    assert _drawn(7, _CALLS) != _drawn(8, _CALLS)


def test_a_repeated_call_is_drawn_anew() -> None:
    """Else a retry could never get through."""
    book = Rulebook(_OPERATIONS, SandboxSettings(seed=1, rate=0.5))
    outcomes = {bool(book.pick(*_CALLS[0], earlier_sale=True)) for _ in range(50)}
    assert outcomes == {True, False}


def test_the_rate_holds_and_only_what_applies_is_drawn() -> None:
    """About a fifth of the calls; every misbehaviour turns up, where it can apply."""
    assert 0.15 < len(_drawn(3, _CALLS)) / len(_CALLS) < 0.25
    drawn = _drawn(3, _CALLS, rate=0.9)
    assert set(drawn.values()) == set(Misbehaviour)
    for call, misbehaviour in drawn.items():
        provider, operation, _ = call.split("/")
        assert MEANINGS[Misbehaviour(misbehaviour)].applies_to & _OPERATIONS[provider][operation]


async def test_a_seeded_sandbox_misbehaves_the_same_way_twice(
    client: httpx.AsyncClient, tmp_path: Path
) -> None:
    """Seen through its own list of calls; a client that is in a hurry notices some of it."""
    settings = dataclasses.replace(QUICK, seed=11, rate=0.5)
    client.timeout = httpx.Timeout(0.1)
    runs = []
    for name in ("first", "second"):
        async with running_sandbox(tmp_path / name, settings=settings) as sandbox:
            runs.append(await _twenty_purchases(Buyer(client, sandbox)))
    assert runs[0] == runs[1]
    assert 3 < sum(map(bool, runs[0])) < 17


async def _twenty_purchases(buyer: Buyer) -> list[list[str]]:
    for number in range(20):
        with suppress(httpx.TransportError):
            await buyer.buy("CONNECTED_YOU", f"order-{number}")
    return [call.misbehaviours for call in buyer.sandbox.calls()]
