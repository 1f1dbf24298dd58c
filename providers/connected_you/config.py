"""The settings with which a deployment buys from ConnectedYou."""

from dataclasses import dataclass, field

from domain.errors import Misconfigured
from providers.kit.config import ProviderConfig


@dataclass(frozen=True, slots=True)
class ConnectedYouConfig(ProviderConfig):
    """The `CONNECTED_YOU_*` variables.

    `ambiguity` is what the partner has confirmed for an unknown outcome; the draft contract
    documents neither look-up nor deduplication, hence a person by default.

    Raises:
        Misconfigured: the partner id is missing.
    """

    base_url: str = "https://sandbox.api.connectedyou.com"
    partner_id: str = ""
    api_key: str | None = field(default=None, repr=False)
    dry_run: bool = True

    @property
    def is_live(self) -> bool:
        """A dry run costs nothing."""
        return not self.dry_run

    def __post_init__(self) -> None:
        if not self.partner_id.strip():
            raise Misconfigured(
                "CONNECTED_YOU_PARTNER_ID is required to buy from ConnectedYou, dry runs included."
            )
