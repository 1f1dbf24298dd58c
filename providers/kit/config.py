"""What every provider's settings have in common, and how an adapter announces itself.

A field's environment variable is the provider's name and the field's: `AIRALO_BASE_URL`.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import Field

from domain.gate import ProviderLimits
from domain.notice import NoticeReader
from domain.provider import EsimProvider
from domain.purchase import Ambiguity

HEADER_VALUE = re.compile(r"[!-~]+")
"""A credential that a header can carry: no space, no line break, ASCII only."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderConfig:
    """The settings that each provider has, with safe defaults.

    Attributes:
        base_url: where the provider's API is.
        timeout_seconds: one HTTP exchange, from connecting to the last byte.
        ambiguity: what the provider has confirmed for an unknown outcome.
        settle_gap_seconds: longer than its look-up can lag behind its orders.
        resale: whether its terms allow selling an unused, unseen code to another customer.
        rate_per_second: calls of any kind, by the whole fleet.
        max_concurrent: calls at once from one worker process.
        purchases_per_hour: this provider's share of the spend guard.
        iccid_luhn_strict: `ICCID_LUHN_STRICT`, the same for all: a reply whose ICCID fails its
            check digit is unusable.
    """

    base_url: str = ""
    timeout_seconds: Annotated[float, Field(gt=0, le=18)] = 15
    ambiguity: Ambiguity = Ambiguity.REVIEW
    settle_gap_seconds: Annotated[float, Field(gt=0)] = 60
    resale: bool = False
    rate_per_second: Annotated[float, Field(gt=0)] = 5
    max_concurrent: Annotated[int, Field(ge=1)] = 10
    purchases_per_hour: Annotated[int, Field(ge=0)] = 500
    iccid_luhn_strict: bool = False

    @property
    def is_live(self) -> bool:
        """Whether what it sells costs money, as far as the settings tell."""
        return True

    @property
    def limits(self) -> ProviderLimits:
        """The part that the gate in front of the provider enforces."""
        return ProviderLimits(
            rate_per_second=self.rate_per_second,
            max_concurrent=self.max_concurrent,
            purchases_per_hour=self.purchases_per_hour,
        )


@dataclass(frozen=True, slots=True)
class Adapter:
    """Tells how a provider joins the deployment, by one line in `ADAPTERS`.

    Attributes:
        name: also the prefix of its variables.
        config: a subclass of `ProviderConfig`; its constructor refuses what cannot work.
        requires: fields that must be set; the provider exists where any of them is.
        build: the provider of a configuration; raises Misconfigured.
        notices: builds the reader of its notifications; None if it sends none.
        enables: as the provider's own trait, for those who build none.
    """

    name: str
    config: type[Any]
    requires: tuple[str, ...]
    build: Callable[[Any], EsimProvider]
    notices: Callable[[Any], NoticeReader] | None = None
    enables: bool = False
