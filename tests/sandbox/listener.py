"""The operator's side of webhooks: a real server that keeps what it hears."""

from dataclasses import dataclass, field
from typing import Self

from sandbox.http import Exchange, HttpServer, Reply, Request


@dataclass
class Listener:
    """Answers 204 to everything, unless told to answer otherwise first."""

    heard: list[Request] = field(default_factory=list)
    answers: list[int] = field(default_factory=list)
    url: str = ""
    _server: HttpServer = field(init=False)

    def __post_init__(self) -> None:
        self._server = HttpServer(self._hear)

    async def __aenter__(self) -> Self:
        self.url = f"http://127.0.0.1:{await self._server.start(0)}/hook"
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._server.stop()

    async def _hear(self, request: Request, exchange: Exchange) -> None:
        self.heard.append(request)
        await exchange.send(Reply(self.answers.pop(0) if self.answers else 204))
