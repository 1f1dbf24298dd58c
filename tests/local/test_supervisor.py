"""The supervisor, with stand-in children in real processes."""

import os
import signal
from pathlib import Path

import psycopg
import pytest

from local.down import main as down
from tests.local.running import running, stand_ins, wait_until_gone

pytestmark = pytest.mark.slow

_STAND_IN = "tests.local.stand_in"


def test_a_killed_child_is_restarted_and_its_new_pid_published(tmp_path: Path) -> None:
    """The terminal says how it ended; stack.json names the process that answers now."""
    with stand_ins(tmp_path, "web") as stack:
        first = stack.pid("web")
        os.kill(first, signal.SIGKILL)
        assert f"web (pid {first}) ended: killed by SIGKILL" in stack.wait_for("ended")
        second = stack.wait_for("answers again")
        assert stack.pid("web") != first
        assert f"(pid {stack.pid('web')})" in second


def test_sigterm_stops_every_child(tmp_path: Path) -> None:
    """Nothing survives, the exit code is 0, and stack.json is gone."""
    with stand_ins(tmp_path, "postgres", "web") as stack:
        pids = [stack.pid("postgres"), stack.pid("web")]
        stack.signal(signal.SIGTERM)
        assert stack.exit_code() == 0
        wait_until_gone(*pids)
        assert not (tmp_path / "stack.json").exists()


def test_a_second_ctrl_c_kills_what_does_not_listen(tmp_path: Path) -> None:
    """A child deaf to SIGTERM would hold the first Ctrl-C for a minute."""
    with stand_ins(tmp_path, "deaf") as stack:
        pid = stack.pid("deaf")
        stack.signal(signal.SIGINT)
        stack.wait_for("Stopping")
        stack.signal(signal.SIGINT)
        stack.wait_for("Killing")
        assert stack.exit_code() == 0
        wait_until_gone(pid)


def test_a_killed_supervisor_leaves_no_child(tmp_path: Path) -> None:
    """The kernel ends the children of a supervisor that died without a word."""
    with stand_ins(tmp_path, "postgres", "web", "deaf") as stack:
        pids = [stack.pid(name) for name in ("postgres", "web", "deaf")]
        stack.signal(signal.SIGKILL)
        wait_until_gone(*pids)


def test_a_killed_supervisor_does_not_hold_the_folder(tmp_path: Path) -> None:
    """Its data folder can be used again at once."""
    with stand_ins(tmp_path, "web") as stack:
        stack.signal(signal.SIGKILL)
        stack.process.wait()
    with stand_ins(tmp_path, "web") as stack:
        assert stack.pid("web")


def test_killed_postgres_comes_back_with_its_data(tmp_path: Path) -> None:
    """A committed row is there after kill -9, at the same address."""
    with stand_ins(tmp_path, "postgres") as stack:
        url = stack.description()["database_url"].replace("+psycopg", "")
        with psycopg.connect(url) as client:
            client.execute("CREATE TABLE kept AS SELECT 42 AS answer")
        os.kill(stack.pid("postgres"), signal.SIGKILL)
        stack.wait_for("answers again")
        with psycopg.connect(url) as client:
            assert client.execute("SELECT answer FROM kept").fetchall() == [(42,)]


def test_down_stops_it_from_another_terminal(tmp_path: Path) -> None:
    """It returns when nothing is left, and does nothing where nothing runs."""
    with stand_ins(tmp_path, "web") as stack:
        pid = stack.pid("web")
        assert down(["--data-dir", str(tmp_path)]) == 0
        wait_until_gone(pid)
        assert stack.exit_code() == 0
    assert down(["--data-dir", str(tmp_path)]) == 0


def test_a_second_supervisor_on_the_same_folder_is_refused(tmp_path: Path) -> None:
    """It names the first one's pid and both ways out."""
    with (
        stand_ins(tmp_path, "web") as first,
        running(tmp_path, str(tmp_path), "web", module=_STAND_IN) as second,
    ):
        refusal = second.wait_for("Another ./dev up")
        assert f"(pid {first.process.pid})" in refusal
        assert "./dev down" in refusal
        assert "--data-dir" in refusal
        assert second.exit_code() == 1


def test_a_child_that_cannot_start_ends_the_start_with_its_last_words(tmp_path: Path) -> None:
    """Whoever started it reads the reason, and nothing is left running."""
    with running(tmp_path, str(tmp_path), "web", "broken", module=_STAND_IN) as stack:
        stack.wait_for("broken did not start (exit code 1)")
        stack.wait_for("ESIM_PROVIDER is wrong")
        assert stack.exit_code() == 1


def test_a_child_that_keeps_ending_is_explained(tmp_path: Path) -> None:
    """After five quick deaths its last words are shown; the supervisor goes on trying."""
    with stand_ins(tmp_path, "brief") as stack:
        stack.wait_for("ended 5 times within seconds")
        stack.wait_for("so long")
        stack.wait_for("Trying again every 5 s")
        stack.signal(signal.SIGTERM)
        assert stack.exit_code() == 0
