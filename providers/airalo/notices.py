"""Notifications of Airalo: an asynchronous order is delivered, or never will be."""

import re
from collections.abc import Mapping

from domain.errors import NoticeRefused
from domain.notice import Notice, NoticeKind, Receipt
from providers.airalo.config import AiraloConfig
from providers.airalo.signature import HEADER, canonical, is_signed
from providers.kit.fields import identifier
from providers.kit.notices import digest, iccid, json_object
from providers.kit.redaction import masked

_SIGNATURE = re.compile("[0-9a-f]{128}")


class AiraloNotices:
    """Reads what is signed with the client secret (`providers/airalo/signature.py`)."""

    name = "AIRALO"

    def __init__(self, config: AiraloConfig) -> None:
        self._secret = config.secret

    def read(self, headers: Mapping[str, str], body: bytes) -> Receipt:
        """Check a notification, then read it. Nothing of the eSIMs in its body leaves here.

        Raises:
            NoticeRefused: no signature, a wrong one, or no JSON object.
        """
        fields = self._signed_fields(headers.get(HEADER, "").strip().lower(), body)
        data = fields.get("data")  # the order's fields, or one of them ("1 GB")
        order = data if isinstance(data, dict) else fields
        reason = order.get("reason", fields.get("reason"))
        kind = _kind(order, reason)
        return Receipt(
            notices=(
                Notice(
                    event_id=digest(canonical(fields)),
                    kind=kind,
                    trusted=True,
                    reference=identifier(order.get("description")),
                    provider_order_id=identifier(order.get("request_id", fields.get("request_id"))),
                    iccid=iccid(order.get("iccid")),
                    reason=self._reason(reason) if kind is NoticeKind.ORDER_FAILED else None,
                ),
            )
        )

    def _signed_fields(self, given: str, body: bytes) -> Mapping[str, object]:
        """Parse what is signed. It is parsed first: SDKs sign what a body says, not its bytes."""
        if _SIGNATURE.fullmatch(given):
            fields = json_object(self.name, body)
            if is_signed(given, body, fields, self._secret):
                return fields
        raise NoticeRefused(f"{self.name} has not signed this.")

    def _reason(self, reason: object) -> str:
        return masked(str(reason), [self._secret])


def _kind(order: Mapping[str, object], reason: object) -> NoticeKind:
    if order.get("sims"):
        return NoticeKind.ORDER_READY
    return NoticeKind.ORDER_FAILED if isinstance(reason, str) else NoticeKind.OTHER
