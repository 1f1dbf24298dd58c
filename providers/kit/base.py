"""What adapters share: what they take over from their settings, and what most providers lack."""

from domain.provider import Balance, Bought, Traits
from providers.kit.config import ProviderConfig


class Seller:
    """The part of the Protocol that is the same at every provider, unless an adapter says else."""

    enables = False
    """A code works from the moment it is sold."""
    returnable = False
    """What was bought is not taken back."""

    def __init__(self, config: ProviderConfig) -> None:
        self.traits = Traits(
            ambiguity=config.ambiguity,
            settle_gap_seconds=config.settle_gap_seconds,
            limits=config.limits,
            resellable=config.resale,
            enables=self.enables,
            returnable=self.returnable,
        )
        self._strict_luhn = config.iccid_luhn_strict

    async def enable(self, bought: Bought) -> None:
        """Nothing to do. Sends nothing."""

    async def cancel(self, bought: Bought) -> bool:  # noqa: ARG002 - nothing is taken back
        """False: nothing is taken back. Sends nothing."""
        return False

    async def balance(self) -> Balance | None:
        """None: the provider does not tell. Sends nothing."""
        return None
