"""The local Temporal dev server by itself."""

from pathlib import Path

from temporalio.client import Client

from local.loopback import answers
from local.temporal import SEARCH_ATTRIBUTES, run_temporal


async def test_search_attributes_work_as_soon_as_it_is_ready(tmp_path: Path) -> None:
    """A workflow that sets an unknown one would fail its task for ever."""
    with run_temporal(tmp_path) as server:
        client = await Client.connect(server.address)
        query = " AND ".join(f"{name} IS NULL" for name in SEARCH_ATTRIBUTES)
        assert (await client.count_workflows(query)).count == 0
        assert server.ui_url is None


def test_the_ui_answers_where_it_says(tmp_path: Path) -> None:
    """Its address is given only if it was asked for."""
    with run_temporal(tmp_path, ui=True) as server:
        assert server.ui_url
        assert answers(server.ui_url)
