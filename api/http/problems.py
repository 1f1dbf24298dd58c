"""Errors as RFC 9457 problem documents: one shape for every status that is not a success.

`detail` is for people (the shop's apps match words of it), `code` for programs, and
`retryable` says whether the same request can succeed later without anybody's help.
"""

import math
from collections.abc import Collection, Mapping, Sequence
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field
from starlette.exceptions import HTTPException

from api.http.headers import headers_of
from api.http.names import shown, unknown_name
from domain import errors
from domain.error_codes import ErrorCode
from domain.profile import ProfileStatus

MEDIA_TYPE = "application/problem+json"
RETRY_AFTER_SECONDS = 5.0
_TOLD_FAULTS = 20


class Fault(BaseModel):
    """What is wrong with one field of a request."""

    field: str = Field(examples=["body.order_id"])
    message: str


_IMPLIED = {401: 429, 413: 408}


class ProblemBody(BaseModel):
    """What went wrong (RFC 9457). Some problems carry further fields."""

    model_config = ConfigDict(title="Problem", extra="allow")

    type: str = Field(
        description="Where the code is explained, from the root of this API.",
        examples=["/docs/errors#order-not-found"],
    )
    title: str = Field(examples=["Not Found"])
    status: int = Field(examples=[404])
    detail: str = Field(description="For people.", examples=["Order not found"])
    code: ErrorCode = Field(description="For programs.", examples=["order-not-found"])
    retryable: bool = Field(description="The same request can succeed later by itself.")
    request_id: str | None = Field(description="Quote it when you ask for support.")
    errors: list[Fault] = Field([], description="What is wrong with which field, of a 422.")
    esim_status: ProfileStatus | None = Field(None, description="Of a 502: where it stands.")
    activation: str | None = Field(None, description="Of a 502: where to read on.")


class Problem(Exception):
    """An answer that is not a success, raised from anywhere in a handler."""

    def __init__(
        self,
        status: int,
        code: str,
        detail: str,
        *,
        retry_after_seconds: float | None = None,
        headers: Mapping[str, str] | None = None,
        **extra: object,
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.code = ErrorCode.named(code)
        self.detail = detail
        self.retryable = retry_after_seconds is not None
        self.headers = dict(headers or {})
        self.extra = extra
        if retry_after_seconds is not None:
            self.headers["Retry-After"] = str(math.ceil(retry_after_seconds))


def invalid_request(faults: Sequence[Fault]) -> Problem:
    """Build the 422 that names the faults, as many as somebody will read."""
    told = faults[:_TOLD_FAULTS]
    summary = "; ".join(f"{fault.field}: {fault.message}" for fault in told)
    return Problem(
        422,
        "invalid-request",
        summary or "The request is invalid.",
        errors=[fault.model_dump() for fault in told],
    )


def to_problem(error: Exception) -> Problem:
    """Turn any exception into the problem that stands for it."""
    if isinstance(error, Problem):
        return error
    if (
        isinstance(error, errors.EsimError)
        and error.http_status != HTTPStatus.INTERNAL_SERVER_ERROR
    ):
        detail = error.http_detail.format(message=error.message)
        wait = RETRY_AFTER_SECONDS if error.http_retry else None
        return Problem(error.http_status, error.code, detail, retry_after_seconds=wait)
    return Problem(500, "internal-error", "Something went wrong on our side.")


def render(problem: Problem, request: Request) -> JSONResponse:
    """Answer with a problem; its code goes into the request's log line too."""
    request.scope["problem_code"] = problem.code
    body = {
        "type": f"/docs/errors#{problem.code}",
        "title": HTTPStatus(problem.status).phrase,
        "status": problem.status,
        "detail": problem.detail,
        "code": problem.code,
        "retryable": problem.retryable,
        "request_id": request.scope.get("request_id"),
        **problem.extra,
    }
    return JSONResponse(body, problem.status, headers=problem.headers, media_type=MEDIA_TYPE)


def install(app: FastAPI) -> None:
    """Answer every error of the app with a problem document."""
    app.add_exception_handler(Problem, _on_known_error)
    app.add_exception_handler(errors.EsimError, _on_known_error)
    app.add_exception_handler(RequestValidationError, _on_bad_request)
    app.add_exception_handler(HTTPException, _on_http_exception)


def responses(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Describe, for OpenAPI, the problems that an operation may answer with.

    Whoever is asked for a token is counted too, and a body that may be too long may be too slow.
    """
    schema = {"$ref": "#/components/schemas/Problem"}
    implied = {_IMPLIED[status] for status in statuses if status in _IMPLIED}
    return {
        status: {
            "description": HTTPStatus(status).phrase,
            "content": {MEDIA_TYPE: {"schema": schema}},
            "headers": headers_of(status),
        }
        for status in sorted(implied.union(statuses))
    }


async def _on_known_error(request: Request, error: Exception) -> JSONResponse:
    return render(to_problem(error), request)


async def _on_bad_request(request: Request, error: Exception) -> JSONResponse:
    """Say which fields are wrong and why; what was sent is not quoted."""
    faults = error.errors() if isinstance(error, RequestValidationError) else []
    known = _fields(request)
    return render(invalid_request([_fault(fault, known) for fault in faults]), request)


def _fault(fault: Mapping[str, Any], known: Collection[str]) -> Fault:
    field = ".".join(shown(str(part)) for part in fault["loc"])
    if fault["type"] == "extra_forbidden":
        return Fault(field=field, message=unknown_name(str(fault["loc"][-1]), known))
    return Fault(field=field, message=fault["msg"])


def _fields(request: Request) -> Collection[str]:
    """The fields of the body that an operation takes."""
    body: Any = getattr(request.scope.get("route"), "body_field", None)
    model = body and body.field_info.annotation
    return getattr(model, "model_fields", {}).keys()


async def _on_http_exception(request: Request, error: Exception) -> JSONResponse:
    """Answer what the framework refuses: unknown paths, wrong methods, unreadable bodies."""
    if not isinstance(error, HTTPException):  # pragma: no cover - the registration says so
        raise error
    if error.status_code == HTTPStatus.BAD_REQUEST:
        problem = Problem(422, "invalid-request", "The body is not readable JSON.")
    else:
        code = HTTPStatus(error.status_code).phrase.lower().replace(" ", "-")
        problem = Problem(error.status_code, code, str(error.detail), headers=error.headers)
    return render(problem, request)
