"""A device downloads a released ES2+ profile; the SM-DP+ tells the operator at two points."""

import json
import time
import uuid
from typing import Any, Final

from sandbox.contracts.es2plus import PROGRESS, Es2Plus
from sandbox.contracts.es2plus_states import DOWNLOADED, INSTALLED, RELEASED
from sandbox.faults import SandboxFault
from sandbox.ledger import Ledger, Order, ProfileState
from sandbox.misbehaviours import Misbehaviour, Part
from sandbox.rules import Rulebook
from sandbox.webhooks import Due, Webhooks

SMDP_REQUESTER: Final = "sandbox-smdp"
# SGP.22 section 5.3.5: the notification points after which the profile is in these states.
_POINTS = {3: DOWNLOADED, 4: INSTALLED}
_EID = "89049032000000000000000000000016"


class Download:
    """What a device does with profiles of one sandbox."""

    def __init__(
        self, contract: Es2Plus, ledger: Ledger, rulebook: Rulebook, webhooks: Webhooks
    ) -> None:
        self._contract = contract
        self._ledger = ledger
        self._rulebook = rulebook
        self._webhooks = webhooks

    def of(self, iccid: str) -> str:
        """Download and install; returns the new state.

        Raises:
            SandboxFault: the profile is not released.
        """
        order = self._ledger.order_of(iccid)
        state = self._contract.state_of(iccid)
        if order is None or order.provider != self._contract.provider or state.state != RELEASED:
            raise SandboxFault(f"No ES2+ profile with ICCID {iccid} is released.")
        for point, reached in _POINTS.items():
            after = ProfileState(reached, state.matching_id, state.eid or _EID)
            self._ledger.set_state(iccid, after)
            self._notify(order, after, iccid, point)
        return INSTALLED

    def _notify(self, order: Order, state: ProfileState, iccid: str, point: int) -> None:
        url = self._contract.webhook_url()
        if not url:
            return
        picked = self._rulebook.pick(order.provider, PROGRESS, order.reference, earlier_sale=False)
        body = json.dumps(_progress(order, state, iccid, point)).encode()
        self._webhooks.schedule(
            Due(
                provider=order.provider,
                webhook=self._contract.wrapped(body, url),
                how=picked.kind(Part.WEBHOOK),
                late_seconds=picked.seconds(Misbehaviour.WEBHOOK_LATE),
            )
        )


def _progress(order: Order, state: ProfileState, iccid: str, point: int) -> dict[str, Any]:
    return {
        "header": {
            "functionRequesterIdentifier": SMDP_REQUESTER,
            "functionCallIdentifier": uuid.uuid4().hex,
        },
        "eid": state.eid,
        "iccid": f"{iccid}F",
        "profileType": order.plan_code,
        "timestamp": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "notificationPointId": point,
        "notificationPointStatus": {"status": "Executed-Success"},
    }
