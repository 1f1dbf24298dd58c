"""A customer's own eSIMs and their QR codes."""

import re
import struct

import httpx
import pytest
import segno
from sqlalchemy.ext.asyncio import AsyncEngine

from tests.api.asking import activate
from tests.rows import paid_order, run, stock_item, value


@pytest.mark.usefixtures("worker")
async def test_my_esims_carry_their_codes(customer: httpx.AsyncClient, engine: AsyncEngine) -> None:
    """The list and the single eSIM equal what the activation answered."""
    await stock_item(engine)
    pending = await paid_order(engine)
    esim = (await activate(customer, await paid_order(engine))).json()
    listed = (await customer.get("/api/esims/mine")).json()
    assert listed[0] == esim
    assert (listed[1]["order_id"], listed[1]["activation_code"]) == (pending, None)
    one = await customer.get(f"/api/esims/{esim['id']}")
    assert one.json() == esim
    assert one.headers["cache-control"] == "no-store"
    order = (await customer.get(f"/api/orders/{esim['order_id']}")).json()
    assert order["esim_profile"] == esim


@pytest.mark.usefixtures("worker")
async def test_the_qr_code_shows_the_lpa_string(
    customer: httpx.AsyncClient, engine: AsyncEngine
) -> None:
    """SVG and PNG are the QR code of the payload; nobody on the way keeps them."""
    await stock_item(engine)
    esim = (await activate(customer, await paid_order(engine))).json()
    expected = segno.make(esim["qr_payload"], micro=False, error="m")
    svg = await customer.get(f"/api/esims/{esim['id']}/qr.svg")
    assert svg.headers["content-type"].startswith("image/svg+xml")
    [modules] = re.findall(r'stroke="#000" d="[^"]+"', expected.svg_inline())
    assert modules in svg.text
    assert 'fill="#fff"' in svg.text
    png = await customer.get(f"/api/esims/{esim['id']}/qr.png")
    assert png.headers["content-type"] == "image/png"
    width, height = struct.unpack(">II", png.content[16:24])
    assert (width, height) == expected.symbol_size(scale=8)
    assert svg.headers["cache-control"] == png.headers["cache-control"] == "no-store"


async def test_there_is_no_qr_code_before_there_is_a_code(
    customer: httpx.AsyncClient, engine: AsyncEngine
) -> None:
    """409, and 404 for an eSIM that does not exist."""
    await paid_order(engine)
    esim_id = await value(engine, "SELECT id FROM esim_profiles")
    answer = await customer.get(f"/api/esims/{esim_id}/qr.svg")
    assert (answer.status_code, answer.json()["code"]) == (409, "esim-not-ready")
    assert (await customer.get("/api/esims/987654/qr.png")).status_code == 404


@pytest.mark.usefixtures("worker")
async def test_short_stock_is_handed_out_and_flagged(
    customer: httpx.AsyncClient, engine: AsyncEngine
) -> None:
    """The seeds' own `LPA:1$XYZ` reaches the customer, who learns that no phone installs it."""
    await run(
        engine,
        "INSERT INTO esim_inventory (plan_id, carrier_id, country_id, activation_code, iccid,"
        " qr_payload, instructions) VALUES (123, NULL, NULL, 'INV-ABC123',"
        " '89010000000000000123', 'LPA:1$INV-ABC123', 'Install via device settings')",
    )
    esim = (await activate(customer, await paid_order(engine))).json()
    assert (esim["activation_code"], esim["qr_payload"]) == ("INV-ABC123", "LPA:1$INV-ABC123")
    assert (esim["installable"], esim["apple_install_url"]) == (False, None)


@pytest.mark.usefixtures("worker")
@pytest.mark.parametrize(
    ("flag", "confirmation_code", "installable"),
    [("$$1", "4711-CANARY", True), ("", "4711-CANARY", True), ("$$1", None, False)],
)
async def test_the_owner_is_shown_the_confirmation_code(
    customer: httpx.AsyncClient,
    engine: AsyncEngine,
    flag: str,
    confirmation_code: str | None,
    installable: bool,
) -> None:
    """Wherever the activation code is; one that is asked for and missing is not installable."""
    item_id = await stock_item(engine)
    await run(
        engine,
        "UPDATE esim_inventory SET confirmation_code = :confirmation,"
        " activation_code = activation_code || :flag, qr_payload = qr_payload || :flag",
        confirmation=confirmation_code,
        flag=flag,
    )
    esim = (await activate(customer, await paid_order(engine))).json()
    assert (esim["inventory_item_id"], esim["status"]) == (item_id, "activated")
    assert esim["confirmation_code"] == confirmation_code
    assert esim["installable"] is installable
    assert (esim["apple_install_url"] is not None) is installable
    assert (await customer.get("/api/esims/mine")).json() == [esim]
    assert (await customer.get(f"/api/orders/{esim['order_id']}")).json()["esim_profile"] == esim
