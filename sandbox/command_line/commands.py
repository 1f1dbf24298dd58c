"""`esimctl sandbox`: providers that misbehave on request, and the books they keep."""

from typing import Annotated, Any

import typer
from rich.table import Table

from sandbox.command_line.client import SandboxUrl, ask
from sandbox.command_line.printing import console, say
from sandbox.command_line.serve import EXAMPLE as SERVE_EXAMPLE
from sandbox.command_line.serve import serve
from sandbox.faults import SandboxFault
from sandbox.misbehaviours import MEANINGS, Misbehaviour
from sandbox.sandbox import CONTRACTS, PROVIDERS

RULE_EXAMPLE = "Example: esimctl sandbox rule CONNECTED_YOU timeout_after_booking --times 1"
RULES_EXAMPLE = "Example: esimctl sandbox rules"
CLEAR_EXAMPLE = "Example: esimctl sandbox clear"
LEDGER_EXAMPLE = "Example: esimctl sandbox ledger --reference order-7"
MISBEHAVIOURS_EXAMPLE = "Example: esimctl sandbox misbehaviours"

app = typer.Typer(
    help="Providers on this machine that misbehave on request, and the books they keep.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,  # they show local variables, and those hold codes
    rich_markup_mode=None,
)

_EVERY_CALL = "always"


def rule(
    provider: Annotated[str, typer.Argument(help=f"One of {', '.join(PROVIDERS)}.")],
    misbehaviour: Annotated[str, typer.Argument(help="See `esimctl sandbox misbehaviours`.")],
    operation: Annotated[
        str | None, typer.Option(help="Only this one; default purchases; * for every one.")
    ] = None,
    reference: Annotated[str | None, typer.Option(help="Only this purchase.")] = None,
    times: Annotated[str, typer.Option(help="To how many calls: a number, or always.")] = "1",
    after: Annotated[int, typer.Option(help="How many matching calls go well first.")] = 0,
    option: Annotated[
        list[str] | None, typer.Option(help="Such as seconds=2; may be given several times.")
    ] = None,
    url: SandboxUrl = None,
) -> None:
    """Make the next call of a provider misbehave."""
    made = ask(
        url,
        "POST",
        "/rules",
        {
            "provider": provider.upper(),
            "misbehaviour": misbehaviour,
            "operation": operation,
            "reference": reference,
            "times": None if times == _EVERY_CALL else _whole_number(times),
            "after": after,
            "options": dict(map(_pair, option or [])),
        },
    )
    say(f"Rule {made['id']}: {_in_words(made)}")


def rules(url: SandboxUrl = None) -> None:
    """List the rules and how often each was applied."""
    table = Table(
        "rule", "provider", "misbehaviour", "operation", "reference", "applied", "options"
    )
    for one in ask(url, "GET", "/rules")["rules"]:
        table.add_row(
            str(one["id"]),
            one["provider"],
            one["misbehaviour"],
            one["operation"] or "(default)",
            one["reference"] or "(any)",
            f"{one['used']} of {one['times'] or _EVERY_CALL}",
            _options(one),
        )
    console().print(table)


def clear(url: SandboxUrl = None) -> None:
    """Forget every rule: all calls go well again."""
    say(f"Cleared {ask(url, 'DELETE', '/rules')['cleared']} rules.")


def ledger(
    provider: Annotated[str | None, typer.Option(help="Only this provider.")] = None,
    reference: Annotated[str | None, typer.Option(help="Only this purchase.")] = None,
    url: SandboxUrl = None,
) -> None:
    """Show what was charged: one line per purchase, and the sum."""
    name = provider and provider.upper()
    if name and name not in PROVIDERS:
        raise SandboxFault(f"The sandbox has no provider {name}. It has: {', '.join(PROVIDERS)}.")
    filters = {"provider": name, "reference": reference}
    books = ask(url, "GET", "/ledger", query={key: to for key, to in filters.items() if to})
    table = Table("provider", "reference", "plan", "charges", "voids", "net", "sum USD")
    for one in books["purchases"]:
        plans = dict.fromkeys(order["plan_code"] for order in one["orders"])
        # More than one charge for a purchase is what the ledger is looked at for.
        style = "red" if one["net_charges"] > 1 else None
        table.add_row(one["provider"], one["reference"], ", ".join(plans), *_sums(one), style=style)
    table.add_section()
    table.add_row("all", "", "", *_sums(books["total"]), style="bold")
    console().print(table)


def misbehaviours() -> None:
    """List every way to misbehave, and at which providers."""
    table = Table("misbehaviour", "what happens", "options", "at")
    for kind, said in MEANINGS.items():
        options = " ".join(f"{name}={value}" for name, value in said.options.items())
        table.add_row(kind.value, said.sentence, options, _where(kind))
    console().print(table)


for _command, _example in (
    (serve, SERVE_EXAMPLE),
    (rule, RULE_EXAMPLE),
    (rules, RULES_EXAMPLE),
    (clear, CLEAR_EXAMPLE),
    (ledger, LEDGER_EXAMPLE),
    (misbehaviours, MISBEHAVIOURS_EXAMPLE),
):
    app.command(_command.__name__, epilog=_example)(_command)


def _where(kind: Misbehaviour) -> str:
    needed = MEANINGS[kind].applies_to
    places = [
        contract.provider
        for contract in CONTRACTS
        if any(traits & needed for traits in contract.operations.values())
    ]
    return "all" if len(places) == len(CONTRACTS) else ", ".join(places)


def _in_words(made: dict[str, Any]) -> str:
    times = {None: _EVERY_CALL, 1: "once"}.get(made["times"], f"{made['times']} times")
    reference = f" for {made['reference']}" if made["reference"] else ""
    after = f", after {made['after']} that go well" if made["after"] else ""
    words = f"{made['provider']} {made['operation'] or 'purchases'}: {made['misbehaviour']}"
    return f"{words} {_options(made)}".rstrip() + f"{reference}, {times}{after}."


def _options(made: dict[str, Any]) -> str:
    return " ".join(f"{name}={value}" for name, value in made["options"].items())


def _sums(sums: dict[str, int]) -> list[str]:
    counts = [str(sums[name]) for name in ("charges", "voids", "net_charges")]
    return [*counts, f"{sums['net_cents'] / 100:.2f}"]


def _pair(option: str) -> tuple[str, str]:
    name, equals, value = option.partition("=")
    if not equals:
        raise SandboxFault("--option must be name=value, such as --option seconds=2.")
    return name, value


def _whole_number(times: str) -> int:
    try:
        return int(times)
    except ValueError:
        raise SandboxFault("--times must be a whole number, or always.") from None
