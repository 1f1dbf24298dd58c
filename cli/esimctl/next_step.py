"""What a person can do about an activation, state by state."""

from db.profiles import Profile
from domain.order_states import OrderStatus
from domain.profile_states import ProfileStatus

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

_DECIDE = (
    "Ask the provider whether the purchase was booked: nothing is bought again while that is open."
    " All there is to decide by: esimctl review {order}. Then: esimctl resolve {order} --exists,"
    ' --absent or --give-up, with --reason "..."'
)


def next_step(
    order_id: int, order_status: OrderStatus, profile: Profile | None, *, in_doubt: bool = False
) -> str:
    """A sentence for ops that names the command to run.

    `in_doubt`: the outcome of a purchase is unknown, whatever became of the order meanwhile.
    """
    retry = f'esimctl retry {order_id} --reason "..."'
    cancel = f'esimctl cancel {order_id} --reason "..."'
    pending = profile is None or profile.status is ProfileStatus.PENDING_ACTIVATION
    if in_doubt and not pending:  # a pending one still looks into it by itself
        return _DECIDE.format(order=order_id)
    if pending and order_status is not OrderStatus.PAID:
        return f"Nothing: the order is {order_status}, and only a paid one is activated."
    if profile is None or (pending and profile.started_at is None):
        return f"Activation was not asked for yet: POST /api/esims/activate, or {retry}"
    if pending and profile.failure_code is None:
        return "Nothing: it is under way. If it stays so, is a worker running?"
    if pending:
        return f"Nothing: it tries again by itself. At once: {retry}"
    return _NEXT[profile.status].format(retry=retry, cancel=cancel)
