"""The one place where Postgres and driver errors become domain errors.

Drivers quote values in their messages (`Key (activation_code)=(...) already exists`), so no
text of theirs is kept: only the SQLSTATE and the constraint's name are.
"""

from psycopg import Error as PsycopgError
from psycopg import OperationalError
from sqlalchemy.exc import DBAPIError

from domain.errors import (
    DuplicateStock,
    EsimError,
    IllegalTransition,
    StorageFault,
    StorageUnavailable,
)

ILLEGAL_TRANSITION = "ES001"
"""SQLSTATE that our own state-machine triggers raise."""

_DUPLICATE_STOCK = frozenset(
    {
        "uq_esim_inventory_activation_code",
        "uq_esim_inventory_iccid_iccid_scope",
        "uq_esim_inventory_provider_sale_id",
        "uq_esim_profiles_qr_payload",
    }
)

# Connection lost, shutting down, too many connections, serialization, deadlock, lock or
# statement time-out, read-only standby: the same statement works later.
_TRANSIENT = ("08", "53", "57", "40", "55P03", "25006")

# Of a connection that reports one of these nothing is to be hoped: its server is shutting down,
# starting up, or refuses writes since another one has taken its place.
_ENDS_THE_CONNECTION = ("08", "57P", "25006")


def ends_the_connection(error: BaseException) -> bool:
    """Tell whether a driver's error means that only another connection can help."""
    sqlstate = error.sqlstate if isinstance(error, PsycopgError) else None
    return sqlstate is not None and sqlstate.startswith(_ENDS_THE_CONNECTION)


def translate(error: DBAPIError) -> EsimError:
    """Name a database failure without quoting anything of it."""
    origin = error.orig
    sqlstate = origin.sqlstate if isinstance(origin, PsycopgError) else None
    constraint = origin.diag.constraint_name if isinstance(origin, PsycopgError) else None
    if error.connection_invalidated or _is_transient(origin, sqlstate):
        return StorageUnavailable(f"Postgres is unavailable ({sqlstate or 'no connection'}).")
    if constraint in _DUPLICATE_STOCK:
        return DuplicateStock("Another item already has this code, ICCID or name of the sale.")
    if sqlstate == ILLEGAL_TRANSITION:
        return IllegalTransition("The database refused an illegal change of state.")
    return StorageFault(
        f"Postgres refused a statement ({sqlstate}, {constraint or 'no constraint'})."
    )


def _is_transient(origin: BaseException | None, sqlstate: str | None) -> bool:
    if sqlstate is None:  # the driver itself failed: only a broken connection mends by waiting
        return isinstance(origin, OperationalError)
    return sqlstate.startswith(_TRANSIENT)


def pool_exhausted() -> EsimError:
    """Make the error of a process whose connections are all in use."""
    return StorageUnavailable("No database connection became free in time.")
