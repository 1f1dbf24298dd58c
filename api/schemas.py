"""The JSON that goes in and out. Codes appear in `EsimBody` alone, and only its owner gets one."""

from datetime import UTC, datetime
from typing import Annotated, Any, Literal
from urllib.parse import quote

from pydantic import AfterValidator, BaseModel, Field, StringConstraints

from api.failures import sentence
from api.http.ids import Id
from db.events import Event
from db.orders import Order
from db.payments import Payment
from db.profiles import Profile
from domain.codes import parse_activation_code
from domain.errors import InvalidActivationCode
from domain.order import OrderStatus
from domain.payment import PaymentStatus
from domain.profile import ProfileStatus

_APPLE_INSTALL = "https://esimsetup.apple.com/esim_qrcode_provisioning?carddata="

# ISO 4217: every other currency we may meet has two decimals.
_DECIMALS = {"BHD": 3, "JOD": 3, "KWD": 3, "OMR": 3, "TND": 3} | dict.fromkeys(
    ("CLP", "ISK", "JPY", "KRW", "PYG", "UGX", "VND", "XAF", "XOF", "XPF"), 0
)


def _utc(moment: datetime) -> datetime:
    return moment.astimezone(UTC)


def _no_nul(text: str) -> str:
    if "\x00" in text:  # Postgres cannot store it
        raise ValueError("must not contain a NUL character")
    return text


Instant = Annotated[datetime, AfterValidator(_utc)]
Currency = Annotated[str, StringConstraints(pattern=r"^[A-Z]{3}$")]
Text = Annotated[
    str,
    StringConstraints(min_length=1, max_length=500, strip_whitespace=True),
    AfterValidator(_no_nul),
]
ProviderName = Annotated[
    str, StringConstraints(strip_whitespace=True, pattern=r"^[A-Za-z][A-Za-z0-9_]{0,31}$")
]


_ELSEWHERE = "Buy here instead of along the plan's route (plan_codes)."


class ActivateRequest(BaseModel):
    """Which paid order to turn into an eSIM."""

    order_id: Id


class OrderRequest(BaseModel):
    """Which plan to order; the currency must be the plan's."""

    plan_id: Id
    currency: Currency = "USD"


class PaymentRequest(BaseModel):
    """Which order to pay."""

    order_id: Id
    provider: Literal["MOCK"] | None = None


class PaymentReport(BaseModel):
    """What the MOCK payment provider says of an intent."""

    provider: Literal["MOCK"] = "MOCK"
    intent_id: Text
    status: Literal["succeeded", "failed", "refunded"]


class RetryRequest(BaseModel):
    """Why somebody wants a waiting activation to try again now."""

    reason: Text
    provider: ProviderName | None = Field(None, description=_ELSEWHERE)


class CancelRequest(BaseModel):
    """Why somebody wants an activation to end."""

    reason: Text


class PaymentBody(BaseModel):
    """An intent to pay for an order."""

    intent_id: str
    status: PaymentStatus
    provider: str
    amount_minor_units: int
    currency: str

    @classmethod
    def of(cls, payment: Payment) -> "PaymentBody":
        """Show a payment."""
        return cls.model_validate(payment, from_attributes=True)


class ReportBody(BaseModel):
    """The answer to a payment provider's report."""

    status: Literal["processed"] = "processed"
    intent_status: PaymentStatus


class EsimBody(BaseModel):
    """An eSIM as its owner sees it. The codes are null until it is ready."""

    id: int
    order_id: int
    activation_code: str | None
    iccid: str | None
    status: ProfileStatus
    created_at: Instant
    provisioned_at: Instant | None
    provider_reference: str | None
    qr_payload: str | None
    instructions: str | None
    confirmation_code: str | None = Field(
        description="What the phone asks for while it installs the eSIM. Null if it asks for"
        " nothing; also if it does and we do not have it: then `installable` is false."
    )
    inventory_item_id: int | None
    plan_id: int
    country_id: int | None
    carrier_id: int | None
    plan_snapshot: dict[str, Any]
    installable: bool = Field(
        description="A phone can install it by scanning the QR code, and a confirmation code that"
        " the QR code asks for is there."
    )
    apple_install_url: str | None = Field(description="Installs with one tap (iOS 17.4 and later).")

    @classmethod
    def of(cls, profile: Profile) -> "EsimBody":
        """Show a profile to its owner."""
        installable = _is_installable(profile)
        shown = {name: getattr(profile, name) for name in _SHOWN}
        url = _APPLE_INSTALL + quote(profile.qr_payload or "", safe="") if installable else None
        return cls(**shown, installable=installable, apple_install_url=url)


_SHOWN = EsimBody.model_fields.keys() & Profile.__dataclass_fields__.keys()


class OrderBody(BaseModel):
    """An order as its owner sees it."""

    id: int
    plan_id: int
    status: OrderStatus
    currency: str
    amount_minor_units: int
    amount_major: float
    created_at: Instant
    plan_snapshot: dict[str, Any]
    esim_profile: EsimBody | None

    @classmethod
    def of(cls, order: Order, profile: Profile | None) -> "OrderBody":
        """Show an order to its owner."""
        return cls(
            id=order.id,
            plan_id=order.plan_id,
            status=order.status,
            currency=order.currency,
            amount_minor_units=order.amount_minor_units,
            amount_major=order.amount_minor_units / 10 ** _DECIMALS.get(order.currency, 2),
            created_at=order.created_at,
            plan_snapshot=dict(order.plan_snapshot),
            esim_profile=EsimBody.of(profile) if profile else None,
        )


class FailureBody(BaseModel):
    """Why the last round of attempts gave no eSIM."""

    code: str = Field(description="For programs.")
    detail: str = Field(description="For the customer.")
    reason: str | None = Field(description="For ops alone: null for everybody else.")

    @classmethod
    def of(cls, profile: Profile, *, for_ops: bool) -> "FailureBody | None":
        """Show a profile's failure, if it has one."""
        if profile.failure_code is None:
            return None
        return cls(
            code=profile.failure_code,
            detail=sentence(profile.status),
            reason=profile.failure_reason if for_ops else None,
        )


class LinksBody(BaseModel):
    """Where to read on."""

    self: str
    timeline: str
    events: str
    esim: str


class ActivationBody(BaseModel):
    """Where an activation stands. Holds no code."""

    id: int = Field(description="The eSIM's id.")
    order_id: int
    plan_id: int
    status: ProfileStatus
    failure: FailureBody | None
    failed_rounds: int
    inventory_item_id: int | None
    created_at: Instant
    updated_at: Instant
    started_at: Instant | None
    provisioned_at: Instant | None
    activated_at: Instant | None
    links: LinksBody

    @classmethod
    def of(cls, profile: Profile, *, for_ops: bool) -> "ActivationBody":
        """Show a profile without its codes; why it failed in detail is for ops."""
        return cls(
            id=profile.id,
            order_id=profile.order_id,
            plan_id=profile.plan_id,
            status=profile.status,
            failure=FailureBody.of(profile, for_ops=for_ops),
            failed_rounds=profile.failed_rounds,
            inventory_item_id=profile.inventory_item_id,
            created_at=profile.created_at,
            updated_at=profile.updated_at,
            started_at=profile.started_at,
            provisioned_at=profile.provisioned_at,
            activated_at=profile.activated_at,
            links=_links(profile),
        )


class EngineBody(BaseModel):
    """What Temporal alone knows of a running activation."""

    step: str
    provider: str | None
    next_round_at: str | None


class ActivationDetailBody(ActivationBody):
    """An activation as ops see it."""

    user_id: int
    engine: EngineBody | None = Field(description="Null if nothing runs or Temporal is away.")


class CancelledBody(ActivationBody):
    """An activation that was asked to end."""

    settling_at: str | None = Field(
        description="The provider at which its purchase is still being settled, if there is one."
    )


class EventBody(BaseModel):
    """One line of an order's timeline. Who did it, where, and why it failed is for ops alone."""

    id: int
    kind: str
    from_status: ProfileStatus | None
    to_status: ProfileStatus | None
    error_code: str | None
    error: str | None
    created_at: Instant
    actor: str | None = None
    attempt: int | None = None
    workflow_id: str | None = None
    run_id: str | None = None
    payload: dict[str, Any] | None = None

    @classmethod
    def of(cls, event: Event, *, for_ops: bool) -> "EventBody":
        """Show an event; customers see neither the names of staff nor the machinery."""
        shown = {name: getattr(event, name) for name in Event.__dataclass_fields__}
        shown["payload"] = dict(event.payload)
        if not for_ops:
            shown |= dict.fromkeys(_FOR_OPS)
        return cls(**shown)


_FOR_OPS = ("error", "actor", "attempt", "workflow_id", "run_id", "payload")


def _links(profile: Profile) -> LinksBody:
    activation = f"/api/activations/{profile.order_id}"
    return LinksBody(
        self=activation,
        timeline=f"{activation}/timeline",
        events=f"{activation}/events",
        esim=f"/api/esims/{profile.id}",
    )


def _is_installable(profile: Profile) -> bool:
    """Whether the owner is shown all that a phone will ask for."""
    if profile.qr_payload is None:
        return False
    try:
        code = parse_activation_code(profile.qr_payload)
    except InvalidActivationCode:
        return False
    return bool(profile.confirmation_code) or not code.confirmation_required
