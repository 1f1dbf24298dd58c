"""How much one user, and everybody together, may ask of one API process."""

import random
import time
from collections import Counter, OrderedDict
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager

from api.http.problems import Problem

_MAXIMUM_BUCKETS = 10_000
_SECONDS_PER_MINUTE = 60
# Callers who were turned away together should not come back together.
_SPREAD = (1.0, 5.0)


class RateLimit:
    """A token bucket per user: a minute's allowance at once, then as fast as it refills."""

    def __init__(self, per_minute: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._capacity = float(per_minute)
        self._per_second = per_minute / _SECONDS_PER_MINUTE
        self._clock = clock
        self._buckets: OrderedDict[int, tuple[float, float]] = OrderedDict()

    def take(self, user_id: int) -> None:
        """Count one request.

        Raises:
            Problem: 429, with the time after which the next request is welcome.
        """
        now = self._clock()
        level, filled_at = self._buckets.pop(user_id, (self._capacity, now))
        level = min(self._capacity, level + (now - filled_at) * self._per_second)
        admitted = level >= 1
        self._buckets[user_id] = (level - 1 if admitted else level, now)
        if len(self._buckets) > _MAXIMUM_BUCKETS:
            self._buckets.popitem(last=False)  # the one that refilled the longest
        if not admitted:
            wait_seconds = (1 - level) / self._per_second
            raise _too_many("rate-limited", "Too many requests from you.", wait_seconds)


class Places:
    """At most so many requests stay at once; more are turned away, not queued.

    One user, and one order, get a share of the places and no more: whoever fills the own share
    takes nobody else's.
    """

    def __init__(self, in_all: int, *, per_user: int, per_order: int) -> None:
        self._limits = {"all": in_all, "user": per_user, "order": per_order}
        self._taken: Counter[Hashable] = Counter()

    @contextmanager
    def place(self, user_id: int, order_id: int) -> Iterator[None]:
        """Hold one of the places.

        Raises:
            Problem: 429 if every place is taken, or every one of the user's or of the order's.
        """
        keys = (("user", user_id), ("order", order_id), ("all", None))
        for key in keys:
            if self._taken[key] >= self._limits[key[0]]:
                raise _too_many(*_FULL[key[0]])
        self._taken.update(keys)
        try:
            yield
        finally:
            self._taken.subtract(keys)
            for key in keys:
                if not self._taken[key]:
                    del self._taken[key]


def _too_many(code: str, detail: str, wait_seconds: float = 0) -> Problem:
    wait_seconds += random.uniform(*_SPREAD)  # noqa: S311 - jitter
    return Problem(429, code, f"{detail} Please try again later.", retry_after_seconds=wait_seconds)


_FULL = {
    "user": ("too-many-at-once", "Many requests of yours are under way."),
    "order": ("too-many-at-once", "Many requests for this order are under way."),
    "all": ("too-busy", "Many activations are under way."),
}
