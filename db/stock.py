"""Stock: taken, held, given, put back. An item is held for at most one order."""

from dataclasses import dataclass, field
from datetime import datetime
from itertools import product

from sqlalchemy import bindparam, func, insert, select, text, update
from sqlalchemy.ext.asyncio import AsyncConnection

from db import stock_codes
from db.columns import StockColumns
from db.rows import changed_one, one
from db.tables import esim_inventory as inventory
from domain.errors import DuplicateStock
from domain.stock import StockStatus, check_transition


@dataclass(frozen=True, slots=True)
class StockItem:
    """One stock item with its codes."""

    id: int
    status: StockStatus
    order_id: int | None
    provider: str | None
    provider_reference: str | None
    iccid: str | None
    as_given: bool
    activation_code: str = field(repr=False)
    qr_payload: str | None = field(repr=False)
    instructions: str | None = field(repr=False)
    confirmation_code: str | None = field(repr=False)


@dataclass(frozen=True, slots=True)
class BoughtItem:
    """A bought profile, about to become an item reserved for its order.

    Attributes:
        iccid_scope: 0 if nobody else may ever have the ICCID, else the purchase that gave it.
        sale_id: what the provider calls this sale.
    """

    order_id: int
    plan_id: int
    carrier_id: int | None
    country_id: int | None
    provider: str
    provider_reference: str
    iccid: str | None
    activation_code: str = field(repr=False)
    qr_payload: str = field(repr=False)
    instructions: str | None = field(default=None, repr=False)
    confirmation_code: str | None = field(default=None, repr=False)
    expires_at: datetime | None = None
    iccid_scope: int = 0
    sale_id: str | None = None
    as_given: bool = False


_COLUMNS = tuple(inventory.c[name] for name in StockItem.__dataclass_fields__)


# Built once: building a statement costs the worker more than sending it.
_HELD = select(*_COLUMNS).where(
    inventory.c.order_id == bindparam("order_id"),
    inventory.c.status.in_([StockStatus.RESERVED, StockStatus.ASSIGNED]),
)
_ASSIGN = (
    update(inventory)
    .where(
        inventory.c.id == bindparam("item_id"),
        inventory.c.order_id == bindparam("order"),
        inventory.c.status == StockStatus.RESERVED,
    )
    .values(
        StockColumns(status=StockStatus.ASSIGNED, assigned_at=func.now(), updated_at=func.now())
    )
)


def _probe(plan: str, carrier: str, country: str) -> str:
    """Write one exact probe of the stock index.

    Every index column is named in ORDER BY because `IS NULL` does not count as equality for
    ordering; `stock_seq` is in no other index, so the planner has no other way to sort.
    """
    return f"""(
        SELECT id FROM esim_inventory
        WHERE status = 'AVAILABLE' AND plan_id {plan} AND carrier_id {carrier}
          AND country_id {country} AND (expires_at IS NULL OR expires_at > now())
        ORDER BY plan_id, carrier_id, country_id, stock_seq
        LIMIT 1 FOR UPDATE SKIP LOCKED)"""  # noqa: S608 - the parts are the constants below


def by_specificity(plan: str, carrier: str, country: str) -> str:
    """Write the eight probes, most specific first: plan, then carrier, then country; NULL is "any".

    The arguments are SQL for what the order asks for.
    """
    return ",\n".join(
        _probe(*wanted)
        for wanted in product(*((f"= {each}", "IS NULL") for each in (plan, carrier, country)))
    )


TAKE = text(f"""
    UPDATE esim_inventory
    SET status = 'RESERVED', order_id = :order_id, reserved_at = now(), updated_at = now()
    WHERE id = (SELECT COALESCE({by_specificity(":plan_id", ":carrier_id", ":country_id")}))
    RETURNING id
""")  # noqa: S608 - built from the constants above
"""Takes the most specific AVAILABLE item that has not expired, oldest first.

Rows locked by others are skipped.
"""


async def take(
    connection: AsyncConnection,
    *,
    order_id: int,
    plan_id: int,
    carrier_id: int | None,
    country_id: int | None,
) -> int | None:
    """Reserve the most specific AVAILABLE item for an order; return its id, None without stock.

    What has expired is no stock; it stays AVAILABLE until somebody retires it.

    Call it with the order's profile locked and only if the order holds nothing yet.
    """
    taken = await connection.execute(
        TAKE,
        {
            "order_id": order_id,
            "plan_id": plan_id,
            "carrier_id": carrier_id,
            "country_id": country_id,
        },
    )
    item_id: int | None = taken.scalar_one_or_none()
    return item_id


@dataclass(frozen=True, slots=True)
class SoldAs:
    """What an item's provider knows it by."""

    iccid: str | None
    sale_id: str | None


async def sold_as(connection: AsyncConnection, item_id: int) -> SoldAs | None:
    """Read what an item's provider knows it by, whatever its state."""
    names = select(inventory.c.iccid, inventory.c.sale_id).where(inventory.c.id == item_id)
    return await one(connection, names, SoldAs)


async def give_up_iccid(connection: AsyncConnection, item_id: int) -> None:
    """Free the ICCID of an item that was given back: its provider may sell it again.

    Which one it was stays in `metadata`.

    Raises:
        StaleWrite: the item is not out of use.
    """
    kept = func.jsonb_build_object("returned_iccid", inventory.c.iccid)
    columns = StockColumns(
        iccid=None, metadata=inventory.c.metadata.concat(kept), updated_at=func.now()
    )
    freed = (
        update(inventory)
        .where(inventory.c.id == item_id, inventory.c.status == StockStatus.RETIRED)
        .values(columns)
    )
    await changed_one(connection, freed, f"Stock item {item_id} changed meanwhile.")


async def held_by(connection: AsyncConnection, order_id: int) -> StockItem | None:
    """Find the item that is reserved for or assigned to an order."""
    return await one(connection, _HELD, StockItem, {"order_id": order_id})


async def names_order(connection: AsyncConnection, order_id: int) -> bool:
    """Tell whether an item has this order, in whatever state: a second one would be refused."""
    found = await connection.scalar(
        select(inventory.c.id).where(inventory.c.order_id == order_id).limit(1)
    )
    return found is not None


async def add_bought(connection: AsyncConnection, purchase: BoughtItem) -> int:
    """Store what a provider sold as an item RESERVED for its order; returns its id.

    Raises (at the latest by way of the transaction):
        DuplicateStock: another item already has this ICCID or code, in whichever spelling.
    """
    columns = StockColumns(
        order_id=purchase.order_id, status=StockStatus.RESERVED, reserved_at=func.now()
    )
    return await _add(connection, purchase, columns)


async def add_unwanted(connection: AsyncConnection, purchase: BoughtItem, *, resell: bool) -> int:
    """Store what was bought for an order that is served already; returns its id.

    It goes to stock where the provider allows it, else out of use. Which order it was bought for
    is kept in `metadata`: the order's own item stands in `order_id`.

    Raises (at the latest by way of the transaction):
        DuplicateStock: another item already has this ICCID or code, in whichever spelling.
    """
    columns = StockColumns(
        order_id=None,
        metadata={"bought_for_order": purchase.order_id},
        status=StockStatus.AVAILABLE if resell else StockStatus.RETIRED,
        retired_at=None if resell else func.now(),
        retired_reason=None if resell else "bought for an order that needs it no more",
    )
    return await _add(connection, purchase, columns)


async def _add(connection: AsyncConnection, purchase: BoughtItem, columns: StockColumns) -> int:
    code, payload = purchase.activation_code, purchase.qr_payload
    owner = await stock_codes.owner(
        connection, code, payload, purchase.iccid, alone=purchase.iccid_scope == 0
    )
    if owner is not None:
        raise DuplicateStock("Another item already has this ICCID or activation code.")
    bought: StockColumns = {
        **columns,
        "plan_id": purchase.plan_id,
        "carrier_id": purchase.carrier_id,
        "country_id": purchase.country_id,
        "provider": purchase.provider,
        "provider_reference": purchase.provider_reference,
        "iccid": purchase.iccid,
        "iccid_scope": purchase.iccid_scope,
        "sale_id": purchase.sale_id,
        "activation_code": purchase.activation_code,
        "qr_payload": purchase.qr_payload,
        "instructions": purchase.instructions,
        "confirmation_code": purchase.confirmation_code,
        "expires_at": purchase.expires_at,
        "as_given": purchase.as_given,
    }
    added = await connection.execute(insert(inventory).values(bought).returning(inventory.c.id))
    item_id: int = added.scalar_one()
    return item_id


async def assign(connection: AsyncConnection, item: StockItem) -> None:
    """Give a reserved item to its order for good. Raises as `_move`."""
    check_transition(item.status, StockStatus.ASSIGNED)
    await changed_one(
        connection,
        _ASSIGN,
        f"Stock item {item.id} changed meanwhile.",
        {"item_id": item.id, "order": item.order_id},
    )


async def release(connection: AsyncConnection, item: StockItem) -> None:
    """Put a reserved item of our own stock back on the shelf. Raises as `_move`."""
    shelved = StockColumns(order_id=None, reserved_at=None)
    await _move(connection, item, StockStatus.AVAILABLE, shelved)


async def retire(connection: AsyncConnection, item: StockItem, reason: str) -> None:
    """Take an item out of use, and keep why. One that was bought keeps its order.

    `reason` holds no code. Raises as `_move`.
    """
    order_id = None if item.provider is None else item.order_id
    retired = StockColumns(retired_at=func.now(), retired_reason=reason, order_id=order_id)
    await _move(connection, item, StockStatus.RETIRED, retired)


async def _move(
    connection: AsyncConnection, item: StockItem, target: StockStatus, columns: StockColumns
) -> None:
    """Move an item along its state machine.

    Raises:
        IllegalTransition: the state machine has no such edge.
        StaleWrite: the item is not as it was read.
    """
    check_transition(item.status, target)
    changed: StockColumns = {**columns, "status": target, "updated_at": func.now()}
    moved = (
        update(inventory)
        .where(
            inventory.c.id == item.id,
            inventory.c.status == item.status,
            inventory.c.order_id == item.order_id,
        )
        .values(changed)
    )
    await changed_one(connection, moved, f"Stock item {item.id} changed meanwhile.")
