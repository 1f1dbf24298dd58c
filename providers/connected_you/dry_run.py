"""ConnectedYou without the call: what we would send is logged, what comes back is made up."""

import structlog

from domain.provider import Balance, Bought, ProvisionedEsim, ProvisionRequest, Traits
from domain.purchase import Ambiguity
from providers.connected_you.config import ConnectedYouConfig
from providers.connected_you.host import base_url
from providers.connected_you.mapping import described_body
from providers.kit.simulated import simulated_esim

log = structlog.get_logger(__name__)


class ConnectedYouDryRun:
    """Gives each reference its own made-up profile, always the same; never fails.

    Raises:
        Misconfigured: the settings would not do for live traffic either.
    """

    name = "CONNECTED_YOU"
    traits = Traits(ambiguity=Ambiguity.IDEMPOTENT)  # nothing is called, nothing is spent

    def __init__(self, config: ConnectedYouConfig) -> None:
        base_url(config.base_url)
        self._partner_id = config.partner_id

    def describe_request(self, request: ProvisionRequest) -> dict[str, object]:
        """Describe the purchase by the body that a live one would have, without the customer."""
        return described_body(request, self._partner_id)

    async def provision(self, request: ProvisionRequest) -> ProvisionedEsim:
        """Log the payload, answer with the reference's profile. Idempotent; raises nothing."""
        payload = self.describe_request(request)
        log.info("ConnectedYou dry-run payload", order_id=request.order_id, payload=payload)
        return simulated_esim(self.name, request, payload)

    async def advance(self, request: ProvisionRequest) -> ProvisionedEsim | None:
        """Give the reference its profile: every one counts as sold. Raises nothing."""
        return simulated_esim(self.name, request, self.describe_request(request))

    async def enable(self, bought: Bought) -> None:
        """Do nothing, as live."""

    async def cancel(self, bought: Bought) -> bool:  # noqa: ARG002 - as the live contract
        """Answer False, as live: the contract has no cancellation."""
        return False

    async def balance(self) -> Balance | None:
        """Answer None: there is no money in it."""
        return None

    async def aclose(self) -> None:
        """Do nothing: there is no connection."""
