"""ConnectedYou, the partner whose draft contract docs/providers/connected-you.md describes."""

from providers.connected_you.config import ConnectedYouConfig
from providers.connected_you.dry_run import ConnectedYouDryRun
from providers.connected_you.live import ConnectedYou
from providers.kit.config import Adapter

__all__ = [
    "CONNECTED_YOU",
    "ConnectedYou",
    "ConnectedYouConfig",
    "ConnectedYouDryRun",
    "build_connected_you",
]


def build_connected_you(config: ConnectedYouConfig) -> ConnectedYou | ConnectedYouDryRun:
    """Build the provider that `CONNECTED_YOU_DRY_RUN` asks for.

    Raises:
        Misconfigured: names the variable.
    """
    return ConnectedYouDryRun(config) if config.dry_run else ConnectedYou(config)


CONNECTED_YOU = Adapter(
    name=ConnectedYou.name,
    config=ConnectedYouConfig,
    requires=("partner_id",),
    build=build_connected_you,
)
