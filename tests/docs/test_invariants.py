"""The queries of docs/invariants.sql run, and an untouched database breaks none."""

import re
from pathlib import Path

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from tests.rows import rows

FILE = (Path(__file__).parents[2] / "docs" / "invariants.sql").read_text()


def queries() -> list[str]:
    """Each query of the file, with the number it is listed under."""
    _, _, below_the_heading = FILE.partition("\n\n")
    return [each.strip() for each in below_the_heading.split(";\n") if each.strip()]


def test_the_file_has_every_number_that_sql_can_answer() -> None:
    """A query that got lost would be one that nobody runs."""
    numbers = {
        int(found) for found in re.findall(r"^-- (\d+)[.,]", "\n".join(queries()), re.MULTILINE)
    }
    assert numbers == {1, 3, 4, 5, 7, 8, 9, 10, 11, 12}


@pytest.mark.parametrize("query", queries(), ids=lambda query: query.splitlines()[0][3:40])
async def test_it_runs_and_finds_nothing_wrong(engine: AsyncEngine, query: str) -> None:
    """The schema is as the query takes it; without orders nothing is broken."""
    assert await rows(engine, query.replace(":", r"\:")) == []
