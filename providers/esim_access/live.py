"""eSIM Access over HTTP: an order is accepted at once and delivered by look-up."""

from collections.abc import Mapping

import httpx

from domain.errors import InvalidInput, ProviderOutcomeUnknown, ProviderRefused, ProviderUnavailable
from domain.provider import AcceptedOrder, Answer, Balance, Bought, ProvisionRequest
from providers.esim_access.config import EsimAccessConfig
from providers.esim_access.errors import (
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
    is_ours,
    listed_profiles,
    named_order,
    order_body,
    order_no,
    profile_of,
    query_body,
)
from providers.kit.base import Seller
from providers.kit.http import ProviderHttp, checked_base_url
from providers.kit.reply import HttpReply

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

        Costs money; whether a repeated transactionId is a second purchase is not documented.

        Raises:
            ProviderUnavailable, ProviderRefused, ProviderOutOfStock: nothing was bought; without
                a plan code nothing is even sent.
            ProviderOutcomeUnknown: no answer, or a code that does not say.
            ProviderReplyUnusable: an answer that cannot be used.
        """
        self._plan_code(request)
        if len(request.reference) > MAX_REFERENCE:
            raise ProviderRefused(f"{self.name} takes references of {MAX_REFERENCE} characters.")
        reply = await self._http.post(_ORDER, order_body(request))
        with reply.read_as_sale():
            if code := error_code(reply.body):
                raise failure(self.name, code, ProviderOutcomeUnknown, reply.kept)
            return AcceptedOrder(order_no(reply.body), reply.kept)

    async def advance(self, request: ProvisionRequest) -> Answer | None:
        """Collect an accepted order, or find one by our reference: `POST esim/query`.

        Raises:
            ProviderUnavailable: no answer, or none that settles anything yet.
            ProviderRefused: a person must ask what became of the order; without an accepted
                order also an answer that settles nothing.
            ProviderReplyUnusable: our order is there, and cannot be delivered as it is.
        """
        accepted_id = request.provider_order_id
        key = ("orderNo", accepted_id) if accepted_id else ("transactionId", request.reference)
        with self._asking_for(request):
            reply = await self._http.ask(_QUERY, query_body(*key))
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
            return self._not_delivered(code, accepted_id, reply)
        only_ours = reply.holding(
            {"success": True, "obj": {"esimList": ours}}, [self._config.access_code]
        )
        with only_ours.read_as_sale():
            return self._esim(profile_of(ours, request), request, only_ours)

    async def cancel(self, bought: Bought) -> bool:
        """Give an unused profile back, which refunds it: `POST esim/cancel`. Idempotent.

        Raises:
            ProviderUnavailable, ProviderRefused: nothing was changed.
            ProviderOutcomeUnknown: no answer, or a code that does not say.
        """
        iccid = bought.iccid or await self._iccid(bought)
        if iccid is None:
            return False
        reply = await self._http.post(_CANCEL, {"iccid": iccid})
        try:
            code = error_code(reply.body)
        except InvalidInput as fault:
            raise ProviderOutcomeUnknown(
                f"{self.name} does not say whether it cancelled. {fault.message}", reply=reply.kept
            ) from None
        if code is None:
            return True
        if code in NOT_IN_THIS_STATE or code in NO_SUCH_PROFILE:
            return await self._is_cancelled(iccid)
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

    def _query_code(self, reply: HttpReply) -> str | None:
        """Read the code with which a query says something of our order without listing it."""
        with reply.read_as_look_up():
            code = error_code(reply.body)
        if code is None or code in _SAYING_OF_AN_ORDER:
            return code
        raise failure(self.name, code, ProviderUnavailable, reply.kept)

    def _not_delivered(
        self, code: str | None, accepted_id: str | None, reply: HttpReply
    ) -> AcceptedOrder | None:
        """Say what a query without a profile of ours means; None if there is no order.

        Of an order that eSIM Access has accepted, "no such order" is not believed.
        """
        order_id = accepted_id or named_order(reply.body)
        if order_id:
            return AcceptedOrder(order_id, reply.kept)
        if code == NOT_ALLOCATED:
            raise ProviderUnavailable(
                f"{self.name} is still allocating the order, and does not name it yet.",
                reply=reply.kept,
            )
        if code not in (None, NO_SUCH_ORDER):
            raise reply.unsettling(f"It holds error code {code}.")
        return None

    async def _iccid(self, bought: Bought) -> str | None:
        """Find the ICCID of a purchase that we know by its names only; None if there is none."""
        order_id = bought.provider_order_id
        key = ("orderNo", order_id) if order_id else ("transactionId", bought.reference)
        for profile in await self._profiles(*key):
            iccid = profile.get("iccid")
            if profile.get("transactionId") == bought.reference and isinstance(iccid, str):
                return iccid
        return None

    async def _is_cancelled(self, iccid: str) -> bool:
        """Ask whether a profile that cannot be cancelled was cancelled before."""
        profiles = await self._profiles("iccid", iccid)
        statuses = {each.get("esimStatus") for each in profiles if each.get("iccid") == iccid}
        return statuses == {CANCELLED}

    async def _profiles(self, key: str, value: str) -> list[Mapping[str, object]]:
        reply = await self._http.ask(_QUERY, query_body(key, value))
        code = self._query_code(reply)
        return [] if code else _listed(reply)


def _listed(reply: HttpReply) -> list[Mapping[str, object]]:
    with reply.read_as_look_up():
        return listed_profiles(reply.body)
