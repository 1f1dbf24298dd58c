"""The dry run: logs what would be sent, makes up what would come back."""

import structlog

from domain.provider import ProvisionRequest
from domain.purchase import Ambiguity
from providers.connected_you import ConnectedYouConfig, build_connected_you
from tests.partners.connected_you import API_KEY, PARTNER_ID

CONFIG = ConnectedYouConfig("https://sandbox.api.connectedyou.com", PARTNER_ID, API_KEY)


async def test_outbound_payload_is_logged_without_secrets(request_42: ProvisionRequest) -> None:
    """The log line appears once, with the body and without the customer."""
    with structlog.testing.capture_logs() as logs:
        esim = await build_connected_you(CONFIG).provision(request_42)
    (line,) = logs
    assert line["event"] == "ConnectedYou dry-run payload"
    assert line["payload"] == {
        "partnerId": PARTNER_ID,
        "orderReference": "order-42",
        "planCode": "ES-5GB",
        "countryIso2": "ES",
        "quantity": 1,
        "customer": {"email": "[redacted]", "name": "[redacted]"},
        "metadata": {"order_id": 42, "plan_name": "Spain 5GB"},
    }
    for secret in (API_KEY, esim.activation_code, esim.qr_payload, "canary", "Canary"):
        assert secret not in repr(logs)


def test_repeat_is_safe() -> None:
    """A dry run may be sent again whatever the live partner has confirmed."""
    assert build_connected_you(CONFIG).traits.ambiguity is Ambiguity.IDEMPOTENT


async def test_needs_no_api_key(request_42: ProvisionRequest) -> None:
    """The partner id is enough, as docs/operating.md says."""
    config = ConnectedYouConfig("https://sandbox.api.connectedyou.com", PARTNER_ID)
    assert (await build_connected_you(config).provision(request_42)).iccid
