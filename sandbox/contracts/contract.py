"""What a contract must say of itself: how it reads requests, answers, refuses and announces."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

from sandbox.http import Reply, Request
from sandbox.ledger import Order
from sandbox.misbehaviours import Trait
from sandbox.shop import Shop, Terms, Trouble


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A request as its contract reads it.

    Attributes:
        reference: the client's own name for the purchase, as far as the request tells.
        fields: the body (or the query of a GET).
        fault: the reply to a request that is wrong in itself; no rule touches it.
    """

    operation: str
    reference: str | None = None
    fields: Mapping[str, Any] = field(default_factory=dict, repr=False)
    fault: Reply | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """The honest answer, and the order whose webhook is due, if one is."""

    reply: Reply
    announces: Order | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Webhook:
    """One webhook as it goes out.

    Attributes:
        signature: the value of its signature header, right and wrong; None if it has none.
    """

    url: str
    body: bytes = field(repr=False)
    headers: Mapping[str, str] = field(default_factory=dict)
    signature_header: str | None = None
    signature: str = field(default="", repr=False)
    wrong_signature: str = field(default="", repr=False)


class NotThere(Exception):
    """No operation of the contract has this path and method.

    Attributes:
        reply: 404 or 405.
    """

    def __init__(self, reply: Reply) -> None:
        super().__init__(reply.status)
        self.reply = reply


class Contract(ABC):
    """One provider's contract."""

    provider: ClassVar[str]
    prefix: ClassVar[str]
    base_path: ClassVar[str]
    operations: ClassVar[Mapping[str, Trait]]
    # (method, path below the prefix) of each operation that is called.
    paths: ClassVar[Mapping[tuple[str, str], str]]

    def __init__(self, shop: Shop, webhook_url: dict[str, str | None]) -> None:
        self.shop = shop
        self.ledger = shop.ledger
        self._webhook_url = webhook_url

    def operation_of(self, request: Request) -> str:
        """Find the operation that a request calls.

        Raises:
            NotThere: none.
        """
        path = request.path.removeprefix(self.prefix)
        operation = self.paths.get((request.method, path))
        if operation is not None:
            return operation
        known = any(path == known_path for _, known_path in self.paths)
        raise NotThere(self.failure(405 if known else 404))

    @abstractmethod
    def read(self, request: Request) -> Asked:
        """Understand a request.

        Raises:
            NotThere: no operation has its path and method.
        """

    @abstractmethod
    def answer(self, asked: Asked, terms: Terms) -> Answer:
        """Do it, and book what it costs before returning.

        Raises:
            CannotSell: nothing was booked.
        """

    @abstractmethod
    def refusal(self, trouble: Trouble) -> Reply:
        """Say in the contract's own words why nothing is sold."""

    @abstractmethod
    def failure(self, status: int) -> Reply:
        """Answer a plain failure with this HTTP status."""

    def webhook(self, order: Order, told: Order) -> Webhook | None:  # noqa: ARG002
        """Make what announces an order; None if nothing does, or nobody wants to know."""
        return None

    def wrapped(self, body: bytes, url: str) -> Webhook:
        """Make a webhook of this provider with any body."""
        return Webhook(url=url, body=body, headers={"content-type": "application/json"})

    def webhook_url(self, named: str = "") -> str | None:
        """Choose where a webhook goes: what the order itself names wins."""
        return named or self._webhook_url.get(self.provider)


def text(fields: Mapping[str, Any], name: str) -> str:
    """Read a field that is text; empty if it is anything else."""
    value = fields.get(name)
    return value if isinstance(value, str) else ""
