"""What no error may carry, whatever the provider said."""

import json
import traceback

from domain.errors import ProviderError


def assert_clean(error: ProviderError, *secrets: str) -> None:
    """No secret in message, reply, repr or traceback; no foreign exception behind it."""
    told = "".join(traceback.format_exception(error))
    everything = f"{error!r} {error.message} {json.dumps(error.reply, allow_nan=False)} {told}"
    for secret in secrets:
        assert secret.lower() not in everything.lower()
    assert error.__cause__ is None
    assert error.__context__ is None or error.__suppress_context__
