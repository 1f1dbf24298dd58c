"""The OpenAPI document, and the API against its own document."""

import os
from typing import Any

import httpx
import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from schemathesis.core.result import Ok
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from api.app import AppSettings, build_app
from local.temporal import TemporalServer
from tests.api.server import app_settings
from tests.api.tokens import admin

pytestmark = pytest.mark.slow

# For a long look: FUZZ_EXAMPLES=300
_EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "40"))
_AWAY = (502, 503)


@pytest.fixture
def settings(
    database_url: str, temporal_server: TemporalServer, task_queue: str, catalogue: None
) -> AppSettings:
    """An app that does not wait: nobody works here."""
    del catalogue
    return app_settings(
        database_url, temporal_server.address, task_queue, activation_wait_seconds=0
    )


async def test_operations_and_problems_are_described(anybody: httpx.AsyncClient) -> None:
    """Stable operation ids; problems as problem+json everywhere; no shape that is never sent."""
    document = (await anybody.get("/openapi.json")).json()
    operations = [operation for path in document["paths"].values() for operation in path.values()]
    names = [operation["operationId"] for operation in operations]
    assert len(set(names)) == len(names)
    assert {"activate_esim", "create_order", "retry_activation"} <= set(names)
    assert "HTTPValidationError" not in document["components"]["schemas"]
    for operation in operations:
        for status, answer in operation["responses"].items():
            if status >= "400":
                assert list(answer["content"]) == ["application/problem+json"]
    retry = document["components"]["schemas"]["RetryRequest"]["properties"]
    assert "along the plan's route (plan_codes)" in retry["provider"]["description"]
    esim = document["components"]["schemas"]["EsimBody"]["properties"]
    assert "phone asks for" in esim["confirmation_code"]["description"]
    activation = document["paths"]["/api/esims/activate"]["post"]["responses"]
    assert set(activation) == {
        *("200", "202", "400", "401", "404", "409", "413", "415", "422", "429", "502", "503")
    }


@pytest.mark.timeout(1800)
def test_the_api_keeps_to_its_own_document(api_url: str) -> None:
    """Generated requests, valid and not: no crash, and only what the document promises."""
    schema = schemathesis.openapi.from_url(f"{api_url}/openapi.json")
    with requests.Session() as session:
        session.headers.update(admin(1))
        for found in schema.get_all_operations():
            assert isinstance(found, Ok)
            operation = found.ok()
            _fuzz(
                st.one_of(
                    operation.as_strategy(),
                    operation.as_strategy(generation_mode=schemathesis.GenerationMode.NEGATIVE),
                ),
                session,
            )


def _fuzz(cases: st.SearchStrategy[Any], session: requests.Session) -> None:
    @given(case=cases)
    @hypothesis_settings(
        max_examples=_EXAMPLES,
        deadline=None,
        database=None,
        derandomize=True,
        suppress_health_check=list(HealthCheck),
    )
    def keeps_its_word(case: Any) -> None:
        answer = case.call(session=session, timeout=30)
        assert answer.status_code < 500 or answer.status_code in _AWAY, answer.text
        case.validate_response(
            answer,
            checks=[
                status_code_conformance,
                content_type_conformance,
                response_headers_conformance,
                response_schema_conformance,
            ],
        )

    keeps_its_word()


def test_the_document_needs_no_running_service(settings: AppSettings) -> None:
    """Client generators read it from the code alone."""
    assert build_app(settings).openapi()["info"]["title"] == "eSIM activation"
