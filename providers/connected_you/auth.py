"""Proves to ConnectedYou who we are, by an API key in a header (draft contract, section 2).

The live platform's public pages show client credentials instead; if the partner asks for those,
this is the file to replace.
"""

from domain.errors import Misconfigured
from providers.kit.config import HEADER_VALUE


def auth_headers(api_key: str | None) -> dict[str, str]:
    """Make the headers that go with every request.

    Raises:
        Misconfigured: no key, or one that no header can carry.
    """
    if api_key is None or not api_key.strip():
        raise Misconfigured("CONNECTED_YOU_API_KEY is required when CONNECTED_YOU_DRY_RUN=false.")
    if not HEADER_VALUE.fullmatch(api_key):
        raise Misconfigured(
            "CONNECTED_YOU_API_KEY holds a space, a line break or a character outside ASCII."
        )
    return {"x-api-key": api_key}
