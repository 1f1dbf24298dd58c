"""Where the concrete providers are built; everyone else knows only `domain.provider`."""

from collections.abc import Mapping

from domain.errors import Misconfigured
from domain.notice import NoticeReader
from domain.provider import EsimProvider
from providers.airalo import AIRALO
from providers.connected_you import CONNECTED_YOU, ConnectedYouConfig
from providers.es2plus import ES2PLUS
from providers.esim_access import ESIM_ACCESS
from providers.kit.config import Adapter, ProviderConfig
from providers.local import LocalProvider

__all__ = [
    "ADAPTERS",
    "ENABLING",
    "NAMES",
    "Adapter",
    "ConnectedYouConfig",
    "ProviderConfig",
    "build_notice_readers",
    "build_providers",
]

ADAPTERS: tuple[Adapter, ...] = (CONNECTED_YOU, AIRALO, ESIM_ACCESS, ES2PLUS)
"""Every provider there is an adapter for."""

NAMES = (LocalProvider.name, *(adapter.name for adapter in ADAPTERS))
"""The values that `ESIM_PROVIDER` may have."""

ENABLING = frozenset(adapter.name for adapter in ADAPTERS if adapter.enables)
"""The providers whose codes work only once they are enabled."""


def build_providers(default: str, configs: Mapping[str, ProviderConfig]) -> dict[str, EsimProvider]:
    """Build every provider this deployment can buy from, by name. The caller closes them.

    LOCAL exists only where it is the default: a shop must not sell made-up codes by accident.

    Args:
        default: `ESIM_PROVIDER`.
        configs: of the adapters that are configured, by name.

    Raises:
        Misconfigured: names the variable.
    """
    if default not in NAMES:
        raise Misconfigured(f"ESIM_PROVIDER must be one of {', '.join(NAMES)}.")
    providers: dict[str, EsimProvider] = {}
    if default == LocalProvider.name:
        providers[default] = LocalProvider()
    for adapter in ADAPTERS:
        if adapter.name in configs:
            providers[adapter.name] = adapter.build(configs[adapter.name])
        elif adapter.name == default:
            missing = ", ".join(f"{adapter.name}_{field.upper()}" for field in adapter.requires)
            raise Misconfigured(f"{missing} is required when ESIM_PROVIDER={default}.")
    return providers


def build_notice_readers(configs: Mapping[str, ProviderConfig]) -> dict[str, NoticeReader]:
    """Build the readers of what configured providers tell by themselves, by provider name."""
    return {
        adapter.name: adapter.notices(configs[adapter.name])
        for adapter in ADAPTERS
        if adapter.notices is not None and adapter.name in configs
    }
