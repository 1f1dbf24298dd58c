"""ES2PLUS: an SM-DP+ behind ES2+ (SGP.22 v2.x, sections 3.1 and 5.3, JSON binding).

The reference of an order is the `functionCallIdentifier` of its downloadOrder, up to the first
colon: identifiers must be new for each call, so `order-7:1` and `order-7:2` are both for `order-7`.
Later steps are about a profile, and so about its order. Business errors come in HTTP 200. A charge
is booked by downloadOrder and voided by cancelOrder.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, ClassVar

from sandbox.contracts.contract import Answer, Asked, Contract, NotThere, Webhook, text
from sandbox.contracts.es2plus_errors import (
    BAD_REQUESTER,
    IN_USE,
    MATCHING_ID_TAKEN,
    MISSING_FIELD,
    NO_TRANSITION,
    OTHER_EID,
    OTHER_MATCHING_ID,
    PROTOCOL,
    UNKNOWN_ICCID,
    Stopped,
    failed,
    of_trouble,
    succeeded,
)
from sandbox.contracts.es2plus_states import (
    AVAILABLE,
    CANCELLABLE,
    CONFIRMABLE,
    CONFIRMED,
    END_STATES,
    RELEASED,
    TAKEN,
    UNAVAILABLE,
    first_state,
    is_matching_id,
)
from sandbox.credentials import (
    ES2PLUS_NOTIFICATION_HEADER,
    ES2PLUS_NOTIFICATION_SECRET,
    ES2PLUS_REQUESTER,
)
from sandbox.http import Reply, Request, json_object, json_reply
from sandbox.ledger import Order, ProfileState
from sandbox.misbehaviours import Trait
from sandbox.profiles import SMDP_ADDRESS, Profile, is_ours, new_iccid, new_matching_id
from sandbox.shop import Purchase, Terms, Trouble

DOWNLOAD, CONFIRM = "downloadOrder", "confirmOrder"
CANCEL, RELEASE = "cancelOrder", "releaseProfile"
PROGRESS = "handleDownloadProgressInfo"

_PATH = "/gsma/rsp2/es2plus/"
_PADDING = "F"
_PROTOCOL = "gsma/rsp/v2."


class Es2Plus(Contract):
    """Reserves, confirms, releases and cancels profiles."""

    provider = "ES2PLUS"
    prefix = "/es2plus"
    base_path = "/es2plus"
    operations: ClassVar[Mapping[str, Trait]] = {
        DOWNLOAD: Trait.CALL | Trait.BUY | Trait.ICCID | Trait.TAKES_BACK,
        CONFIRM: Trait.CALL | Trait.STEP | Trait.CODE | Trait.ADDRESS,
        CANCEL: Trait.CALL | Trait.STEP,
        RELEASE: Trait.CALL | Trait.STEP,
        PROGRESS: Trait.ANNOUNCED | Trait.SIGNED,
    }
    paths: ClassVar[Mapping[tuple[str, str], str]] = {
        ("POST", _PATH + name): name for name in (DOWNLOAD, CONFIRM, CANCEL, RELEASE)
    }

    def read(self, request: Request) -> Asked:
        """Check protocol header and body."""
        operation = self.operation_of(request)
        if not request.headers.get("x-admin-protocol", "").startswith(_PROTOCOL):
            raise NotThere(_refused(f"X-Admin-Protocol must be {_PROTOCOL}x"))
        fields = json_object(request.body)
        if fields is None:
            raise NotThere(_refused("The body must be a JSON object"))
        return Asked(
            operation=operation,
            reference=self._reference(operation, fields),
            fields=fields,
            fault=_fault(fields),
        )

    def answer(self, asked: Asked, terms: Terms) -> Answer:
        """Take one step; a failure is an answer too."""
        steps = {
            DOWNLOAD: self._download_order,
            CONFIRM: self._confirm_order,
            CANCEL: self._cancel_order,
            RELEASE: self._release_profile,
        }
        try:
            return Answer(succeeded(steps[asked.operation](asked, terms)))
        except Stopped as stopped:
            return Answer(failed(stopped.failure))

    def refusal(self, trouble: Trouble) -> Reply:
        """Answer a failure in HTTP 200; too many requests is HTTP's own affair."""
        if trouble is Trouble.RATE_LIMITED:
            return self.failure(429)
        return failed(of_trouble(trouble))

    def failure(self, status: int) -> Reply:
        """Fail as a gateway in front of the SM-DP+ would."""
        return json_reply(status, {"error": f"HTTP {status}"}, PROTOCOL)

    def wrapped(self, body: bytes, url: str) -> Webhook:
        """Make a notification, with the header by which a proxy would vouch for our certificate."""
        return Webhook(
            url=url,
            body=body,
            headers={"content-type": "application/json", **PROTOCOL},
            signature_header=ES2PLUS_NOTIFICATION_HEADER,
            signature=ES2PLUS_NOTIFICATION_SECRET,
            wrong_signature="not the secret",
        )

    def state_of(self, iccid: str) -> ProfileState:
        """Say where a profile stands; one of our range that was never ordered is available."""
        known = self.ledger.state(iccid)
        if known is not None:
            return known
        return ProfileState(AVAILABLE if is_ours(iccid) else UNAVAILABLE)

    def _download_order(self, asked: Asked, terms: Terms) -> dict[str, Any]:
        fields = asked.fields
        iccid = _iccid(fields)
        if iccid:
            self._check_available(iccid)
        elif not text(fields, "profileType"):
            raise Stopped(MISSING_FIELD)
        iccid = iccid or self._free_iccid(terms)
        profile = Profile(iccid, matching_id="")
        eid = text(fields, "eid") or None
        order = self.shop.sell(
            Purchase(
                reference=asked.reference or "",
                plan_code=text(fields, "profileType") or "BY-ICCID",
                profile=profile,
                state=ProfileState(first_state(eid), eid=eid),
            ),
            terms,
        )
        return {"iccid": terms.told(order).profiles[0].iccid + _PADDING}

    def _confirm_order(self, asked: Asked, terms: Terms) -> dict[str, Any]:
        fields = asked.fields
        order, state = self._known(fields)
        if state.state not in CONFIRMABLE:
            raise Stopped(NO_TRANSITION)
        if type(fields.get("releaseFlag")) is not bool:
            raise Stopped(MISSING_FIELD)
        eid = _agreed_eid(fields, state)
        wanted = text(fields, "matchingId")
        self._check_matching_id(wanted)
        matching_id = wanted or new_matching_id()
        after = RELEASED if fields["releaseFlag"] else CONFIRMED
        iccid = order.profiles[0].iccid
        self.ledger.set_state(iccid, ProfileState(after, matching_id, eid))
        confirmed = replace(order, profiles=(Profile(iccid, matching_id),))
        told = terms.told(confirmed).profiles[0].matching_id
        known = {"eid": eid} if eid else {}
        return {**known, "matchingId": told, "smdpAddress": terms.smdp_address or SMDP_ADDRESS}

    def _cancel_order(self, asked: Asked, _terms: Terms) -> dict[str, Any]:
        fields = asked.fields
        order, state = self._known(fields)
        final = text(fields, "finalProfileStatusIndicator")
        if final not in END_STATES:
            raise Stopped(MISSING_FIELD)
        if state.state not in CANCELLABLE:
            raise Stopped(IN_USE if state.state in TAKEN else NO_TRANSITION)
        if text(fields, "matchingId") not in ("", state.matching_id):
            raise Stopped(OTHER_MATCHING_ID)
        _agreed_eid(fields, state)
        self.ledger.void(order)
        self.ledger.set_state(order.profiles[0].iccid, ProfileState(final))
        return {}

    def _release_profile(self, asked: Asked, _terms: Terms) -> dict[str, Any]:
        order, state = self._known(asked.fields)
        if state.state != CONFIRMED:  # one that is released already, too
            raise Stopped(NO_TRANSITION)
        released = ProfileState(RELEASED, state.matching_id, state.eid)
        self.ledger.set_state(order.profiles[0].iccid, released)
        return {}

    def _free_iccid(self, terms: Terms) -> str:
        returned = self.shop.returned_iccid(terms)
        if returned is None or self.state_of(returned).state != AVAILABLE:
            return new_iccid(self.ledger.sold())
        return returned

    def _check_available(self, iccid: str) -> None:
        if not is_ours(iccid):
            raise Stopped(UNKNOWN_ICCID)
        if self.state_of(iccid).state != AVAILABLE:
            raise Stopped(IN_USE)

    def _check_matching_id(self, wanted: str) -> None:
        taken = {state.matching_id for state in self.ledger.states().values()}
        if wanted and (wanted in taken or not is_matching_id(wanted)):
            raise Stopped(MATCHING_ID_TAKEN)

    def _known(self, fields: Mapping[str, Any]) -> tuple[Order, ProfileState]:
        iccid = _iccid(fields)
        order = self.ledger.order_of(iccid)
        if order is None or order.provider != self.provider:
            raise Stopped(UNKNOWN_ICCID)
        return order, self.state_of(iccid)

    def _reference(self, operation: str, fields: Mapping[str, Any]) -> str | None:
        header = fields.get("header")
        called = text(header, "functionCallIdentifier") if isinstance(header, dict) else ""
        order = None if operation == DOWNLOAD else self.ledger.order_of(_iccid(fields))
        return order.reference if order else called.partition(":")[0] or None


def _fault(fields: Mapping[str, Any]) -> Reply | None:
    header = fields.get("header")
    if not isinstance(header, dict) or not text(header, "functionCallIdentifier"):
        return failed(MISSING_FIELD)
    if text(header, "functionRequesterIdentifier") != ES2PLUS_REQUESTER:
        return failed(BAD_REQUESTER)
    return None


def _refused(sentence: str) -> Reply:
    return json_reply(400, {"error": sentence}, PROTOCOL)


def _iccid(fields: Mapping[str, Any]) -> str:
    """Strip the padding to 20 characters."""
    return text(fields, "iccid").removesuffix(_PADDING)


def _agreed_eid(fields: Mapping[str, Any], state: ProfileState) -> str | None:
    eid = text(fields, "eid") or None
    if eid and state.eid and eid != state.eid:
        raise Stopped(OTHER_EID)
    return state.eid or eid
