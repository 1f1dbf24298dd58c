"""`esimctl sandbox`: a sandbox in a process of its own, and the commands that steer it."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from sandbox.ledger import LEDGER_FILE
from sandbox.misbehaviours import Misbehaviour
from tests.cli.forking import ROOT, Fork, forking

_PROGRAM = [sys.executable, "-m", "sandbox"]
_HEADERS = {"x-api-key": "sandbox-connected-you-key"}


@dataclass(frozen=True)
class Ran:
    """How a command ended."""

    code: int
    out: str
    err: str


Run = Callable[..., Ran]


@dataclass
class Served:
    """A sandbox in another process."""

    process: "subprocess.Popen[str]"
    variables: dict[str, str]

    @property
    def url(self) -> str:
        """Where it is."""
        return self.variables["ESIM_SANDBOX_URL"]

    def stop(self, number: signal.Signals) -> int:
        """End it; how it ended."""
        self.process.send_signal(number)
        self.process.communicate()
        return self.process.returncode


@contextmanager
def serving(folder: Path, *options: str) -> Iterator[Served]:
    """`esimctl sandbox serve` on a free port, once it is ready."""
    command = [*_PROGRAM, "serve", "--port", "0", "--folder", str(folder), *options]
    with subprocess.Popen(
        command, cwd=ROOT, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    ) as process:
        try:
            yield Served(process, _told_variables(process))
        finally:
            process.kill()


def _told_variables(process: "subprocess.Popen[str]") -> dict[str, str]:
    assert process.stdout is not None
    variables: dict[str, str] = {}
    for line in process.stdout:
        if line.startswith("READY"):
            return variables
        if line.startswith("export "):
            name, _, value = line.removeprefix("export ").strip().partition("=")
            variables[name] = value
    raise AssertionError("it ended before it was ready")


def buy(url: str, reference: str) -> httpx.Response:
    """Buy from ConnectedYou."""
    body = {"partnerId": "sandbox-partner", "orderReference": reference, "planCode": "PLAN-1"}
    orders = f"{url}/connected-you/partners/orders"
    return httpx.post(orders, json=body, headers=_HEADERS, timeout=2, trust_env=False)


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """One for the tests that end none."""
    with serving(tmp_path_factory.mktemp("sandbox"), "--deduplicate", "CONNECTED_YOU") as served:
        yield served


@pytest.fixture(scope="module")
def fork(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fork]:
    """Where the commands come from: each is a process, none imports everything anew."""
    with forking(tmp_path_factory.mktemp("sandbox-commands"), os.environ, "sandbox") as fork:
        yield fork


@pytest.fixture
def run(served: Served, fork: Fork) -> Run:
    """Runs a command against it."""

    def run(*arguments: str, url: str = served.url) -> Ran:
        variables = {**os.environ, "ESIM_SANDBOX_URL": url, "COLUMNS": "200"}
        return Ran(*fork.run(arguments, variables))

    return run


@pytest.mark.parametrize("misbehaviour", [None, "timeout_after_booking"])
def test_a_killed_sandbox_forgets_no_charge(tmp_path: Path, misbehaviour: str | None) -> None:
    """SIGKILL right after a booking, answered or not: the next one knows it."""
    with serving(tmp_path) as first:
        if misbehaviour:
            wanted = {"provider": "CONNECTED_YOU", "misbehaviour": misbehaviour}
            httpx.post(f"{first.url}/_sandbox/rules", json=wanted, trust_env=False)
            with pytest.raises(httpx.ReadTimeout):
                buy(first.url, "order-1")
        else:
            buy(first.url, "order-1")
        assert first.stop(signal.SIGKILL) == -signal.SIGKILL
    with serving(tmp_path) as second:
        books = httpx.get(f"{second.url}/_sandbox/ledger", trust_env=False).json()
        assert [one["charges"] for one in books["purchases"]] == [1]
        assert second.stop(signal.SIGTERM) == 0


def test_it_says_every_variable_that_an_adapter_needs(served: Served, tmp_path: Path) -> None:
    """To be pasted; with TLS also where the certificates are."""
    assert served.variables["CONNECTED_YOU_BASE_URL"] == f"{served.url}/connected-you"
    assert served.variables["CONNECTED_YOU_DRY_RUN"] == "false"
    assert "ES2PLUS_CA_FILE" not in served.variables
    with serving(tmp_path, "--tls") as guarded:
        assert guarded.variables["ES2PLUS_BASE_URL"].startswith("https://127.0.0.1:")
        assert Path(guarded.variables["ES2PLUS_CA_FILE"]).exists()
        assert Path(guarded.variables["ES2PLUS_CLIENT_CERTIFICATE_FILE"]).exists()


def test_rules_are_made_shown_and_cleared(served: Served, run: Run) -> None:
    """What the command makes is what the next purchase meets."""
    made = run("rule", "connected_you", "status", "--option", "code=500", "--times", "always")
    assert (made.code, made.err) == (0, "")
    assert "CONNECTED_YOU purchases: status code=500, always." in made.out
    assert buy(served.url, "rules").status_code == 500
    assert "1 of always" in run("rules").out
    assert "Cleared 1 rules" in run("clear").out
    assert buy(served.url, "rules").status_code == 200


def test_the_ledger_of_nobody_is_refused(run: Run) -> None:
    """No charges at a provider that does not exist would be taken for evidence."""
    failed = run("ledger", "--provider", "NOBODY", url="http://127.0.0.1:1")
    assert failed.code == 1
    assert "CONNECTED_YOU" in failed.err


def test_the_ledger_is_a_table(served: Served, run: Run) -> None:
    """One line per purchase and a sum; the provider deduplicates, as it was told to."""
    for _ in range(2):
        buy(served.url, "table")
    shown = run("ledger", "--reference", "table").out
    rows = [[cell.strip() for cell in line.split("│")[1:-1]] for line in shown.splitlines()]
    assert ["CONNECTED_YOU", "table", "PLAN-1", "1", "0", "1", "4.50"] in rows
    assert ["all", "", "", "1", "0", "1", "4.50"] in rows


def test_every_misbehaviour_is_one_line(run: Run) -> None:
    """The list needs no sandbox."""
    lines = run("misbehaviours", url="http://127.0.0.1:1").out.splitlines()
    named = [line for kind in Misbehaviour for line in lines if f" {kind} " in line]
    assert len(named) == len(Misbehaviour)
    assert len(lines) == len(Misbehaviour) + 4


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("rule", "ES2PLUS", "lookup_error"), "its contract has no look-up"),
        (("rule", "AIRALO", "latency", "--option", "2"), "name=value"),
        (("rule", "AIRALO", "latency", "--times", "often"), "or always"),
        (("serve", "--folder", "{folder}", "--port", "{port}"), "cannot be used"),
        (("serve", "--folder", "{folder}", "--deduplicate", "NOBODY"), "must be one of"),
    ],
)
def test_a_mistake_is_one_sentence(
    served: Served, run: Run, tmp_path: Path, arguments: tuple[str, ...], words: str
) -> None:
    """Exit code 1, nothing on stdout, no traceback."""
    port = served.url.rpartition(":")[2]
    failed = run(*(one.format(folder=tmp_path, port=port) for one in arguments))
    assert (failed.code, failed.out) == (1, "")
    assert words in failed.err
    assert len(failed.err.splitlines()) == 1


def test_nobody_there_is_one_sentence(run: Run) -> None:
    """It says how to start one."""
    failed = run("ledger", url="http://127.0.0.1:1")
    assert failed.code == 1
    assert "./dev up --sandbox" in failed.err


@pytest.mark.parametrize("command", ["serve", "rule", "rules", "clear", "ledger", "misbehaviours"])
def test_each_command_explains_itself_with_an_example(run: Run, command: str) -> None:
    """`--help` exits 0 and shows an example of the command."""
    shown = run(command, "--help")
    assert shown.code == 0
    assert f"esimctl sandbox {command}" in shown.out.partition("Example:")[2]


def test_the_ledger_is_json_lines(served: Served, run: Run) -> None:
    """Another program can read it without us."""
    buy(served.url, "lines")
    folder = Path(httpx.get(f"{served.url}/_sandbox", trust_env=False).json()["folder"])
    lines = [json.loads(line) for line in (folder / LEDGER_FILE).read_text().splitlines()]
    assert {line["kind"] for line in lines} == {"order"}
    assert run("ledger").code == 0
