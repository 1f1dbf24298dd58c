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
_EXPIRED = "Expired"
_CHECKED_FIRST = frozenset({"1", "2", "3", "6"})


@dataclass(frozen=True, slots=True)
class Es2PlusFailure:
    """Why a function failed: SGP.22's codes, None where the reply holds no readable one.

    Attributes:
        expired: it was not carried out in time (status "Expired"), which has no codes.
    """

    subject: str | None
    reason: str | None
    expired: bool = False

    def __str__(self) -> str:
        if self.expired:
            return "expired"
        return f"{self.subject or 'no subject'}/{self.reason or 'no reason'}"

    @property
    def was_checked_first(self) -> bool:
        """Whether it was found before anything was done.

        Reasons of class 1, 2, 3 and 6 (access, format, conditions, security) are. With class 4 and
        5 (processing, transport), or without a readable code, the SM-DP+ had begun: what it did
        until then it may not know itself.
        """
        return self.reason is not None and self.reason.partition(".")[0] in _CHECKED_FIRST


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


def names_another_id(reply: object, matching_id: str) -> bool:
    """Tell whether a carried-out ConfirmOrder names another matching id than it was given."""
    return _mapping(reply).get("matchingId") not in (None, matching_id)


def told_address(reply: object) -> str | None:
    """Read which SM-DP+ address the code of a confirmed profile must have; None if it is silent.

    Raises:
        InvalidInput: it names something else than a text.
    """
    address = _mapping(reply).get("smdpAddress")
    if address in (None, ""):
        return None
    if not isinstance(address, str):
        raise InvalidInput("It names an SM-DP+ address that is no text.")
    return address.strip().lower()


def failure_of(reply: object) -> Es2PlusFailure | None:
    """Read why the function failed; None if it was carried out.

    Raises:
        InvalidInput: the reply says neither.
    """
    return status_failure(_mapping(_mapping(reply).get("header")).get("functionExecutionStatus"))


def status_failure(execution_status: object) -> Es2PlusFailure | None:
    """Read why something was not carried out; None if it was. Notifications have a status too.

    Raises:
        InvalidInput: it says neither that it was, nor "Failed" or "Expired".
    """
    found = _mapping(execution_status)
    status = found.get("status")
    if status in _DONE:
        return None
    if status == _EXPIRED:
        return Es2PlusFailure(None, None, expired=True)
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
