"""The columns of every table that is written to, so that mypy knows a misspelt one.

Give them to a statement as `.values(OrderColumns(status=...))`. A test compares the names with
`db/tables`, and refuses `.values(status=...)`, whose names nobody would check.
"""

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any, TypeAlias, TypedDict

from sqlalchemy import ColumnElement

from domain.access import Role
from domain.notice import NoticeKind
from domain.order import OrderStatus
from domain.payment import PaymentStatus
from domain.profile import ProfileStatus
from domain.purchase import PurchaseState, Resolution
from domain.stock import StockStatus

Moment: TypeAlias = datetime | ColumnElement[datetime] | None
Number: TypeAlias = int | ColumnElement[int]
Json: TypeAlias = Mapping[str, object] | ColumnElement[Any] | None


class UserColumns(TypedDict, total=False):
    """`users`."""

    id: int
    email: str
    name: str | None
    created_at: Moment
    blocked_at: Moment
    blocked_by: str | None
    blocked_reason: str | None


class RoleColumns(TypedDict, total=False):
    """`user_roles`."""

    user_id: int
    role: Role
    granted_by: str
    granted_at: Moment


class OrderColumns(TypedDict, total=False):
    """`orders`."""

    id: int
    user_id: int
    plan_id: int
    status: OrderStatus
    currency: str
    amount_minor_units: int
    plan_snapshot: Json
    idempotency_key: str | None
    paid_at: Moment
    created_at: Moment


class PaymentColumns(TypedDict, total=False):
    """`payments`."""

    id: int
    order_id: int
    provider: str
    intent_id: str
    status: PaymentStatus
    amount_minor_units: int
    currency: str
    created_at: Moment
    settled_at: Moment


class EventColumns(TypedDict, total=False):
    """`esim_provisioning_events`."""

    id: int
    order_id: int
    kind: str
    from_status: ProfileStatus | None
    to_status: ProfileStatus | None
    actor: str
    attempt: int | None
    workflow_id: str | None
    run_id: str | None
    error_code: str | None
    error: str | None
    payload: Json
    created_at: Moment


class ProfileColumns(TypedDict, total=False):
    """`esim_profiles`."""

    id: int
    order_id: int
    user_id: int
    plan_id: int
    country_id: int | None
    carrier_id: int | None
    status: ProfileStatus
    inventory_item_id: int | None
    activation_code: str | None
    iccid: str | None
    qr_payload: str | None
    instructions: str | None
    confirmation_code: str | None
    provider_reference: str | None
    as_given: bool
    failure_code: str | None
    failure_reason: str | None
    failed_rounds: Number
    created_at: Moment
    updated_at: Moment
    started_at: Moment
    provisioned_at: Moment
    activated_at: Moment
    restored_at: Moment


class StockColumns(TypedDict, total=False):
    """`esim_inventory`."""

    id: int
    plan_id: int | None
    carrier_id: int | None
    country_id: int | None
    activation_code: str
    iccid: str | None
    iccid_scope: Number
    qr_payload: str | None
    instructions: str | None
    confirmation_code: str | None
    status: StockStatus
    order_id: int | None
    provider: str | None
    provider_reference: str | None
    sale_id: str | None
    as_given: bool
    import_id: int | None
    metadata: Json
    installable: bool | None
    stock_seq: Number
    created_at: Moment
    updated_at: Moment
    reserved_at: Moment
    assigned_at: Moment
    retired_at: Moment
    retired_reason: str | None
    expires_at: Moment


class ImportColumns(TypedDict, total=False):
    """`inventory_imports`."""

    id: int
    file_name: str
    actor: str
    row_count: Number
    created_at: Moment


class PurchaseColumns(TypedDict, total=False):
    """`provider_intents`."""

    id: int
    order_id: int
    provider: str
    reference: str
    plan_code: str | None
    state: PurchaseState
    attempts: Number
    request: Json
    reply: Json
    error_code: str | None
    error: str | None
    inventory_item_id: int | None
    provider_order_id: str | None
    created_at: Moment
    sent_at: Moment
    accepted_at: Moment
    absent_at: Moment
    closed_at: Moment
    unheard_since: Moment
    released_at: Moment
    returned_at: Moment
    return_error: str | None
    downloaded_at: Moment
    resolution: Resolution | None
    resolved_by: str | None
    resolved_reason: str | None


class GateColumns(TypedDict, total=False):
    """`provider_gates`."""

    provider: str
    offered: bool
    paused: bool
    paused_by: str | None
    paused_reason: str | None
    paused_at: Moment
    blocked_until: Moment
    next_call_at: Moment
    failures: Number
    opened_at: Moment
    probe_at: Moment
    credentials_refused: bool
    last_success_at: Moment
    last_failure_at: Moment
    last_failure_code: str | None
    balance: Decimal | None
    balance_currency: str | None
    balance_at: Moment


class NoticeColumns(TypedDict, total=False):
    """`provider_webhooks`."""

    id: int
    provider: str
    event_id: str
    kind: NoticeKind
    trusted: bool
    reference: str | None
    provider_order_id: str | None
    iccid: str | None
    reason: str | None
    order_id: int | None
    received_at: Moment


class ReplyColumns(TypedDict, total=False):
    """`quarantined_replies`."""

    id: int
    intent_id: int
    order_id: int
    provider: str
    reason: str
    raw: str
    created_at: Moment
