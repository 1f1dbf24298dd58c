"""Who may do what: roles are kept in the database, scopes are what operations ask for."""

from collections.abc import Iterable, Mapping
from enum import StrEnum
from types import MappingProxyType


class Role(StrEnum):
    """What somebody is to us. Whoever has no role on record is a customer."""

    CUSTOMER = "customer"
    OPS = "ops"
    ENGINEER = "engineer"
    FINANCE = "finance"


class Scope(StrEnum):
    """What a request may do beyond its sender's own orders."""

    OPS_READ = "ops:read"
    """See everybody's activations, reviews and providers; never a code."""
    OPS_ACT = "ops:act"
    """Retry, cancel, resolve, pause and resume."""
    CODES_READ = "codes:read"
    """Read a reply in quarantine, which most likely holds a code."""
    PAYMENTS_WRITE = "payments:write"
    """Record that a payment was given back."""


ADMIN = "admin"
"""In a token's `scope`: all that its user's roles allow."""

SCOPES: Mapping[Role, frozenset[Scope]] = MappingProxyType(
    {
        Role.CUSTOMER: frozenset(),
        Role.OPS: frozenset({Scope.OPS_READ, Scope.OPS_ACT}),
        Role.ENGINEER: frozenset({Scope.OPS_READ, Scope.OPS_ACT, Scope.CODES_READ}),
        Role.FINANCE: frozenset({Scope.OPS_READ, Scope.PAYMENTS_WRITE}),
    }
)


def granted(roles: Iterable[Role], asked: frozenset[str]) -> frozenset[Scope]:
    """Say what a token may do: what its user's roles allow, as far as the token asks for it."""
    allowed = frozenset(scope for role in roles for scope in SCOPES[role])
    return allowed if ADMIN in asked else allowed & asked
