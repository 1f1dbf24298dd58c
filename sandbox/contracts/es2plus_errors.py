"""How ES2+ says that a function succeeded or failed (SGP.22 v2.x, sections 5.2.6 and 5.3)."""

from dataclasses import dataclass
from typing import Any, Final

from sandbox.http import Reply, json_reply
from sandbox.shop import Trouble


@dataclass(frozen=True, slots=True)
class Failure:
    """Subject code, reason code and a message."""

    subject_code: str
    reason_code: str
    message: str


class Stopped(Exception):
    """A function that failed; nothing was changed.

    Attributes:
        failure: why.
    """

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.message)
        self.failure = failure


IN_USE: Final = Failure("8.2.1", "3.3", "The profile is in use")
NO_TRANSITION: Final = Failure("8.2.1", "3.5", "Invalid transition")
UNKNOWN_ICCID: Final = Failure("8.2.1", "3.9", "The ICCID is not known")
OUT_OF_STOCK: Final = Failure("8.2.5", "3.7", "No profile of this type is left")
UNKNOWN_TYPE: Final = Failure("8.2.5", "3.9", "The profile type is not known")
NOT_ALLOWED: Final = Failure("8.2.5", "1.2", "The operator may not order this profile type")
MATCHING_ID_TAKEN: Final = Failure("8.2.6", "3.3", "The matching id is in use or no matching id")
OTHER_MATCHING_ID: Final = Failure("8.2.6", "3.10", "The matching id belongs to another profile")
OTHER_EID: Final = Failure("8.1.1", "3.10", "The profile is linked to another EID")
BAD_REQUESTER: Final = Failure("1.1", "1.1", "The function requester is not known")
MISSING_FIELD: Final = Failure("1.6", "2.2", "A mandatory field is missing")

_TROUBLES = {
    Trouble.OUT_OF_STOCK: OUT_OF_STOCK,
    Trouble.UNKNOWN_PLAN: UNKNOWN_TYPE,
    Trouble.NO_CREDIT: NOT_ALLOWED,
    Trouble.BAD_CREDENTIALS: BAD_REQUESTER,
}


def of_trouble(trouble: Trouble) -> Failure:
    """Make the failure that says why."""
    return _TROUBLES[trouble]


# Every reply carries it (SGP.22 v2.2, section 6.2).
PROTOCOL: Final = {"x-admin-protocol": "gsma/rsp/v2.2.0"}


def succeeded(fields: dict[str, Any]) -> Reply:
    """Answer a function's result."""
    status = {"status": "Executed-Success"}
    return json_reply(200, {"header": {"functionExecutionStatus": status}, **fields}, PROTOCOL)


def failed(failure: Failure) -> Reply:
    """Answer a business error, which comes in HTTP 200."""
    status = {
        "status": "Failed",
        "statusCodeData": {
            "subjectCode": failure.subject_code,
            "reasonCode": failure.reason_code,
            "subjectIdentifier": "",
            "message": failure.message,
        },
    }
    return json_reply(200, {"header": {"functionExecutionStatus": status}}, PROTOCOL)
