"""LOCAL: made-up profiles, so that the whole service runs without any partner."""

from domain.provider import Balance, Bought, ProvisionedEsim, ProvisionRequest, Traits
from domain.purchase import Ambiguity
from providers.kit.simulated import simulated_esim

NAME = "LOCAL"


class LocalProvider:
    """Gives each reference its own profile, always the same; never fails.

    The profiles are well formed and cannot be installed: not for production.
    """

    name = NAME
    traits = Traits(
        ambiguity=Ambiguity.IDEMPOTENT, returnable=True, unique_iccids=True
    )  # nothing is called, nothing is spent

    def describe_request(self, request: ProvisionRequest) -> dict[str, object]:
        """Describe the purchase. Nothing is sent anywhere."""
        return {
            "orderReference": request.reference,
            "planCode": request.plan_code,
            "countryIso2": request.country_iso2,
        }

    async def provision(self, request: ProvisionRequest) -> ProvisionedEsim:
        """Give the reference its profile. Idempotent; raises nothing."""
        return simulated_esim(NAME, request, self.describe_request(request))

    async def advance(self, request: ProvisionRequest) -> ProvisionedEsim | None:
        """Give the reference its profile: every one counts as sold. Raises nothing."""
        return await self.provision(request)

    async def enable(self, bought: Bought) -> None:
        """Do nothing: the codes open nothing."""

    async def cancel(self, bought: Bought) -> bool:  # noqa: ARG002 - nothing to give back
        """Answer True: a made-up profile costs nobody anything. Idempotent."""
        return True

    async def balance(self) -> Balance | None:
        """Answer None: there is no money in it."""
        return None

    async def aclose(self) -> None:
        """Do nothing: there is no connection."""
