"""LOCAL's made-up profiles."""

from dataclasses import replace

from domain.codes import parse_activation_code
from domain.iccid import parse_iccid
from domain.provider import ProvisionRequest
from providers.connected_you import ConnectedYouConfig, ConnectedYouDryRun
from providers.local import LocalProvider


async def test_profile_is_well_formed(request_42: ProvisionRequest) -> None:
    """A 19-digit ICCID that passes Luhn and an LPA string that SGP.22 accepts."""
    esim = await LocalProvider().provision(request_42)
    iccid = parse_iccid(str(esim.iccid), strict_luhn=True)
    assert iccid.digits.startswith("8999")
    assert len(iccid.digits) == 19
    code = parse_activation_code(esim.qr_payload)
    assert code.smdp_address == "smdp.local.example"
    assert (esim.activation_code, esim.qr_payload) == (code.activation_code, code.lpa_string)


async def test_reference_alone_decides(request_42: ProvisionRequest) -> None:
    """Another process, plan or customer gives the same profile to the same reference."""
    again = replace(request_42, plan_code="FR-1GB", customer_name=None, order_id=7)
    first = await LocalProvider().provision(request_42)
    second = await LocalProvider().provision(again)
    assert (first.iccid, first.qr_payload) == (second.iccid, second.qr_payload)


async def test_no_two_references_share_a_profile(request_42: ProvisionRequest) -> None:
    """A thousand orders, a thousand ICCIDs and codes, none of them a dry run's."""
    local = LocalProvider()
    dry_run = ConnectedYouDryRun(ConnectedYouConfig("https://example.com", "partner-1"))
    requests = [replace(request_42, reference=f"order-{number}") for number in range(500)]
    esims = [await each.provision(request) for each in (local, dry_run) for request in requests]
    assert len({esim.iccid for esim in esims}) == 1000
    assert len({esim.qr_payload for esim in esims}) == 1000
