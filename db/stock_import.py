"""Stock by the file: staged in bulk, compared with what is there, stored in one go."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from sqlalchemy import func, insert, select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from db.columns import ImportColumns
from db.tables import carriers, countries, inventory_imports, plans
from domain.errors import StaleWrite
from domain.stock import StockStatus

Scope = tuple[int | None, int | None, int | None]
"""What an item fits: plan, carrier and country; None is "any"."""


@dataclass(frozen=True, slots=True)
class PlanScope:
    """A plan and what it covers; None is "any"."""

    name: str
    carrier_id: int | None
    country_id: int | None


@dataclass(frozen=True, slots=True)
class Catalogue:
    """What stock may refer to: plans by id, carrier ids, and countries' ISO codes by id."""

    plans: Mapping[int, PlanScope]
    carriers: frozenset[int]
    countries: Mapping[int, str]


@dataclass(frozen=True, slots=True)
class StockRow:
    """One item to import; `line` is its place in the file. Only checked rows belong here.

    Attributes:
        order_id: who has an ASSIGNED item; None for any other.
    """

    line: int
    plan_id: int | None
    carrier_id: int | None
    country_id: int | None
    iccid: str | None
    status: StockStatus
    activation_code: str = field(repr=False)
    qr_payload: str = field(repr=False)
    instructions: str | None = field(repr=False)
    confirmation_code: str | None = field(repr=False)
    provider_reference: str | None = None
    order_id: int | None = None


@dataclass(frozen=True, slots=True)
class Clash:
    """A staged line whose ICCID or code (`column`) an item in stock has already."""

    line: int
    column: str
    item_id: int


_STAGED_TYPES = {
    "line": "integer",
    "plan_id": "bigint",
    "carrier_id": "bigint",
    "country_id": "bigint",
    "iccid": "text",
    "status": "text",
    "activation_code": "text",
    "qr_payload": "text",
    "instructions": "text",
    "confirmation_code": "text",
    "provider_reference": "text",
    "order_id": "bigint",
}
_STORED = ", ".join(name for name in _STAGED_TYPES if name != "line")

_OPEN = f"""
    CREATE TEMPORARY TABLE staged_stock
    ({", ".join(f"{name} {kind}" for name, kind in _STAGED_TYPES.items())}) ON COMMIT DROP
"""

# One statement per chunk: as fast as COPY here, and its errors pass through the same edge.
_STAGE = text(f"""
    INSERT INTO staged_stock ({", ".join(_STAGED_TYPES)})
    SELECT * FROM unnest({", ".join(f"CAST(:{n} AS {t}[])" for n, t in _STAGED_TYPES.items())})
""")  # noqa: S608 - built from the constants above

_CLASHES = text("""
    SELECT line, 'iccid' AS column_name, item.id AS item_id
    FROM staged_stock JOIN esim_inventory item USING (iccid)
    UNION
    SELECT line, 'activation_code', item.id
    FROM staged_stock JOIN esim_inventory item USING (activation_code)
    UNION
    SELECT line, 'activation_code', item.id
    FROM staged_stock staged JOIN esim_inventory item
      ON esim_code_identity(item.activation_code, item.qr_payload)
         = esim_code_identity(staged.activation_code, staged.qr_payload)
    ORDER BY 1, 2, 3
""")

_STORE = text(f"""
    INSERT INTO esim_inventory ({_STORED}, import_id, retired_at, assigned_at)
    SELECT {_STORED}, :import_id, CASE status WHEN 'RETIRED' THEN now() END,
           CASE status WHEN 'ASSIGNED' THEN now() END
    FROM staged_stock ORDER BY line
""")  # noqa: S608 - built from the constants above

_EXHAUSTED = text("""
    SELECT order_id FROM esim_profiles profile
    WHERE status = 'EXHAUSTED' AND EXISTS (
        SELECT FROM unnest(CAST(:plan_ids AS bigint[]), CAST(:carrier_ids AS bigint[]),
                           CAST(:country_ids AS bigint[])) fits (plan_id, carrier_id, country_id)
        WHERE COALESCE(fits.plan_id = profile.plan_id, fits.plan_id IS NULL)
          AND COALESCE(fits.carrier_id = profile.carrier_id, fits.carrier_id IS NULL)
          AND COALESCE(fits.country_id = profile.country_id, fits.country_id IS NULL))
    ORDER BY id LIMIT :most
""")


async def read_catalogue(connection: AsyncConnection) -> Catalogue:
    """Read everything that a stock row may name."""
    scopes = select(plans.c.id, plans.c.name, plans.c.carrier_id, plans.c.country_id)
    return Catalogue(
        plans={
            row.id: PlanScope(row.name, row.carrier_id, row.country_id)
            for row in await connection.execute(scopes)
        },
        carriers=frozenset(await connection.scalars(select(carriers.c.id))),
        countries={
            row.id: row.iso2
            for row in await connection.execute(select(countries.c.id, countries.c.iso2))
        },
    )


async def open_staging(connection: AsyncConnection) -> None:
    """Make a place for rows that lives as long as this transaction."""
    # An import may take longer than any statement of the service itself.
    await connection.execute(text("SET LOCAL statement_timeout = '10min'"))
    await connection.execute(text(_OPEN))


async def stage(connection: AsyncConnection, rows: Sequence[StockRow]) -> None:
    """Add rows to the staging place; some thousands at a time are fastest. Not idempotent."""
    columns: dict[str, list[object]] = {
        name: [getattr(row, name) for row in rows] for name in _STAGED_TYPES
    }
    columns["status"] = [row.status.name for row in rows]
    await connection.execute(_STAGE, columns)


async def find_clashes(connection: AsyncConnection) -> list[Clash]:
    """Find staged rows that are in stock already, by line."""
    await connection.execute(text("ANALYZE staged_stock"))
    return [
        Clash(row.line, row.column_name, row.item_id) for row in await connection.execute(_CLASHES)
    ]


async def store(connection: AsyncConnection, file_name: str, actor: str) -> int:
    """Move the staged rows into stock, in the file's order; returns the import's id.

    Not idempotent, but a second import of the same rows breaks unique constraints.

    Raises (by way of the transaction):
        DuplicateStock: an item with the same ICCID or code came in meanwhile.
        StaleWrite: not every staged row was stored.
    """
    staged = select(func.count()).select_from(text("staged_stock"))
    row_count: int = (await connection.execute(staged)).scalar_one()
    made = await connection.execute(
        insert(inventory_imports)
        .values(ImportColumns(file_name=file_name, actor=actor, row_count=row_count))
        .returning(inventory_imports.c.id)
    )
    import_id: int = made.scalar_one()
    stored = await connection.execute(_STORE, {"import_id": import_id})
    if stored.rowcount != row_count:
        raise StaleWrite(f"{stored.rowcount} of {row_count} rows were stored.")
    return import_id


async def exhausted_orders(
    connection: AsyncConnection, supply: Collection[Scope], *, limit: int
) -> list[int]:
    """List orders that wait for stock and that items of these scopes may serve, oldest first."""
    plan_ids, carrier_ids, country_ids = zip(*supply, strict=True) if supply else ((), (), ())
    found = await connection.scalars(
        _EXHAUSTED,
        {
            "plan_ids": list(plan_ids),
            "carrier_ids": list(carrier_ids),
            "country_ids": list(country_ids),
            "most": limit,
        },
    )
    return list(found)
