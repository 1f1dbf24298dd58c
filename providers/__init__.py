"""Where the concrete providers are built; everyone else knows only `domain.provider`."""

from domain.errors import Misconfigured
from domain.provider import EsimProvider
from providers.connected_you import ConnectedYouConfig, build_connected_you
from providers.local import LocalProvider

__all__ = ["ConnectedYouConfig", "build_providers"]


def build_providers(
    default: str, connected_you: ConnectedYouConfig | None
) -> dict[str, EsimProvider]:
    """Every provider this deployment can buy from, by name; the caller closes them.

    LOCAL exists only where it is the default: a shop must not sell made-up codes by accident.

    Args:
        default: `ESIM_PROVIDER`.
        connected_you: None where no partner id is set.

    Raises:
        Misconfigured: names the variable.
    """
    providers: dict[str, EsimProvider] = {}
    if default == LocalProvider.name:
        providers[default] = LocalProvider()
    if connected_you is not None:
        partner = build_connected_you(connected_you)
        providers[partner.name] = partner
    if default == "CONNECTED_YOU" and connected_you is None:
        raise Misconfigured(
            "CONNECTED_YOU_PARTNER_ID is required when ESIM_PROVIDER=CONNECTED_YOU."
        )
    if default not in providers:
        raise Misconfigured("ESIM_PROVIDER must be LOCAL or CONNECTED_YOU.")
    return providers
