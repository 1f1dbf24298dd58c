"""What a person can do about an activation, state by state."""

from db.profiles import Profile
from domain.errors import CredentialsRefused, ProviderHeld
from domain.gate import HoldReason
from domain.order import OrderStatus
from domain.profile import OPEN, ProfileStatus
from domain.purchase import PurchaseState

_NEXT = {
    ProfileStatus.RESERVED: "Nothing: it is under way. If it stays so, is a worker running?",
    ProfileStatus.ASSIGNED: "Nothing: the customer can have the eSIM.",
    ProfileStatus.ACTIVATED: "Nothing: the customer has the eSIM.",
    ProfileStatus.EXPIRED: "Nothing: the eSIM has ended.",
    ProfileStatus.CANCELLED: "Nothing: a cancelled activation never starts again.",
    ProfileStatus.PROVISIONING_FAILED: "Mend what the failure names, then {retry}. "
    "Another provider: add --provider NAME. To give up: {cancel}",
    ProfileStatus.EXHAUSTED: "Import stock (esimctl import-stock FILE.csv): it then goes on by "
    "itself. Or {retry} --provider NAME. To give up: {cancel}",
    ProfileStatus.NEEDS_REVIEW: "Look into what the failure names: no purchase is in doubt any "
    "more. Then {retry}. To give up: {cancel}",
}

_NOT_BOUGHT_AGAIN = "nothing is bought again while that is open"
_DECIDE = (
    "Ask the provider whether the purchase was booked: {meanwhile}."
    " All there is to decide by: esimctl review {order}. Then: esimctl resolve {order} --exists,"
    ' --absent or --give-up, with --reason "..."'
)


def next_step(
    order_id: int,
    order_status: OrderStatus,
    profile: Profile | None,
    *,
    purchase: PurchaseState | None = None,
) -> str:
    """Say in a sentence what ops can do, with the command to run.

    `purchase`: the state of an open one, whatever became of the order meanwhile.
    """
    retry = f'esimctl retry {order_id} --reason "..."'
    cancel = f'esimctl cancel {order_id} --reason "..."'
    pending = profile is None or profile.status is ProfileStatus.PENDING_ACTIVATION
    if purchase is PurchaseState.UNKNOWN and profile is not None and not pending:
        # A pending one still looks into it by itself.
        over = profile.status is ProfileStatus.CANCELLED
        meanwhile = "the order is over, the money is not" if over else _NOT_BOUGHT_AGAIN
        return _DECIDE.format(order=order_id, meanwhile=meanwhile)
    if purchase is not None and profile is not None and profile.status not in OPEN:
        return f"Nothing: its purchase is still being settled. If no workflow of it runs: {cancel}"
    if pending and order_status is not OrderStatus.PAID:
        return f"Nothing: the order is {order_status}, and only a paid one is activated."
    if profile is None or (pending and profile.started_at is None):
        return f"Activation was not asked for yet: POST /api/esims/activate, or {retry}"
    if pending:
        return _of_pending(profile, purchase, retry)
    return _NEXT[profile.status].format(retry=retry, cancel=cancel)


def _of_pending(profile: Profile, purchase: PurchaseState | None, retry: str) -> str:
    if purchase is PurchaseState.ACCEPTED:
        return "Nothing: the provider has accepted the order, and is asked until it delivers."
    if profile.failure_code is None:
        return "Nothing: it is under way. If it stays so, is a worker running?"
    if _is_refused(profile):
        return (
            "Its provider refuses our credentials: esimctl providers says which, and what to do."
            " Once it is resumed, every order that waits for it goes on."
        )
    if profile.failure_code == ProviderHeld.code:
        return (
            "Its provider may not be called now: esimctl providers says why. It tries again by"
            f" itself. At once, if ops have paused it: esimctl resume NAME; else {retry}"
        )
    return f"Nothing: it tries again by itself. At once: {retry}"


def _is_refused(profile: Profile) -> bool:
    """Tell whether an order waits for better credentials, by its call's answer or by the gate's."""
    held = profile.failure_code == ProviderHeld.code
    return profile.failure_code == CredentialsRefused.code or (
        held and HoldReason.CREDENTIALS in (profile.failure_reason or "")
    )
