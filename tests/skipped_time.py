"""Fixtures of tests in which days pass: the server skips time, and the gate reads its clock.

A file that imports them all has its worker and its watch use that server.
"""

import pytest
from temporalio.client import Client
from temporalio.testing import WorkflowEnvironment

from activities.purchase.buy import PurchaseRules
from tests.workflows.conftest import environment

__all__ = ["environment", "purchase_rules", "temporal_client"]


@pytest.fixture
def temporal_client(environment: WorkflowEnvironment) -> Client:
    """The worker and the watch use that server."""
    return environment.client


@pytest.fixture
def purchase_rules(environment: WorkflowEnvironment) -> PurchaseRules:
    """The gate's clock skips too."""
    return PurchaseRules(clock=environment.get_current_time)
