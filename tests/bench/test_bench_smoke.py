"""The benchmark runs; its figures are read by people, never asserted."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.stack
def test_a_quick_run_reports_every_contender(tmp_path: Path) -> None:
    """Each way of activating has its rate and CPU, each shelf its cost, each process its memory.

    Every query is asked in tests/db/test_indexes.py.
    """
    report = tmp_path / "bench.json"

    ended = _bench("--quick", "--only", "stock,reservation", "--json", str(report))

    assert ended.returncode == 0, ended.stderr
    rows = {
        table["title"]: [row[0] for row in table["rows"]]
        for table in json.loads(report.read_text())["tables"]
    }
    contenders = ["no-op workflow", "stock hit", "normal activities"]
    assert rows == {
        "Throughput": contenders,
        "CPU milliseconds per activation": contenders,
        "Postgres CPU of one reservation": [
            "1,000 items, fresh",
            "5,000 items, fresh",
            "1,000 items, drained",
            "5,000 items, drained",
            "one plan, connections: 1",
            "one plan, connections: 64",
            "5,000 items, 1,500 taken since the last vacuum",
        ],
        "Peak memory of every process": ["no-op", "normal", "postgres", "temporal", "worker"],
    }


def test_an_unknown_part_is_refused_by_name() -> None:
    """A misspelt part measures nothing and says what there is."""
    ended = _bench("--only", "stok")

    assert ended.returncode == 1
    assert (
        "There is no part stok; there is: stock, http, status, parked, reservation, growth."
        in ended.stderr
    )


def _bench(*arguments: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "tests.bench", *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
