"""An SM-DP+ behind our Protocol: reserve, confirm, enable once committed, cancel to undo."""

from collections import deque

import httpx
import structlog

from domain.codes import ActivationCode
from domain.errors import (
    InvalidActivationCode,
    InvalidInput,
    Misconfigured,
    ProviderOutcomeUnknown,
    ProviderRefused,
    ProviderUnavailable,
)
from domain.provider import AcceptedOrder, Bought, ProvisionedEsim, ProvisionRequest
from providers.es2plus.client import Function, Result, SmdpClient
from providers.es2plus.config import NAME, Es2PlusConfig
from providers.es2plus.errors import (
    ConfirmFailure,
    cancel_result,
    confirm_failure,
    download_error,
    is_wrong_state,
    release_error,
)
from providers.es2plus.matching_id import MatchingIds
from providers.es2plus.messages import names_another_id, told_address, wire_iccid, wire_iccid_of
from providers.es2plus.tls import tls_context
from providers.kit.base import Seller
from providers.kit.fields import checked_iccid
from providers.kit.http import ProviderHttp, checked_base_url

_REMEMBERED = 10_000

log = structlog.get_logger(__name__)


class Es2Plus(Seller):
    """Buys one profile per DownloadOrder and makes its activation code itself.

    Args:
        transport: a test's stand-in for the network.

    Raises:
        Misconfigured: names the variable.
    """

    name = NAME
    enables = True
    returnable = True

    def __init__(
        self, config: Es2PlusConfig, transport: httpx.AsyncBaseTransport | None = None
    ) -> None:
        base_url = checked_base_url("ES2PLUS_BASE_URL", config.base_url)
        http = ProviderHttp(
            NAME,
            base_url,
            auth_headers={},
            timeout_seconds=config.timeout_seconds,
            tls=tls_context(config) if base_url.scheme == "https" else None,
            transport=transport,
        )
        super().__init__(config, http)
        self._smdp = SmdpClient(config, http)
        self._smdp_address = _checked_address(config.smdp_address)
        self._matching_ids = MatchingIds(config.matching_id_secret)
        self._cancelled_status = config.cancelled_status
        self._cancelled: deque[tuple[str, str]] = deque(maxlen=_REMEMBERED)

    def describe_request(self, request: ProvisionRequest) -> dict[str, object]:
        """Describe the purchase by the body of DownloadOrder.

        What is sent also has an identifier for each call, which begins with our reference.
        """
        return self._smdp.described(request.reference, {"profileType": request.plan_code})

    async def provision(self, request: ProvisionRequest) -> AcceptedOrder:
        """Reserve a profile of the plan's type: DownloadOrder, once. The next step is `advance`.

        Never to be repeated on a guess: each call reserves another profile.

        Raises:
            ProviderUnavailable, ProviderRefused, ProviderOutOfStock: nothing was reserved;
                without a plan code nothing is even sent.
            ProviderOutcomeUnknown: no answer, or the SM-DP+ failed half-way.
            ProviderReplyUnusable: an answer that names no usable ICCID.
        """
        result = await self._smdp.send(
            Function.DOWNLOAD_ORDER, request.reference, {"profileType": self._plan_code(request)}
        )
        if result.failure is not None:
            raise result.error(download_error(result.failure))
        try:
            iccid = checked_iccid(wire_iccid_of(result.reply.body), request, self._strict_luhn)
        except InvalidInput as fault:
            raise result.unusable(fault.message) from None
        return AcceptedOrder(iccid, result.reply.kept, allotted_iccid=iccid)

    async def advance(self, request: ProvisionRequest) -> ProvisionedEsim:
        """Take an accepted order's next step: ConfirmOrder, which gives the profile its code.

        Buys nothing more and may be repeated: the matching id is ours, and always the same.

        Raises:
            ProviderUnavailable: not now; the reserved profile stays ours.
            ProviderRefused: no accepted order, or the SM-DP+ has it no more.
            ProviderReplyUnusable: the profile is in a state, or has a code, that is not ours. It
                may also be that no earlier call explains the state: see `request.repeated`.
        """
        if request.provider_order_id is None:
            raise ProviderRefused(f"{NAME} cannot look an order up by our reference.")
        iccid = request.provider_order_id
        matching_id = self._matching_ids.of(request.reference, iccid)
        result = await self._confirm(request, iccid, matching_id)
        code = self._code(result, matching_id)
        return ProvisionedEsim(
            reference=request.reference,
            iccid=iccid,
            activation_code=code.activation_code,
            qr_payload=code.lpa_string,
            request=self.describe_request(request),
            reply=result.reply.kept,
            raw=result.reply.raw,
        )

    async def enable(self, bought: Bought) -> None:
        """Let devices download the profile: ReleaseProfile, which may be repeated.

        Raises:
            ProviderUnavailable: not now.
            ProviderRefused: the profile is not ours, or in no state for it though no earlier call
                explains that: see `bought.repeated`.
        """
        iccid = _iccid(bought)
        if iccid is None:
            raise ProviderRefused(f"{NAME} releases by ICCID, and this purchase has none.")
        fields = {"iccid": wire_iccid(iccid)}
        result = await self._smdp.ask(Function.RELEASE_PROFILE, bought.reference, fields)
        if result.failure is None or (bought.repeated and is_wrong_state(result.failure)):
            return
        raise result.error(release_error(result.failure))

    async def cancel(self, bought: Bought) -> bool:
        """Give the profile back: CancelOrder. False once a device has downloaded it.

        What this process has cancelled is not sent again: the SM-DP+ may have given the profile to
        another order since.

        Raises:
            ProviderUnavailable, ProviderRefused: nothing was changed.
            ProviderOutcomeUnknown: it may be cancelled; to be repeated.
        """
        iccid = _iccid(bought)
        if iccid is None:
            return False  # nothing was ever reserved
        if (bought.reference, iccid) in self._cancelled:
            return True
        result = await self._cancel(bought.reference, iccid)
        meaning = True if result.failure is None else cancel_result(result.failure)
        if not isinstance(meaning, bool):
            raise result.error(meaning)
        if meaning:
            self._cancelled.append((bought.reference, iccid))
        return meaning

    async def _confirm(self, request: ProvisionRequest, iccid: str, matching_id: str) -> Result:
        """Confirm the order: return the reply after which the profile has our matching id.

        Whether this call gave it, or an earlier one of ours, makes no difference.
        """
        fields = {"iccid": wire_iccid(iccid), "matchingId": matching_id, "releaseFlag": False}
        try:
            result = await self._smdp.ask(
                Function.CONFIRM_ORDER, request.reference, fields, matching_id
            )
        except ProviderRefused as error:
            # A status speaks of our access, or for a proxy: the reserved profile is still ours.
            raise ProviderUnavailable(
                error.message, reply=error.reply, in_doubt=error.in_doubt
            ) from None
        if result.failure is None:
            if names_another_id(result.reply.body, matching_id):
                raise result.unusable("It names another matching id than ours.", in_doubt=False)
            return result
        meaning = confirm_failure(result.failure)
        if meaning is ConfirmFailure.WRONG_STATE and not request.repeated:
            raise result.unusable(
                f"The profile cannot be confirmed ({result.failure}), and no call of ours explains"
                " it.",
                in_doubt=False,
            )
        if meaning in {ConfirmFailure.DONE_BEFORE, ConfirmFailure.WRONG_STATE}:
            return result
        kind = ProviderRefused if meaning is ConfirmFailure.NOT_OURS else ProviderUnavailable
        raise result.error(kind)

    def _code(self, confirmed: Result, matching_id: str) -> ActivationCode:
        """Make the code, with the SM-DP+ address that ConfirmOrder tells (SGP.22 5.3.2).

        The answer that told it may be lost: then the last address that was told holds, else
        ES2PLUS_SMDP_ADDRESS.
        """
        try:
            address = told_address(confirmed.reply.body) if confirmed.failure is None else None
            code = ActivationCode(address or self._smdp_address, matching_id)
        except InvalidInput as fault:
            raise confirmed.unusable(fault.message, in_doubt=False) from None
        if code.smdp_address != self._smdp_address:
            log.warning("smdp_address_differs", provider=NAME, variable="ES2PLUS_SMDP_ADDRESS")
            self._smdp_address = code.smdp_address
        return code

    async def _cancel(self, reference: str, iccid: str) -> Result:
        matching_id = self._matching_ids.of(reference, iccid)
        fields = {
            "iccid": wire_iccid(iccid),
            "matchingId": matching_id,
            "finalProfileStatusIndicator": self._cancelled_status,
        }
        try:
            return await self._smdp.send(Function.CANCEL_ORDER, reference, fields, matching_id)
        except ProviderOutcomeUnknown as error:
            raise ProviderOutcomeUnknown(
                f"{NAME} gave no usable answer to cancelOrder: it may be carried out.",
                reply=error.reply,
            ) from None


def _iccid(bought: Bought) -> str | None:
    return bought.iccid or bought.provider_order_id


def _checked_address(smdp_address: str) -> str:
    try:
        return ActivationCode(smdp_address.strip().lower(), "").smdp_address
    except InvalidActivationCode:
        raise Misconfigured(
            "ES2PLUS_SMDP_ADDRESS must be the SM-DP+'s host name, as activation codes show it."
        ) from None
