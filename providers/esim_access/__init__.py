"""ESIM_ACCESS: the open API v1 (docs/providers/esim-access.md)."""

from providers.esim_access.config import EsimAccessConfig
from providers.esim_access.live import EsimAccess
from providers.esim_access.notices import EsimAccessNotices
from providers.kit.config import Adapter

__all__ = ["ESIM_ACCESS", "EsimAccess", "EsimAccessConfig", "EsimAccessNotices"]

ESIM_ACCESS = Adapter(
    name=EsimAccess.name,
    config=EsimAccessConfig,
    requires=("access_code",),
    build=EsimAccess,
    notices=EsimAccessNotices,
)
