"""The OpenAPI document, and the API against its own document."""

import os
from collections.abc import Iterator
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
from domain.error_codes import ErrorCode
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
        *("200", "202", "400", "401", "403", "404", "408"),
        *("409", "413", "415", "422", "429", "502", "503"),
    }


def test_generators_find_what_they_need(document: dict[str, Any]) -> None:
    """Plain headers, one enum of codes, bodies that say what they are, declared headers."""
    schemas = document["components"]["schemas"]
    assert schemas["ErrorCode"]["enum"] == list(ErrorCode)
    for holder in ("Problem", "FailureBody"):
        assert schemas[holder]["properties"]["code"]["$ref"] == "#/components/schemas/ErrorCode"
    kinds = {name: schemas[name]["properties"]["kind"] for name in ("EsimBody", "ActivationBody")}
    assert {name: kind["const"] for name, kind in kinds.items()} == {
        "EsimBody": "esim",
        "ActivationBody": "activation",
    }
    activate = document["paths"]["/api/esims/activate"]["post"]
    assert activate["summary"] == "Turn a paid order into an eSIM"
    [prefer] = activate["parameters"]
    assert (prefer["schema"]["type"], prefer["required"]) == ("string", False)
    assert {"Location", "Retry-After"} <= set(activate["responses"]["202"]["headers"])
    assert "Idempotent-Replayed" in activate["responses"]["200"]["headers"]
    assert "Link" in document["paths"]["/api/orders/mine"]["get"]["responses"]["200"]["headers"]
    for answer in _nodes(document, "content"):
        assert (
            "required" in answer or "X-Request-Id" in answer["headers"]
        )  # a request, or an answer
    declared = set(document["components"]["headers"])
    assert {node["$ref"].rpartition("/")[2] for node in _nodes(document, "$ref")} >= declared


def test_integers_have_64_bits(document: dict[str, Any]) -> None:
    """And bounds that a parser of 64 bits can read."""
    integers = [node for node in _nodes(document, "type") if node["type"] == "integer"]
    assert len(integers) > 50
    for integer in integers:
        assert integer["format"] == "int64"
        for bound in ("minimum", "maximum"):
            assert isinstance(integer.get(bound, 0), int)
            assert abs(integer.get(bound, 0)) < 2**63


@pytest.fixture
def document(settings: AppSettings) -> dict[str, Any]:
    """What generators read: it needs no running service."""
    return build_app(settings).openapi()


def _nodes(node: object, key: str) -> Iterator[dict[str, Any]]:
    """Every object of the document that has a key."""
    if isinstance(node, dict):
        if key in node:
            yield node
        for each in node.values():
            yield from _nodes(each, key)
    elif isinstance(node, list):
        for each in node:
            yield from _nodes(each, key)


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
