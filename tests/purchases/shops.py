"""Every provider in every mode, built as a deployment builds it, towards one sandbox."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from domain.provider import EsimProvider
from domain.purchase import Ambiguity
from providers import ADAPTERS
from sandbox import credentials
from sandbox.contracts import airalo, connected_you, es2plus, esim_access
from sandbox.sandbox import Sandbox

MATCHING_ID_SECRET = "a-secret-that-every-matching-id-follows-from"
TIMEOUT_SECONDS = 4.0  # a quarter is for connecting, while a busy machine may stand still
SETTLE_GAP_SECONDS = 0.2

Variables = Callable[[Sandbox, Path], dict[str, Any]]


@dataclass(frozen=True)
class Shop:
    """A provider in one mode.

    Attributes:
        purchase: the sandbox's name for the operation that books.
        lookup: its name for the one that tells what was bought.
        deduplicates: whether the sandbox gives the same order to a repeated reference.
        delivers_later: whether a purchase is only accepted at first.
    """

    name: str
    provider: str
    ambiguity: Ambiguity
    purchase: str
    lookup: str
    variables: Variables
    deduplicates: bool = False
    delivers_later: bool = False

    @property
    def looks_up(self) -> bool:
        """Whether anything is ever looked up in this mode."""
        return self.delivers_later or self.ambiguity is Ambiguity.LOOKUP

    def build(self, sandbox: Sandbox, folder: Path, **changes: Any) -> EsimProvider:
        """The adapter, with a breaker that stays out of the way of tests of single purchases.

        One that is open for refused credentials lets every call through: a probe was due before.
        """
        adapter = next(each for each in ADAPTERS if each.name == self.provider)
        config = adapter.config(
            base_url=sandbox.base_url(self.provider),
            ambiguity=self.ambiguity,
            timeout_seconds=TIMEOUT_SECONDS,
            settle_gap_seconds=SETTLE_GAP_SECONDS,
            rate_per_second=1000,
            max_concurrent=50,
            **(self.variables(sandbox, folder) | changes),
        )
        provider: Any = adapter.build(config)
        patient = replace(provider.traits.limits, failures_to_open=1_000_000, probe_seconds=-1)
        provider.traits = replace(provider.traits, limits=patient)
        return provider  # type: ignore[no-any-return]


def _connected_you(_sandbox: Sandbox, _folder: Path) -> dict[str, Any]:
    return {
        "partner_id": credentials.CONNECTED_YOU_PARTNER_ID,
        "api_key": credentials.CONNECTED_YOU_API_KEY,
        "dry_run": False,
    }


def _airalo(_sandbox: Sandbox, _folder: Path) -> dict[str, Any]:
    return {
        "client_id": credentials.AIRALO_CLIENT_ID,
        "client_secret": credentials.AIRALO_CLIENT_SECRET,
    }


def _airalo_asynchronous(sandbox: Sandbox, folder: Path) -> dict[str, Any]:
    return _airalo(sandbox, folder) | {"asynchronous": True}


def _esim_access(_sandbox: Sandbox, _folder: Path) -> dict[str, Any]:
    return {"access_code": credentials.ESIM_ACCESS_ACCESS_CODE}


def _es2plus(_sandbox: Sandbox, folder: Path) -> dict[str, Any]:
    return {
        "requester_id": credentials.ES2PLUS_REQUESTER,
        "matching_id_secret": MATCHING_ID_SECRET,
        "smdp_address": "smdp.sandbox.example",
        "client_certificate_file": str(folder / "client.pem"),
        "ca_file": str(folder / "ca.pem"),
    }


_REVIEW, _LOOKUP, _IDEMPOTENT = Ambiguity.REVIEW, Ambiguity.LOOKUP, Ambiguity.IDEMPOTENT
_CY = "CONNECTED_YOU"

_CY_BUYS, _CY_TELLS = connected_you.ORDER, connected_you.LOOKUP
_EA_BUYS, _EA_TELLS = esim_access.ORDER, esim_access.LOOKUP

SHOPS = (
    Shop("CONNECTED_YOU review", _CY, _REVIEW, _CY_BUYS, _CY_TELLS, _connected_you),
    Shop("CONNECTED_YOU lookup", _CY, _LOOKUP, _CY_BUYS, _CY_TELLS, _connected_you),
    Shop(
        "CONNECTED_YOU idempotent",
        _CY,
        _IDEMPOTENT,
        _CY_BUYS,
        _CY_TELLS,
        _connected_you,
        deduplicates=True,
    ),
    Shop("AIRALO review", "AIRALO", _REVIEW, airalo.ORDER, airalo.LOOKUP, _airalo),
    Shop("AIRALO lookup", "AIRALO", _LOOKUP, airalo.ORDER, airalo.LOOKUP, _airalo),
    Shop(
        "AIRALO async",
        "AIRALO",
        _LOOKUP,
        airalo.ORDER_ASYNC,
        airalo.LOOKUP,
        _airalo_asynchronous,
        delivers_later=True,
    ),
    Shop(
        "ESIM_ACCESS idempotent",
        "ESIM_ACCESS",
        _IDEMPOTENT,
        _EA_BUYS,
        _EA_TELLS,
        _esim_access,
        deduplicates=True,
        delivers_later=True,
    ),
    Shop(
        "ESIM_ACCESS lookup",
        "ESIM_ACCESS",
        _LOOKUP,
        _EA_BUYS,
        _EA_TELLS,
        _esim_access,
        delivers_later=True,
    ),
    Shop(
        "ES2PLUS",
        "ES2PLUS",
        _REVIEW,
        es2plus.DOWNLOAD,
        es2plus.CONFIRM,
        _es2plus,
        delivers_later=True,
    ),
)
