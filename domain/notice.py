"""What a provider may tell us by itself, and who can read it."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol


class NoticeKind(StrEnum):
    """What a notification says. Stored and shown as the value."""

    ORDER_READY = "order_ready"
    """An accepted order was delivered: look it up."""
    ORDER_FAILED = "order_failed"
    """An accepted order will never be delivered."""
    DOWNLOADED = "downloaded"
    """A device has taken the profile: it cannot be given back any more."""
    INSTALLED = "installed"
    OTHER = "other"
    """Nothing that activation acts on."""


@dataclass(frozen=True, slots=True)
class Notice:
    """One notification, without its secrets.

    A notice never carries a code: it makes us look, and the look-up brings the code.

    Attributes:
        event_id: the same for every repetition; the provider's own, else a digest of the body.
        trusted: the provider has signed it; an untrusted one only ever makes us look.
        reference, provider_order_id, iccid: whichever of them the notification names.
        reason: why an order failed, with anything code-like masked.
    """

    event_id: str
    kind: NoticeKind
    trusted: bool
    reference: str | None = None
    provider_order_id: str | None = None
    iccid: str | None = None
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Receipt:
    """How the provider wants to be answered."""

    status: int = 200
    notices: tuple[Notice, ...] = ()


class NoticeReader(Protocol):
    """Checks and reads one provider's notifications. It holds no connection."""

    @property
    def name(self) -> str:
        """The provider's name, as in `POST /api/webhooks/{provider}`."""
        ...

    def read(self, headers: Mapping[str, str], body: bytes) -> Receipt:
        """Check the signature over the raw body, then read it. Header names are lower case.

        Raises:
            NoticeRefused: no signature where the provider has one, a wrong one, or a body that
                is not this provider's; quotes nothing of it.
        """
        ...
