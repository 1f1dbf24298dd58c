"""Airalo over HTTP: orders at once or later, found again by their description."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from http import HTTPStatus

import httpx

from domain.errors import (
    CredentialsRefused,
    InvalidInput,
    ProviderOrderFailed,
    ProviderRefused,
    ProviderUnavailable,
)
from domain.provider import AcceptedOrder, Answer, Balance, ProvisionRequest
from providers.airalo.config import AiraloConfig
from providers.airalo.mapping import (
    FAILED,
    REFUNDED,
    balance_of,
    data_of,
    is_last_page,
    judged,
    listed_orders,
    order_body,
    order_name,
    order_status,
    profile_of,
    request_id,
    without_earlier_failures,
)
from providers.airalo.signature import HEADER, signature
from providers.airalo.tokens import Tokens
from providers.kit.base import Seller
from providers.kit.http import ProviderHttp, checked_base_url
from providers.kit.reply import HttpReply

_ORDERS, _ORDERS_ASYNC, _BALANCE = "/orders", "/orders-async", "/balance"
_PAGE_SIZE = 100
_MAX_PAGES = 10

# With the token in its header; its text must not come back in what is kept.
_Call = Callable[[Mapping[str, str], Sequence[str]], Awaitable[HttpReply]]


class Airalo(Seller):
    """Buys one eSIM per order reference, which Airalo keeps as the order's description.

    Args:
        transport: a test's stand-in for the network.

    Raises:
        Misconfigured: names the variable.
    """

    name = "AIRALO"

    def __init__(
        self, config: AiraloConfig, transport: httpx.AsyncBaseTransport | None = None
    ) -> None:
        base_url = checked_base_url("AIRALO_BASE_URL", config.base_url)

        def http(timeout_seconds: float) -> ProviderHttp:
            """Open connections to Airalo that wait this long for a reply."""
            return ProviderHttp(
                self.name,
                base_url,
                auth_headers={},
                timeout_seconds=timeout_seconds,
                judge=judged,
                transport=transport,
            )

        super().__init__(config, http(config.timeout_seconds))
        self._config = config
        # A third: token and order together stay within the time that a purchase has.
        token_http = http(config.timeout_seconds / 3)
        self._tokens = Tokens(self.name, token_http, config.client_id, config.secret)

    def describe_request(self, request: ProvisionRequest) -> dict[str, object]:
        """Describe the purchase by its body, which holds no secret."""
        return order_body(request)

    async def provision(self, request: ProvisionRequest) -> Answer:
        """Buy: `POST orders` or `POST orders-async`, once.

        Costs money, and a repetition is a second purchase.

        Raises:
            ProviderUnavailable, ProviderRefused, ProviderOutOfStock: nothing was bought; without
                a plan code or a token nothing is even sent.
            ProviderOutcomeUnknown: no answer, or one that does not say.
            ProviderReplyUnusable: an answer that cannot be used.
        """
        self._plan_code(request)
        later = self._config.asynchronous
        body = order_body(request)
        if later and self._config.webhook_url:
            body["webhook_url"] = self._config.webhook_url
        path = _ORDERS_ASYNC if later else _ORDERS
        signed = {HEADER: signature(body, self._config.secret)}
        reply = await self._send(
            lambda headers, secrets: self._http.post(path, body, secrets, {**headers, **signed})
        )
        with reply.read_as_sale():
            if later:
                return AcceptedOrder(request_id(reply.body), reply.kept)
            return self._esim(profile_of(data_of(reply.body), request), request, reply)

    async def advance(self, request: ProvisionRequest) -> Answer | None:
        """Find an order by its description: `GET orders`, safe to repeat.

        Airalo lists an asynchronous order once it is delivered, so an accepted one that is not
        listed is still under way; what became of it otherwise, only a notification tells. A failed
        order with our description and another name is an earlier attempt.

        Raises:
            ProviderUnavailable: no answer, or none that settles anything.
            ProviderOrderFailed: Airalo lists the accepted order, by its name, as failed.
            ProviderRefused: an answer that settles nothing, if no order was accepted.
            ProviderReplyUnusable: our order is there, and cannot be delivered as it is.
        """
        accepted_id = request.provider_order_id
        with self._asking_for(request):
            listed, reply = await self._orders_of(request.reference)
        orders = without_earlier_failures(listed, accepted_id)
        if len(orders) > 1:
            raise reply.unusable(f"{len(orders)} orders have our reference.")
        if not orders:
            return AcceptedOrder(accepted_id, reply.kept) if accepted_id else None
        (order,) = orders
        return self._delivered(order, request, reply)

    async def balance(self) -> Balance | None:
        """Ask what is left of the credit: `GET balance`.

        Raises:
            ProviderUnavailable, ProviderRefused.
        """
        reply = await self._send(
            lambda headers, secrets: self._http.get(_BALANCE, {}, secrets, headers)
        )
        try:
            return balance_of(reply.body)
        except InvalidInput:
            raise ProviderUnavailable(f"{self.name} answered without a balance.") from None

    async def aclose(self) -> None:
        """Close the connections. Idempotent."""
        await super().aclose()
        await self._tokens.aclose()

    async def _send(self, call: _Call) -> HttpReply:
        """Call with a token, and once more with a new one if Airalo does not accept the old one.

        A 401 comes before anything is booked, so even an order may be sent once more.
        """
        token = await self._tokens.current()
        try:
            return await call({"authorization": f"Bearer {token}"}, self._secrets(token))
        except CredentialsRefused as error:
            if error.reply is None or error.reply["status"] != HTTPStatus.UNAUTHORIZED:
                raise
        self._tokens.forget(token)
        token = await self._tokens.current()
        return await call({"authorization": f"Bearer {token}"}, self._secrets(token))

    def _secrets(self, token: str) -> Sequence[str]:
        return (token, self._config.secret)

    async def _orders_of(self, reference: str) -> tuple[list[Mapping[str, object]], HttpReply]:
        """List every order with this description, and make a reply that holds nobody else's.

        Airalo finds parts of a description, so `order-4` also finds `order-42`: absent is what is
        on no page. A page with orders that have nothing of our reference answers another question,
        and says nothing of ours.

        Raises:
            ProviderRefused: the answer does not settle whether there is such an order.
        """
        found: list[Mapping[str, object]] = []
        for page in range(1, _MAX_PAGES + 1):
            reply = await self._page(reference, page)
            with reply.read_as_look_up():
                orders = listed_orders(reply.body)
                _check_filter(orders, reference)
                is_last = is_last_page(reply.body, page, _PAGE_SIZE)
            found += [order for order in orders if order.get("description") == reference]
            if is_last:
                secrets = self._secrets(self._tokens.held)
                return found, reply.holding({"data": found}, secrets)
        raise ProviderRefused(f"{self.name} lists too many orders to find ours among them.")

    async def _page(self, reference: str, page: int) -> HttpReply:
        params = {
            "filter[description]": reference,
            "include": "sims,status",
            "limit": str(_PAGE_SIZE),
            "page": str(page),
        }
        return await self._send(
            lambda headers, secrets: self._http.get(_ORDERS, params, secrets, headers)
        )

    def _delivered(
        self, order: Mapping[str, object], request: ProvisionRequest, reply: HttpReply
    ) -> Answer:
        status, order_id = order_status(order), request.provider_order_id or order_name(order)
        if status == FAILED:
            kind = ProviderOrderFailed if request.provider_order_id else ProviderRefused
            raise kind(f"{self.name} could not deliver the order.", reply=reply.kept)
        if status in REFUNDED:
            raise reply.unusable("It was refunded.")
        if not order.get("sims") and order_id:
            return AcceptedOrder(order_id, reply.kept)
        with reply.read_as_sale():
            return self._esim(profile_of(order, request), request, reply)


def _check_filter(orders: Sequence[Mapping[str, object]], reference: str) -> None:
    """Refuse a list that was not made for our reference: what is not on it may still exist."""
    if not all(reference in str(order.get("description")) for order in orders):
        raise InvalidInput("It lists orders that were not asked for.")
