"""`python -m cli`: every command, and how the program ends."""

import contextlib
import os
import sys
from typing import NoReturn

import typer

from cli import (
    demo,
    import_stock,
    interventions,
    listing,
    providers,
    resolve,
    restored,
    retired,
    reviews,
    seed,
    status,
    token,
    users,
)
from cli.terminal import confess, explain, log_deeds
from domain.errors import EsimError

app = typer.Typer(
    name="esimctl",
    help="Operate eSIM activation. Each command's --help has an example.",
    epilog="./dev esimctl sandbox ... steers the providers of ./dev up --sandbox.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,  # they show local variables, and those hold codes
    rich_markup_mode=None,
)
app.command("status", epilog=status.EXAMPLE)(status.status)
app.command("list", epilog=listing.EXAMPLE)(listing.list_activations)
app.command("retry", epilog=interventions.RETRY_EXAMPLE)(interventions.retry)
app.command("cancel", epilog=interventions.CANCEL_EXAMPLE)(interventions.cancel)
app.command("reviews", epilog=reviews.REVIEWS_EXAMPLE)(reviews.reviews)
app.command("review", epilog=reviews.REVIEW_EXAMPLE)(reviews.review)
app.command("resolve", epilog=resolve.EXAMPLE)(resolve.resolve)
app.command("restored", epilog=restored.EXAMPLE)(restored.restored)
app.command("providers", epilog=providers.PROVIDERS_EXAMPLE)(providers.providers)
app.command("pause", epilog=providers.PAUSE_EXAMPLE)(providers.pause)
app.command("resume", epilog=providers.RESUME_EXAMPLE)(providers.resume)
app.command("import-stock", epilog=import_stock.EXAMPLE)(import_stock.import_stock)
app.command("retired", epilog=retired.EXAMPLE)(retired.retired)
app.command("token", epilog=token.EXAMPLE)(token.token)
app.add_typer(users.users, name="users")
app.command("demo", epilog=demo.EXAMPLE)(demo.demo)
app.command("seed", epilog=seed.EXAMPLE)(seed.seed)


def run() -> int:
    """Run the command line; returns the exit code and raises nothing."""
    log_deeds()
    try:
        app(prog_name="esimctl")
    except SystemExit as leaving:
        return leaving.code if isinstance(leaving.code, int) else int(leaving.code is not None)
    except EsimError as error:
        explain(error)
    except Exception as error:  # noqa: BLE001 - a traceback could quote a code
        confess(error)
    return 1


def main() -> NoReturn:
    """Run the command line, and end the process with its exit code."""
    exit_code = run()
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError):  # the reader of a pipe may have left
            stream.flush()
    # temporalio can abort while the interpreter unwinds (sdk-python#300).
    os._exit(exit_code)


if __name__ == "__main__":
    main()
