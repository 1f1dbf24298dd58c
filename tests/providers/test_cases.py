"""Replies from the field (`tests/cases/`): what is paid for is read wherever it can be."""

import asyncio

import pytest

from domain.provider import ProvisionedEsim, ProvisionRequest
from providers.connected_you import ConnectedYou
from tests.cases import reply_case
from tests.partners.airalo import after_token, airalo_at
from tests.partners.connected_you import PartnerServer
from tests.partners.scripted import Received, answering


async def test_small_letters_in_a_matching_id_are_kept(
    partner: PartnerServer, request_42: ProvisionRequest
) -> None:
    """`airalo-mixed-case.json`: delivered as it came; its access point "N/A" is none."""
    partner.answer = after_token(answering(200, reply_case("airalo-mixed-case.json")))
    async with airalo_at(partner) as airalo:
        esim = await airalo.provision(request_42)
    assert isinstance(esim, ProvisionedEsim)
    code = "LPA:1$smdp.north.example$TRIAL-2611280900-kQwZp-10442"
    assert (esim.activation_code, esim.qr_payload) == (code, code)
    assert esim.iccid == "8999047875207864583"
    assert esim.confirmation_code is None
    assert "N/A" not in (esim.instructions or "")


@pytest.mark.parametrize(
    ("name", "matching_id", "iccid"),
    [
        ("partner-code-percent.json", "NB-20-77AC", "8999047945206964518"),
        ("partner-code-link.json", "NB-21-77AC", "8999047952984642282"),
        ("partner-qrcode-picture.json", "NB-30-77AC", "8999048022983742217"),
    ],
)
async def test_wrapped_code_or_a_picture_beside_it_is_read(
    partner: PartnerServer,
    live: ConnectedYou,
    request_42: ProvisionRequest,
    name: str,
    matching_id: str,
    iccid: str,
) -> None:
    """Percent-encoded, inside an install link, or next to the address of a picture."""
    partner.answer = answering(200, reply_case(name))
    esim = await live.provision(request_42)
    code = f"LPA:1$smdp.north.example${matching_id}"
    assert (esim.activation_code, esim.qr_payload, esim.iccid) == (code, code, iccid)
    assert esim.instructions == "Scan the QR code"


async def test_declared_charset_counts(
    partner: PartnerServer, live: ConnectedYou, request_42: ProvisionRequest
) -> None:
    """`partner-latin1.http`: a whole reply in ISO-8859-1 that says so; its accents are right."""

    async def answer(received: Received, writer: asyncio.StreamWriter) -> None:  # noqa: ARG001
        writer.write(reply_case("partner-latin1.http"))

    partner.answer = answer
    esim = await live.provision(request_42)
    assert esim.qr_payload == "LPA:1$smdp.north.example$NB-40-77AC"
    assert esim.iccid == "8999048100760519915"
    assert esim.instructions == "Abra Configuración y añada el plan"
