"""The codes that clients meet are all listed, each with the status that it comes with."""

import ast
from http import HTTPStatus
from pathlib import Path

import pytest

from domain import errors
from domain.error_codes import ErrorCode
from domain.errors import EsimError
from operations.payments import NotPayable

ROOT = Path(__file__).parents[2]
KINDS = [kind for kind in EsimError.kinds() if kind.__module__ == errors.__name__]


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_an_error_has_its_code_in_the_list(kind: type[EsimError]) -> None:
    """With the status that it is answered with, or 502 where it makes an activation fail."""
    code = ErrorCode.named(kind.code)
    assert code == kind.code
    if kind.http_status != HTTPStatus.INTERNAL_SERVER_ERROR:
        assert code.status == kind.http_status
    elif code is not ErrorCode.WEBHOOK_REFUSED:
        assert code.status == HTTPStatus.BAD_GATEWAY


def test_every_problem_of_the_api_has_its_code_in_the_list() -> None:
    """As it stands in the code, with the same status."""
    found = [
        (call.args[0].value, call.args[1].value)
        for path in sorted((ROOT / "api").rglob("*.py"))
        for call in ast.walk(ast.parse(path.read_text()))
        if isinstance(call, ast.Call)
        and isinstance(call.func, ast.Name)
        and call.func.id == "Problem"
        and len(call.args) > 1
        and isinstance(call.args[0], ast.Constant)
        and isinstance(call.args[1], ast.Constant)
    ]
    assert len(found) > 10
    for status, code in found:
        listed = ErrorCode.named(str(code))
        assert (listed, listed.status) == (code, status)


def test_every_refusal_of_a_payment_has_its_code_in_the_list() -> None:
    """They are answered with 409."""
    assert {ErrorCode.named(code).status for code in NotPayable} == {409}


def test_a_code_of_another_release_is_an_internal_error() -> None:
    """Clients that know the list never meet a code that is not in it."""
    assert ErrorCode.named("of-another-release") is ErrorCode.INTERNAL_ERROR
    assert ErrorCode.named("order-not-found") is ErrorCode.ORDER_NOT_FOUND
    assert f"{ErrorCode.ORDER_NOT_FOUND}" == "order-not-found"
