"""What providers tell by themselves. Their signature over the raw body is the authentication.

A notification settles nothing: it is put on record, and the activation looks sooner than it would
have. So one that is lost, late, doubled or forged costs time at most.
"""

import re
from collections.abc import Mapping
from typing import Annotated, Any

import structlog
from fastapi import APIRouter, Path, Request, Response

from api.http import problems
from api.http.problems import Problem
from api.http.scalars import ProviderName
from api.resources import Resources, Shared
from domain.errors import NoticeRefused
from domain.notice import NoticeReader, Receipt
from domain.provider import provider_name
from operations import notices

router = APIRouter(prefix="/api/webhooks", tags=["Providers"])

UNSIGNED_PER_MINUTE = 600
"""Notifications that nobody signed, taken by one process: anybody can send them."""

# An SM-DP+ puts its own path after the address that it is given (SGP.22, 6.2).
_ES2PLUS = "/{provider}/gsma/rsp2/es2plus/handleDownloadProgressInfo"
_ES2PLUS_VERSION = re.compile(r"gsma/rsp/v\d{1,3}\.\d{1,3}\.\d{1,3}")
_ES2PLUS_HEADER = "X-Admin-Protocol"

_DOCUMENTED: dict[str, Any] = {
    "response_class": Response,
    "responses": {204: {"description": "Taken, for providers that expect no content."}}
    | problems.responses(401, 404, 413, 422, 429, 503),
    "openapi_extra": {
        "requestBody": {
            "required": True,
            "description": "As the provider signed it.",
            "content": {"application/json": {"schema": {"type": "object"}}},
        }
    },
}

Provider = Annotated[
    ProviderName, Path(description="As in `ESIM_PROVIDER`; lower case does as well.")
]

log = structlog.get_logger(__name__)


@router.post(_ES2PLUS, name="receive_download_progress", **_DOCUMENTED)
@router.post("/{provider}", name="receive_notification", **_DOCUMENTED)
async def receive_notification(provider: Provider, request: Request, shared: Shared) -> Response:
    """Take a provider's notification. Idempotent, in any order; a 503 is to be repeated."""
    reader = _reader(shared, provider)
    receipt = _read(reader, request.headers, await request.body())
    if any(not notice.trusted for notice in receipt.notices):
        shared.unsigned_limit.take(0)
    if receipt.notices:
        await notices.take(shared.engine, shared.activations, reader.name, receipt.notices)
    return Response(status_code=receipt.status, headers=_protocol(request.headers))


@router.head(_ES2PLUS, include_in_schema=False)
@router.head("/{provider}", include_in_schema=False)
async def check_address(provider: Provider, shared: Shared) -> Response:
    """Say that notifications are taken here; some providers ask before they send any."""
    _reader(shared, provider)
    return Response()


def _reader(shared: Resources, provider: str) -> NoticeReader:
    reader = shared.notice_readers.get(provider_name(provider))
    if reader is None:
        raise Problem(404, "provider-not-found", "No such provider sends notifications here.")
    return reader


def _read(reader: NoticeReader, headers: Mapping[str, str], body: bytes) -> Receipt:
    try:
        return reader.read(headers, body)
    except NoticeRefused as refusal:
        log.warning("webhook_refused", provider=reader.name)
        raise Problem(
            401, refusal.code, "The notification is not its provider's, or cannot be read."
        ) from None


def _protocol(headers: Mapping[str, str]) -> dict[str, str]:
    """Tell an SM-DP+ which version of the protocol we speak, as it expects (SGP.22, 6.2)."""
    version = headers.get(_ES2PLUS_HEADER, "")
    return {_ES2PLUS_HEADER: version} if _ES2PLUS_VERSION.fullmatch(version) else {}
