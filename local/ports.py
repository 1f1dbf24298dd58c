"""Ports on the loopback address: which are free, and which belong to a stack."""

import random
import socket
import sys
from collections.abc import Callable, Mapping
from typing import Self

# Below the kernel's ephemeral range (32768 and up): a client's outgoing connection cannot sit on
# one of these, nor connect to itself while a server restarts.
_QUIET_PORTS = range(20_000, 32_000)
_LAST_PORT = 65_535
# Not the generator that others may seed: two test processes would choose the same port.
_CHOICE = random.SystemRandom()


def is_free(port: int, host: str = "127.0.0.1") -> bool:
    """Tell whether a server could listen there now."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
        return True


def free_port() -> int:
    """Find any free port, for a test's server."""
    while not is_free(port := _CHOICE.choice(_QUIET_PORTS)):
        pass
    return port


class PortClaims:
    """The ports of one stack, held as long as the block runs.

    Two stacks that start together must not choose the same port, and a port must stay ours while
    its server restarts. Nothing but a running server holds a port, so a name beside it does: an
    abstract socket, which the kernel frees with its process.
    """

    def __init__(self) -> None:
        self._names: list[socket.socket] = []

    def choose(self, wanted: Mapping[str, int], say: Callable[[str], None]) -> dict[str, int]:
        """Choose for every service the port it wants, or the next free one, and say so."""
        chosen: dict[str, int] = {}
        for service, port in wanted.items():
            chosen[service] = self._first_free(port)
            if chosen[service] != port:
                say(f"Port {port} is taken, so {service} uses {chosen[service]}.")
        return chosen

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for name in self._names:
            name.close()

    def _first_free(self, port: int) -> int:
        return next(number for number in range(port, _LAST_PORT + 1) if self._claim(number))

    def _claim(self, port: int) -> bool:
        name = socket.socket(socket.AF_UNIX)
        try:
            if sys.platform == "linux":
                name.bind(f"\0esim-stack-port-{port}")
        except OSError:  # another stack's
            name.close()
            return False
        self._names.append(name)
        return is_free(port)
