"""The sandbox's own books: JSON lines, only ever appended, on disk before any reply leaves.

A sandbox that is killed and started again on the same folder has forgotten nothing that it told
anybody. Kinds of lines:

- `order`: an order was booked and charged
- `void`: its charge was taken back
- `profile`: a profile's state or matching id changed
- `announced`: its webhook was sent, or meant to be lost
"""

import fcntl
import json
import os
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from sandbox.faults import SandboxFault
from sandbox.profiles import Profile

LEDGER_FILE: Final = "ledger.jsonl"


@dataclass(frozen=True, slots=True)
class Order:
    """One booked purchase.

    Attributes:
        number: counts every order of this ledger, from 1.
        request_id: what an asynchronous order was answered with.
        ready_at: when its profiles are handed out (wall time).
        shown_at: from when look-ups show it (wall time).
        failed: booked, but never handed out; its charge is voided.
    """

    provider: str
    number: int
    reference: str
    plan_code: str
    quantity: int
    amount_cents: int
    booked_at: float
    ready_at: float
    shown_at: float
    profiles: tuple[Profile, ...]
    failed: bool = False
    request_id: str | None = None
    webhook_url: str | None = None

    @property
    def order_id(self) -> str:
        """Its name in the ledger."""
        return f"{self.provider}-{self.number}"

    @property
    def is_ready(self) -> bool:
        """Whether its profiles are handed out by now."""
        return not self.failed and time.time() >= self.ready_at

    @property
    def is_shown(self) -> bool:
        """Whether look-ups show it by now."""
        return time.time() >= self.shown_at


@dataclass(frozen=True, slots=True)
class ProfileState:
    """What happened to one profile since it was sold."""

    state: str
    matching_id: str = ""
    eid: str | None = None


@dataclass(frozen=True, slots=True)
class Charge:
    """One order's charge; `voided_at` is set once it was taken back."""

    provider: str
    reference: str
    order_id: str
    plan_code: str
    quantity: int
    amount_cents: int
    charged_at: float
    voided_at: float | None = None


class Ledger:
    """The books of one folder, which one process at a time may hold."""

    def __init__(self, folder: Path, changed: Callable[[], None] = lambda: None) -> None:
        """Open the books and read what is in them.

        Args:
            folder: made if it is not there.
            changed: called after every line that is added.

        Raises:
            SandboxFault: another sandbox holds them, or a line cannot be read.
        """
        folder.mkdir(parents=True, exist_ok=True)
        self._changed = changed
        self.path = folder / LEDGER_FILE
        self._file = self.path.open("a+b")
        self._orders: list[Order] = []
        self._by_reference: dict[tuple[str, str], list[Order]] = {}
        self._holders: dict[str, Order] = {}
        self._voided: dict[str, float] = {}
        self._states: dict[str, ProfileState] = {}
        self._announced: set[str] = set()
        self._codes: dict[str, None] = {}
        try:
            self._hold()
            self._read()
        except SandboxFault:
            self._file.close()
            raise
        _sync_folder(folder)

    def close(self) -> None:
        """Let another sandbox have the folder. Idempotent."""
        self._file.close()

    def book(self, order: Order, state: ProfileState | None = None) -> None:
        """Book an order, its charge and the state of its profiles: one line, so all or nothing."""
        self._append({"kind": "order", "state": state and asdict(state), **asdict(order)})

    def void(self, order: Order) -> None:
        """Take an order's charge back; a second time changes nothing."""
        if order.order_id not in self._voided:
            self._append({"kind": "void", "order_id": order.order_id, "at": time.time()})

    def set_state(self, iccid: str, state: ProfileState) -> None:
        """Note what became of a profile."""
        self._append({"kind": "profile", "iccid": iccid, **asdict(state)})

    def note_announced(self, order: Order) -> None:
        """Note that an order's webhook needs no sending any more."""
        if order.order_id not in self._announced:
            self._append({"kind": "announced", "order_id": order.order_id})

    def orders(self, provider: str | None = None, reference: str | None = None) -> list[Order]:
        """List the orders, oldest first."""
        if provider is not None and reference is not None:
            return list(self._by_reference.get((provider, reference), ()))
        return [
            order
            for order in self._orders
            if provider in (None, order.provider) and reference in (None, order.reference)
        ]

    def order_of(self, iccid: str) -> Order | None:
        """Find the newest order that holds this profile (a cancelled one may be sold again)."""
        return self._holders.get(iccid)

    def charges(self, provider: str | None = None, reference: str | None = None) -> list[Charge]:
        """List the charges, oldest first, voided ones too."""
        return [self._charge(order) for order in self.orders(provider, reference)]

    def state(self, iccid: str) -> ProfileState | None:
        """Read what was last noted about a profile."""
        return self._states.get(iccid)

    def states(self) -> Mapping[str, ProfileState]:
        """Read the last note about every profile that has one."""
        return self._states

    def is_announced(self, order: Order) -> bool:
        """Tell whether the order's webhook needs no sending."""
        return order.order_id in self._announced

    def sold(self) -> Mapping[str, Order]:
        """List every ICCID ever sold, with its newest order."""
        return self._holders

    def given_back(self, provider: str) -> list[str]:
        """List ICCIDs that were given back and not sold again; the oldest sale first."""
        return [
            profile.iccid
            for order in self.orders(provider)
            if order.order_id in self._voided and not order.failed
            for profile in order.profiles
            if self._holders[profile.iccid] is order
        ]

    def codes(self, provider: str | None = None) -> list[str]:
        """List every matching id and confirmation code ever sold, oldest first."""
        if provider is None:
            return list(self._codes)
        profiles = [profile for order in self.orders(provider) for profile in order.profiles]
        states = [self._states[one.iccid] for one in profiles if one.iccid in self._states]
        own = {*_codes_of(profiles), *(one.matching_id for one in states)}
        return [code for code in self._codes if code in own]

    def _charge(self, order: Order) -> Charge:
        return Charge(
            order.provider,
            order.reference,
            order.order_id,
            order.plan_code,
            order.quantity,
            order.amount_cents,
            order.booked_at,
            self._voided.get(order.order_id),
        )

    def _append(self, record: Mapping[str, Any]) -> None:
        """Write a line to disk, then to memory: nobody is told what a crash could forget."""
        self._file.write(json.dumps(record).encode() + b"\n")
        self._file.flush()
        os.fsync(self._file.fileno())
        self._take_in(record)
        self._changed()

    def _take_in(self, record: Mapping[str, Any]) -> None:
        facts = dict(record)
        match facts.pop("kind"):
            case "order":
                self._take_order(facts)
            case "void":
                self._voided[facts["order_id"]] = facts["at"]
            case "profile":
                self._take_profile(facts)
            case "announced":
                self._announced.add(facts["order_id"])
            case unknown:
                raise ValueError(unknown)

    def _take_order(self, facts: dict[str, Any]) -> None:
        profiles = tuple(Profile(**profile) for profile in facts.pop("profiles"))
        state = facts.pop("state")
        for profile in profiles:  # which may have been somebody else's before
            self._states.pop(profile.iccid, None)
            if state:
                self._states[profile.iccid] = ProfileState(**state)
        order = Order(**facts, profiles=profiles)
        self._orders.append(order)
        self._by_reference.setdefault((order.provider, order.reference), []).append(order)
        self._holders |= {profile.iccid: order for profile in profiles}
        self._remember_codes(_codes_of(profiles))

    def _take_profile(self, facts: dict[str, Any]) -> None:
        iccid = facts.pop("iccid")
        state = self._states[iccid] = ProfileState(**facts)
        self._remember_codes([state.matching_id])

    def _remember_codes(self, codes: Iterable[str]) -> None:
        self._codes |= dict.fromkeys(code for code in codes if code)

    def _hold(self) -> None:
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise SandboxFault(
                f"Another sandbox keeps its ledger in {self.path.parent}. "
                "Stop it, or choose another folder."
            ) from None

    def _read(self) -> None:
        self._file.seek(0)
        whole = 0
        for number, line in enumerate(self._file, 1):
            if not line.endswith(b"\n"):  # cut short by a crash: nobody was told of it
                self._file.truncate(whole)
                break
            whole += len(line)
            try:
                self._take_in(json.loads(line))
            except (ValueError, KeyError, TypeError):
                raise SandboxFault(
                    f"Line {number} of {self.path} cannot be read. "
                    "Move the file away to start with empty books."
                ) from None
        self._file.seek(0, os.SEEK_END)


def _codes_of(profiles: Iterable[Profile]) -> Iterator[str]:
    for profile in profiles:
        yield from (profile.matching_id, profile.confirmation_code)


def _sync_folder(folder: Path) -> None:
    """Make the file's name itself durable."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
