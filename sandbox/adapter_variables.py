"""The environment variables that point every adapter of the service at a sandbox."""

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from sandbox import credentials
from sandbox.profiles import SMDP_ADDRESS

CA_FILE: Final = "ca.pem"
CLIENT_FILE: Final = "client.pem"
_MATCHING_ID_SECRET = "sandbox-matching-ids-are-no-secret-at-all"  # noqa: S105 - nor is this


def adapter_variables(base_urls: Mapping[str, str], folder: Path, *, tls: bool) -> dict[str, str]:
    """Name one sandbox's variables.

    Args:
        base_urls: by provider.
        folder: where the certificates are, if there is TLS.
        tls: whether ES2+ demands a client certificate.
    """
    certificates = {
        "ES2PLUS_CA_FILE": str(folder / CA_FILE),
        "ES2PLUS_CLIENT_CERTIFICATE_FILE": str(folder / CLIENT_FILE),
    }
    return {
        "ESIM_PROVIDER": "CONNECTED_YOU",
        "CONNECTED_YOU_API_KEY": credentials.CONNECTED_YOU_API_KEY,
        "CONNECTED_YOU_PARTNER_ID": credentials.CONNECTED_YOU_PARTNER_ID,
        "CONNECTED_YOU_DRY_RUN": "false",
        "AIRALO_CLIENT_ID": credentials.AIRALO_CLIENT_ID,
        "AIRALO_CLIENT_SECRET": credentials.AIRALO_CLIENT_SECRET,
        "ESIM_ACCESS_ACCESS_CODE": credentials.ESIM_ACCESS_ACCESS_CODE,
        "ES2PLUS_REQUESTER_ID": credentials.ES2PLUS_REQUESTER,
        "ES2PLUS_MATCHING_ID_SECRET": _MATCHING_ID_SECRET,
        "ES2PLUS_SMDP_ADDRESS": SMDP_ADDRESS,
        "ES2PLUS_NOTIFICATION_HEADER": credentials.ES2PLUS_NOTIFICATION_HEADER,
        "ES2PLUS_NOTIFICATION_SECRET": credentials.ES2PLUS_NOTIFICATION_SECRET,
        **{f"{provider}_BASE_URL": url for provider, url in base_urls.items()},
        **(certificates if tls else {}),
    }
