"""What the sandbox accepts. None of it is a secret: it opens nothing but a sandbox."""

from typing import Final

CONNECTED_YOU_API_KEY: Final = "sandbox-connected-you-key"
CONNECTED_YOU_PARTNER_ID: Final = "sandbox-partner"
AIRALO_CLIENT_ID: Final = "sandbox-airalo-client"
AIRALO_CLIENT_SECRET: Final = "sandbox-airalo-secret"  # noqa: S105 - published on purpose
ESIM_ACCESS_ACCESS_CODE: Final = "sandbox-esim-access-code"
ES2PLUS_REQUESTER: Final = "sandbox-operator"
# By these the proxy in front of an operator's API vouches for the SM-DP+'s own certificate.
ES2PLUS_NOTIFICATION_HEADER: Final = "x-sandbox-smdp"
ES2PLUS_NOTIFICATION_SECRET: Final = "sandbox-smdp-verified"  # noqa: S105 - published on purpose
