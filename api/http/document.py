"""The OpenAPI document: stable operation ids, and problems as what they are."""

from typing import Any

from fastapi import FastAPI
from fastapi.routing import APIRoute

from api.http.problems import ProblemBody

# What FastAPI would promise for a 422; our problems take its place.
_REPLACED = ("HTTPValidationError", "ValidationError")


def operation_id(route: APIRoute) -> str:
    """Name an operation as the function that handles it."""
    return route.name


def install(app: FastAPI) -> None:
    """Let the app describe its problems."""
    generate = app.openapi

    def openapi() -> dict[str, Any]:
        """Add our problems to what FastAPI generates; it keeps the document itself."""
        if app.openapi_schema is None:
            document = generate()
            schemas = document.setdefault("components", {}).setdefault("schemas", {})
            schemas["Problem"] = ProblemBody.model_json_schema()
            for name in _REPLACED:
                schemas.pop(name, None)
        return generate()

    app.openapi = openapi  # type: ignore[method-assign]  # as FastAPI documents it
