"""The reference of the API as pages: `/docs` to read and try it, `/docs/errors` for its codes.

Everything they load comes from this process, so they work where the internet does not reach.
"""

import re
from html import escape
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Literal

from fastapi import APIRouter, Response
from fastapi import Path as PathParameter
from fastapi.responses import FileResponse, HTMLResponse

from domain.error_codes import ErrorCode

router = APIRouter(prefix="/docs", include_in_schema=False)

Asset = Literal["swagger-ui.css", "swagger-ui-bundle.js", "favicon.png"]

# The viewer puts styles into its elements; scripts come from files of ours alone.
_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline';"
        " img-src 'self' data:; connect-src 'self'; base-uri 'none'; frame-ancestors 'none'"
    )
}
_HEAD = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>eSIM activation: {title}</title>
<link rel="icon" href="{root}docs/assets/favicon.png">
"""
_VIEWER = """<link rel="stylesheet" href="docs/assets/swagger-ui.css">
<div id="reference"></div>
<script src="docs/assets/swagger-ui-bundle.js"></script>
<script src="docs/start.js"></script>
"""
_START = """SwaggerUIBundle({
  url: "openapi.json",
  dom_id: "#reference",
  deepLinking: true,
  displayRequestDuration: true,
  validatorUrl: null,
});
"""
_STYLE = """<style>
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem }
table { border-collapse: collapse; width: 100% }
th, td { text-align: left; padding: .4rem .8rem .4rem 0; border-bottom: 1px solid #ddd }
tr:target { background: #fff3bf }
</style>
"""


def _as_html(sentence: str) -> str:
    return re.sub(r"`([^`]*)`", r"<code>\1</code>", escape(sentence))


@router.get("")
async def show_reference() -> HTMLResponse:
    """Every operation, to read and to try."""
    return HTMLResponse(_HEAD.format(title="API", root="") + _VIEWER, headers=_HEADERS)


@router.get("/start.js")
async def start_viewer() -> Response:
    """A file of its own: the page allows no script inside itself."""
    return Response(_START, media_type="text/javascript")


@router.get("/assets/{name}")
async def get_asset(name: Annotated[Asset, PathParameter()]) -> FileResponse:
    """What the viewer consists of."""
    folder = Path(str(files("fastapi_offline"))) / "static"
    return FileResponse(folder / name, headers={"Cache-Control": "public, max-age=86400"})


@router.get("/errors")
async def show_errors() -> HTMLResponse:
    """What every `code` means; the `type` of a problem points here."""
    rows = "\n".join(
        f'<tr id="{each}"><td><code>{each}</code><td>{each.status}<td>{_as_html(each.meaning)}'
        for each in ErrorCode
    )
    table = f"<table>\n<tr><th>code<th>HTTP<th>meaning\n{rows}\n</table>\n"
    head = _HEAD.format(title="errors", root="../")
    page = f'{head}{_STYLE}<h1>Errors</h1>\n<p><a href="../docs">API</a></p>\n{table}'
    return HTMLResponse(page, headers=_HEADERS)
