"""What adapters share: reading a sale, and what most providers lack."""

from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime

import structlog

from domain.blank import is_nothing
from domain.codes import InstallCodes, confirmation_code, instructions
from domain.errors import InvalidInput, ProviderRefused, ProviderUnavailable
from domain.provider import Balance, Bought, ProvisionedEsim, ProvisionRequest, Traits
from providers.kit.config import ProviderConfig
from providers.kit.fields import checked_iccid
from providers.kit.http import ProviderHttp
from providers.kit.reply import HttpReply

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class SoldProfile:
    """A profile as an adapter reads it from a reply: its fields in our words.

    Attributes:
        iccid: as the reply has it, None if it has none; the kit checks it.
        sale_id: what the provider calls this very profile, where it has a name for each sale.
        instructions: free text for the customer; the kit drops what says nothing.
        expires_at: until when it can be installed or used.
    """

    iccid: str | None
    codes: InstallCodes = field(repr=False)
    instructions: str | None = field(default=None, repr=False)
    confirmation_code: str | None = field(default=None, repr=False)
    expires_at: datetime | None = None
    sale_id: str | None = None


class Seller(ABC):
    """The part of the Protocol that is the same at every provider, unless an adapter says else.

    An adapter adds `name`, `describe_request`, `provision` and `advance`.

    Args:
        config: the variables of the adapter; what of them the gate needs becomes its traits.
        http: the client of this provider, closed by `aclose`.
    """

    name: str
    enables = False
    """A code works from the moment it is sold."""
    returnable = False
    """What was bought is not taken back."""
    unique_iccids = False
    """Nobody promises that an ICCID is sold once."""
    finds = False
    """A look-up by our reference is there in the mode `lookup` alone."""
    promises_iccid = True
    """Every sale names its ICCID."""

    def __init__(self, config: ProviderConfig, http: ProviderHttp) -> None:
        self.traits = Traits(
            ambiguity=config.ambiguity,
            settle_gap_seconds=config.settle_gap_seconds,
            limits=config.limits,
            resellable=config.resale,
            enables=self.enables,
            returnable=self.returnable,
            unique_iccids=self.unique_iccids,
            finds=self.finds,
            promises_iccid=self.promises_iccid,
        )
        self._http = http
        self._strict_luhn = config.iccid_luhn_strict

    @abstractmethod
    def describe_request(self, request: ProvisionRequest) -> dict[str, object]:
        """Describe the purchase by its body, without secrets. Sends nothing."""

    async def enable(self, bought: Bought) -> None:  # noqa: B027 - most providers need no call
        """Do nothing: a code works once it is sold."""

    async def cancel(self, bought: Bought) -> bool:  # noqa: ARG002 - nothing is taken back
        """Answer False: nothing is taken back. Sends nothing."""
        return False

    async def balance(self) -> Balance | None:
        """Answer None: the provider does not tell. Sends nothing."""
        return None

    async def aclose(self) -> None:
        """Close the connections. Idempotent."""
        await self._http.aclose()

    def _plan_code(self, request: ProvisionRequest) -> str:
        """Return the provider's name of the plan.

        Raises:
            ProviderRefused: we know none; nothing is sent.
        """
        if request.plan_code is None:
            raise ProviderRefused(f"{self.name} has no plan code for this plan: see plan_codes.")
        return request.plan_code

    def _esim(
        self, profile: SoldProfile, request: ProvisionRequest, reply: HttpReply
    ) -> ProvisionedEsim:
        """Make the answer to a sale: the checked profile, and what is kept of both bodies.

        Raises:
            InvalidInput: it is no ICCID, or the confirmation code is none; quotes nothing of it.
        """
        for warning in profile.codes.warnings:
            log.warning("code_doubt", provider=self.name, order_id=request.order_id, why=warning)
        return ProvisionedEsim(
            reference=request.reference,
            iccid=self._checked_iccid(profile.iccid, request),
            activation_code=profile.codes.activation_code,
            qr_payload=profile.codes.qr_payload,
            instructions=instructions(profile.instructions),
            confirmation_code=confirmation_code(profile.confirmation_code),
            expires_at=profile.expires_at,
            sale_id=profile.sale_id,
            request=self.describe_request(request),
            reply=reply.kept,
            raw=reply.raw,
        )

    def _checked_iccid(self, digits: str | None, request: ProvisionRequest) -> str | None:
        if digits is not None and not is_nothing(digits):
            return checked_iccid(digits, request, self._strict_luhn)
        if self.traits.promises_iccid:
            raise InvalidInput("It names no ICCID.")
        return None

    @contextmanager
    def _asking_for(self, request: ProvisionRequest) -> Iterator[None]:
        """Ask for an order. A refused question says nothing of an order that was accepted.

        Raises:
            ProviderUnavailable: in place of ProviderRefused, where the order was accepted.
        """
        try:
            yield
        except ProviderRefused as error:
            if request.provider_order_id is None:
                raise
            raise ProviderUnavailable(
                f"{self.name} does not tell what became of the order.", reply=error.reply
            ) from None
