"""What is left at a prepaid provider is kept for ops, and asked for by one of the fleet."""

import asyncio
from collections.abc import AsyncIterator
from decimal import Decimal
from pathlib import Path

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from activities.balances import BalanceWatch
from activities.purchase.gate import ProviderGate
from domain.gate import SpendLimits
from domain.provider import Balance, EsimProvider
from providers.local import LocalProvider
from sandbox.running import running_sandbox
from sandbox.sandbox import Sandbox
from tests.purchases.scenes import until
from tests.purchases.shops import SHOPS
from tests.rows import rows, run


@pytest.fixture
async def sandbox(tmp_path: Path) -> AsyncIterator[Sandbox]:
    """Accounts with a balance."""
    async with running_sandbox(tmp_path / "sandbox") as sandbox:
        yield sandbox


@pytest.fixture
async def esim_access(sandbox: Sandbox, tmp_path: Path) -> AsyncIterator[EsimProvider]:
    """A provider that tells its balance."""
    shop = next(shop for shop in SHOPS if shop.provider == "ESIM_ACCESS")
    provider = shop.build(sandbox, tmp_path)
    yield provider
    await provider.aclose()


def _watch(engine: AsyncEngine) -> BalanceWatch:
    return BalanceWatch(engine, ProviderGate(engine, SpendLimits()), ())


async def test_a_balance_is_kept_and_asked_for_once_in_a_while(
    engine: AsyncEngine, esim_access: EsimProvider, sandbox: Sandbox
) -> None:
    """The row shows it; a second process of the fleet does not ask again at once."""
    first = await _watch(engine).ask(esim_access)
    assert first is not None
    assert first.amount > 0
    assert await _watch(engine).ask(esim_access) is None
    assert len(sandbox.calls("ESIM_ACCESS", "balance")) == 1
    [row] = await rows(engine, "SELECT balance, balance_currency, balance_at FROM provider_gates")
    assert (row["balance"], row["balance_currency"]) == (
        first.amount.quantize(Decimal("0.0001")),
        "USD",
    )
    assert row["balance_at"] is not None


async def test_a_provider_that_is_held_is_not_asked(
    engine: AsyncEngine, esim_access: EsimProvider, sandbox: Sandbox
) -> None:
    """A pause by ops holds for every call."""
    await run(
        engine,
        "INSERT INTO provider_gates (provider, paused, paused_by, paused_reason, paused_at)"
        " VALUES ('ESIM_ACCESS', true, 'ana', 'test', now())",
    )
    assert await _watch(engine).ask(esim_access) is None
    assert sandbox.calls("ESIM_ACCESS") == []


async def test_a_failure_is_no_more_than_a_log_line(
    engine: AsyncEngine, esim_access: EsimProvider, sandbox: Sandbox
) -> None:
    """Buying does not depend on knowing what is left."""
    sandbox.rule("ESIM_ACCESS", "status", operation="balance", code=500)
    assert await _watch(engine).ask(esim_access) is None


async def test_a_provider_without_a_balance_keeps_none(engine: AsyncEngine) -> None:
    """LOCAL has no account."""
    assert await _watch(engine).ask(LocalProvider()) is None
    [row] = await rows(engine, "SELECT balance FROM provider_gates")
    assert row["balance"] is None


class _Defective(LocalProvider):
    """An adapter with a defect: what it raises is on nobody's list, and quotes a key."""

    async def balance(self) -> Balance | None:
        raise LookupError("canary-key")


async def test_a_defect_at_one_provider_leaves_the_others_watched(
    engine: AsyncEngine, esim_access: EsimProvider, capsys: pytest.CaptureFixture[str]
) -> None:
    """The log names the exception's class, and nothing that it says."""
    gate = ProviderGate(engine, SpendLimits())
    watching = asyncio.create_task(BalanceWatch(engine, gate, [_Defective(), esim_access]).run())

    async def is_known() -> bool:
        query = "SELECT 1 FROM provider_gates WHERE provider = 'ESIM_ACCESS' AND balance > 0"
        return watching.done() or bool(await rows(engine, query))

    await until(is_known)
    assert not watching.done()
    watching.cancel()
    with pytest.raises(asyncio.CancelledError):
        await watching
    printed = "".join(capsys.readouterr())
    assert "LookupError" in printed
    assert "canary-key" not in printed
