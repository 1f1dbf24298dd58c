"""Every environment variable the service reads, in one place.

Only entry points (`worker.py`, `api/app.py`, `cli`, the migrations) read settings and hand the
values on; nothing below them does. A variable's name is its field's name in upper case, and
units are part of the name. The `.env` file beside this one is read too, whatever folder a program
is called from; the environment wins over it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeVar, get_type_hints

from pydantic import AfterValidator, Field, SecretStr, ValidationError, create_model
from pydantic_settings import BaseSettings, SettingsConfigDict

from domain.errors import Misconfigured
from domain.strength import weakness

if TYPE_CHECKING:
    from providers import ProviderConfig

_ORIGIN = r"https?://[A-Za-z0-9.-]+(:[0-9]{1,5})?"
ORIGINS = rf"^(\*|({_ORIGIN}(\s*,\s*{_ORIGIN})*)?)$"
DOTENV = Path(__file__).resolve().with_name(".env")
"""The repository's own. Any folder's would let whoever can write there choose our database."""

Seconds = Annotated[float, Field(gt=0)]


class _Section(BaseSettings):
    """A group of variables that is read together."""

    model_config = SettingsConfigDict(
        env_file=DOTENV, extra="ignore", frozen=True, hide_input_in_errors=True
    )


class DatabaseSettings(_Section):
    """Where Postgres is, and how many connections one process may hold."""

    database_url: SecretStr = SecretStr("postgresql+psycopg://esim:esim@127.0.0.1:5432/esim")
    database_pool_size: int = Field(default=10, ge=1)
    database_connect_timeout_seconds: Seconds = 5


class TemporalSettings(_Section):
    """Where Temporal is, and the names this deployment uses there."""

    temporal_address: str = "127.0.0.1:7233"
    temporal_namespace: str = "default"
    temporal_task_queue: str = "esim-activation"
    temporal_tls: bool = False
    temporal_api_key: SecretStr | None = None


class WorkerSettings(_Section):
    """How one worker process behaves."""

    worker_max_cached_workflows: int = Field(default=500, ge=0)
    # Not above DATABASE_POOL_SIZE: each one holds a connection while it runs.
    worker_max_concurrent_database_steps: int = Field(default=8, ge=1)
    worker_max_concurrent_activities: int = Field(default=50, ge=1)
    worker_graceful_shutdown_seconds: Seconds = 25
    # Where /healthz and /readyz are answered; nowhere without a port.
    worker_health_host: str = "127.0.0.1"
    worker_health_port: int | None = Field(default=None, ge=1, le=65535)
    # Test environments only: a folder of named pause points (activities/pause_points.py).
    pause_points_dir: str | None = None


class PaymentSettings(_Section):
    """Who takes the money, which API and worker must agree upon."""

    # MOCK takes none, for development; NONE: orders are paid elsewhere.
    payment_provider: Literal["MOCK", "NONE"] = "MOCK"
    nothing_real_is_sold: bool = False


class ApiSettings(PaymentSettings):
    """How one API process behaves."""

    api_host: str = "127.0.0.1"
    api_port: int = Field(default=8000, ge=0, le=65535)
    api_public_url: str | None = None
    api_max_body_bytes: int = Field(default=64 * 1024, ge=1024)
    api_max_connections: int = Field(default=2000, ge=1)
    api_head_seconds: Seconds = 10
    api_body_seconds: Seconds = 10
    activation_wait_seconds: float = Field(default=10, ge=0, le=25)
    activation_nudge_cooldown_seconds: Seconds = 60
    activation_admission_limit: int = Field(default=1000, ge=1)
    activation_waits_per_user: int = Field(default=100, ge=1)
    activation_waits_per_order: int = Field(default=50, ge=1)
    event_streams_limit: int = Field(default=500, ge=1)
    event_streams_per_user: int = Field(default=20, ge=1)
    event_streams_per_order: int = Field(default=10, ge=1)
    rate_limit_per_minute: int = Field(default=600, ge=1)
    orders_per_minute_per_user: int = Field(default=60, ge=1)
    # Web pages that may call the API from a browser: origins, separated by commas; * for any.
    cors_origins: str = Field(default="", pattern=ORIGINS)

    @property
    def allowed_origins(self) -> list[str]:
        """The origins one by one."""
        return [each.strip() for each in self.cors_origins.split(",") if each.strip()]


def _strong(key: SecretStr) -> SecretStr:
    fault = weakness(key.get_secret_value())
    if fault is not None:
        raise ValueError(f"The key {fault}: make one with `openssl rand -base64 48`")
    return key


SigningKey = Annotated[SecretStr, Field(min_length=32), AfterValidator(_strong)]


class AuthSettings(_Section):
    """How bearer tokens are checked (and, by `esimctl token`, made)."""

    jwt_secret: SigningKey
    # While the key is changed: tokens that it signed are still taken, and none is made.
    jwt_secret_previous: SigningKey | None = None
    jwt_algorithm: Literal["HS256", "HS384", "HS512"] = "HS256"
    jwt_issuer: str = "esim-activation"
    jwt_audience: str = "esim-api"
    jwt_leeway_seconds: float = Field(default=30, ge=0, le=60)
    jwt_lifetime_seconds: Seconds = 24 * 3600
    # The API refuses what is good for longer, whoever signed it.
    jwt_max_lifetime_seconds: Seconds = 30 * 24 * 3600
    # A role, or a block, counts everywhere after this time.
    access_cache_seconds: float = Field(default=10, ge=0, le=60)


class ProviderSettings(_Section):
    """Which provider sells what stock does not hold, and how much may be spent.

    Each provider's own variables are declared beside its adapter: see `load_config`.
    """

    esim_provider: str = "LOCAL"
    iccid_luhn_strict: bool = False
    # Put before every reference, so that two environments never share one at a provider.
    purchase_reference_prefix: str = Field(default="", pattern=r"^[a-z0-9-]{0,16}$")
    purchases_per_hour: int = Field(default=1000, ge=0)
    purchases_per_hour_per_user: int = Field(default=50, ge=0)


class LogSettings(_Section):
    """What a log line looks like."""

    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    log_format: Literal["json", "console"] = "json"


SECTIONS: tuple[type[_Section], ...] = (
    DatabaseSettings,
    TemporalSettings,
    WorkerSettings,
    ApiSettings,
    AuthSettings,
    ProviderSettings,
    LogSettings,
)

SectionT = TypeVar("SectionT", bound=_Section)
ConfigT = TypeVar("ConfigT")


def load(section: type[SectionT]) -> SectionT:
    """Read one section from the environment.

    Raises:
        Misconfigured: a sentence per fault that names the variable and never its value.
    """
    try:
        return section()
    except ValidationError as error:
        faults = "; ".join(_fault(item["loc"], item["msg"]) for item in error.errors())
        raise Misconfigured(f"{faults}. See .env.example for every variable.") from None


def load_config(
    prefix: str, config: type[ConfigT], requires: Sequence[str], shared: Mapping[str, object]
) -> ConfigT | None:
    """Read a dataclass from the variables `<prefix>_<FIELD>`; None if none of `requires` is set.

    Args:
        prefix: the provider's name.
        config: an adapter's configuration, whose fields are checked as a section's are.
        requires: the fields that say whether the provider exists here.
        shared: fields that have no variable of their own.

    Raises:
        Misconfigured: a sentence per fault that names the variable and never its value.
    """
    section = _section_of(config, shared)
    try:
        values = section(_env_prefix=f"{prefix}_").model_dump()
    except ValidationError as error:
        faults = "; ".join(
            f"{prefix}_{_fault(item['loc'], item['msg'])}" for item in error.errors()
        )
        raise Misconfigured(f"{faults}. See .env.example for every variable.") from None
    if not any(values[name] for name in requires):
        return None
    return config(**values, **shared)


def provider_configs(settings: ProviderSettings) -> "dict[str, ProviderConfig]":
    """Read the configuration of every provider whose variables are set, by name.

    Raises:
        Misconfigured: names the variable that is missing or wrong.
    """
    # Imported here: programs that buy nothing need not load every adapter.
    from providers import ADAPTERS  # noqa: PLC0415

    shared = {"iccid_luhn_strict": settings.iccid_luhn_strict}
    loaded = {
        adapter.name: load_config(adapter.name, adapter.config, adapter.requires, shared)
        for adapter in ADAPTERS
    }
    return {name: config for name, config in loaded.items() if config is not None}


def refuse_to_give_away(payments: PaymentSettings, configs: "Mapping[str, ProviderConfig]") -> None:
    """Stop a process that would pay providers for what nobody has paid for.

    Raises:
        Misconfigured: MOCK payments stand beside a provider that sells for money.
    """
    live = sorted(name for name, config in configs.items() if config.is_live)
    if live and payments.payment_provider == "MOCK" and not payments.nothing_real_is_sold:
        raise Misconfigured(
            f"PAYMENT_PROVIDER is MOCK, which takes no money, and {', '.join(live)} costs some."
            " Set PAYMENT_PROVIDER=NONE if orders are paid elsewhere, or NOTHING_REAL_IS_SOLD=true"
            " if every provider here is a sandbox."
        )


def _section_of(config: type[Any], shared: Mapping[str, object]) -> type[_Section]:
    hints = get_type_hints(config, include_extras=True)
    declared: dict[str, Any] = {
        each.name: (hints[each.name], each.default)
        for each in fields(config)
        if each.name not in shared
    }
    return create_model(config.__name__, __base__=_Section, **declared)


def variable_names() -> frozenset[str]:
    """List the name of every environment variable that is read."""
    # Imported here: programs that buy nothing need not load every adapter.
    from providers import ADAPTERS  # noqa: PLC0415

    ours = {name.upper() for section in SECTIONS for name in section.model_fields}
    theirs = {
        f"{adapter.name}_{each.name.upper()}"
        for adapter in ADAPTERS
        for each in fields(adapter.config)
        if each.name != "iccid_luhn_strict"  # ICCID_LUHN_STRICT, for all of them
    }
    return frozenset(ours | theirs)


def _fault(location: tuple[int | str, ...], message: str) -> str:
    sentence = message.removeprefix("Value error, ")
    return f"{str(location[0]).upper()}: {sentence}" if location else sentence
