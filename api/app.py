"""The HTTP API: wires settings, database, Temporal and notifications to the handlers.

Run it with `uvicorn --factory api.app:create_app`.
"""

import signal
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial

from fastapi import FastAPI
from sqlalchemy.ext.asyncio import AsyncEngine
from temporalio.client import Client

from api import (
    activate,
    activations,
    admin,
    esims,
    health,
    notices,
    orders,
    payments,
    providers,
    reference,
    refunds,
    reviews,
    stock,
)
from api.http import cors, document, problems
from api.http.bodies import JsonBodyMiddleware
from api.http.limits import Places, RateLimit
from api.http.request_id import RequestIdMiddleware
from api.http.shutdown import notice_of_shutdown
from api.http.tokens import BearerTokens, KnownUsers
from api.resources import Resources
from db.engine import create_engine, create_read_engine
from db.listen import Notifications
from db.pooler import without_transaction_pooler
from db.readiness import check_notifications, check_writes, newest_revision
from db.shared_reads import SharedReads
from domain.notice import NoticeReader
from operations.deadline import answered
from operations.readiness import Readiness
from providers import ENABLING, build_notice_readers
from settings import (
    ApiSettings,
    AuthSettings,
    DatabaseSettings,
    LogSettings,
    ProviderSettings,
    TemporalSettings,
    load,
    provider_configs,
    refuse_to_give_away,
)
from telemetry.logs import configure_logging
from workflows.client import Activations
from workflows.connection import connect

# `activate` comes before `esims`, whose paths would take its place.
_ROUTERS = (
    activate,
    esims,
    activations,
    admin,
    reviews,
    stock,
    providers,
    orders,
    payments,
    refunds,
    notices,
    health,
    reference,
)


@dataclass(frozen=True, slots=True)
class AppSettings:
    """Everything that an API process is told."""

    api: ApiSettings
    auth: AuthSettings
    database: DatabaseSettings
    temporal: TemporalSettings


def create_app() -> FastAPI:
    """Build the app as the environment describes it.

    Raises:
        Misconfigured: names the variable that is missing or wrong.
    """
    configure_logging(load(LogSettings))
    api, providers = load(ApiSettings), provider_configs(load(ProviderSettings))
    refuse_to_give_away(api, providers)
    return build_app(
        AppSettings(
            api=api,
            auth=load(AuthSettings),
            database=load(DatabaseSettings),
            temporal=load(TemporalSettings),
        ),
        build_notice_readers(providers),
    )


def build_app(settings: AppSettings, readers: Mapping[str, NoticeReader] | None = None) -> FastAPI:
    """Build the app as these settings describe it; connections open when it starts.

    `readers` check what providers tell by themselves, by the provider's name.
    """

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        """Hold the process's connections as long as the app serves."""
        async with _resources(settings, readers or {}) as app.state.resources:
            yield

    app = FastAPI(
        title="eSIM activation",
        version="1",
        summary="Turns a paid order into an installable eSIM, once.",
        lifespan=lifespan,
        generate_unique_id_function=document.operation_id,
        redirect_slashes=False,
        # FastAPI's own pages load scripts from a CDN: blank without the internet.
        docs_url=None,
        redoc_url=None,
    )
    for module in _ROUTERS:
        if module is not payments or settings.api.payment_provider == "MOCK":
            app.include_router(module.router)
    problems.install(app)
    document.install(app)
    app.add_middleware(
        JsonBodyMiddleware,
        max_bytes=settings.api.api_max_body_bytes,
        patience_seconds=settings.api.api_body_seconds,
        any_type_under=f"{notices.router.prefix}/",
    )
    app.add_middleware(RequestIdMiddleware)
    cors.install(app, settings.api.allowed_origins)  # outermost: crashes are answers too
    return app


@asynccontextmanager
async def _resources(
    settings: AppSettings, readers: Mapping[str, NoticeReader]
) -> AsyncIterator[Resources]:
    engine, read_engine = _engines(settings.database)
    reads = SharedReads(read_engine)
    notifications = Notifications(
        settings.database.database_url.get_secret_value(),
        connect_timeout_seconds=settings.database.database_connect_timeout_seconds,
    )
    client = await _client(settings.temporal)
    try:
        activations = Activations(client, settings.temporal.temporal_task_queue)
        async with without_transaction_pooler(engine, _stop), notifications.running():
            with notice_of_shutdown(notifications.close):
                yield Resources(
                    settings=settings.api,
                    engine=engine,
                    reads=reads,
                    activations=activations,
                    notifications=notifications,
                    tokens=BearerTokens(settings.auth),
                    users=KnownUsers(reads, settings.auth.access_cache_seconds),
                    rate_limit=RateLimit(settings.api.rate_limit_per_minute),
                    order_limit=RateLimit(settings.api.orders_per_minute_per_user),
                    waiting_room=_waiting_room(settings.api),
                    streams=_streams(settings.api),
                    notice_readers=readers,
                    unsigned_limit=RateLimit(notices.UNSIGNED_PER_MINUTE),
                    enabling=ENABLING,
                    readiness=_readiness(engine, notifications, activations),
                )
    finally:
        await read_engine.dispose()
        await engine.dispose()


def _stop() -> None:
    """Ask the server to stop, as whoever runs it would."""
    signal.raise_signal(signal.SIGTERM)


def _waiting_room(settings: ApiSettings) -> Places:
    return Places(
        settings.activation_admission_limit,
        per_user=settings.activation_waits_per_user,
        per_order=settings.activation_waits_per_order,
    )


def _streams(settings: ApiSettings) -> Places:
    return Places(
        settings.event_streams_limit,
        per_user=settings.event_streams_per_user,
        per_order=settings.event_streams_per_order,
    )


def _readiness(
    engine: AsyncEngine, notifications: Notifications, activations: Activations
) -> Readiness:
    return Readiness(
        {
            "postgres": partial(check_writes, engine, newest_revision()),
            "temporal": lambda: answered(activations.check()),
            "notifications": partial(check_notifications, engine, notifications),
        }
    )


def _engines(settings: DatabaseSettings) -> tuple[AsyncEngine, AsyncEngine]:
    """Build the pool for transactions and the pool for reads: half of the connections each."""
    url = settings.database_url.get_secret_value()
    patience = settings.database_connect_timeout_seconds
    for_reads = max(1, settings.database_pool_size // 2)
    for_the_rest = max(1, settings.database_pool_size - for_reads)
    return (
        create_engine(url, pool_size=for_the_rest, connect_timeout_seconds=patience),
        create_read_engine(url, pool_size=for_reads, connect_timeout_seconds=patience),
    )


async def _client(settings: TemporalSettings) -> Client:
    """Make a client that connects when it is first needed: reads work without Temporal."""
    key = settings.temporal_api_key
    return await connect(
        settings.temporal_address,
        settings.temporal_namespace,
        tls=settings.temporal_tls,
        api_key=key.get_secret_value() if key else None,
        lazy=True,
    )
