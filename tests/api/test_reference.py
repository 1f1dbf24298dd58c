"""The pages that explain the API."""

import re

import httpx
import pytest

from domain.error_codes import ErrorCode


async def test_the_reference_loads_nothing_from_elsewhere(anybody: httpx.AsyncClient) -> None:
    """Without a token; every file that the page names is served here, and it allows no other."""
    page = await anybody.get("/docs")
    assert page.headers["content-type"].startswith("text/html")
    assert "script-src 'self'" in page.headers["content-security-policy"]
    assert "http" not in page.text
    loaded = re.findall(r'(?:src|href)="([^"]+)"', page.text)
    assert len(loaded) == 4
    for path in [*loaded, "openapi.json"]:
        answer = await anybody.get(f"/{path}")
        assert (path, answer.status_code) == (path, 200)
        assert len(answer.content) > 100
    assert 'url: "openapi.json"' in (await anybody.get("/docs/start.js")).text


@pytest.mark.parametrize("path", ["assets/core.py", "assets/..%2fcore.py", "assets/redoc.css"])
async def test_no_other_file_is_served(anybody: httpx.AsyncClient, path: str) -> None:
    """A name that is not listed is refused."""
    assert (await anybody.get(f"/docs/{path}")).status_code in {404, 422}


async def test_the_type_of_a_problem_leads_to_its_meaning(anybody: httpx.AsyncClient) -> None:
    """Relative to the address that was asked, as RFC 9457 allows."""
    problem = (await anybody.get("/api/esims/mine")).json()
    assert problem["type"] == "/docs/errors#unauthorized"
    page = await anybody.get(problem["type"])
    for code in ErrorCode:
        assert f'<tr id="{code}">' in page.text
