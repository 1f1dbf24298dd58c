"""`python -m sandbox`, which `./dev esimctl sandbox` runs: the sandbox's own command line."""

import sys

from sandbox.command_line.commands import app
from sandbox.command_line.printing import confess, note
from sandbox.faults import SandboxFault


def run() -> int:
    """Run the command line; returns the exit code and raises nothing."""
    try:
        app(prog_name="esimctl sandbox")
    except SystemExit as leaving:
        return leaving.code if isinstance(leaving.code, int) else int(leaving.code is not None)
    except SandboxFault as fault:
        note(f"Error: {fault.message}", style="red")
    except Exception as error:  # noqa: BLE001 - a traceback could quote a code
        confess(error)
    return 1


if __name__ == "__main__":
    sys.exit(run())
