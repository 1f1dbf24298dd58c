"""How hard a provider may be called, and how much may be spent."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ProviderLimits:
    """What one provider bears. All figures count the whole fleet, but for `max_concurrent`.

    Attributes:
        rate_per_second: calls of any kind; None where calling costs nobody anything.
        max_concurrent: calls at once from one worker process.
        purchases_per_hour: the provider's share of the spend guard; None if nothing is spent.
        failures_to_open: failed calls in a row after which the breaker opens.
        probe_seconds: while it is open, one call is let through in this time.
    """

    rate_per_second: float | None = None
    max_concurrent: int = 10
    purchases_per_hour: int | None = None
    failures_to_open: int = 5
    probe_seconds: float = 60


@dataclass(frozen=True, slots=True)
class SpendLimits:
    """What may be bought from all providers together; None is "any number".

    Attributes:
        purchases_per_hour: by everybody.
        purchases_per_hour_per_user: by one customer.
    """

    purchases_per_hour: int | None = None
    purchases_per_hour_per_user: int | None = None
