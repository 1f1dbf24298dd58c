"""ES2+.HandleDownloadProgressInfo: how far a device has come with a profile (SGP.22 5.3.5).

The SM-DP+ proves who it is by its TLS certificate, which ends at the proxy in front of the API.
So the proxy checks it, and says so by a header that only the proxy and we know.
"""

import hmac
import re
from collections.abc import Mapping

from domain.errors import InvalidInput, NoticeRefused
from domain.iccid import parse_iccid
from domain.notice import Notice, NoticeKind, Receipt
from providers.es2plus.config import NAME, Es2PlusConfig
from providers.es2plus.messages import Es2PlusFailure, status_failure, wire_iccid_of
from providers.kit.notices import digest, json_object

_NO_CONTENT = 204
_CALL_IDENTIFIER = re.compile(r"[0-9A-Za-z._:/-]{1,128}")
_POINT = re.compile(r"[0-9]{1,3}", re.ASCII)
# Points reached in vain, and points of other kinds (1 eligibility and retry limit,
# 2 confirmation code failure), change nothing for an activation.
_KINDS = {3: NoticeKind.DOWNLOADED, 4: NoticeKind.INSTALLED}


class Es2PlusNotices:
    """Reads what the SM-DP+ tells of downloads; holds no connection."""

    name = NAME

    def __init__(self, config: Es2PlusConfig) -> None:
        self._header = (config.notification_header or "").lower()
        self._secret = (config.notification_secret or "").encode()

    def read(self, headers: Mapping[str, str], body: bytes) -> Receipt:
        """Read one notice, trusted if the proxy vouches for it. Header names are lower case.

        Raises:
            NoticeRefused: the proxy's header is wrong or missing, or the body is none of ES2+.
        """
        self._check_proxy(headers)
        message = json_object(NAME, body)
        try:
            iccid = parse_iccid(wire_iccid_of(message)).digits
            failure = status_failure(message.get("notificationPointStatus"))
        except InvalidInput:
            raise NoticeRefused(f"This is no notification of {NAME}.") from None
        point = _point(message)
        reached = None if failure else point
        notice = Notice(
            event_id=_event_id(message, body, point, failure),
            kind=NoticeKind.OTHER if reached is None else _KINDS.get(reached, NoticeKind.OTHER),
            trusted=bool(self._secret),
            provider_order_id=iccid,
            iccid=iccid,
            reason=None if failure is None else str(failure),
        )
        return Receipt(_NO_CONTENT, (notice,))

    def _check_proxy(self, headers: Mapping[str, str]) -> None:
        if not self._secret:
            return
        shown = headers.get(self._header, "").encode()
        if not hmac.compare_digest(shown, self._secret):
            raise NoticeRefused(f"The proxy does not vouch for this notification of {NAME}.")


def _point(message: Mapping[str, object]) -> int | None:
    """Read how far it has come: a number in the schema of SGP.22, a string in its example."""
    point = message.get("notificationPointId")
    if isinstance(point, str) and _POINT.fullmatch(point):
        return int(point)
    return point if type(point) is int else None


def _event_id(
    message: Mapping[str, object], body: bytes, point: int | None, failure: Es2PlusFailure | None
) -> str:
    """Name a notification by its call, point and end: a repetition has the same name.

    Some senders give all their calls one identifier, so the profile belongs to it.
    """
    header = message.get("header")
    call = header.get("functionCallIdentifier") if isinstance(header, dict) else None
    if not isinstance(call, str) or not _CALL_IDENTIFIER.fullmatch(call) or point is None:
        return digest(body)
    end = "done" if failure is None else "failed"
    return f"{call}/{parse_iccid(wire_iccid_of(message))}/{point}/{end}"
