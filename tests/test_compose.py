"""The production-like run, as far as it can be proved without a container engine."""

import asyncio
import os
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr
from ruamel.yaml import YAML
from temporalio.api.workflowservice.v1 import DescribeNamespaceRequest
from temporalio.client import Client

from domain.errors import EngineUnavailable
from local.ports import free_port
from local.postgres import Postgres
from local.process import spawn, stop, wait_until
from local.temporal import SEARCH_ATTRIBUTES, Temporal
from operations.health_port import health_port
from operations.readiness import Readiness
from providers import ADAPTERS
from settings import SECTIONS, WorkerSettings, load, variable_names

ROOT = Path(__file__).parent.parent
COMPOSE_FILE = ROOT / "docker-compose.yml"
TEXT = COMPOSE_FILE.read_text()
SERVICES: dict[str, dict[str, Any]] = YAML(typ="safe").load(TEXT)["services"]
OURS = {name: service for name, service in SERVICES.items() if "build" in service}
JOBS = {name for name, service in SERVICES.items() if service["restart"] == "no"}

# Two are for Temporal elsewhere, one is for tests.
NOT_FOR_COMPOSE = {"TEMPORAL_TLS", "TEMPORAL_API_KEY", "PAUSE_POINTS_DIR"}
RETENTION_DAYS = 30
EXAMPLE_LINE = re.compile(r"^(?:# )?(?P<name>[A-Z][A-Z0-9_]*)=(?P<value>.*)$", re.MULTILINE)


def script(service: str) -> str:
    """A job's shell script, as its container gets it."""
    text: str = SERVICES[service]["command"][0]
    return text.replace("$$", "$")


# The file


def test_file_follows_the_compose_specification() -> None:
    """A container engine will accept the file."""
    check = Path(sys.executable).with_name("check-jsonschema")
    options = ["--builtin-schema", "vendor.compose-spec", str(COMPOSE_FILE)]
    checked = subprocess.run([str(check), *options], capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stdout


def test_services_are_those_of_the_design() -> None:
    """One image of ours runs three services; two of Temporal's jobs and our migration end."""
    assert set(OURS) == {"api", "worker", "migrate"}
    assert {"migrate", "temporal-schema", "temporal-namespace"} == JOBS


@pytest.mark.parametrize("name", SERVICES)
def test_long_running_services_say_whether_they_are_well(name: str) -> None:
    """Every service that stays has a health check and comes back after a crash."""
    if name in JOBS:
        return
    assert SERVICES[name]["healthcheck"]["test"]
    assert SERVICES[name]["restart"] == "unless-stopped"


@pytest.mark.parametrize("name", SERVICES)
def test_services_wait_for_what_they_need(name: str) -> None:
    """Jobs are waited for to their end, everything else until it is well."""
    for needed, wait in SERVICES[name].get("depends_on", {}).items():
        condition = "service_completed_successfully" if needed in JOBS else "service_healthy"
        assert wait["condition"] == condition


@pytest.mark.parametrize("name", sorted(set(SERVICES) - set(OURS)))
def test_foreign_images_are_pinned(name: str) -> None:
    """A tag names a minor version at least, so that nothing upgrades by itself."""
    assert re.fullmatch(r"[a-z/-]+:\d+\.\d+(\.\d+)?", SERVICES[name]["image"])


@pytest.mark.parametrize("name", OURS)
def test_our_services_have_no_privileges(name: str) -> None:
    """A numeric user who is not root, no capability, and nothing to write to but /tmp."""
    service = OURS[name]
    assert int(service["user"].partition(":")[0]) > 0
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]


def test_ports_are_open_to_this_machine_alone() -> None:
    """Temporal has no login and the API no TLS: what faces the internet stands in front."""
    published = [port for service in SERVICES.values() for port in service.get("ports", [])]
    assert published
    assert all(port.startswith("127.0.0.1:") for port in published)


# The variables


@pytest.mark.parametrize("name", OURS)
def test_our_services_get_settings_and_nothing_else(name: str) -> None:
    """A variable that no setting reads would be a typing error or a leftover."""
    assert set(OURS[name]["environment"]) <= variable_names()


def test_every_setting_can_be_given() -> None:
    """A setting that compose forgot could not be changed in production."""
    given = {variable for service in OURS.values() for variable in service["environment"]}
    assert given == variable_names() - NOT_FOR_COMPOSE


def test_no_value_has_a_default_that_would_do_in_production() -> None:
    """Whatever the file takes from outside is either required or has the setting's default."""
    references = re.findall(r"(?<!\$)\$\{\w+(.)", TEXT)
    assert references
    assert set(references) == {":"}
    assert set(re.findall(r"(?<!\$)\$\{\w+:(.)", TEXT)) == {"?"}


@pytest.mark.parametrize("name", SERVICES)
def test_no_secret_is_written_down(name: str) -> None:
    """Passwords, keys and secrets come from outside, required or not at all."""
    for variable, value in SERVICES[name].get("environment", {}).items():
        if re.search("SECRET|PASSWORD|PWD|KEY|_URL$", variable):
            assert value is None or re.search(r"\$\{\w+:\?", value), variable


def test_example_names_every_setting() -> None:
    """.env.example is where an operator looks a variable up."""
    found = [line["name"] for line in EXAMPLE_LINE.finditer((ROOT / ".env.example").read_text())]
    assert len(found) == len(set(found))
    assert set(found) == variable_names()


def test_example_shows_the_defaults(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A commented line tells what holds without it."""
    monkeypatch.chdir(tmp_path)
    for name in variable_names() & set(os.environ):
        monkeypatch.delenv(name)
    monkeypatch.setenv("JWT_SECRET", "a-secret-of-at-least-32-characters")
    plain = [load(section) for section in SECTIONS]
    defaults = _adapter_defaults()
    shown = {
        line["name"]: line["value"]
        for line in EXAMPLE_LINE.finditer((ROOT / ".env.example").read_text())
    }
    for name in filter(shown.get, shown):
        monkeypatch.setenv(name, shown[name])
    assert [load(section) for section in SECTIONS] == plain
    without = {
        name.upper()
        for section in plain
        for name, value in section
        if value in (None, "") or isinstance(value, SecretStr)
    }
    without |= {name for name, value in defaults.items() if value in (None, "")}
    assert {name for name, value in shown.items() if not value} <= without
    told = {name: value for name, value in shown.items() if name in defaults and value}
    assert told == {name: _as_variable(defaults[name]) for name in told}


def _adapter_defaults() -> dict[str, object]:
    return {
        f"{adapter.name}_{each.name.upper()}": each.default
        for adapter in ADAPTERS
        for each in fields(adapter.config)
    }


def _as_variable(value: object) -> str:
    """As a person would write it."""
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:g}" if isinstance(value, float) else str(value)


# The details that matter


def test_postgres_logs_no_statement_and_no_value(tmp_path: Path) -> None:
    """Both databases hold back from their logs what the local stack's does."""
    local = Postgres(tmp_path, 5432).command(tmp_path / "log").argv
    quiet = {setting for setting in local if re.match("log_(?!timezone)", setting)}
    assert quiet
    for name in ("postgres", "temporal-postgres"):
        flags = {flag.removeprefix("-c") for flag in SERVICES[name]["command"]}
        assert quiet <= flags


def test_worker_is_given_time_to_finish() -> None:
    """The engine's patience outlasts the worker's own, or a purchase is cut off half-way."""
    patience_seconds = float(SERVICES["worker"]["stop_grace_period"].removesuffix("s"))
    default = WorkerSettings.model_fields["worker_graceful_shutdown_seconds"].default
    assert patience_seconds > default


def test_history_shards_are_many() -> None:
    """The number is fixed by the first start, and the image's default would be 4."""
    assert SERVICES["temporal"]["environment"]["NUM_HISTORY_SHARDS"] == "512"


def test_image_holds_everything_the_programs_import(tmp_path: Path) -> None:
    """What the Dockerfile copies is enough for each program; it brings no test and no tool."""
    copies = re.findall(
        r"^COPY (?!--from)(.+) (\S+)$", (ROOT / "Dockerfile").read_text(), re.MULTILINE
    )
    ignored = (ROOT / ".dockerignore").read_text().splitlines()
    for sources, target in copies:
        for source in sources.split():
            assert f"!{source}" in ignored
            copy_into(tmp_path / target, ROOT / source, ignored)
    programs = "import worker, api.app, cli.__main__, db.migrations.versions"
    subprocess.run(
        [sys.executable, "-c", programs], cwd=tmp_path, env={"PYTHONPATH": "."}, check=True
    )


def test_image_has_esimctl_as_a_program() -> None:
    """What the Dockerfile writes for it starts the module that [project.scripts] names."""
    line = re.search(r"&& (printf .+?) > /venv/bin/esimctl", (ROOT / "Dockerfile").read_text())
    assert line
    script = subprocess.check_output(["/bin/sh", "-c", line[1]], text=True)
    assert script == '#!/bin/sh\nexec python -m cli "$@"\n'
    scripts = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["scripts"]
    assert scripts == {"esimctl": "cli.__main__:main"}


def copy_into(target: Path, source: Path, ignored: list[str]) -> None:
    """Copy as the image build does, leaving out what .dockerignore excludes again."""
    if source.is_file():
        shutil.copy(source, target)
        return
    excluded = [ROOT / line for line in ignored if not line.startswith(("!", "*", "#"))]
    shutil.copytree(
        source,
        target,
        ignore=lambda folder, names: [
            name for name in names if Path(folder) / name in excluded or name == "__pycache__"
        ],
    )


# The scripts, run against a real Temporal server


@pytest.fixture(scope="module")
def temporal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Temporal]:
    """A Temporal server of our own, whose HTTP port is known."""
    server = Temporal(
        tmp_path_factory.mktemp("compose-temporal"), port=free_port(), http_port=free_port()
    )
    command = server.command(server.folder / "temporal.log")
    process = spawn(command)
    try:
        wait_until(server.is_ready, process, command)
        yield server
    finally:
        stop(process, command)


async def run(*argv: str, env: Mapping[str, str]) -> int:
    """A program's exit code, while our own event loop goes on."""
    output = asyncio.subprocess.DEVNULL
    process = await asyncio.create_subprocess_exec(*argv, env=env, stdout=output, stderr=output)
    return await process.wait()


async def test_namespace_job_makes_a_namespace_ready_and_may_be_repeated(
    temporal: Temporal,
) -> None:
    """From nothing: the namespace keeps closed workflows 30 days and knows our attributes."""
    job = SERVICES["temporal-namespace"]
    env = job["environment"] | {
        "TEMPORAL_ADDRESS": temporal.address,
        "TEMPORAL_NAMESPACE": "made-by-compose",
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "HOME": str(temporal.folder),
    }
    for _ in range(2):
        assert await run(*job["entrypoint"], script("temporal-namespace"), env=env) == 0
    client = await Client.connect(temporal.address, namespace="made-by-compose")
    await client.count_workflows(" AND ".join(f"{name} IS NULL" for name in SEARCH_ATTRIBUTES))
    described = await client.workflow_service.describe_namespace(
        DescribeNamespaceRequest(namespace="made-by-compose")
    )
    assert described.config.workflow_execution_retention_ttl.ToTimedelta().days == RETENTION_DAYS


@pytest.mark.parametrize(("name", "path"), [("worker", "readyz"), ("api", "healthz")])
async def test_a_service_is_well_if_it_says_so_at_its_own_port(name: str, path: str) -> None:
    """The health check fails where nobody answers or the answer is 503; the port is the setting."""
    *_, text = SERVICES[name]["healthcheck"]["test"]
    environment = SERVICES[name]["environment"]
    port = environment.get("WORKER_HEALTH_PORT") or environment["API_PORT"]
    assert f'"http://127.0.0.1:{port}/{path}"' in text
    local, ready = free_port(), Readiness({})
    text = text.replace(f":{port}/{path}", f":{local}/readyz")
    assert await run(sys.executable, "-c", text, env={}) == 1
    async with health_port(ready, "127.0.0.1", local):
        assert await run(sys.executable, "-c", text, env={}) == 0
    async with health_port(Readiness({"temporal": _away}), "127.0.0.1", local):
        assert await run(sys.executable, "-c", text, env={}) == 1


async def _away() -> None:
    raise EngineUnavailable("Temporal is away.")
