"""Host and paths of ConnectedYou: the host comes from settings, the paths from the draft."""

import httpx

from providers.kit.http import checked_base_url

ORDERS_PATH = "/partners/orders"


def base_url(configured: str) -> httpx.URL:
    """Read `CONNECTED_YOU_BASE_URL`.

    Raises:
        Misconfigured: it is not an https URL (http only to this machine).
    """
    return checked_base_url("CONNECTED_YOU_BASE_URL", configured)
