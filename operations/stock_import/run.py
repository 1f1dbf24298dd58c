"""A file of eSIMs becomes stock, all of it or nothing; orders that waited for it go on."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from db import stock_history, stock_import
from db.engine import transaction
from db.stock_import import Clash, StockRow
from domain.errors import DuplicateStock, InvalidInput, StaleWrite, StorageUnavailable
from domain.stock import StockStatus
from operations.counting import counted
from operations.stock_import.check import StockCheck
from operations.stock_import.file import Finding, StockFile
from operations.waking import WAITING_AT_MOST, wake
from workflows.client import Activations
from workflows.messages import Intervention

Progress = Callable[[str, int, int], None]
"""Hears what is being done, and how many rows of how many are through."""

_CHUNK_ROWS = 5000
_SAID = Intervention(actor="stock-import", reason="New stock was imported.")


@dataclass(frozen=True, slots=True)
class Imported:
    """What came of a file. With any fault nothing was stored.

    Attributes:
        import_id: None if nothing was stored: a dry run, or there are faults.
        counts: rows by plan (in words) and status.
        waiting: orders that waited for such stock, as far as they were looked at.
        woken: those of them that were asked to try again.
    """

    faults: Sequence[Finding]
    warnings: Sequence[Finding]
    import_id: int | None
    rows: int
    counts: Mapping[tuple[str, StockStatus], int]
    waiting: int = 0
    woken: int = 0

    @property
    def next_step(self) -> str:
        """Say what is left to do for orders that waited, in words for a person."""
        later = (
            "Run later, until it lists none: esimctl retry $(esimctl list --status exhausted --ids)"
            " --reason 'new stock'"
        )
        if self.woken < self.waiting:
            left = counted(
                self.waiting - self.woken,
                "activation that waits for it was",
                "activations that wait for it were",
            )
            return f"Temporal does not answer. The stock is in; {left} not woken. {later}"
        if self.waiting == WAITING_AT_MOST:
            asked = f"The {self.waiting} activations that wait longest were asked to try again."
            return f"{asked} {later}"
        return ""


@dataclass(frozen=True, slots=True)
class StockImport:
    """One file on its way into the database.

    Attributes:
        name: the file's name, for the record.
        actor: who imports it.
        strict_luhn: a wrong ICCID check digit is a fault, not a warning.
        round_iccids: somebody insists that ICCIDs which end in zeros are right.
        dry_run: check all, store nothing.
        progress: is told how far it is.
    """

    name: str
    actor: str
    file: StockFile
    strict_luhn: bool
    dry_run: bool
    progress: Progress
    round_iccids: bool = False

    async def run(self, engine: AsyncEngine, activations: Activations) -> Imported:
        """Check, store, and wake the orders that waited. Safe to repeat: nothing comes in twice.

        Raises:
            InvalidInput: another import brought some of the rows meanwhile.
            StorageUnavailable: Postgres is away; says that running it again is safe.
        """
        async with transaction(engine) as connection:
            catalogue = await stock_import.read_catalogue(connection)
        check = StockCheck(catalogue, strict_luhn=self.strict_luhn, round_iccids=self.round_iccids)
        rows = list(self._checked(check))
        faults = self.file.faults + check.faults
        found, import_id, waiting = await self._store(engine, rows, sound=not faults)
        faults = sorted(faults + found, key=lambda fault: fault.line)
        names = {plan_id: f"{plan_id} {plan.name}" for plan_id, plan in catalogue.plans.items()}
        woken = await wake(activations, waiting, _SAID)
        return Imported(
            faults,
            check.warnings,
            import_id,
            len(rows),
            _counts(rows, names),
            len(waiting),
            woken,
        )

    def _checked(self, check: StockCheck) -> Iterable[StockRow]:
        for number, record in enumerate(self.file.records, start=1):
            if row := check.check(record):
                yield row
            if number % _CHUNK_ROWS == 0:
                self.progress("Checking", number, len(self.file.records))
        check.conclude()

    async def _store(
        self, engine: AsyncEngine, rows: Sequence[StockRow], *, sound: bool
    ) -> tuple[list[Finding], int | None, list[int]]:
        """Compare with what is in stock; store if there is no fault and no dry run."""
        try:
            async with transaction(engine) as connection:
                await stock_import.open_staging(connection)
                for start in range(0, len(rows), _CHUNK_ROWS):
                    await stock_import.stage(connection, rows[start : start + _CHUNK_ROWS])
                    self.progress("Comparing", min(start + _CHUNK_ROWS, len(rows)), len(rows))
                found = await _compared(connection, rows)
                if found or self.dry_run or not sound:
                    return found, None, []
                import_id = await self._store_staged(connection, rows)
                waiting = await stock_import.exhausted_orders(
                    connection, _scopes(rows), limit=WAITING_AT_MOST
                )
                return [], import_id, waiting
        except (DuplicateStock, StaleWrite):
            raise InvalidInput(
                "Another import brought some of these rows meanwhile, or an order's activation"
                " began; nothing was imported. Run the same command again to see which."
            ) from None
        except StorageUnavailable as error:
            raise StorageUnavailable(
                f"{error.message} Running the import again is safe: rows that are in already are"
                " reported as such, and nothing is imported twice."
            ) from None

    async def _store_staged(self, connection: AsyncConnection, rows: Sequence[StockRow]) -> int:
        """Make stock of what is staged; orders that have an item already answer with it."""
        given = sum(row.status is StockStatus.ASSIGNED for row in rows)
        if given:
            await stock_history.lock_orders(connection)
        import_id = await stock_import.store(connection, self.name, self.actor)
        if given:
            await stock_history.give(connection, import_id, self.actor, given)
        return import_id


async def _compared(connection: AsyncConnection, rows: Sequence[StockRow]) -> list[Finding]:
    """Compare what is staged with stock, and with the orders that it was given to."""
    clashes = await stock_import.find_clashes(connection)
    unfit = await stock_history.find_unfit(connection)
    return _clash_faults(clashes, rows) + [
        Finding(each.line, "order_id", each.reason) for each in unfit
    ]


def _counts(
    rows: Iterable[StockRow], names: Mapping[int, str]
) -> dict[tuple[str, StockStatus], int]:
    counts = Counter((row.plan_id, row.status) for row in rows)
    return {
        (names[plan_id] if plan_id else "any plan", status): count
        for (plan_id, status), count in sorted(counts.items(), key=str)
    }


def _scopes(rows: Iterable[StockRow]) -> set[stock_import.Scope]:
    return {
        (row.plan_id, row.carrier_id, row.country_id)
        for row in rows
        if row.status is StockStatus.AVAILABLE
    }


def _clash_faults(clashes: Iterable[Clash], rows: Iterable[StockRow]) -> list[Finding]:
    iccids = {row.line: row.iccid for row in rows} if clashes else {}
    return [
        Finding(
            clash.line,
            clash.column,
            f"{f'ICCID {iccids[clash.line]}' if clash.column == 'iccid' else 'This code'}"
            f" is in stock already, as item {clash.item_id}.",
        )
        for clash in clashes
    ]
