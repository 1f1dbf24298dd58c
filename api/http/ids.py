"""Keys of rows as they come in: in bodies, in paths, as cursors."""

from typing import Annotated

from fastapi import Path
from pydantic import Field
from starlette.convertors import Convertor, register_url_convertor

from db.rows import LARGEST_ID

Id = Annotated[int, Field(strict=True, ge=1, le=LARGEST_ID)]
PathId = Annotated[int, Path(ge=1, le=LARGEST_ID)]


class _IdInPath(Convertor[str]):
    """Digits only: anything else is another path (`/mine`, `/activate`), not a bad id."""

    regex = "[1-9][0-9]{0,18}"

    def convert(self, value: str) -> str:
        return value

    def to_string(self, value: str) -> str:
        return value


register_url_convertor("id", _IdInPath())
