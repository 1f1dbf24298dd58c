"""Stock that was taken out of use, for ops. Never shows a code."""

from fastapi import APIRouter
from pydantic import BaseModel, Field

from api.http import problems
from api.http.auth import OpsRead
from api.http.paging import AskedPage
from api.http.scalars import Instant
from api.http.strict import StrictRoute
from api.resources import Shared
from db import stock_views
from db.engine import transaction

router = APIRouter(route_class=StrictRoute, prefix="/api/admin/stock", tags=["Stock"])


class RetiredItemBody(BaseModel):
    """A stock item that nobody is given any more, and why."""

    id: int
    plan_id: int | None = Field(description="Null fitted any plan.")
    order_id: int | None
    provider: str | None = Field(description="Who sold it; null is stock of our own.")
    provider_reference: str | None
    iccid: str | None
    import_id: int | None
    retired_at: Instant | None
    retired_reason: str


@router.get("/retired", responses=problems.responses(401, 403, 422, 503))
async def list_retired_stock(page: AskedPage, _: OpsRead, shared: Shared) -> list[RetiredItemBody]:
    """Items that were retired because they hold no code, or are needed no more; newest first."""
    async with transaction(shared.engine) as connection:
        found = await stock_views.retired(connection, before_id=page.after, limit=page.limit)
    page.shows([item.id for item in found])
    return [RetiredItemBody.model_validate(item, from_attributes=True) for item in found]
