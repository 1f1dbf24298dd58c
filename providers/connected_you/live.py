"""ConnectedYou over HTTP, as the draft contract has it (docs/providers/connected-you.md)."""

import httpx

from domain.errors import ProviderError, ProviderOutOfStock, ProviderRefused
from domain.provider import ProvisionedEsim, ProvisionRequest
from domain.purchase import Ambiguity
from providers.connected_you.auth import auth_headers
from providers.connected_you.config import ConnectedYouConfig
from providers.connected_you.host import ORDERS_PATH, base_url
from providers.connected_you.mapping import (
    described_body,
    found_order,
    order_body,
    profile_of,
    says_out_of_stock,
    sold_order,
)
from providers.kit.base import Seller
from providers.kit.http import UNSURE_4XX, ProviderHttp


class ConnectedYou(Seller):
    """Buys one profile per order reference.

    Args:
        transport: a test's stand-in for the network.

    Raises:
        Misconfigured: names the variable.
    """

    name = "CONNECTED_YOU"
    promises_iccid = False
    """The draft shows one in its example, and promises nothing."""

    def __init__(
        self, config: ConnectedYouConfig, transport: httpx.AsyncBaseTransport | None = None
    ) -> None:
        http = ProviderHttp(
            self.name,
            base_url(config.base_url),
            auth_headers=auth_headers(config.api_key),
            timeout_seconds=config.timeout_seconds,
            judge=_judge,
            transport=transport,
        )
        super().__init__(config, http)
        self._partner_id = config.partner_id

    def describe_request(self, request: ProvisionRequest) -> dict[str, object]:
        """Describe the purchase by its body, without the customer's address and name."""
        return described_body(request, self._partner_id)

    async def provision(self, request: ProvisionRequest) -> ProvisionedEsim:
        """Buy: `POST /partners/orders`, once.

        Costs money. Idempotent only if the partner has confirmed it
        (`CONNECTED_YOU_AMBIGUITY=idempotent`).

        Raises:
            ProviderUnavailable, ProviderRefused, ProviderOutOfStock: nothing was bought; without
                a plan code nothing is even sent.
            ProviderOutcomeUnknown: no answer.
            ProviderReplyUnusable: an answer that cannot be used: a wrong reference, ICCID or code
                is never delivered.
        """
        self._plan_code(request)
        body = order_body(request, self._partner_id)
        reply = await self._http.post(ORDERS_PATH, body, _customer(request))
        with reply.read_as_sale():
            return self._esim(profile_of(sold_order(reply.body), request), request, reply)

    async def advance(self, request: ProvisionRequest) -> ProvisionedEsim | None:
        """Find an earlier purchase: `GET /partners/orders?orderReference=`, safe to repeat.

        Not in the draft contract: used only once the partner has confirmed it
        (`CONNECTED_YOU_AMBIGUITY=lookup`).

        Raises:
            ProviderUnavailable: no answer.
            ProviderRefused: not confirmed, or an answer that settles nothing.
            ProviderReplyUnusable: our order is there, and cannot be delivered as it is.
        """
        if self.traits.ambiguity is not Ambiguity.LOOKUP:
            raise ProviderRefused(f"{self.name} has no confirmed look-up of orders.")
        params = {"partnerId": self._partner_id, "orderReference": request.reference}
        reply = await self._http.get(ORDERS_PATH, params, _customer(request))
        with reply.read_as_look_up():
            order = found_order(reply.body, request.reference)
        if order is None:
            return None
        with reply.read_as_sale():
            return self._esim(profile_of(order, request), request, reply)


def _judge(status: int, body: object) -> type[ProviderError] | None:
    refused = httpx.codes.is_client_error(status) and status not in UNSURE_4XX
    return ProviderOutOfStock if refused and says_out_of_stock(body) else None


def _customer(request: ProvisionRequest) -> list[str]:
    return [text for text in (request.customer_email, request.customer_name) if text]
