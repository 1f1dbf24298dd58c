"""Reaching Temporal: one client per process, made after any fork."""

from temporalio.client import Client
from temporalio.runtime import Runtime
from temporalio.service import GrpcCompression, RPCError

from domain.errors import EngineUnavailable


async def connect(
    address: str,
    namespace: str,
    *,
    tls: bool = False,
    api_key: str | None = None,
    lazy: bool = False,
    runtime: Runtime | None = None,
) -> Client:
    """Connect now; or, if `lazy`, at the first call, so that a process can start without Temporal.

    Raises:
        EngineUnavailable: nothing answers at this address.
    """
    try:
        return await Client.connect(
            address,
            namespace=namespace,
            tls=tls or api_key is not None,
            api_key=api_key,
            lazy=lazy,
            runtime=runtime,
            # Ids and states are sent: to pack them costs more than their way.
            grpc_compression=GrpcCompression.NONE,
        )
    except (RPCError, RuntimeError):
        raise EngineUnavailable(
            f"Temporal does not answer at {address}; is it running (TEMPORAL_ADDRESS)?"
        ) from None
