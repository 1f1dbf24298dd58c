"""ES2+ requests and replies as JSON (SGP.22 v2.2, sections 5.3 and 6.5)."""

import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass

from domain.errors import InvalidInput, Misconfigured

_WIRE_ICCID_LENGTH = 20
_WIRE_ICCID = re.compile(r"(?=.{18,20}\Z)[0-9]{18,20}F*", re.IGNORECASE | re.ASCII)
_STATUS_CODE = re.compile(r"[0-9]{1,2}(\.[0-9]{1,2}){0,3}", re.ASCII)
_PROTOCOL_VERSION = re.compile(r"v2\.[0-9]{1,3}\.[0-9]{1,3}", re.ASCII)
_DONE = ("Executed-Success", "Executed-WithWarning")
_FAILED = "Failed"


@dataclass(frozen=True, slots=True)
class Es2PlusFailure:
    """Why a function failed: SGP.22's codes, None where the reply holds no readable one."""

    subject: str | None
    reason: str | None

    def __str__(self) -> str:
        return f"{self.subject or 'no subject'}/{self.reason or 'no reason'}"

    @property
    def reason_class(self) -> str | None:
        """The first figure of the reason: 1 access, 2 format, 3 conditions, 4 processing..."""
        return self.reason.partition(".")[0] if self.reason else None


def request_body(
    requester_id: str, call_identifier: str, fields: Mapping[str, object]
) -> dict[str, object]:
    """Make a request of ours."""
    return {
        "header": {
            "functionRequesterIdentifier": requester_id,
            "functionCallIdentifier": call_identifier,
        },
        **fields,
    }


def new_call_identifier(reference: str) -> str:
    """Make a name for one call. It is new each time, and an operator finds our reference in it."""
    return f"{reference}:{secrets.token_hex(6)}"


def wire_iccid(iccid: str) -> str:
    """Write an ICCID as ES2+ carries it, padded with F to 20 characters."""
    return iccid.ljust(_WIRE_ICCID_LENGTH, "F")


def wire_iccid_of(message: object) -> str:
    """Read the ICCID that a message names, padded or not.

    Raises:
        InvalidInput: there is none that can be used. A JSON number is none: writers round them.
    """
    text = _mapping(message).get("iccid")
    if not isinstance(text, str) or not _WIRE_ICCID.fullmatch(text):
        raise InvalidInput("It names no ICCID of 18 to 20 digits.")
    return text


def wrong_echo(reply: object, matching_id: str, smdp_address: str) -> str | None:
    """Find what a carried-out ConfirmOrder says against the code we would make; None if nothing."""
    fields = _mapping(reply)
    if fields.get("matchingId") not in (None, matching_id):
        return "It names another matching id than ours."
    address = fields.get("smdpAddress")
    if address not in (None, "") and str(address).lower() != smdp_address.lower():
        return "It names another SM-DP+ than ES2PLUS_SMDP_ADDRESS."
    return None


def failure_of(reply: object) -> Es2PlusFailure | None:
    """Read why the function failed; None if it was carried out.

    Raises:
        InvalidInput: the reply says neither.
    """
    return status_failure(_mapping(_mapping(reply).get("header")).get("functionExecutionStatus"))


def status_failure(execution_status: object) -> Es2PlusFailure | None:
    """Read why an execution status says "Failed"; None if it does not. Notifications have one too.

    Raises:
        InvalidInput: it says neither done nor failed.
    """
    found = _mapping(execution_status)
    status = found.get("status")
    if status in _DONE:
        return None
    if status != _FAILED:
        raise InvalidInput("It says neither that it was executed nor that it failed.")
    codes = found.get("statusCodeData")
    return Es2PlusFailure(_code(codes, "subjectCode"), _code(codes, "reasonCode"))


def checked_version(protocol_version: str) -> str:
    """Check `ES2PLUS_PROTOCOL_VERSION`, as the header wants it.

    Raises:
        Misconfigured: it is no version of SGP.22 v2.
    """
    if not _PROTOCOL_VERSION.fullmatch(protocol_version):
        raise Misconfigured("ES2PLUS_PROTOCOL_VERSION must be a version of SGP.22 v2, as v2.2.0.")
    return protocol_version


def _code(codes: object, key: str) -> str | None:
    code = codes.get(key) if isinstance(codes, dict) else None
    return code if isinstance(code, str) and _STATUS_CODE.fullmatch(code) else None


def _mapping(value: object) -> Mapping[str, object]:
    if not isinstance(value, dict):
        raise InvalidInput("It is no ES2+ message.")
    return value
