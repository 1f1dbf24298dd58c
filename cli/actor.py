"""Who a command acts for, as the audit trail will name them."""

import getpass
from typing import Annotated

import typer


def operating_user() -> str:
    """Return the operating system's name for whoever runs this; some containers have none."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "unnamed"


ActorOption = Annotated[
    str, typer.Option("--actor", help="Your name in the audit trail.", show_default="the OS user")
]
