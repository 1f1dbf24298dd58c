"""Store the history of an activation, so that later code must still replay it.

Paths that a test takes are stored by `recording.py`. For one that happened elsewhere:

    ./dev esimctl status 42            # an activation that took the path worth keeping
    .venv/bin/python -m tests.replay.record activate-esim-42 refunded-while-buying

reads Temporal at TEMPORAL_ADDRESS (default 127.0.0.1:7233). Histories are added, never replaced:
a workflow change that breaks one needs `workflow.patched`, not a new recording.
"""

import argparse
import asyncio
import os
import sys
from pathlib import Path

from temporalio.client import Client

ROOT = Path(__file__).parents[2]
HISTORIES = Path(__file__).parent / "histories"


async def record(client: Client, workflow_id: str, name: str, *, first_run: bool = False) -> Path:
    """Write one history, of the latest run or of the first; refuse to replace one."""
    path = HISTORIES / f"{name}.json"
    if path.exists():
        raise SystemExit(f"{path} exists: histories are added, never replaced.")
    history = await client.get_workflow_handle(workflow_id).fetch_history()
    if first_run:
        begun = history.events[0].workflow_execution_started_event_attributes
        run_id = begun.first_execution_run_id
        history = await client.get_workflow_handle(workflow_id, run_id=run_id).fetch_history()
    # Stack traces name files: where they lay on one machine is nobody else's business.
    HISTORIES.mkdir(exist_ok=True)
    path.write_text(history.to_json().replace(f"{ROOT}/", "") + "\n")
    return path


async def _main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("workflow_id")
    parser.add_argument("name", help="the path it took, in words-with-hyphens")
    arguments = parser.parse_args()
    address = os.environ.get("TEMPORAL_ADDRESS", "127.0.0.1:7233")
    client = await Client.connect(address)
    print(await record(client, arguments.workflow_id, arguments.name))  # noqa: T201 - a command


if __name__ == "__main__":
    asyncio.run(_main())
    sys.stdout.flush()
    os._exit(0)
