"""The least that a client of each contract sends, written from the contracts alone."""

from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import httpx

from sandbox import credentials
from sandbox.sandbox import Sandbox

PROVIDERS = ("CONNECTED_YOU", "AIRALO", "ESIM_ACCESS", "ES2PLUS")
BUY = {
    "CONNECTED_YOU": "order",
    "AIRALO": "order",
    "ESIM_ACCESS": "order",
    "ES2PLUS": "downloadOrder",
}
PAGER = {"pageNum": 1, "pageSize": 20}


@dataclass
class Buyer:
    """One client of every contract."""

    client: httpx.AsyncClient
    sandbox: Sandbox
    _airalo_token: str = ""
    _order_numbers: dict[str, str] = field(default_factory=dict)

    async def buy(
        self, provider: str, reference: str = "order-1", plan: str = "PLAN-1", quantity: int = 1
    ) -> httpx.Response:
        """Buy at once (eSIM Access knows no other way than later)."""
        match provider:
            case "CONNECTED_YOU":
                return await self.connected_you(reference, plan, quantity)
            case "AIRALO":
                return await self.airalo("orders", reference, plan, quantity)
            case "ESIM_ACCESS":
                bought = await self.esim_access(
                    "esim/order",
                    transactionId=reference,
                    packageInfoList=[{"packageCode": plan, "count": quantity}],
                )
                self._note_order_number(reference, bought)
                return bought
            case _:
                return await self.es2plus("downloadOrder", reference, profileType=plan)

    async def look_up(self, provider: str, reference: str = "order-1") -> httpx.Response:
        """Ask for what was bought."""
        base = self.sandbox.base_url(provider)
        if provider == "CONNECTED_YOU":
            query = {"partnerId": credentials.CONNECTED_YOU_PARTNER_ID, "orderReference": reference}
            headers = {"x-api-key": credentials.CONNECTED_YOU_API_KEY}
            return await self.client.get(f"{base}/partners/orders", params=query, headers=headers)
        if provider == "AIRALO":
            wanted = {"filter[description]": reference, "include": "sims,status"}
            return await self.client.get(
                f"{base}/orders", params=wanted, headers=await self.airalo_headers()
            )
        order_no = self._order_numbers.get(reference, "B0")
        return await self.esim_access("esim/query", orderNo=order_no, pager=PAGER)

    def _note_order_number(self, reference: str, bought: httpx.Response) -> None:
        """Keep what eSIM Access calls an order: it finds one by nothing else of its own."""
        with suppress(ValueError):  # a reply that is no JSON names none
            self._order_numbers |= {
                reference: (bought.json().get("obj") or {}).get("orderNo", "B0")
            }

    async def connected_you(
        self,
        reference: str,
        plan: str,
        quantity: int = 1,
        key: str = credentials.CONNECTED_YOU_API_KEY,
    ) -> httpx.Response:
        """`POST /partners/orders`."""
        body = {
            "partnerId": credentials.CONNECTED_YOU_PARTNER_ID,
            "orderReference": reference,
            "planCode": plan,
            "countryIso2": "ES",
            "quantity": quantity,
            "customer": {"email": "ana@example.com", "name": "Ana"},
            "metadata": {"order_id": 1, "plan_name": "Spain 5GB"},
        }
        return await self.client.post(
            f"{self.sandbox.base_url('CONNECTED_YOU')}/partners/orders",
            json=body,
            headers={"x-api-key": key},
        )

    async def airalo(
        self,
        path: str = "orders",
        reference: str = "order-1",
        plan: str = "PLAN-1",
        quantity: int = 1,
        **more: str,
    ) -> httpx.Response:
        """`POST orders` or `POST orders-async`."""
        body = {"package_id": plan, "quantity": quantity, "type": "sim", "description": reference}
        return await self.client.post(
            f"{self.sandbox.base_url('AIRALO')}/{path}",
            json={**body, **more},
            headers=await self.airalo_headers(),
        )

    async def airalo_headers(self) -> dict[str, str]:
        """A bearer token, fetched once."""
        if not self._airalo_token:
            response = await self.airalo_token()
            self._airalo_token = response.json()["data"]["access_token"]
        return {"authorization": f"Bearer {self._airalo_token}"}

    async def airalo_token(self) -> httpx.Response:
        """`POST token` as a form."""
        given = {
            "client_id": credentials.AIRALO_CLIENT_ID,
            "client_secret": credentials.AIRALO_CLIENT_SECRET,
            "grant_type": "client_credentials",
        }
        return await self.client.post(f"{self.sandbox.base_url('AIRALO')}/token", data=given)

    async def esim_access(self, path: str, **body: Any) -> httpx.Response:
        """Any call of eSIM Access."""
        return await self.client.post(
            f"{self.sandbox.base_url('ESIM_ACCESS')}/{path}",
            json=body,
            headers={"RT-AccessCode": credentials.ESIM_ACCESS_ACCESS_CODE},
        )

    async def es2plus(self, function: str, call: str = "order-1", **body: Any) -> httpx.Response:
        """Any function of ES2+."""
        header = {
            "functionRequesterIdentifier": credentials.ES2PLUS_REQUESTER,
            "functionCallIdentifier": call,
        }
        return await self.client.post(
            f"{self.sandbox.base_url('ES2PLUS')}/gsma/rsp2/es2plus/{function}",
            json={"header": header, **body},
            headers={"X-Admin-Protocol": "gsma/rsp/v2.2.0"},
        )


def told_iccid(provider: str, reply: Any) -> str:
    """The ICCID in a reply that tells one."""
    match provider:
        case "CONNECTED_YOU":
            told = reply["data"]
            return str((told[0] if isinstance(told, list) else told)["iccid"])
        case "AIRALO":
            told = reply["data"]
            return str((told[0] if isinstance(told, list) else told)["sims"][0]["iccid"])
        case "ESIM_ACCESS":
            return str(reply["obj"]["esimList"][0]["iccid"])
        case _:
            return str(reply["iccid"]).removesuffix("F")
