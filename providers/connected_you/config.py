"""What must be known of this deployment to buy from ConnectedYou."""

from dataclasses import dataclass, field

from domain.errors import Misconfigured
from domain.purchase import Ambiguity


@dataclass(frozen=True, slots=True)
class ConnectedYouConfig:
    """The `CONNECTED_YOU_*` variables.

    Attributes:
        ambiguity: what the partner has confirmed for an unknown outcome; the draft contract
            documents neither look-up nor deduplication, hence a person by default.
        iccid_luhn_strict: treat a reply whose ICCID fails its check digit as unusable.

    Raises:
        Misconfigured: the partner id is missing.
    """

    base_url: str
    partner_id: str
    api_key: str | None = field(default=None, repr=False)
    timeout_seconds: float = 15
    dry_run: bool = True
    ambiguity: Ambiguity = Ambiguity.REVIEW
    iccid_luhn_strict: bool = False

    def __post_init__(self) -> None:
        if not self.partner_id.strip():
            raise Misconfigured(
                "CONNECTED_YOU_PARTNER_ID is required to buy from ConnectedYou, dry runs included."
            )
