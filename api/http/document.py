"""The OpenAPI document: stable operation ids, problems as what they are, 64-bit integers.

What stands here is what client generators stumble over otherwise.
"""

from collections.abc import Iterator
from typing import Any

from fastapi import FastAPI
from fastapi.routing import APIRoute

from api.http import headers
from api.http.problems import ProblemBody
from db.rows import LARGEST_ID

# What FastAPI would promise for a 422; our problems take its place.
_REPLACED = ("HTTPValidationError", "ValidationError")
_REFERENCE = "#/components/schemas/{model}"

Json = dict[str, Any]


def operation_id(route: APIRoute) -> str:
    """Name an operation as the function that handles it."""
    return route.name


def install(app: FastAPI) -> None:
    """Let the app describe its problems, headers and integers."""
    generate = app.openapi

    def openapi() -> Json:
        """Complete what FastAPI generates; it keeps the document itself."""
        if app.openapi_schema is None:
            _complete(generate())
        return generate()

    app.openapi = openapi  # type: ignore[method-assign]  # as FastAPI documents it


def _complete(document: Json) -> None:
    components = document.setdefault("components", {})
    schemas = components.setdefault("schemas", {})
    problem = ProblemBody.model_json_schema(ref_template=_REFERENCE)
    schemas |= problem.pop("$defs", {}) | {"Problem": problem}
    for name in _REPLACED:
        schemas.pop(name, None)
    components["headers"] = headers.components()
    for operation in _operations(document):
        operation["summary"] = operation["description"].partition(".")[0]
        for answer in operation["responses"].values():
            answer.setdefault("headers", headers.headers())
    _bound_integers(document)


def _operations(document: Json) -> Iterator[Json]:
    for operations in document["paths"].values():
        yield from operations.values()


def _bound_integers(node: object) -> None:
    """Say of every integer that it has 64 bits, and write its bounds as integers."""
    if isinstance(node, list):
        for each in node:
            _bound_integers(each)
    if not isinstance(node, dict):
        return
    if node.get("type") == "integer":
        node.setdefault("format", "int64")
        for bound in ("minimum", "maximum"):
            if bound in node:
                node[bound] = min(int(node[bound]), LARGEST_ID)
    for each in node.values():
        _bound_integers(each)
