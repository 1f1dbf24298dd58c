"""AIRALO: the Partner API v2 (docs/providers/airalo.md)."""

from providers._config import Adapter
from providers.airalo.config import AiraloConfig
from providers.airalo.live import Airalo
from providers.airalo.webhooks import AiraloWebhooks

__all__ = ["AIRALO", "Airalo", "AiraloConfig", "AiraloWebhooks"]

AIRALO = Adapter(
    name=Airalo.name,
    config=AiraloConfig,
    requires=("client_id",),
    build=Airalo,
    webhooks=AiraloWebhooks,
)
