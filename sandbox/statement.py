"""The ledger as one readable statement: per purchase, what it was charged and what came of it."""

from collections.abc import Iterable
from typing import Any

from sandbox.ledger import Charge, Ledger, Order


def statement(
    ledger: Ledger, provider: str | None = None, reference: str | None = None
) -> dict[str, Any]:
    """Draw up one entry per provider and reference, oldest first, and the sum of all."""
    purchases: dict[tuple[str, str], list[Charge]] = {}
    for charge in ledger.charges(provider, reference):
        purchases.setdefault((charge.provider, charge.reference), []).append(charge)
    charges = [charge for grouped in purchases.values() for charge in grouped]
    return {
        "purchases": [
            {
                "provider": by,
                "reference": named,
                **_sums(grouped),
                "orders": [_order(order) for order in ledger.orders(by, named)],
            }
            for (by, named), grouped in purchases.items()
        ],
        "total": _sums(charges),
    }


def _sums(charges: Iterable[Charge]) -> dict[str, int]:
    listed = list(charges)
    net = [charge for charge in listed if charge.voided_at is None]
    return {
        "charges": len(listed),
        "voids": len(listed) - len(net),
        "net_charges": len(net),
        "net_cents": sum(charge.amount_cents for charge in net),
    }


def _order(order: Order) -> dict[str, Any]:
    return {
        "order_id": order.order_id,
        "plan_code": order.plan_code,
        "quantity": order.quantity,
        "amount_cents": order.amount_cents,
        "booked_at": order.booked_at,
        "iccids": [profile.iccid for profile in order.profiles],
    }
