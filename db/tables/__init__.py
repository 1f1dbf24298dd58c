"""Every table, by subject. Constraint names are stable: `db/failures.py` reads them."""

from db.tables.catalogue import carriers, countries, plan_codes, plans
from db.tables.esims import esim_inventory, esim_profiles, inventory_imports
from db.tables.metadata import metadata
from db.tables.purchases import (
    provider_gates,
    provider_intents,
    provider_webhooks,
    quarantined_replies,
)
from db.tables.sales import orders, payments, users
from db.tables.trail import esim_provisioning_events

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
    "users",
]
