"""A namespace without our search attributes is noticed before a workflow stands still in it."""

import uuid
from datetime import timedelta

import pytest
from google.protobuf.duration_pb2 import Duration
from temporalio.api.workflowservice.v1 import RegisterNamespaceRequest
from temporalio.client import Client

from domain.errors import EngineUnavailable
from workflows.client import Activations


async def test_a_namespace_must_know_every_search_attribute(temporal_client: Client) -> None:
    """Ours does; one that somebody made and did not finish does not."""
    await Activations(temporal_client, "any").check()
    name, retention = f"bare-{uuid.uuid4().hex}", Duration()
    retention.FromTimedelta(timedelta(days=1))
    await temporal_client.workflow_service.register_namespace(
        RegisterNamespaceRequest(namespace=name, workflow_execution_retention_period=retention)
    )
    bare = Client(temporal_client.service_client, namespace=name)
    with pytest.raises(EngineUnavailable, match="lacks a search attribute"):
        await Activations(bare, "any").check()
