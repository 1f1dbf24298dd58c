"""A certificate authority for one folder: ca.pem, client.pem and the server's own certificate.

Kept and used again, so that a restarted sandbox is still trusted; an authority near its end is
replaced. Needs `trustme`, which only the local and dev extras install.
"""

import datetime as dt
import os
import ssl
from pathlib import Path
from typing import Final

import trustme

from sandbox.adapter_variables import CA_FILE, CLIENT_FILE

SERVER_FILE: Final = "server.pem"
_GOOD_FOR = dt.timedelta(days=365)
_RENEW_BEFORE_SECONDS = 24 * 3600


def server_context(folder: Path) -> ssl.SSLContext:
    """Make a server's side that demands a certificate of this folder's authority."""
    ca, _, server = files(folder)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(server)
    context.load_verify_locations(ca)
    context.verify_mode = ssl.CERT_REQUIRED
    return context


def files(folder: Path) -> tuple[Path, Path, Path]:
    """Find ca.pem, client.pem and server.pem; make them if they are missing or soon too old."""
    paths = (folder / CA_FILE, folder / CLIENT_FILE, folder / SERVER_FILE)
    if not all(path.exists() for path in paths) or _is_too_old(paths[0]):
        _make(*paths)
    return paths


def _make(ca_file: Path, client_file: Path, server_file: Path) -> None:
    end = dt.datetime.now(dt.UTC) + _GOOD_FOR
    authority = trustme.CA()
    client = authority.issue_cert("operator.sandbox.example", not_after=end)
    server = authority.issue_cert("127.0.0.1", "localhost", "::1", not_after=end)
    _write(ca_file, authority.cert_pem.bytes())
    _write(client_file, client.private_key_and_cert_chain_pem.bytes())
    _write(server_file, server.private_key_and_cert_chain_pem.bytes())


def _is_too_old(server_file: Path) -> bool:
    made = server_file.stat().st_mtime
    now = dt.datetime.now(dt.UTC).timestamp()
    return now > made + _GOOD_FOR.total_seconds() - _RENEW_BEFORE_SECONDS


def _write(path: Path, content: bytes) -> None:
    """Write a file that its owner alone can read: two of them hold keys."""
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "wb") as file:
        file.write(content)
