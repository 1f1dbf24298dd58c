"""Names that nobody knows are refused, not ignored: a misspelt one would do something else."""

from collections.abc import Callable, Coroutine, Iterator
from typing import Any

from fastapi import Request, Response
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute
from pydantic import BaseModel, ConfigDict
from pydantic.fields import FieldInfo
from starlette.datastructures import QueryParams

from api.http.names import shown, unknown_name
from api.http.problems import Fault, invalid_request


class RequestBody(BaseModel):
    """A body that is sent to us. Fields that it does not declare are a 422."""

    model_config = ConfigDict(extra="forbid")


class StrictRoute(APIRoute):
    """An operation that refuses query parameters which it does not declare (422)."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Look at the names before anything else does."""
        handle = super().get_route_handler()
        declared = dict(_query_parameters(self.dependant))

        async def strict(request: Request) -> Response:
            refuse_unknown_parameters(request.query_params, declared)
            return await handle(request)

        return strict


def refuse_unknown_parameters(given: QueryParams, declared: dict[str, bool]) -> None:
    """Raise a 422 for names that are not declared, or given twice where one value is meant.

    Args:
        given: the query of a request.
        declared: whether each parameter may be given several times.
    """
    faults = [
        Fault(field=f"query.{shown(name)}", message=unknown_name(name, declared))
        for name in given
        if name not in declared
    ]
    faults += [
        Fault(field=f"query.{name}", message="is given more than once")
        for name, is_list in declared.items()
        if not is_list and len(given.getlist(name)) > 1
    ]
    if faults:
        raise invalid_request(faults)


def _query_parameters(dependant: Dependant) -> Iterator[tuple[str, bool]]:
    """Each parameter of an operation and of what it depends on; whether it is a list."""
    for parameter in dependant.query_params:
        yield parameter.alias, _is_list(parameter.field_info)
    for each in dependant.dependencies:
        yield from _query_parameters(each)


def _is_list(field: FieldInfo) -> bool:
    return "list[" in str(field.annotation)
