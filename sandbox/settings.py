"""How a sandbox behaves when no rule says otherwise."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class SandboxSettings:
    """Immutable for a sandbox's lifetime; what changes at run time is on `Sandbox`.

    Attributes:
        seed: with one, calls misbehave at random, the same way on every run.
        rate: the share of calls that do, if there is a seed.
        delivery_delay_seconds: how long an asynchronous order takes.
        tokens_per_minute: Airalo's limit on `POST token`; None for no limit.
        credit_cents: the balance that every provider's account starts with.
        webhook_attempts: how often a webhook is sent until a 2xx answers it.
        webhook_retry_seconds: the pause between two of them.
    """

    seed: int | None = None
    rate: float = 0.2
    delivery_delay_seconds: float = 0.1
    tokens_per_minute: int | None = 3
    credit_cents: int = 100_000_000
    webhook_attempts: int = 4
    webhook_retry_seconds: float = 0.5
