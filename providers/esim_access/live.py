"""eSIM Access over HTTP: an order is accepted at once and delivered by look-up."""

import json
from collections.abc import Mapping, Sequence

import httpx

from domain.errors import (
    InvalidInput,
    ProviderError,
    ProviderOutcomeUnknown,
    ProviderRefused,
    ProviderUnavailable,
)
from domain.provider import (
    AcceptedOrder,
    Answer,
    Balance,
    Bought,
    ProvisionedEsim,
    ProvisionRequest,
)
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
    esim_of,
    is_ours,
    listed_profiles,
    named_order,
    order_body,
    order_no,
    query_body,
)
from providers.kit.base import Seller
from providers.kit.http import HttpReply, ProviderHttp, checked_base_url, unusable
from providers.kit.redaction import redacted

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
        super().__init__(config)
        self._config = config  # which hides its access code from every repr
        self._http = ProviderHttp(
            self.name,
            checked_base_url("ESIM_ACCESS_BASE_URL", config.base_url),
            auth_headers={"RT-AccessCode": config.access_code},
            timeout_seconds=config.timeout_seconds,
            judge=judged,
            transport=transport,
        )

    def describe_request(self, request: ProvisionRequest) -> dict[str, object]:
        """The body of the purchase; it holds no secret."""
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
        if request.plan_code is None:
            raise ProviderRefused(f"{self.name} has no plan code for this plan: see plan_codes.")
        if len(request.reference) > MAX_REFERENCE:
            raise ProviderRefused(f"{self.name} takes references of {MAX_REFERENCE} characters.")
        reply = await self._http.post(_ORDER, order_body(request))
        try:
            if code := error_code(reply.body):
                raise failure(self.name, code, ProviderOutcomeUnknown, reply.kept)
            return AcceptedOrder(order_no(reply.body), reply.kept)
        except InvalidInput as fault:
            raise unusable(self.name, fault.message, reply) from None

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
        try:
            reply = await self._http.ask(_QUERY, query_body(*key))
            code = self._query_code(reply)
            profiles = [] if code else self._listed(reply)
            ours = [each for each in profiles if is_ours(each, request)]
            if profiles and not ours:
                raise self._puzzling("It holds other orders only.", reply)
        except ProviderRefused as error:
            raise self._unsettled(error, accepted_id) from None
        if code in NOT_IN_THIS_STATE:
            raise ProviderRefused(
                f"{self.name} calls the state of the order abnormal: error code {code}.",
                reply=reply.kept,
            )
        if not ours:
            return self._not_delivered(code, accepted_id, reply)
        return self._delivered(ours, request, self._only(ours, reply))

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
        """What is left to spend: `POST balance/query`.

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

    async def aclose(self) -> None:
        """Close the connections. Idempotent."""
        await self._http.aclose()

    def _query_code(self, reply: HttpReply) -> str | None:
        """The code of a query that says something of our order without listing it."""
        try:
            code = error_code(reply.body)
        except InvalidInput as fault:
            raise self._puzzling(fault.message, reply) from None
        if code is None or code in _SAYING_OF_AN_ORDER:
            return code
        raise failure(self.name, code, ProviderUnavailable, reply.kept)

    def _listed(self, reply: HttpReply) -> list[Mapping[str, object]]:
        try:
            return listed_profiles(reply.body)
        except InvalidInput as fault:
            raise self._puzzling(fault.message, reply) from None

    def _unsettled(self, error: ProviderRefused, accepted_id: str | None) -> ProviderError:
        """What refuses the question says nothing of an order that was accepted."""
        if accepted_id is None:
            return error
        return ProviderUnavailable(
            f"{self.name} does not tell what became of the order.", reply=error.reply
        )

    def _not_delivered(
        self, code: str | None, accepted_id: str | None, reply: HttpReply
    ) -> AcceptedOrder | None:
        """No profile. Of an order that it has accepted, "no such order" is not believed."""
        order_id = accepted_id or named_order(reply.body)
        if order_id:
            return AcceptedOrder(order_id, reply.kept)
        if code == NOT_ALLOCATED:
            raise ProviderUnavailable(
                f"{self.name} is still allocating the order, and does not name it yet.",
                reply=reply.kept,
            )
        if code not in (None, NO_SUCH_ORDER):
            raise self._puzzling(f"It holds error code {code}.", reply)
        return None

    def _delivered(
        self, ours: Sequence[Mapping[str, object]], request: ProvisionRequest, reply: HttpReply
    ) -> ProvisionedEsim:
        try:
            return esim_of(
                ours,
                request,
                strict_luhn=self._strict_luhn,
                sent=self.describe_request(request),
                reply=reply,
            )
        except InvalidInput as fault:
            raise unusable(self.name, fault.message, reply) from None

    def _only(self, profiles: list[Mapping[str, object]], reply: HttpReply) -> HttpReply:
        """The reply without other orders, in case the filter was ignored."""
        body = {"success": True, "obj": {"esimList": profiles}}
        kept = {"status": reply.kept["status"], "body": redacted(body, [self._config.access_code])}
        return HttpReply(body, kept, json.dumps(body))

    async def _iccid(self, bought: Bought) -> str | None:
        """The ICCID of a purchase that we know by its names only; None if there is none."""
        order_id = bought.provider_order_id
        key = ("orderNo", order_id) if order_id else ("transactionId", bought.reference)
        for profile in await self._profiles(*key):
            iccid = profile.get("iccid")
            if profile.get("transactionId") == bought.reference and isinstance(iccid, str):
                return iccid
        return None

    async def _is_cancelled(self, iccid: str) -> bool:
        """Whether a profile that cannot be cancelled was cancelled before."""
        profiles = await self._profiles("iccid", iccid)
        statuses = {each.get("esimStatus") for each in profiles if each.get("iccid") == iccid}
        return statuses == {CANCELLED}

    async def _profiles(self, key: str, value: str) -> list[Mapping[str, object]]:
        reply = await self._http.ask(_QUERY, query_body(key, value))
        code = self._query_code(reply)
        return [] if code else self._listed(reply)

    def _puzzling(self, fault: str, reply: HttpReply) -> ProviderRefused:
        return ProviderRefused(
            f"{self.name} answered the look-up, but its reply cannot be used. {fault}",
            reply=reply.kept,
        )
