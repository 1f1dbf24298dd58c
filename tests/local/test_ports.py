"""Which ports a stack takes."""

import socket

from local.ports import PortClaims, free_port


def test_a_busy_port_is_skipped_with_a_notice() -> None:
    """The next free one is taken, and the terminal says which."""
    notices: list[str] = []
    with socket.socket() as busy, PortClaims() as claims:
        busy.bind(("127.0.0.1", free_port()))
        busy.listen()
        port = busy.getsockname()[1]
        chosen = claims.choose({"api": port}, notices.append)
    assert chosen["api"] > port
    assert notices == [f"Port {port} is taken, so api uses {chosen['api']}."]


def test_a_free_port_is_taken_without_a_word() -> None:
    """No notice when everything is as last time."""
    notices: list[str] = []
    port = free_port()
    with PortClaims() as claims:
        assert claims.choose({"api": port}, notices.append) == {"api": port}
    assert notices == []


def test_two_stacks_that_start_together_take_different_ports() -> None:
    """A port is ours from the choice on, before anything listens and while it restarts."""
    port = free_port()
    with PortClaims() as first, PortClaims() as second:
        assert first.choose({"api": port}, print) == {"api": port}
        assert second.choose({"api": port}, print) != {"api": port}


def test_two_services_of_a_stack_never_share_a_port() -> None:
    """Even if both want the same."""
    port = free_port()
    with PortClaims() as claims:
        chosen = claims.choose({"api": port, "postgres": port}, print)
    assert len(set(chosen.values())) == 2
