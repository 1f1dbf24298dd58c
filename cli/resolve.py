"""`esimctl resolve`: a person says what became of a purchase in doubt."""

import asyncio
import sys
from pathlib import Path
from typing import Annotated

import typer

from cli.actor import ActorOption, operating_user
from cli.backends import activations, postgres
from cli.interventions import ReasonOption
from cli.status import OrderArgument
from cli.terminal import note, say
from domain.codes import SoldCode, sold_code
from domain.errors import InvalidInput
from domain.iccid import parse_iccid
from domain.purchase import Resolution
from domain.review import FollowUp
from domain.stock import StockStatus
from operations import reviews
from operations.attribution import attributed
from operations.reviews import Decided, Decision
from providers import ENABLING

EXAMPLE = (
    "Example: esimctl resolve 42 --exists --iccid 8934010000000000018 --code-file - --reason"
    ' "their portal shows it" (or: esimctl resolve 42 --absent --reason "Jo at the partner: not'
    ' booked", or: esimctl resolve 42 --give-up --reason "nobody answers")'
)

_LONGEST_FILE = 4096
_STDIN = "-"


ExistsOption = Annotated[
    bool, typer.Option("--exists", help="It was booked: the customer gets the code you bring.")
]
AbsentOption = Annotated[
    bool, typer.Option("--absent", help="It was not booked, for certain: buy again.")
]
GiveUpOption = Annotated[
    bool, typer.Option("--give-up", help="Try nothing more: the activation is cancelled.")
]
CodeFileOption = Annotated[
    str | None,
    typer.Option(
        metavar="FILE",
        help="With --exists: the activation code on the first line, the confirmation code, if"
        " there is one, on the second; - is standard input. Asked for, unseen, if left out.",
    ),
]
IccidOption = Annotated[
    str | None,
    typer.Option(
        help="With --exists: 18 to 20 digits, if the provider gives one. At ES2PLUS always."
    ),
]
AsGivenOption = Annotated[
    bool,
    typer.Option(
        "--as-given",
        help="With --exists: the provider stands by this code, whatever it looks like. The"
        " customer is given it to the letter.",
    ),
]
ProviderOrderOption = Annotated[
    str | None, typer.Option(help="With --exists: what the provider calls the order.")
]


def resolve(  # noqa: PLR0913, PLR0917 - as many options as there are facts
    order: OrderArgument,
    reason: ReasonOption,
    exists: ExistsOption = False,
    absent: AbsentOption = False,
    give_up: GiveUpOption = False,
    code_file: CodeFileOption = None,
    iccid: IccidOption = None,
    as_given: AsGivenOption = False,
    provider_order_id: ProviderOrderOption = None,
    actor: ActorOption = operating_user(),
) -> None:
    """Decide what became of a purchase in doubt. Look first: esimctl review ORDER.

    --exists: the provider has booked it, and you bring what it sold. The code is stored for the
    order, the activation goes on and gives it to the customer. If the order is over or has
    another eSIM by now, the code is kept out of use. A code is a password: it is never an
    argument, since others can read those.

    --absent: the provider has not booked it. The activation buys again, under the same reference.
    Be sure: if it was booked after all, that is a second charge.

    --give-up: the activation is cancelled, unless the customer has an eSIM already. The money of
    the customer and of the provider is a person's task.
    """
    resolution = _chosen(exists=exists, absent=absent, give_up=give_up)
    attributed(actor, reason)  # refused before a code is asked for
    if resolution is not Resolution.EXISTS:
        reviews.check_nothing_sold(code_file, iccid, provider_order_id, as_given)
    sold = _sold(code_file, iccid, as_given=as_given) if resolution is Resolution.EXISTS else None
    decision = Decision(resolution, actor, reason, sold, provider_order_id)
    asyncio.run(_resolve(order, decision))


def _chosen(*, exists: bool, absent: bool, give_up: bool) -> Resolution:
    choices = {
        Resolution.EXISTS: exists,
        Resolution.ABSENT: absent,
        Resolution.GIVEN_UP: give_up,
    }
    chosen = [resolution for resolution, is_chosen in choices.items() if is_chosen]
    if len(chosen) != 1:
        raise InvalidInput("Choose one of --exists, --absent and --give-up. See --help for each.")
    return chosen[0]


def _sold(code_file: str | None, iccid: str | None, *, as_given: bool) -> SoldCode:
    if iccid is not None and not parse_iccid(iccid).luhn_valid:
        note("Warning: the ICCID fails its check digit, as some real ones do.", style="yellow")
    code, confirmation = _read(code_file) if code_file else _ask()
    sold = sold_code(code, iccid, confirmation, as_given=as_given)
    for warning in sold.codes.warnings:
        note(f"Warning: {warning}", style="yellow")
    return sold


def _read(code_file: str) -> tuple[str, str]:
    """Read the code and the confirmation code from a file; nothing of it is ever quoted."""
    try:
        if code_file == _STDIN:
            content = sys.stdin.buffer.read(_LONGEST_FILE + 1)
        else:
            with Path(code_file).open("rb") as file:
                content = file.read(_LONGEST_FILE + 1)
        lines = content.decode("utf-8-sig").strip().splitlines()
    except OSError as error:
        raise InvalidInput(f"--code-file cannot be read: {error.strerror}.") from None
    except UnicodeDecodeError:
        raise InvalidInput("--code-file is not text.") from None
    if len(content) > _LONGEST_FILE or not 1 <= len(lines) <= 2:  # noqa: PLR2004 - as --help says
        raise InvalidInput(
            "--code-file must hold the activation code on its first line, the confirmation code,"
            " if there is one, on the second, and nothing else."
        )
    return lines[0], lines[1] if len(lines) > 1 else ""


def _ask() -> tuple[str, str]:
    """Prompt without showing what is typed."""
    if not sys.stdin.isatty():
        raise InvalidInput("--exists needs --code-file FILE here, or - for standard input.")
    code: str = typer.prompt("Activation code (not shown)", hide_input=True, err=True)
    confirmation: str = typer.prompt(
        "Confirmation code (not shown; Enter if there is none)",
        hide_input=True,
        default="",
        show_default=False,
        err=True,
    )
    return code, confirmation


async def _resolve(order_id: int, decision: Decision) -> None:
    async with postgres() as engine:
        known = await activations()
        resolved = await reviews.resolve(engine, known, order_id, decision, enabling=ENABLING)
    decided = resolved.decided
    say(f"Order {order_id}: {decided.reference} at {decided.provider} is {_outcome(decided)}.")
    if resolved.asked or decided.follow_up is FollowUp.NOTHING:
        say(resolved.next_step)
    else:
        note(f"Warning: {resolved.next_step}", style="yellow")


def _outcome(decided: Decided) -> str:
    if decided.item_status is None:
        return f"resolved as {decided.resolution}"
    fate = (
        "kept for the customer"
        if decided.item_status is StockStatus.RESERVED
        else "kept out of use, since the order needs it no more"
    )
    return f"resolved as {decided.resolution}: item {decided.item_id} is {fate}"
