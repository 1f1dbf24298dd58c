"""A rival of our workflow that does nothing. The sandbox loads this file for next to nothing."""

from temporalio import workflow

NO_OP_QUEUE = "bench-no-op"
NO_OP_PATH = "/no-op"


@workflow.defn(name="NoOpWorkflow")
class NoOpWorkflow:
    """What one workflow costs at least."""

    @workflow.run
    async def run(self, order_id: int) -> int:
        """Return at once."""
        return order_id
