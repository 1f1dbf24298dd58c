"""ConnectedYou's partner API over HTTP, as the draft contract has it (docs/providers.md)."""

from collections.abc import Mapping

import httpx

from domain.errors import InvalidInput, ProviderError, ProviderOutOfStock, ProviderRefused
from domain.provider import ProvisionedEsim, ProvisionRequest
from domain.purchase import Ambiguity
from providers.connected_you.auth import auth_headers
from providers.connected_you.config import ConnectedYouConfig
from providers.connected_you.host import ORDERS_PATH, base_url
from providers.connected_you.mapping import (
    described_body,
    esim_of,
    found_order,
    order_body,
    says_out_of_stock,
    sold_order,
)
from providers.kit.base import Seller
from providers.kit.http import UNSURE_4XX, HttpReply, ProviderHttp, unusable


class ConnectedYou(Seller):
    """Buys one profile per order reference.

    Args:
        transport: a test's stand-in for the network.

    Raises:
        Misconfigured: names the variable.
    """

    name = "CONNECTED_YOU"

    def __init__(
        self, config: ConnectedYouConfig, transport: httpx.AsyncBaseTransport | None = None
    ) -> None:
        super().__init__(config)
        self._partner_id = config.partner_id
        self._http = ProviderHttp(
            self.name,
            base_url(config.base_url),
            auth_headers=auth_headers(config.api_key),
            timeout_seconds=config.timeout_seconds,
            judge=_judge,
            transport=transport,
        )

    def describe_request(self, request: ProvisionRequest) -> dict[str, object]:
        """The body of the purchase without the customer's address and name."""
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
        if request.plan_code is None:
            raise ProviderRefused(f"{self.name} has no plan code for this plan: see plan_codes.")
        body = order_body(request, self._partner_id)
        reply = await self._http.post(ORDERS_PATH, body, _customer(request))
        try:
            return self._esim(sold_order(reply.body), request, reply)
        except InvalidInput as fault:
            raise unusable(self.name, fault.message, reply) from None

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
        try:
            order = found_order(reply.body, request.reference)
        except InvalidInput as fault:
            raise ProviderRefused(
                f"{self.name} answered the look-up, but its reply cannot be used. {fault.message}",
                reply=reply.kept,
            ) from None
        try:
            return None if order is None else self._esim(order, request, reply)
        except InvalidInput as fault:
            raise unusable(self.name, fault.message, reply) from None

    async def aclose(self) -> None:
        """Close the connections. Idempotent."""
        await self._http.aclose()

    def _esim(
        self, order: Mapping[str, object], request: ProvisionRequest, reply: HttpReply
    ) -> ProvisionedEsim:
        return esim_of(
            order,
            request,
            strict_luhn=self._strict_luhn,
            sent=self.describe_request(request),
            reply=reply,
        )


def _judge(status: int, body: object) -> type[ProviderError] | None:
    refused = httpx.codes.is_client_error(status) and status not in UNSURE_4XX
    return ProviderOutOfStock if refused and says_out_of_stock(body) else None


def _customer(request: ProvisionRequest) -> list[str]:
    return [text for text in (request.customer_email, request.customer_name) if text]
