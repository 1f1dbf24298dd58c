"""The variables of one stack: the caller's settings, and over them what the stack owns."""

import secrets
from collections.abc import Mapping

from settings import variable_names


def stack_variables(
    caller: Mapping[str, str],
    earlier: Mapping[str, str],
    addresses: Mapping[str, str],
    api_port: int,
    sandbox: Mapping[str, str] | None = None,
) -> dict[str, str]:
    """Gather every variable that the children get, for environment.json.

    The stack's own addresses win. The caller's JWT_SECRET wins over the earlier start's, which
    was generated on the first one. What points the adapters at a sandbox holds unless the caller
    says otherwise; if every one of them is there, nothing real is sold.
    """
    names = variable_names() | (sandbox or {}).keys()
    given = {name: caller[name] for name in sorted(names) if name in caller}
    if sandbox and not any(name.endswith("_BASE_URL") for name in given):
        given = {"NOTHING_REAL_IS_SOLD": "true"} | given
    return {
        "API_HOST": "127.0.0.1",
        "API_PUBLIC_URL": f"http://127.0.0.1:{api_port}",
        "JWT_SECRET": earlier.get("JWT_SECRET") or secrets.token_urlsafe(48),
        **(sandbox or {}),
        **given,
        **addresses,
        "API_PORT": str(api_port),
        "TEMPORAL_TLS": "false",
    }
