"""The `ESIM_ACCESS_*` variables."""

from dataclasses import dataclass, field
from typing import Annotated

from pydantic import Field

from domain.errors import Misconfigured
from domain.purchase import Ambiguity
from providers.kit.config import HEADER_VALUE, ProviderConfig


@dataclass(frozen=True, slots=True, kw_only=True)
class EsimAccessConfig(ProviderConfig):
    """Where eSIM Access is, and who we are there.

    A repeated transactionId is the same request, so what is in doubt is sent again. Who looks it up
    instead waits `settle_gap_seconds`, a multiple of the 30 seconds of an allocation, in which the
    list does not show an order.

    Raises:
        Misconfigured: an access code that no header can carry.
    """

    base_url: str = "https://api.esimaccess.com/api/v1/open"
    access_code: str = field(default="", repr=False)
    ambiguity: Ambiguity = Ambiguity.IDEMPOTENT
    settle_gap_seconds: Annotated[float, Field(gt=0)] = 120
    rate_per_second: Annotated[float, Field(gt=0)] = 8

    def __post_init__(self) -> None:
        if not HEADER_VALUE.fullmatch(self.access_code):
            raise Misconfigured(
                "ESIM_ACCESS_ACCESS_CODE is required to buy from eSIM Access: no space, no line"
                " break."
            )
