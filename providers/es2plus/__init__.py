"""ES2PLUS: an operator's SM-DP+ by GSMA SGP.22 v2.x, section 5.3 (docs/providers/es2plus.md)."""

from providers.es2plus.config import Es2PlusConfig
from providers.es2plus.live import Es2Plus
from providers.es2plus.notices import Es2PlusNotices
from providers.kit.config import Adapter

__all__ = ["ES2PLUS", "Es2Plus", "Es2PlusConfig", "Es2PlusNotices"]

ES2PLUS = Adapter(
    name=Es2Plus.name,
    config=Es2PlusConfig,
    requires=("base_url",),
    build=Es2Plus,
    notices=Es2PlusNotices,
    enables=Es2Plus.enables,
)
