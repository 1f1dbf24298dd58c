"""What a customer may know of a failure; the reason itself, with its detail, is for ops."""

from domain.profile import ProfileStatus

_UNABLE = {
    ProfileStatus.PENDING_ACTIVATION: (
        "Unable to provision eSIM right now. We keep trying; please check again in a few minutes."
    ),
    ProfileStatus.EXHAUSTED: (
        "Unable to provision eSIM: this plan is out of stock. It follows as soon as there is more."
    ),
    ProfileStatus.PROVISIONING_FAILED: (
        "Unable to provision eSIM. Our team looks into it; there is nothing you need to do."
    ),
    ProfileStatus.NEEDS_REVIEW: ("Unable to provision eSIM until our team has checked the order."),
}


def sentence(status: ProfileStatus) -> str:
    """Why there is no eSIM yet, and what comes next, in words for the customer."""
    return _UNABLE.get(status, _UNABLE[ProfileStatus.PENDING_ACTIVATION])
