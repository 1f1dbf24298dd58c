"""The control API, below `/_sandbox`: rules, ledger, calls and webhooks for other processes."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

from sandbox import credentials
from sandbox.faults import SandboxFault
from sandbox.http import Reply, Request, json_object, json_reply
from sandbox.misbehaviours import MEANINGS
from sandbox.sandbox import PROVIDERS, Sandbox
from sandbox.statement import statement

CONTROL_PATH: Final = "/_sandbox"
_RULE_FIELDS = {"provider", "misbehaviour", "operation", "reference", "times", "after", "options"}

Answering = Callable[[Request], Awaitable[Reply]]


class Control:
    """Answers what other processes ask of a sandbox."""

    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox = sandbox
        self._paths: Mapping[str, Mapping[str, Answering]] = {
            "": {"GET": self._what_is_there},
            "/rules": {"GET": self._rules, "POST": self._add_rule, "DELETE": self._clear_rules},
            "/ledger": {"GET": self._ledger},
            "/calls": {"GET": self._calls},
            "/downloads": {"POST": self._download},
            "/webhooks": {"GET": self._webhooks},
            "/webhooks/flush": {"POST": self._flush},
        }

    async def answer(self, request: Request) -> Reply:
        """Do what a request asks for; a refusal says what to do."""
        by_method = self._paths.get(request.path.removeprefix(CONTROL_PATH).rstrip("/"))
        if by_method is None:
            known = ", ".join(CONTROL_PATH + path for path in self._paths)
            return _refused(404, f"There is no {request.path}. There are: {known}.")
        if request.method not in by_method:
            known = ", ".join(by_method)
            return _refused(405, f"{request.path} does not know {request.method}. Try: {known}.")
        try:
            return await by_method[request.method](request)
        except SandboxFault as fault:
            return _refused(400, fault.message)

    async def _what_is_there(self, _request: Request) -> Reply:
        providers = {
            name: {
                "base_url": self._sandbox.base_url(name),
                "operations": list(contract.operations),
                "deduplicates": self._sandbox.deduplicates[name],
                "webhook_url": self._sandbox.webhook_url[name],
            }
            for name, contract in self._sandbox.contracts.items()
        }
        names = [name for name in vars(credentials) if name.startswith(PROVIDERS)]
        return json_reply(
            200,
            {
                "providers": providers,
                "credentials": {name: getattr(credentials, name) for name in names},
                "control": {
                    CONTROL_PATH + path: list(known) for path, known in self._paths.items()
                },
                "misbehaviours": {kind.value: said.sentence for kind, said in MEANINGS.items()},
                "folder": str(self._sandbox.folder),
                "seed": self._sandbox.settings.seed,
            },
        )

    async def _rules(self, _request: Request) -> Reply:
        return json_reply(200, {"rules": [rule.as_json() for rule in self._sandbox.rulebook.rules]})

    async def _add_rule(self, request: Request) -> Reply:
        body = _checked_rule(request)
        rule = self._sandbox.rulebook.add(
            body["provider"],
            body["misbehaviour"],
            operation=body.get("operation"),
            reference=body.get("reference"),
            times=body.get("times", 1),
            after=body.get("after", 0),
            options=body.get("options") or {},
        )
        return json_reply(201, rule.as_json())

    async def _clear_rules(self, _request: Request) -> Reply:
        return json_reply(200, {"cleared": self._sandbox.clear_rules()})

    async def _ledger(self, request: Request) -> Reply:
        provider, reference = _filters(request, "provider", "reference")
        return json_reply(200, statement(self._sandbox.ledger, provider, reference))

    async def _calls(self, request: Request) -> Reply:
        calls = self._sandbox.calls(*_filters(request, "provider", "operation"))
        return json_reply(200, {"calls": [call.as_json() for call in calls]})

    async def _download(self, request: Request) -> Reply:
        iccid = (json_object(request.body) or {}).get("iccid")
        if not isinstance(iccid, str):
            return _refused(400, 'Say which profile: {"iccid": "..."}.')
        return json_reply(200, {"state": self._sandbox.download(iccid)})

    async def _webhooks(self, _request: Request) -> Reply:
        sent = self._sandbox.webhooks.sent
        facts = [{"provider": w.provider, "url": w.url, "answers": w.answers} for w in sent]
        return json_reply(200, {"webhooks": facts})

    async def _flush(self, _request: Request) -> Reply:
        return json_reply(200, {"sent": await self._sandbox.webhooks.flush()})


def _checked_rule(request: Request) -> dict[str, Any]:
    """Read the body of a rule, with the right types.

    Raises:
        SandboxFault: says what is wrong.
    """
    body = json_object(request.body)
    if body is None:
        raise SandboxFault('Send a JSON object: {"provider": "...", "misbehaviour": "..."}.')
    if unknown := sorted(set(body) - _RULE_FIELDS):
        known = ", ".join(sorted(_RULE_FIELDS))
        raise SandboxFault(f"A rule has no {', '.join(unknown)}. It has: {known}.")
    for name in ("provider", "misbehaviour"):
        if not isinstance(body.get(name), str):
            raise SandboxFault(f"A rule needs a {name}, as text.")
    for name in ("operation", "reference"):
        if not isinstance(body.get(name, ""), str | None):
            raise SandboxFault(f"{name} must be text.")
    if type(body.get("times")) not in (int, type(None)) or type(body.get("after", 0)) is not int:
        raise SandboxFault("times and after must be whole numbers (times may be null: always).")
    if not isinstance(body.get("options", {}), dict | None):
        raise SandboxFault('options must be an object, such as {"seconds": 2}.')
    return body


def _filters(request: Request, *names: str) -> list[str | None]:
    """Read what a list is narrowed to.

    Raises:
        SandboxFault: a filter that does not exist would show everything.
    """
    if unknown := sorted(set(request.query) - set(names)):
        raise SandboxFault(f"There is no filter {', '.join(unknown)}. Try: {', '.join(names)}.")
    return [request.query.get(name) for name in names]


def _refused(status: int, sentence: str) -> Reply:
    return json_reply(status, {"error": sentence})
