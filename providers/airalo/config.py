"""The `AIRALO_*` variables."""

from dataclasses import dataclass, field
from typing import Annotated

from pydantic import Field

from domain.errors import Misconfigured
from domain.purchase import Ambiguity
from providers.kit.config import HEADER_VALUE, ProviderConfig


@dataclass(frozen=True, slots=True, kw_only=True)
class AiraloConfig(ProviderConfig):
    """Where Airalo's Partner API is, and who we are there.

    `settle_gap_seconds` is long because an asynchronous order is listed only once it is
    delivered: until then a look-up finds nothing of what was bought.

    Attributes:
        asynchronous: order by `orders-async`, collected by look-up, instead of `orders`.
        webhook_url: where Airalo tells of asynchronous orders; None for what is opted in there.

    Raises:
        Misconfigured: half of the credentials, or an ambiguity that the API does not support.
    """

    base_url: str = "https://partners-api.airalo.com/v2"
    client_id: str = ""
    client_secret: str | None = field(default=None, repr=False)
    asynchronous: bool = False
    webhook_url: str | None = field(default=None, repr=False)
    ambiguity: Ambiguity = Ambiguity.LOOKUP
    settle_gap_seconds: Annotated[float, Field(gt=0)] = 600

    def __post_init__(self) -> None:
        if not HEADER_VALUE.fullmatch(self.client_id):
            raise Misconfigured("AIRALO_CLIENT_ID is required to buy from Airalo.")
        if not HEADER_VALUE.fullmatch(self.client_secret or ""):
            raise Misconfigured(
                "AIRALO_CLIENT_SECRET is required to buy from Airalo: no space, no line break."
            )
        if self.ambiguity is Ambiguity.IDEMPOTENT:
            raise Misconfigured(
                "AIRALO_AMBIGUITY must be lookup or review: Airalo makes a second order of a"
                " repeated one."
            )
        if self.webhook_url and not self.webhook_url.startswith("https://"):
            raise Misconfigured("AIRALO_WEBHOOK_URL must be an https URL.")

    @property
    def secret(self) -> str:
        """The client secret, which a valid configuration has."""
        return self.client_secret or ""
