"""Every answer carries an id that can be quoted."""

import httpx
import pytest
import structlog

from api.app import AppSettings, build_app
from tests.api.server import serving


@pytest.mark.parametrize("path", ["/healthz", "/api/nowhere", "/api/esims/mine"])
async def test_every_answer_has_an_id(anybody: httpx.AsyncClient, path: str) -> None:
    """Successes and problems alike; a problem repeats it in its body."""
    answer = await anybody.get(path)
    assert len(answer.headers["x-request-id"]) == 32
    if answer.is_error:
        assert answer.json()["request_id"] == answer.headers["x-request-id"]


async def test_a_sane_id_of_the_client_is_kept(anybody: httpx.AsyncClient) -> None:
    """Others are replaced: they go into logs."""
    kept = await anybody.get("/healthz", headers={"X-Request-Id": "checkout-42"})
    assert kept.headers["x-request-id"] == "checkout-42"
    for bad in ("a b", "x" * 129, '"{}"'):
        replaced = await anybody.get("/healthz", headers={"X-Request-Id": bad})
        assert replaced.headers["x-request-id"] != bad


async def test_the_body_middleware_answers_with_it_too(anybody: httpx.AsyncClient) -> None:
    """Whatever refuses a request, the id is on it."""
    answer = await anybody.post("/api/orders", content=b"x", headers={"Content-Type": "text/x"})
    assert answer.json()["request_id"] == answer.headers["x-request-id"]


async def test_a_crash_is_a_problem_that_tells_nothing(settings: AppSettings) -> None:
    """500 with the id to quote; what went wrong is for the log."""
    app = build_app(settings)

    @app.get("/crash")
    async def crash() -> None:
        raise ValueError("LPA:1$smdp.example.com$CANARY")

    with serving(app) as url:
        async with httpx.AsyncClient(base_url=url) as client:
            answer = await client.get("/crash")
    assert (answer.status_code, answer.json()["code"]) == (500, "internal-error")
    assert answer.json()["request_id"] == answer.headers["x-request-id"]
    assert "CANARY" not in answer.text


async def test_the_log_says_who_asked_from_where_and_what_came_of_it(
    customer: httpx.AsyncClient,
) -> None:
    """User, peer and status on one line; without a valid token no user."""
    with structlog.testing.capture_logs() as lines:
        await customer.get("/api/esims/mine")
        await customer.get("/api/esims/mine", headers={"Authorization": "Bearer x"})
    mine, refused = (line for line in lines if line["event"] == "request")
    assert (mine["user"], mine["peer"], mine["status"]) == (1, "127.0.0.1", 200)
    assert "user" not in refused
    assert (refused["peer"], refused["status"], refused["problem"]) == (
        "127.0.0.1",
        401,
        "unauthorized",
    )
