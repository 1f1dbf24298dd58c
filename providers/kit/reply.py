"""A provider's reply, and the errors for one that cannot be read."""

import json
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

from domain.errors import InvalidInput, ProviderRefused, ProviderReplyUnusable
from providers.kit.redaction import redacted


@dataclass(frozen=True, slots=True)
class HttpReply:
    """A reply with a 2xx status and a JSON body.

    Attributes:
        provider: who answered.
        body: the parsed JSON, secrets included.
        kept: `{"status", "body"}` without secrets, for ops.
        raw: the body's text, secrets included, for quarantine alone.
        sent: the identifiers of our request, which may be kept whole where they come back.
    """

    provider: str
    body: object = field(repr=False)
    kept: Mapping[str, object] = field(repr=False)
    raw: str = field(default="", repr=False)
    sent: frozenset[str] = field(default=frozenset(), repr=False)

    def holding(self, body: object, secrets: Collection[str] = ()) -> "HttpReply":
        """Return this reply with another body, such as the part of a list that is ours."""
        kept = {"status": self.kept["status"], "body": redacted(body, secrets, self.sent)}
        return HttpReply(self.provider, body, kept, json.dumps(body), self.sent)

    @contextmanager
    def read_as_sale(self) -> Iterator[None]:
        """Read what was sold. What cannot be read makes the reply unusable.

        Raises:
            ProviderReplyUnusable: in place of every InvalidInput.
        """
        try:
            yield
        except InvalidInput as fault:
            raise self.unusable(fault.message) from None

    @contextmanager
    def read_as_look_up(self) -> Iterator[None]:
        """Read what the provider has of ours. What cannot be read settles nothing.

        Raises:
            ProviderRefused: in place of every InvalidInput.
        """
        try:
            yield
        except InvalidInput as fault:
            raise self.unsettling(fault.message) from None

    def unusable(self, fault: str) -> ProviderReplyUnusable:
        """Make the error for a sale that cannot be delivered. `fault` quotes nothing of it."""
        return ProviderReplyUnusable(
            f"{self.provider} took the order, but its reply cannot be used. {fault}",
            raw=self.raw,
            reply=self.kept,
        )

    def unsettling(self, fault: str) -> ProviderRefused:
        """Make the error for a look-up that does not say what became of the order."""
        return ProviderRefused(
            f"{self.provider} answered the look-up, but its reply cannot be used. {fault}",
            reply=self.kept,
        )
