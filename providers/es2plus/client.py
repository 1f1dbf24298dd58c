"""One ES2+ function call: out as JSON over mutual TLS, back as done or failed."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from domain.errors import (
    InvalidInput,
    Misconfigured,
    ProviderError,
    ProviderReplyUnusable,
    ProviderUnavailable,
)
from providers.es2plus.config import NAME, Es2PlusConfig
from providers.es2plus.messages import (
    Es2PlusFailure,
    checked_version,
    failure_of,
    new_call_identifier,
    request_body,
)
from providers.kit.http import ProviderHttp
from providers.kit.reply import HttpReply

_PATH = "/gsma/rsp2/es2plus"


class Function(StrEnum):
    """The functions we call, by the last part of their path."""

    DOWNLOAD_ORDER = "downloadOrder"
    CONFIRM_ORDER = "confirmOrder"
    RELEASE_PROFILE = "releaseProfile"
    CANCEL_ORDER = "cancelOrder"


@dataclass(frozen=True, slots=True)
class Result:
    """The outcome of a function call; `failure` is None if it was carried out."""

    function: Function
    reply: HttpReply
    failure: Es2PlusFailure | None

    def error(self, kind: type[ProviderError]) -> ProviderError:
        """Make an error that names function and codes, and nothing else of the reply."""
        return kind(
            f"{NAME} failed to carry out {self.function}: {self.failure}.",
            reply=self.reply.kept,
            answered=True,
            in_doubt=self.failure is None or not self.failure.was_checked_first,
        )

    def unusable(self, fault: str, *, in_doubt: bool = True) -> ProviderReplyUnusable:
        """Make the error for a function that was carried out otherwise than we asked.

        Args:
            fault: a sentence that quotes nothing of the reply.
            in_doubt: the reply does not tell what was done.
        """
        return ProviderReplyUnusable(
            f"{NAME} answered {self.function}, but its reply cannot be used. {fault}",
            raw=self.reply.raw,
            reply=self.reply.kept,
            in_doubt=in_doubt,
        )


class SmdpClient:
    """Calls the functions of one SM-DP+.

    Raises:
        Misconfigured: names the variable.
    """

    def __init__(self, config: Es2PlusConfig, http: ProviderHttp) -> None:
        if not config.requester_id.strip():
            raise Misconfigured("ES2PLUS_REQUESTER_ID is required to order from an SM-DP+.")
        self._requester_id = config.requester_id.strip()
        self._headers = {
            "content-type": "application/json;charset=UTF-8",
            "x-admin-protocol": f"gsma/rsp/{checked_version(config.protocol_version)}",
        }
        self._http = http

    def described(self, reference: str, fields: Mapping[str, object]) -> dict[str, object]:
        """Make a request as it is kept, without what is new at each call."""
        return request_body(self._requester_id, reference, fields)

    async def send(
        self, function: Function, reference: str, fields: Mapping[str, object], *secrets: str
    ) -> Result:
        """Call what must not be repeated on a guess.

        Raises:
            ProviderUnavailable, ProviderRefused, ProviderOutcomeUnknown, ProviderReplyUnusable.
        """
        body = self._body(reference, fields)
        reply = await self._http.post(f"{_PATH}/{function}", body, secrets, self._headers)
        try:
            return Result(function, reply, failure_of(reply.body))
        except InvalidInput as fault:
            raise Result(function, reply, None).unusable(fault.message) from None

    async def ask(
        self, function: Function, reference: str, fields: Mapping[str, object], *secrets: str
    ) -> Result:
        """Call what may be repeated.

        Raises:
            ProviderUnavailable, ProviderRefused.
        """
        body = self._body(reference, fields)
        reply = await self._http.ask(f"{_PATH}/{function}", body, secrets, self._headers)
        try:
            return Result(function, reply, failure_of(reply.body))
        except InvalidInput as fault:
            raise ProviderUnavailable(
                f"{NAME} answered {function}, but does not say what became of it. {fault.message}",
                reply=reply.kept,
            ) from None

    def _body(self, reference: str, fields: Mapping[str, object]) -> dict[str, object]:
        return request_body(self._requester_id, new_call_identifier(reference), fields)
