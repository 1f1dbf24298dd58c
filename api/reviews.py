"""Purchases in doubt: what is known of them, and what a person decides. For ops alone."""

from typing import Annotated, Any

from fastapi import APIRouter, Query
from fastapi.responses import PlainTextResponse
from pydantic import BaseModel, Field, SecretStr

from api.event_stream import EventBody
from api.http import problems
from api.http.auth import CodesRead, OpsAct, OpsRead
from api.http.ids import PathId
from api.http.paging import PAGED, AskedPage
from api.http.scalars import Instant, ProviderName, Text
from api.http.strict import RequestBody, StrictRoute
from api.resources import Shared
from db.review_views import KeptReply, Review
from domain.codes import SoldCode, sold_code
from domain.errors import InvalidInput
from domain.order import OrderStatus
from domain.profile import ProfileStatus
from domain.purchase import PurchaseState, Resolution
from domain.review import FollowUp
from domain.stock import StockStatus
from operations import review_page, reviews
from operations.review_page import Page
from operations.reviews import Decision, Resolved

router = APIRouter(route_class=StrictRoute, prefix="/api/admin/reviews", tags=["Reviews"])

# SecretStr: neither a validation error nor a repr shows it.
Secret = Annotated[SecretStr, Field(min_length=1, max_length=1000)]


class ResolveRequest(RequestBody):
    """What a person has found out about a purchase in doubt."""

    resolution: Resolution = Field(
        description="`exists`: it was booked, and here is the code. `absent`: it was not booked,"
        " so buy again; a wrong answer is a second charge. `given_up`: cancel the activation."
    )
    reason: Text = Field(description="How you know. No code belongs here.")
    activation_code: Secret | None = Field(
        None, description="For `exists`: `1$SM-DP+$MATCHING-ID`, with or without `LPA:`."
    )
    iccid: Text | None = Field(
        None, description="18 to 20 digits, if the provider names one. At `ES2PLUS` always."
    )
    confirmation_code: Secret | None = Field(None, description="If the provider gives one.")
    provider_order_id: Text | None = Field(None, description="What the provider calls the order.")
    as_given: bool = Field(
        default=False,
        description="For `exists`: the provider stands by this code, whatever it looks like. The"
        " customer is given it to the letter.",
    )

    def decision(self, actor: str) -> Decision:
        """Make the decision of this request, in somebody's name."""
        return Decision(self.resolution, actor, self.reason, self._sold(), self.provider_order_id)

    def _sold(self) -> SoldCode | None:
        confirmation = self.confirmation_code.get_secret_value() if self.confirmation_code else None
        if self.activation_code is not None:
            code = self.activation_code.get_secret_value()
            return sold_code(code, self.iccid, confirmation, as_given=self.as_given)
        if self.iccid or confirmation or self.as_given:
            raise InvalidInput(
                "An ICCID, a confirmation code and as_given come with an activation code."
            )
        return None


class ResolvedBody(BaseModel):
    """What a decision has changed, and what comes next."""

    order_id: int
    resolution: Resolution
    provider: str
    reference: str
    inventory_item_id: int | None
    item_status: StockStatus | None = Field(
        description="`reserved`: on its way to the customer. `retired`: the order needs it no more."
    )
    follow_up: FollowUp = Field(description="What is asked of the activation.")
    asked: bool = Field(description="False if there was nothing to ask, or Temporal is away.")
    next_step: str

    @classmethod
    def of(cls, resolved: Resolved) -> "ResolvedBody":
        """Show a decision."""
        decided = resolved.decided
        return cls(
            order_id=decided.order_id,
            resolution=decided.resolution,
            provider=decided.provider,
            reference=decided.reference,
            inventory_item_id=decided.item_id,
            item_status=decided.item_status,
            follow_up=decided.follow_up,
            asked=resolved.asked,
            next_step=resolved.next_step,
        )


class ReviewBody(BaseModel):
    """A purchase in doubt, or one that a person has decided."""

    id: int = Field(description="The purchase's id.")
    order_id: int
    user_id: int
    plan_id: int
    order_status: OrderStatus
    profile_status: ProfileStatus
    provider: str
    reference: str = Field(description="Our key at the provider: ask for it there.")
    provider_order_id: str | None
    state: PurchaseState
    attempts: int
    request: dict[str, Any] = Field(description="What was sent, without secrets.")
    reply: dict[str, Any] | None = Field(description="What came back, without secrets.")
    error_code: str | None
    error: str | None
    inventory_item_id: int | None
    created_at: Instant
    sent_at: Instant | None
    accepted_at: Instant | None
    absent_at: Instant | None = Field(description="The first look-up that found nothing.")
    closed_at: Instant | None
    resolution: Resolution | None
    resolved_by: str | None
    resolved_reason: str | None

    @classmethod
    def of(cls, review: Review) -> "ReviewBody":
        """Show a purchase."""
        return cls(**_facts(review))


class KeptReplyBody(BaseModel):
    """A reply in quarantine. What it says has a page of its own, and reading it is recorded."""

    id: int
    reason: str
    size: int = Field(description="Characters.")
    created_at: Instant

    @classmethod
    def of(cls, reply: KeptReply) -> "KeptReplyBody":
        """Show that there is a reply."""
        return cls.model_validate(reply, from_attributes=True)


class ChoiceBody(BaseModel):
    """A decision that can be taken, and what it would do now."""

    resolution: Resolution
    effect: str


class ReviewDetailBody(ReviewBody):
    """A purchase in doubt with all there is to decide by."""

    replies: list[KeptReplyBody]
    choices: list[ChoiceBody] = Field(description="Empty once somebody has decided.")
    timeline: list[EventBody] = Field(description="The newest events, oldest of them first.")
    earlier_events: int = Field(
        description="How many came before those: GET /api/activations/{id}/timeline has them."
    )

    @classmethod
    def page(cls, page: Page) -> "ReviewDetailBody":
        """Show a purchase with its surroundings."""
        choices = page.choices.items()
        return cls(
            **_facts(page.review),
            replies=[KeptReplyBody.of(reply) for reply in page.replies],
            choices=[ChoiceBody(resolution=each, effect=does) for each, does in choices],
            timeline=[EventBody.of(event, for_ops=True) for event in page.timeline],
            earlier_events=page.earlier_events,
        )


@router.get("", responses=PAGED | problems.responses(401, 403, 404, 422, 503))
async def list_reviews(
    page: AskedPage,
    _: OpsRead,
    shared: Shared,
    provider: Annotated[ProviderName | None, Query()] = None,
) -> list[ReviewBody]:
    """List purchases that wait for a person's decision, newest first."""
    found = await review_page.waiting(
        shared.engine, provider=provider, before_id=page.after, limit=page.limit
    )
    page.shows([review.id for review in found])
    return [ReviewBody.of(review) for review in found]


@router.get("/{order_id:id}", responses=problems.responses(401, 403, 404, 422, 503))
async def get_review(order_id: PathId, _: OpsRead, shared: Shared) -> ReviewDetailBody:
    """Show the order's purchase in doubt, else the last one that a person decided."""
    return ReviewDetailBody.page(await review_page.page(shared.engine, order_id))


@router.post(
    "/{order_id:id}/resolve",
    responses=problems.responses(401, 403, 404, 409, 413, 415, 422, 503),
)
async def resolve_review(
    order_id: PathId, body: ResolveRequest, caller: OpsAct, shared: Shared
) -> ResolvedBody:
    """Settle a purchase in doubt: it exists, it does not, or nothing more is tried.

    409 if nothing is in doubt (any more), if a call is under way (`Retry-After`), and if another
    item has the code.
    """
    resolved = await reviews.resolve(
        shared.engine,
        shared.activations,
        order_id,
        body.decision(caller.email),
        enabling=shared.enabling,
    )
    return ResolvedBody.of(resolved)


@router.get(
    "/{order_id:id}/replies/{reply_id:id}",
    response_class=PlainTextResponse,
    responses=problems.responses(401, 403, 404, 422, 503),
)
async def get_quarantined_reply(
    order_id: PathId, reply_id: PathId, caller: CodesRead, shared: Shared
) -> PlainTextResponse:
    """Show a reply as it came, which most likely holds a code. Reading it is recorded."""
    raw = await review_page.show_reply(shared.engine, order_id, reply_id, caller.email)
    return PlainTextResponse(raw, headers={"Cache-Control": "no-store"})


def _facts(review: Review) -> dict[str, Any]:
    """Pick the fields by name: a column added later must not show by itself."""
    facts = {name: getattr(review, name) for name in ReviewBody.model_fields}
    facts["request"] = dict(review.request)
    facts["reply"] = None if review.reply is None else dict(review.reply)
    return facts
