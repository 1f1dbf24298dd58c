"""Says whom an activity's audit events are attributed to."""

from temporalio import activity

from domain.event import Origin


def origin(actor: str = "activation") -> Origin:
    """Describe the running activity; name the `actor` if a person stands behind it."""
    info = activity.info()
    return Origin(
        actor=actor,
        workflow_id=info.workflow_id,
        run_id=info.workflow_run_id,
        attempt=info.attempt,
    )
