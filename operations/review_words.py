"""What a decision on a purchase in doubt would do, and has done, in words for whoever decides."""

from collections.abc import Mapping

from domain.profile import ProfileStatus
from domain.purchase import Resolution
from domain.review import FollowUp, follow_up

_NOBODY_WAITS = "The activation is over, or has an eSIM already, and stays as it is."
_CAME_BACK = "Something came back: the reply in quarantine may say what was sold, so read it first."
_EFFECTS = {
    FollowUp.RETRY: {
        Resolution.EXISTS: "Stores the code that you bring, and gives it to the customer.",
        Resolution.ABSENT: "Buys again. If it was booked after all, that is a second charge.",
    },
    FollowUp.CANCEL: {
        Resolution.GIVEN_UP: "Cancels the activation. What may be owed to us or to the customer"
        " is a person's task."
    },
    FollowUp.NOTHING: {
        Resolution.EXISTS: "Stores the code that you bring, out of use, so that it is not lost."
        f" {_NOBODY_WAITS}",
        Resolution.ABSENT: f"Closes the purchase. {_NOBODY_WAITS}",
        Resolution.GIVEN_UP: f"Closes the purchase. {_NOBODY_WAITS}",
    },
}


def effects(status: ProfileStatus, *, came_back: bool = False) -> Mapping[Resolution, str]:
    """Say what each decision would do now, in words for the person who decides.

    `came_back`: a reply is in quarantine.
    """
    said = {
        resolution: _EFFECTS[follow_up(resolution, status)][resolution] for resolution in Resolution
    }
    if came_back:
        said[Resolution.ABSENT] = f"{_CAME_BACK} {said[Resolution.ABSENT]}"
    return said


def outlook(decided: FollowUp, order_id: int, *, asked: bool) -> str:
    """Say what comes next, in words for the person who decided.

    Args:
        decided: what was to be asked of the activation.
        order_id: whose activation.
        asked: Temporal took the request.
    """
    if decided is FollowUp.NOTHING:
        return f"Nothing more: {_NOBODY_WAITS[0].lower()}{_NOBODY_WAITS[1:]}"
    command = f'esimctl {decided} {order_id} --reason "..."'
    if not asked:
        return f"The decision stands, but Temporal does not answer. Once it does: {command}"
    wanted = "to try again" if decided is FollowUp.RETRY else "to end"
    return f"The activation was asked {wanted}. If nothing comes of it: {command}"
