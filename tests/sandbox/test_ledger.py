"""The books outlive the process, and are on disk before anybody is told."""

import asyncio
import os
from pathlib import Path
from typing import Any

import httpx
import pytest

from sandbox.faults import SandboxFault
from sandbox.ledger import LEDGER_FILE
from sandbox.running import running_sandbox
from sandbox.sandbox import Sandbox
from tests.sandbox.buyers import PROVIDERS, Buyer
from tests.sandbox.conftest import QUICK


async def test_a_booking_is_fsynced_before_the_reply_leaves(
    buyer: Buyer, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In that order: the line is written, the disk has it, the first byte of a reply is sent."""
    steps: list[str] = []
    real_fsync, real_write = os.fsync, asyncio.StreamWriter.write

    def fsync(handle: int) -> None:
        steps.append(f"fsync of {(sandbox.folder / LEDGER_FILE).read_bytes().count(b'order-1')}")
        real_fsync(handle)

    def write(writer: asyncio.StreamWriter, data: Any) -> None:
        steps.append("reply")
        real_write(writer, data)

    monkeypatch.setattr(os, "fsync", fsync)
    monkeypatch.setattr(asyncio.StreamWriter, "write", write)
    await buyer.buy("CONNECTED_YOU")
    assert steps[:2] == ["fsync of 1", "reply"]


async def test_a_restarted_sandbox_has_forgotten_nothing(
    client: httpx.AsyncClient, tmp_path: Path
) -> None:
    """Charges, voids, codes, profile states; Airalo's tokens are still good."""
    async with running_sandbox(tmp_path, settings=QUICK) as first:
        buyer = Buyer(client, first)
        for provider in PROVIDERS:
            await buyer.buy(provider, plan="CONFIRM-1GB")
        (esim,) = (await buyer.look_up("ESIM_ACCESS")).json()["obj"]["esimList"]
        await buyer.esim_access("esim/cancel", iccid=esim["iccid"])
        iccid = first.ledger.orders("ES2PLUS")[0].profiles[0].iccid
        confirmed = await buyer.es2plus("confirmOrder", iccid=iccid, releaseFlag=True)
        charges, codes = first.charges(), first.codes()
    async with running_sandbox(tmp_path, settings=QUICK) as second:
        buyer.sandbox = second
        assert (second.charges(), second.codes()) == (charges, codes)
        assert confirmed.json()["matchingId"] in codes
        assert [charge.provider for charge in second.charges() if charge.voided_at] == [
            "ESIM_ACCESS"
        ]
        assert second.download(iccid) == "Installed"
        assert (await buyer.buy("AIRALO", "order-2")).status_code == 200
        assert len(second.ledger.sold()) == 5


async def test_a_line_that_a_crash_cut_short_is_dropped(
    client: httpx.AsyncClient, tmp_path: Path
) -> None:
    """Nobody was told of it; the next line starts afresh."""
    async with running_sandbox(tmp_path, settings=QUICK) as first:
        await Buyer(client, first).buy("CONNECTED_YOU")
    with (tmp_path / LEDGER_FILE).open("ab") as file:
        file.write(b'{"kind": "order", "provider": "CONN')
    for count in (1, 2):
        async with running_sandbox(tmp_path, settings=QUICK) as again:
            assert len(again.charges()) == count
            await Buyer(client, again).buy("CONNECTED_YOU")


async def test_a_ledger_that_cannot_be_read_is_not_overwritten(tmp_path: Path) -> None:
    """The sentence names the line and the file."""
    (tmp_path / LEDGER_FILE).write_text('{"kind": "void"}\n')
    with pytest.raises(SandboxFault, match=r"Line 1 of .*ledger\.jsonl"):
        async with running_sandbox(tmp_path):
            pass
    assert (tmp_path / LEDGER_FILE).read_text() == '{"kind": "void"}\n'


async def test_one_sandbox_holds_a_folder_at_a_time(sandbox: Sandbox) -> None:
    """Two would sell the same order numbers."""
    with pytest.raises(SandboxFault, match="Another sandbox"):
        async with running_sandbox(sandbox.folder):
            pass


async def test_a_taken_port_is_a_sentence(sandbox: Sandbox, tmp_path: Path) -> None:
    """And leaves nothing open."""
    with pytest.raises(SandboxFault, match=f"Port {sandbox.port} cannot be used"):
        async with running_sandbox(tmp_path, port=sandbox.port):
            pass


async def test_fifty_purchases_at_once_are_fifty_charges(buyer: Buyer, sandbox: Sandbox) -> None:
    """Each with an order number and a profile of its own."""
    replies = await asyncio.gather(
        *(buyer.buy("CONNECTED_YOU", f"order-{number}") for number in range(50))
    )
    assert all(reply.status_code == 200 for reply in replies)
    assert [order.number for order in sandbox.ledger.orders()] == list(range(1, 51))
    assert len(sandbox.ledger.sold()) == len(set(sandbox.codes())) == 50
