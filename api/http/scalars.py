"""What many bodies share: moments, short texts, currencies, names of providers, and their base."""

from datetime import UTC, datetime
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, StringConstraints


def _utc(moment: datetime) -> datetime:
    return moment.astimezone(UTC)


def _no_nul(text: str) -> str:
    if "\x00" in text:  # Postgres cannot store it
        raise ValueError("must not contain a NUL character")
    return text


class AnswerBody(BaseModel):
    """A body that we send. Fields with a default are always in it, and described so."""

    model_config = ConfigDict(json_schema_serialization_defaults_required=True)


Instant = Annotated[datetime, AfterValidator(_utc)]
Currency = Annotated[str, StringConstraints(pattern=r"^[A-Z]{3}$")]
Text = Annotated[
    str,
    StringConstraints(min_length=1, max_length=500, strip_whitespace=True),
    AfterValidator(_no_nul),
]
ProviderName = Annotated[str, StringConstraints(max_length=64)]
"""As somebody typed it. Which ones there are is known elsewhere, and said in a 404."""
