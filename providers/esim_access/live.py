"""eSIM Access over HTTP: an order is accepted at once and delivered by look-up."""

from collections.abc import Mapping
from datetime import UTC, datetime

import httpx

from domain.errors import (
    InvalidInput,
    ProviderError,
    ProviderOutcomeUnknown,
    ProviderRefused,
    ProviderUnavailable,
)
from domain.provider import AcceptedOrder, Answer, Balance, Bought, ProvisionRequest
from providers.esim_access.config import EsimAccessConfig
from providers.esim_access.errors import (
    KNOWN_REFERENCE,
    NO_SUCH_ORDER,
    NO_SUCH_PROFILE,
    NOT_ALLOCATED,
    NOT_IN_THIS_STATE,
    error_code,
    failure,
    judged,
)
from providers.esim_access.mapping import (
    CANCELLED,
    MAX_REFERENCE,
    balance_of,
    is_last_page,
    is_ours,
    list_body,
    listed_profiles,
    order_body,
    order_no,
    order_of,
    profile_of,
    query_body,
    sale_of,
)
from providers.kit.base import Seller
from providers.kit.fields import identifier
from providers.kit.http import ProviderHttp, checked_base_url
from providers.kit.reply import HttpReply

_MAX_PAGES = 25
_SAYING_OF_AN_ORDER = NOT_IN_THIS_STATE | NO_SUCH_PROFILE | {NOT_ALLOCATED}
_ORDER, _QUERY, _CANCEL, _BALANCE = "/esim/order", "/esim/query", "/esim/cancel", "/balance/query"


class EsimAccess(Seller):
    """Buys one profile per order reference, which is the transactionId.

    Args:
        transport: a test's stand-in for the network.

    Raises:
        Misconfigured: names the variable.
    """

    name = "ESIM_ACCESS"
    returnable = True
    finds = True

    def __init__(
        self, config: EsimAccessConfig, transport: httpx.AsyncBaseTransport | None = None
    ) -> None:
        http = ProviderHttp(
            self.name,
            checked_base_url("ESIM_ACCESS_BASE_URL", config.base_url),
            auth_headers={"RT-AccessCode": config.access_code},
            timeout_seconds=config.timeout_seconds,
            judge=judged,
            transport=transport,
        )
        super().__init__(config, http)
        self._config = config  # which hides its access code from every repr

    def describe_request(self, request: ProvisionRequest) -> dict[str, object]:
        """Describe the purchase by its body, which holds no secret."""
        return order_body(request)

    async def provision(self, request: ProvisionRequest) -> Answer:
        """Order: `POST esim/order`, once. The profile is allocated later.

        Costs money, once: a repeated transactionId is the same request (their reference), or is
        said to exist already. Then the order is looked for, and is never taken for a new one.

        Raises:
            ProviderUnavailable, ProviderRefused, ProviderOutOfStock: nothing was bought; without
                a plan code nothing is even sent.
            ProviderOutcomeUnknown: no answer, a code that does not say, or an order that exists
                and is not listed yet.
            ProviderReplyUnusable: an answer that cannot be used.
        """
        self._plan_code(request)
        if len(request.reference) > MAX_REFERENCE:
            raise ProviderRefused(f"{self.name} takes references of {MAX_REFERENCE} characters.")
        reply = await self._http.post(_ORDER, order_body(request))
        with reply.read_as_sale():
            code = error_code(reply.body)
            if code is None:
                return AcceptedOrder(order_no(reply.body), reply.kept)
        if code == KNOWN_REFERENCE:
            return await self._booked_before(request, reply)
        raise failure(self.name, code, ProviderOutcomeUnknown, reply.kept)

    async def advance(self, request: ProvisionRequest) -> Answer | None:
        """Collect an accepted order by its name, or find its name: `POST esim/query`.

        Raises:
            ProviderUnavailable: no answer, or none that settles anything yet.
            ProviderRefused: a person must ask what became of the order; without an accepted
                order also an answer that settles nothing.
            ProviderReplyUnusable: our order is there, and cannot be delivered as it is.
        """
        if request.provider_order_id is None:
            return await self._found(request)
        return await self._collected(request, request.provider_order_id)

    async def cancel(self, bought: Bought) -> bool:
        """Give an unused profile back, which refunds it: `POST esim/cancel`. Idempotent.

        It is named by its esimTranNo, since an ICCID may be another customer's by now.

        Raises:
            ProviderUnavailable, ProviderRefused: nothing was changed.
            ProviderOutcomeUnknown: no answer, or a code that does not say.
        """
        sale = await self._sale(bought)
        if sale is None:
            return False
        if sale.get("esimStatus") == CANCELLED:
            return True
        sale_no = identifier(sale.get("esimTranNo"))
        if sale_no is None:
            raise ProviderRefused(f"{self.name} does not name the profile by an esimTranNo.")
        reply = await self._http.post(_CANCEL, {"esimTranNo": sale_no})
        try:
            code = error_code(reply.body)
        except InvalidInput as fault:
            raise ProviderOutcomeUnknown(
                f"{self.name} does not say whether it cancelled. {fault.message}", reply=reply.kept
            ) from None
        if code is None:
            return True
        if code in NOT_IN_THIS_STATE or code in NO_SUCH_PROFILE:
            return await self._is_cancelled(sale_no)
        raise failure(self.name, code, ProviderOutcomeUnknown, reply.kept)

    async def balance(self) -> Balance | None:
        """Ask what is left to spend: `POST balance/query`.

        Raises:
            ProviderUnavailable, ProviderRefused.
        """
        reply = await self._http.ask(_BALANCE, {})
        try:
            if code := error_code(reply.body):
                raise failure(self.name, code, ProviderUnavailable, reply.kept)
            return balance_of(reply.body)
        except InvalidInput:
            raise ProviderUnavailable(f"{self.name} answered without a balance.") from None

    async def _collected(self, request: ProvisionRequest, accepted_id: str) -> Answer:
        """Collect what was allocated for an accepted order.

        "No such order" is not believed of an order that they have named.
        """
        with self._asking_for(request):
            reply = await self._http.ask(_QUERY, query_body("orderNo", accepted_id))
            code = self._query_code(reply)
            profiles = [] if code else _listed(reply)
            ours = [each for each in profiles if is_ours(each, request)]
            if profiles and not ours:
                raise reply.unsettling("It holds other orders only.")
        if code in NOT_IN_THIS_STATE:
            raise ProviderRefused(
                f"{self.name} calls the state of the order abnormal: error code {code}.",
                reply=reply.kept,
            )
        if not ours:
            return AcceptedOrder(accepted_id, reply.kept)
        only_ours = self._only(ours, reply)
        with only_ours.read_as_sale():
            return self._esim(profile_of(ours, request), request, only_ours)

    async def _booked_before(self, request: ProvisionRequest, told: HttpReply) -> AcceptedOrder:
        """Find the order that a known transactionId has made: booked, whatever the list says."""
        try:
            found = await self._found(request)
        except ProviderError:  # also "nothing was booked" would be of the question alone
            found = None
        if found is None:
            raise ProviderOutcomeUnknown(
                f"{self.name} has an order with our reference already, and does not name it yet.",
                reply=told.kept,
            )
        return found

    async def _found(self, request: ProvisionRequest) -> AcceptedOrder | None:
        """Find an order by our reference in the list of all since we know it; None if absent.

        No filter of theirs takes a transactionId, but each profile on the list carries it. The
        list shows what is allocated. Codes are read once the order is collected by its name.

        Raises:
            ProviderUnavailable, ProviderRefused: the question settles nothing.
            ProviderReplyUnusable: several orders have our reference, or one without a name.
        """
        ours: list[Mapping[str, object]] = []
        seen, now = 0, datetime.now(UTC)
        for page in range(1, _MAX_PAGES + 1):
            reply = await self._http.ask(_QUERY, list_body(request, now, page))
            code = self._query_code(reply)
            if code == NO_SUCH_ORDER:
                return self._named(ours, request, reply)
            if code is not None:
                raise reply.unsettling(f"It holds error code {code}.")
            with reply.read_as_look_up():
                listed = listed_profiles(reply.body)
                seen += len(listed)
                is_last = is_last_page(reply.body, seen)
            ours += [each for each in listed if each.get("transactionId") == request.reference]
            if is_last:
                return self._named(ours, request, reply)
        raise ProviderRefused(f"{self.name} lists too many profiles to find ours among them.")

    def _named(
        self, ours: list[Mapping[str, object]], request: ProvisionRequest, reply: HttpReply
    ) -> AcceptedOrder | None:
        only_ours = self._only(ours, reply)
        with only_ours.read_as_sale():
            order_id = order_of(ours, request.reference)
        return AcceptedOrder(order_id, only_ours.kept) if order_id else None

    def _only(self, ours: list[Mapping[str, object]], reply: HttpReply) -> HttpReply:
        body = {"success": True, "obj": {"esimList": ours}}
        return reply.holding(body, [self._config.access_code])

    def _query_code(self, reply: HttpReply) -> str | None:
        """Read the code with which a query says something of our order without listing it."""
        with reply.read_as_look_up():
            code = error_code(reply.body)
        if code is None or code in _SAYING_OF_AN_ORDER:
            return code
        raise failure(self.name, code, ProviderUnavailable, reply.kept)

    async def _sale(self, bought: Bought) -> Mapping[str, object] | None:
        """Find the profile of a purchase, by their name of the sale or its order if we know it."""
        if bought.sale_id is not None:
            return sale_of(await self._profiles("esimTranNo", bought.sale_id), bought)
        if bought.provider_order_id is not None:
            return sale_of(await self._profiles("orderNo", bought.provider_order_id), bought)
        if bought.iccid is not None:
            return sale_of(await self._profiles("iccid", bought.iccid), bought)
        return None

    async def _is_cancelled(self, sale_no: str) -> bool:
        """Ask whether a profile that cannot be cancelled was cancelled before."""
        profiles = await self._profiles("esimTranNo", sale_no)
        statuses = {e.get("esimStatus") for e in profiles if e.get("esimTranNo") == sale_no}
        return statuses == {CANCELLED}

    async def _profiles(self, key: str, value: str) -> list[Mapping[str, object]]:
        reply = await self._http.ask(_QUERY, query_body(key, value))
        code = self._query_code(reply)
        return [] if code else _listed(reply)


def _listed(reply: HttpReply) -> list[Mapping[str, object]]:
    with reply.read_as_look_up():
        return listed_profiles(reply.body)
