"""The sandbox as a test or a control request sees it."""

import asyncio
import json
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from sandbox.calls import Call
from sandbox.conduct import Conduct
from sandbox.contracts.airalo import Airalo
from sandbox.contracts.connected_you import ConnectedYou
from sandbox.contracts.contract import Asked, Contract, NotThere
from sandbox.contracts.es2plus import Es2Plus
from sandbox.contracts.esim_access import EsimAccess
from sandbox.download import Download
from sandbox.faults import SandboxFault
from sandbox.http import HOST, Exchange, Request
from sandbox.ledger import Charge, Ledger
from sandbox.misbehaviours import Misbehaviour
from sandbox.rules import Picked, Rule, Rulebook
from sandbox.settings import SandboxSettings
from sandbox.shop import Shop
from sandbox.told import has_earlier_sale
from sandbox.webhooks import Due, SentWebhook, Webhooks

CONTRACTS: tuple[type[Contract], ...] = (ConnectedYou, Airalo, EsimAccess, Es2Plus)
PROVIDERS: tuple[str, ...] = tuple(contract.provider for contract in CONTRACTS)

# An SM-DP+ puts its own path after the address that it is given.
_WEBHOOK_PATHS = {
    Airalo.provider: "airalo",
    EsimAccess.provider: "esim_access",
    Es2Plus.provider: "es2plus/gsma/rsp2/es2plus/handleDownloadProgressInfo",
}


def base_urls(port: int, tls_port: int | None = None) -> dict[str, str]:
    """Name every provider's base URL at a sandbox on these ports."""
    urls = {kind.provider: f"http://{HOST}:{port}{kind.base_path}" for kind in CONTRACTS}
    if tls_port is not None:
        urls[Es2Plus.provider] = f"https://{HOST}:{tls_port}{Es2Plus.base_path}"
    return urls


class Sandbox:
    """Four providers, one ledger, and the rules by which they misbehave.

    Attributes:
        deduplicates: per provider, whether a repeated reference gives the same order without a
            second charge. Airalo never does, ES2+ knows ICCIDs only; both take no notice of it.
        webhook_url: per provider, where its webhooks go; None for nowhere.
        port, tls_port: where it listens, set by whoever starts it; no `tls_port` without TLS.
    """

    def __init__(self, folder: Path, settings: SandboxSettings) -> None:
        """Open the folder's ledger.

        Raises:
            SandboxFault: another sandbox holds it, or it cannot be read.
        """
        self.folder = folder
        self.settings = settings
        self.port = 0
        self.tls_port: int | None = None
        self.deduplicates = {name: name == EsimAccess.provider for name in PROVIDERS}
        self.webhook_url: dict[str, str | None] = dict.fromkeys(PROVIDERS)
        self._news = asyncio.Event()
        self.ledger = Ledger(folder, self._tell_news)
        self.webhooks = Webhooks(settings)
        self.contracts = {kind.provider: self._opened(kind) for kind in CONTRACTS}
        operations = {name: one.operations for name, one in self.contracts.items()}
        self.rulebook = Rulebook(operations, settings)
        self._calls: list[Call] = []

    def base_url(self, provider: str) -> str:
        """Name what an adapter's base URL must be."""
        return base_urls(self.port, self.tls_port)[self.contract(provider).provider]

    @property
    def url(self) -> str:
        """Where the control API is, below `/_sandbox`."""
        return f"http://{HOST}:{self.port}"

    def contract(self, provider: str) -> Contract:
        """Find a provider's contract.

        Raises:
            SandboxFault: there is no such provider.
        """
        try:
            return self.contracts[provider]
        except KeyError:
            known = ", ".join(self.contracts)
            raise SandboxFault(f"There is no provider {provider!r}. There are: {known}.") from None

    def rule(
        self,
        provider: str,
        misbehaviour: str,
        *,
        operation: str | None = None,
        reference: str | None = None,
        times: int | None = 1,
        after: int = 0,
        **options: Any,
    ) -> Rule:
        """Make calls misbehave; arguments as in `Rule`, options as in `MEANINGS`.

        Raises:
            RuleRefused: it cannot apply; says why.
        """
        return self.rulebook.add(
            provider,
            misbehaviour,
            operation=operation,
            reference=reference,
            times=times,
            after=after,
            options=options,
        )

    def send_webhooks_to(self, api_url: str) -> None:
        """Send every provider's webhooks to an API that has them under `/api/webhooks`."""
        for provider, path in _WEBHOOK_PATHS.items():
            self.webhook_url[provider] = f"{api_url.rstrip('/')}/api/webhooks/{path}"

    def clear_rules(self) -> int:
        """Behave again; returns how many rules there were."""
        return self.rulebook.clear()

    def charges(self, provider: str | None = None, reference: str | None = None) -> list[Charge]:
        """List every charge ever booked, oldest first, voided ones too."""
        return self.ledger.charges(provider, reference)

    def net_charges(
        self, provider: str | None = None, reference: str | None = None
    ) -> list[Charge]:
        """List the charges that were not voided."""
        charges = self.charges(provider, reference)
        return [charge for charge in charges if charge.voided_at is None]

    def calls(self, provider: str | None = None, operation: str | None = None) -> list[Call]:
        """List every call since the start, oldest first."""
        return [
            call
            for call in self._calls
            if provider in (None, call.provider) and operation in (None, call.operation)
        ]

    def codes(self, provider: str | None = None) -> list[str]:
        """List every matching id and confirmation code ever sold, as canaries."""
        return self.ledger.codes(provider)

    async def send_webhook(
        self,
        provider: str,
        body: Mapping[str, Any],
        *,
        url: str | None = None,
        how: Misbehaviour | None = None,
    ) -> SentWebhook:
        """Send a webhook of one's own making, signed as the provider does.

        Args:
            provider: whose webhook it is.
            body: sent as JSON.
            url: where to; else where the provider's webhooks go.
            how: `webhook_forged` or `webhook_unsigned`, to spoil the signature.

        Raises:
            SandboxFault: there is no such provider, or nowhere to send it.
        """
        target = url or self.webhook_url.get(provider)
        contract = self.contract(provider)
        if target is None:
            raise SandboxFault(f"Where to? Set webhook_url[{provider!r}] or give a url.")
        webhook = contract.wrapped(json.dumps(body).encode(), target)
        return await self.webhooks.send(provider, webhook, how)

    async def wait_for_webhooks(self, timeout_seconds: float = 10) -> None:
        """Wait until every webhook that is due was sent or given up.

        Raises:
            TimeoutError: some are still under way.
        """
        await self.webhooks.wait(timeout_seconds)

    async def wait_until(
        self, condition: Callable[[], object], timeout_seconds: float = 10
    ) -> None:
        """Wait until something is so in the ledger or among the calls, such as a charge.

        Raises:
            TimeoutError: it never was.
        """
        async with asyncio.timeout(timeout_seconds):
            while not condition():
                await self._news.wait()

    def download(self, iccid: str) -> str:
        """Let a device download and install an ES2+ profile; its operator is notified.

        Returns the profile's new state.

        Raises:
            SandboxFault: the profile is not released.
        """
        contract = self.contracts[Es2Plus.provider]
        assert isinstance(contract, Es2Plus)  # noqa: S101 - what CONTRACTS says
        download = Download(contract, self.ledger, self.rulebook, self.webhooks)
        return download.of(iccid)

    def resume(self) -> None:
        """Schedule the webhooks that a killed sandbox still owes."""
        for order in self.ledger.orders():
            webhook = self.contracts[order.provider].webhook(order, order)
            if webhook is not None and not self.ledger.is_announced(order):
                settled = partial(self.ledger.note_announced, order)
                self.webhooks.schedule(
                    Due(
                        provider=order.provider,
                        webhook=webhook,
                        ready_at=order.ready_at,
                        settled=settled,
                    )
                )

    async def serve(self, contract: Contract, request: Request, exchange: Exchange) -> None:
        """Answer one request to a contract."""
        try:
            asked = contract.read(request)
        except NotThere as wrong:
            await exchange.send(wrong.reply)
            return
        picked = self._picked(contract, asked)
        call = Call(
            provider=contract.provider,
            operation=asked.operation,
            reference=asked.reference,
            rules=tuple(picked.values()),
        )
        self._calls.append(call)
        self._tell_news()
        webhooks, changed = self.webhooks, self._tell_news
        await Conduct(contract, asked, picked, call, exchange, webhooks, changed).run()

    def contract_at(self, path: str) -> Contract | None:
        """Find the contract that a path belongs to."""
        found = (one for one in self.contracts.values() if path.startswith(f"{one.prefix}/"))
        return next(found, None)

    async def stop(self) -> None:
        """Give up what is under way and let go of the ledger."""
        await self.webhooks.stop()
        self.ledger.close()

    def _tell_news(self) -> None:
        """Wake whoever waits, who may then wait for the next news."""
        self._news.set()
        self._news = asyncio.Event()

    def _picked(self, contract: Contract, asked: Asked) -> Picked:
        """Pick the rules for one call; a request that is wrong in itself uses none up."""
        if asked.fault is not None:
            return Picked()
        earlier = has_earlier_sale(self.ledger, contract.provider, asked.reference)
        return self.rulebook.pick(
            contract.provider, asked.operation, asked.reference, earlier_sale=earlier
        )

    def _opened(self, kind: type[Contract]) -> Contract:
        shop = Shop(kind.provider, self.ledger, self.settings, self.deduplicates)
        return kind(shop, self.webhook_url)
