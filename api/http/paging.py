"""Lists in pages: plain arrays, with the next page named by a `Link` header (RFC 8288)."""

from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import Depends, Query, Request, Response

from api.http.headers import headers
from db.rows import LARGEST_ID

_MAXIMUM_PAGE = 200

PAGED: dict[int | str, dict[str, Any]] = {200: {"headers": headers("Link")}}
"""Declares, for OpenAPI, the header that names the next page."""


@dataclass(frozen=True, slots=True)
class Page:
    """The page that a request asks for.

    Attributes:
        after: the last id of the page before; None for the first page.
    """

    request: Request
    response: Response
    after: int | None
    limit: int

    def shows(self, ids: list[int]) -> None:
        """Name the next page if this one is full."""
        if len(ids) == self.limit:
            following = self.request.url.include_query_params(after=ids[-1], limit=self.limit)
            self.response.headers["Link"] = f'<{following.path}?{following.query}>; rel="next"'


async def _page(
    request: Request,
    response: Response,
    after: Annotated[int | None, Query(ge=0, le=LARGEST_ID)] = None,
    limit: Annotated[int, Query(ge=1, le=_MAXIMUM_PAGE)] = 100,
) -> Page:
    return Page(request, response, after, limit)


AskedPage = Annotated[Page, Depends(_page)]
"""The type of a handler's parameter that wants the page asked for."""
