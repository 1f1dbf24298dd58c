"""A ConnectedYou that speaks the draft contract until a test scripts something else.

It is a text of its own beside the sandbox's: the one was written from the draft for the adapter's
tests, the other for whole stacks, and neither knows the other's code.
"""

import asyncio
from dataclasses import dataclass, field

from domain.iccid import luhn_check_digit
from tests.partners.scripted import Received, ScriptedServer, send_json

API_KEY = "canary-api-key"
PARTNER_ID = "partner-1"
MATCHING_ID = "CANARY-7F3K-9QXZ"
INSTRUCTIONS = f"Install via Settings with CC-{MATCHING_ID}"


@dataclass
class PartnerServer(ScriptedServer):
    """Sells one order per reference; `answer` may be replaced by anything else."""

    orders: dict[str, dict[str, object]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.answer = self.sell

    async def sell(self, received: Received, writer: asyncio.StreamWriter) -> None:
        """Speak the contract: one order per reference, the same again on a repeat."""
        if received.method == "GET":
            order = self.orders.get(received.query["orderReference"])
            await send_json(writer, 200, {"data": [] if order is None else [order]})
        else:
            await send_json(writer, 200, {"data": self.book(received)})

    def book(self, received: Received) -> dict[str, object]:
        """The order with the request's reference, made if there is none."""
        reference = str(received.json["orderReference"])
        account = f"89011202000{len(self.orders):07d}"
        lpa_string = f"LPA:1$smdp.partner.example${MATCHING_ID}-{len(self.orders)}"
        return self.orders.setdefault(
            reference,
            {
                "orderReference": reference,
                "activationCode": lpa_string,
                "iccid": account + luhn_check_digit(account),
                "qrCode": lpa_string,
                "instructions": INSTRUCTIONS,
            },
        )

    async def book_then_hang(self, received: Received, writer: asyncio.StreamWriter) -> None:
        """Take the order, never answer."""
        self.book(received)
        await self.hang(received, writer)
