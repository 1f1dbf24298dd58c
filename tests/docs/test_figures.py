"""Figures and lists that a page repeats are those of the code."""

import re
from dataclasses import fields
from datetime import timedelta
from pathlib import Path

from annotated_types import Le

from activities.purchase.gate import RATE_PATIENCE_SECONDS
from api.notices import UNSIGNED_PER_MINUTE
from db import spend_guard
from domain import errors
from domain.consequence import OnFailure
from domain.errors import EsimError
from domain.gate import Health, ProviderLimits
from domain.profile import PARKED
from domain.purchase import OPEN
from local.temporal import SEARCH_ATTRIBUTES
from providers import ADAPTERS
from settings import ApiSettings
from workflows import policies

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
_DEFAULT = re.compile(
    r"^- `([A-Z0-9_]+)`:"
    r"(?: `(\w+)` \(default\)|[^`\n]*(?:`[^`\n]*`[^`\n]*)*?default `?([\w:/.-]+)`?)",
    re.MULTILINE,
)
_UNITS = {"s": "seconds", "min": "minutes", "h": "hours"}


def table(page: str, heading: str) -> list[list[str]]:
    """The cells of the first table below a heading, its own heading left out."""
    section = (DOCS / page).read_text().split(f"# {heading}\n")[1]
    found = re.search(r"(?:^\|.*\n)+", section, re.MULTILINE)
    assert found
    return [
        [cell.strip() for cell in line.strip("|").split("|")] for line in found[0].splitlines()[2:]
    ]


def pauses(text: str) -> list[timedelta]:
    """Every "30 s", "2 min" or "1 h" of a text."""
    found = re.findall(r"(\d+) (s|min|h)\b", text)
    return [timedelta(**{_UNITS[unit]: int(number)}) for number, unit in found]


def codes(text: str) -> set[str]:
    """Every `code-like-this` of a text."""
    return set(re.findall(r"`([a-z-]+)`", text))


def test_rounds_are_those_of_the_policies() -> None:
    """Operators read here when an order tries again by itself."""
    outage, other, _ = table("operating.md", "When it tries again by itself")
    short = [pause for pause in policies.ROUND_DELAYS if pause < policies.OUTAGE_WAIT]
    longest = policies.OUTAGE_WAIT * 1.5
    assert pauses(outage[1]) == [*short, longest]
    assert f"every {policies.OUTAGE_WAIT / 2 // timedelta(minutes=1)} to" in outage[1]
    days = (policies.OUTAGE_WAIT * policies.OUTAGE_ROUNDS) / timedelta(days=1)
    assert f"about {days:g} days" in outage[1]
    assert pauses(other[1]) == list(policies.ROUND_DELAYS)


def test_round_table_names_each_failure_that_waiting_may_mend() -> None:
    """An error that gets a further round is in exactly one of its first two rows."""
    outage, other, _ = table("operating.md", "When it tries again by itself")
    waits = {kind for kind in EsimError.kinds() if kind.on_failure is OnFailure.NEXT_ROUND}
    assert codes(outage[0]) == {kind.code for kind in waits if kind.is_outage}
    assert codes(other[0]) == {kind.code for kind in waits if not kind.is_outage}


def test_tries_within_a_round_are_those_of_the_policy() -> None:
    """The sentence below that table."""
    page = (DOCS / "operating.md").read_text()
    assert f"is tried {policies.PROVIDER_RETRY.maximum_attempts} times" in page


def test_each_parked_state_says_what_to_do() -> None:
    """Whoever is woken at night looks the state up."""
    listed = {
        name
        for row in table("operating.md", "What a waiting state means")
        for name in codes(row[0].replace("_", "-"))
    }
    assert {state.value.replace("_", "-") for state in PARKED} <= listed


def test_each_health_is_explained() -> None:
    """In the order in which the code decides."""
    rows = table("operating.md", "Pausing a provider")
    assert {row[0].strip("`") for row in rows} == {health.value for health in Health}


def test_open_purchases_are_named() -> None:
    """The sentence below the picture of the purchase's states."""
    page = (DOCS / "purchases.md").read_text()
    *some, last = (f"`{state.value}`" for state in OPEN)
    assert f"{', '.join(some)} and {last} are **open**" in page


def test_gate_figures_are_those_of_the_limits() -> None:
    """How many failures open the breaker, and how long each hold lasts."""
    rows = {row[0]: row for row in table("purchases.md", "The gate")}
    limits = ProviderLimits()
    assert rows["cooling down"][1].startswith(f"{limits.failures_to_open} failed calls")
    assert f"one probe in {limits.probe_seconds:g} s" in rows["cooling down"][2]
    assert f"up to {RATE_PATIENCE_SECONDS:g} s" in rows["rate"][2]
    guard = rows["spend guard, purchases alone"][2]
    assert f"in {spend_guard.RECHECK_SECONDS:g} s" in guard


def test_notice_limit_is_the_route_s() -> None:
    """What a provider that is answered 429 has sent too much of."""
    page = (DOCS / "providers" / "README.md").read_text()
    assert f"more than {UNSIGNED_PER_MINUTE} unsigned" in page


def test_search_attributes_are_listed() -> None:
    """What Temporal's list filters by."""
    page = (DOCS / "operating.md").read_text()
    assert all(f"`{name}`" in page for name in SEARCH_ATTRIBUTES)


def test_codes_that_pages_name_exist() -> None:
    """A provider's failure on a page is one that the code has."""
    there = {kind.code for kind in EsimError.kinds()} | {"provider-not-found"}
    for page in DOCS.rglob("*.md"):
        named = {code for code in codes(page.read_text()) if code.startswith("provider-")}
        assert named <= there, page.name


def test_error_classes_that_pages_name_exist() -> None:
    """A renamed class leaves no page behind."""
    for page in DOCS.rglob("*.md"):
        named = set(re.findall(r"`(Provider[A-Z]\w+)`", page.read_text()))
        missing = {name for name in named if not hasattr(errors, name)}
        assert missing <= {"ProviderConfig", "ProviderHttp", "ProviderLimits"}, page.name


def test_statuses_of_the_api_are_those_of_the_errors() -> None:
    """A code beside a status on the page is answered with that status."""
    answered = {kind.code: kind.http_status for kind in EsimError.kinds()}
    rows = re.findall(r"^\| (\d{3}) \| (.*)$", (DOCS / "api.md").read_text(), re.MULTILINE)
    told = {(code, int(status)) for status, text in rows for code in codes(text)}
    known = {(code, status) for code, status in told if code in answered}
    assert known
    assert known == {(code, answered[code]) for code, _ in known}


def test_defaults_on_pages_are_those_of_the_settings() -> None:
    """Both ways of saying one: "default 600", and "`review` (default)"."""
    settings = {
        f"{adapter.name}_{each.name.upper()}": each.default
        for adapter in ADAPTERS
        for each in fields(adapter.config)
    }
    found = [
        (name, stated or first)
        for page in (DOCS / "providers").glob("*.md")
        for name, first, stated in _DEFAULT.findall(page.read_text())
    ]
    assert len(found) >= len(ADAPTERS)
    for name, stated in found:
        default = settings[name]
        shown = f"{default:g}" if isinstance(default, float) else str(default)
        assert stated.rstrip(".") == (shown.lower() if isinstance(default, bool) else shown), name


def test_waits_of_a_parked_activation_are_those_of_the_policies() -> None:
    """How often it wakes, and when it continues as a new run."""
    page = " ".join((DOCS / "guide.md").read_text().split())
    hour = timedelta(hours=1)
    assert f"wakes every {policies.PARKED_REMINDER / hour:g} h" in page
    assert f"looks for stock every {policies.EXHAUSTED_RECHECK / hour:g} h" in page
    assert f"new run beyond {policies.MAXIMUM_HISTORY_EVENTS} events" in page


def test_waits_of_the_api_are_those_of_its_settings() -> None:
    """How long a POST waits, and how long it may."""
    wait = ApiSettings.model_fields["activation_wait_seconds"]
    (longest,) = [each.le for each in wait.metadata if isinstance(each, Le)]
    page = (DOCS / "api.md").read_text()
    assert f"waits {wait.default:g} s (`ACTIVATION_WAIT_SECONDS`)" in page
    assert f"`Prefer: wait=N` waits up to {longest:g} s" in page
