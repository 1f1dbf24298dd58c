"""Notifications of eSIM Access. None is signed, so a notice only ever makes us look."""

import re
from collections.abc import Mapping

from domain.errors import NoticeRefused
from domain.notice import Notice, NoticeKind, Receipt
from providers.esim_access.config import EsimAccessConfig
from providers.kit.fields import identifier
from providers.kit.notices import digest, iccid, json_object

_NOTIFY_ID = re.compile(r"[0-9A-Za-z-]{8,64}")
_SMDP_EVENTS = {"DOWNLOAD": NoticeKind.DOWNLOADED, "INSTALLATION": NoticeKind.INSTALLED}


class EsimAccessNotices:
    """Reads notifications, and trusts none: anybody could have sent them."""

    name = "ESIM_ACCESS"

    def __init__(self, config: EsimAccessConfig) -> None:
        """Take no setting: there is no key to check a notification with."""

    def read(self, headers: Mapping[str, str], body: bytes) -> Receipt:  # noqa: ARG002 - none is signed
        """Read a notification. Nothing but names of orders and profiles leaves here.

        Raises:
            NoticeRefused: it is none of theirs.
        """
        fields = json_object(self.name, body)
        kind, content = fields.get("notifyType"), fields.get("content")
        if not isinstance(kind, str) or not isinstance(content, dict):
            raise NoticeRefused(f"This is no notification of {self.name}.")
        notify_id = fields.get("notifyId")
        known = isinstance(notify_id, str) and _NOTIFY_ID.fullmatch(notify_id)
        return Receipt(
            notices=(
                Notice(
                    event_id=str(notify_id) if known else digest(body),
                    kind=_kind(kind, content),
                    trusted=False,
                    reference=identifier(content.get("transactionId")),
                    provider_order_id=identifier(content.get("orderNo")),
                    iccid=iccid(content.get("iccid")),
                ),
            )
        )


def _kind(notify_type: str, content: Mapping[str, object]) -> NoticeKind:
    if notify_type == "ORDER_STATUS":
        return NoticeKind.ORDER_READY  # whatever the status: a look-up tells
    if notify_type == "SMDP_EVENT":
        return _SMDP_EVENTS.get(str(content.get("smdpStatus")), NoticeKind.OTHER)
    return NoticeKind.OTHER
