"""What `./dev up` says when everything answers."""

import shlex

from local.state import DEFAULT_DATA_DIR, DataFolder

_TEXT = """
API          {api_url}   (every call, to try: {api_url}/docs)
Temporal UI  {temporal_ui_url}
{sandbox}Logs         {logs}

Activate an eSIM: run {demo}, or paste this.

{activation}"""

_ACTIVATION = """\
API={api_url}
AUTH="Authorization: Bearer $({esimctl} token --email you@example.com)"
post() {{ curl -sw '\\n' "$API/api/$1" -H "$AUTH" -H 'Content-Type: application/json' -d "$2"; }}
field() {{ python3 -c "import json, sys; print(json.load(sys.stdin)['$1'])"; }}
ORDER=$(post orders '{{"plan_id": 1}}' | field id)
INTENT=$(post payments/create "{{\\"order_id\\": $ORDER}}" | field intent_id)
post payments/webhook "{{\\"provider\\": \\"MOCK\\", \\"intent_id\\": \\"$INTENT\\", \
\\"status\\": \\"succeeded\\"}}"
post esims/activate "{{\\"order_id\\": $ORDER}}"
"""


_SANDBOX = """\
Sandbox      {url}/_sandbox   (it sells plan 2; {rule} makes it fail)
"""


def greeting(
    folder: DataFolder, api_url: str, temporal_ui_url: str | None, sandbox_url: str | None = None
) -> str:
    """Write where everything is, and an activation to paste into a shell."""
    return _TEXT.format(
        api_url=api_url,
        temporal_ui_url=temporal_ui_url,
        sandbox=_sandbox(folder, sandbox_url) if sandbox_url else "",
        logs=folder.logs,
        demo=_dev("demo", folder),
        activation=_ACTIVATION.format(api_url=api_url, esimctl=_dev("esimctl", folder)),
    )


def _sandbox(folder: DataFolder, url: str) -> str:
    return _SANDBOX.format(url=url, rule=f"{_dev('esimctl', folder)} sandbox rule")


def _dev(command: str, folder: DataFolder) -> str:
    """Write the command that works on this very stack from any folder."""
    words = [str(DEFAULT_DATA_DIR.parent / "dev"), command]
    if folder.path != DEFAULT_DATA_DIR:
        words += ["--data-dir", str(folder.path)]
    return shlex.join(words)
