"""Every table, by subject. Constraint names are stable: `db/errors.py` reads them."""

from db.tables.catalogue import carriers, countries, plan_codes, plans
from db.tables.events import esim_provisioning_events
from db.tables.metadata import metadata
from db.tables.orders import orders, payments, user_roles, users
from db.tables.purchases import (
    provider_gates,
    provider_intents,
    provider_webhooks,
    quarantined_replies,
)
from db.tables.readiness import readiness
from db.tables.stock import esim_inventory, esim_profiles, inventory_imports

__all__ = [
    "carriers",
    "countries",
    "esim_inventory",
    "esim_profiles",
    "esim_provisioning_events",
    "inventory_imports",
    "metadata",
    "orders",
    "payments",
    "plan_codes",
    "plans",
    "provider_gates",
    "provider_intents",
    "provider_webhooks",
    "quarantined_replies",
    "readiness",
    "user_roles",
    "users",
]
