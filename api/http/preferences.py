"""The `Prefer` header (RFC 7240), as far as activation knows it: `wait` and `respond-async`."""

import re
from collections.abc import Iterable
from dataclasses import dataclass

MAXIMUM_WAIT_SECONDS = 25

_WAIT = re.compile(r'wait\s*=\s*"?([0-9]{1,9})"?', re.IGNORECASE)
_RESPOND_ASYNC = "respond-async"


@dataclass(frozen=True, slots=True)
class Preference:
    """How long a caller would like to wait, None if it does not say."""

    wait_seconds: int | None = None
    respond_async: bool = False

    def wait_or(self, default_seconds: float) -> float:
        """Return the seconds to wait: `respond-async` alone means none at all."""
        if self.wait_seconds is not None:
            return self.wait_seconds
        return 0 if self.respond_async else default_seconds

    @property
    def applied(self) -> str | None:
        """The `Preference-Applied` header; None if nothing was asked for."""
        words = [_RESPOND_ASYNC] if self.respond_async else []
        if self.wait_seconds is not None:
            words.append(f"wait={self.wait_seconds}")
        return ", ".join(words) or None


def parse(headers: Iterable[str]) -> Preference:
    """Read every `Prefer` header; what is malformed or unknown is ignored, the first one wins."""
    wait_seconds = None
    respond_async = False
    for preference in ",".join(headers).split(","):
        word = preference.partition(";")[0].strip()
        match = _WAIT.fullmatch(word)
        if match and wait_seconds is None:
            wait_seconds = min(int(match[1]), MAXIMUM_WAIT_SECONDS)
        respond_async = respond_async or word.lower() == _RESPOND_ASYNC
    return Preference(wait_seconds, respond_async)
