"""Bodies in the three ways in which Airalo's documents and SDKs send them."""

from email.message import Message
from email.parser import BytesParser
from email.policy import HTTP
from typing import Any
from urllib.parse import parse_qsl

from sandbox.http import Request, json_object


def form_fields(request: Request) -> dict[str, Any]:
    """Read the fields of a JSON, urlencoded or multipart body; empty if it is none of them."""
    kind = request.headers.get("content-type", "").split(";")[0].strip().lower()
    if kind == "application/x-www-form-urlencoded":
        return dict(parse_qsl(request.body.decode("utf-8", "replace")))
    if kind == "multipart/form-data":
        return _multipart(request)
    return json_object(request.body) or {}


def _multipart(request: Request) -> dict[str, Any]:
    head = f"content-type: {request.headers['content-type']}\r\n\r\n".encode()
    message = BytesParser(policy=HTTP).parsebytes(head + request.body)
    parts = message.get_payload() if message.is_multipart() else []
    assert isinstance(parts, list)  # noqa: S101 - what is_multipart means
    return dict(_field(part) for part in parts if isinstance(part, Message))


def _field(part: Message) -> tuple[str, str]:
    name = part.get_param("name", header="content-disposition")
    payload = part.get_payload(decode=True)
    content = payload if isinstance(payload, bytes) else b""
    return str(name), content.decode("utf-8", "replace")
