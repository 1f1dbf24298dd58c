"""AIRALO: the Partner API v2 (docs/providers/airalo.md)."""

from providers.airalo.config import AiraloConfig
from providers.airalo.live import Airalo
from providers.airalo.notices import AiraloNotices
from providers.kit.config import Adapter

__all__ = ["AIRALO", "Airalo", "AiraloConfig", "AiraloNotices"]

AIRALO = Adapter(
    name=Airalo.name,
    config=AiraloConfig,
    requires=("client_id",),
    build=Airalo,
    notices=AiraloNotices,
)
