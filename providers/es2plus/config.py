"""The `ES2PLUS_*` variables."""

import re
from dataclasses import dataclass, field
from typing import Literal

from domain.errors import Misconfigured
from domain.purchase import Ambiguity
from providers.kit.config import ProviderConfig

NAME = "ES2PLUS"

_HEADER_SECRET = re.compile(r"[!-~]{16,}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Es2PlusConfig(ProviderConfig):
    """Where the SM-DP+ is, who we are to it, and how its notifications are known.

    What the adapter alone needs is checked by the adapter: the API reads notifications only, and
    need not be given the secret of the matching ids.

    Attributes:
        base_url: without `/gsma/rsp2/es2plus`.
        requester_id: our name at the SM-DP+ (`functionRequesterIdentifier`, an OID as a rule).
        matching_id_secret: every code follows from it: whoever has it has every code.
        smdp_address: the SM-DP+ as phones are told, where a reply names none.
        client_key_file: None if the key is in the certificate's file.
        ca_file: the authority of the SM-DP+; None for the public ones.
        cancelled_status: what a cancelled profile becomes at the SM-DP+.
        notification_header, notification_secret: what the proxy adds once it has checked the
            SM-DP+'s own certificate; without them no notification is trusted.

    Raises:
        Misconfigured: names the variable.
    """

    base_url: str = ""
    requester_id: str = ""
    matching_id_secret: str = field(default="", repr=False)
    smdp_address: str = ""
    client_certificate_file: str | None = None
    client_key_file: str | None = None
    ca_file: str | None = None
    protocol_version: str = "v2.2.0"
    cancelled_status: Literal["Available", "Unavailable"] = "Available"
    notification_header: str | None = None
    notification_secret: str | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        if self.ambiguity is not Ambiguity.REVIEW:
            raise Misconfigured(
                "ES2PLUS_AMBIGUITY must be review: each DownloadOrder reserves another profile, and"
                " ES2+ cannot be asked for an order by our reference."
            )
        if self.resale:
            raise Misconfigured(
                "ES2PLUS_RESALE must be false: what nobody has downloaded is given back by"
                " CancelOrder, and its code would not work from stock."
            )
        if bool(self.notification_header) != bool(self.notification_secret):
            raise Misconfigured(
                "ES2PLUS_NOTIFICATION_HEADER and ES2PLUS_NOTIFICATION_SECRET go together."
            )
        if self.notification_secret and not _HEADER_SECRET.fullmatch(self.notification_secret):
            raise Misconfigured(
                "ES2PLUS_NOTIFICATION_SECRET must have at least 16 characters: no space, no line"
                " break, ASCII only."
            )
