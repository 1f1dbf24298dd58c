"""The replies of eSIM Access as its reference shows them, for a scripted server.

The replies are literal on purpose: a test of the adapter must not read what our sandbox wrote.
"""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace

from domain.provider import Bought
from providers.esim_access import EsimAccess, EsimAccessConfig
from tests.partners.scripted import Answer, ScriptedServer, answering

ACCESS_CODE = "canary-access-code"
MATCHING_ID = "451F9802E6CANARY"
SECRETS = (ACCESS_CODE, MATCHING_ID)
TALKATIVE = f"code {ACCESS_CODE}, {MATCHING_ID} and LPA:1$rsp-eu.redteamobile.com${MATCHING_ID}"

ORDER_NO = "B22102706381924"
PROFILE: dict[str, object] = {
    "esimTranNo": "22102706381912",
    "orderNo": ORDER_NO,
    "transactionId": "order-42",
    "imsi": "454006109846571",
    "iccid": "89852245280000942210",
    "ac": f"LPA:1$rsp-eu.redteamobile.com${MATCHING_ID}",
    "qrCodeUrl": f"http://static.redtea.io/{MATCHING_ID}",
    "smdpStatus": "RELEASED",
    "esimStatus": "GOT_RESOURCE",
    "expiredTime": "2025-03-19T18:00:00+0000",
    "packageList": [{"packageCode": "ES-5GB", "slug": "ES_5_30", "duration": 30}],
}

ICCID = str(PROFILE["iccid"])
BOUGHT = Bought("order-42", ORDER_NO, ICCID)
OTHER_CODE = "OTHERCANARY1234"
OTHER = {
    **PROFILE,
    "orderNo": "B1",
    "transactionId": "order-43",
    "ac": f"LPA:1$rsp-eu.redteamobile.com${OTHER_CODE}",
}


def config_for(partner: ScriptedServer, **changes: object) -> EsimAccessConfig:
    """How a deployment would name this partner."""
    config = EsimAccessConfig(base_url=f"{partner.base_url}/open", access_code=ACCESS_CODE)
    return replace(config, **changes)  # type: ignore[arg-type]


@asynccontextmanager
async def esim_access_at(partner: ScriptedServer, **changes: object) -> AsyncIterator[EsimAccess]:
    """An adapter for this partner; keywords change its configuration."""
    adapter = EsimAccess(config_for(partner, **changes))
    yield adapter
    await adapter.aclose()


def succeeding(obj: object, success: object = True) -> Answer:
    """Answer with success."""
    return answering(200, {"success": success, "errorCode": "0", "errorMsg": None, "obj": obj})


def listing(*profiles: Mapping[str, object]) -> Answer:
    """Answer a query with these profiles."""
    pager = {"pageNum": 1, "pageSize": 20, "total": len(profiles)}
    return succeeding({"esimList": list(profiles), "pager": pager})


def failing(code: object, status: int = 200) -> Answer:
    """Answer with a failure."""
    body = {"success": False, "errorCode": code, "errorMsg": TALKATIVE, "obj": None}
    return answering(status, body)
