"""Mutual TLS: both sides of ES2+ show a certificate.

TLS 1.2 and no later: there a server takes or refuses our certificate within the handshake, so a
refused one has certainly ordered nothing. In TLS 1.3 the refusal comes after the request has left,
as a reset that cannot be told from a lost order. Every SM-DP+ of SGP.22 v2 must speak TLS 1.2.
"""

import ssl
from pathlib import Path

import httpx

from domain.errors import Misconfigured
from providers.es2plus.config import Es2PlusConfig

_CERTIFICATE = "ES2PLUS_CLIENT_CERTIFICATE_FILE"
_KEY = "ES2PLUS_CLIENT_KEY_FILE"
_CA = "ES2PLUS_CA_FILE"


def tls_context(config: Es2PlusConfig) -> ssl.SSLContext:
    """Make a context that shows our certificate and checks theirs, host name included.

    Raises:
        Misconfigured: names the variable whose file does not serve, and quotes nothing of it.
    """
    certificate = config.client_certificate_file
    if not certificate:
        raise Misconfigured(f"{_CERTIFICATE} is required: ES2+ is mutual TLS.")
    context = _trusting(config.ca_file)
    context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_2
    _readable(_CERTIFICATE, certificate)
    if config.client_key_file:
        _readable(_KEY, config.client_key_file)
    try:
        # An empty passphrase: a key that wants one must fail, not ask on the terminal.
        context.load_cert_chain(certificate, config.client_key_file or None, password="")
    except ssl.SSLError as error:
        if error.reason == "KEY_VALUES_MISMATCH":
            raise Misconfigured(f"{_KEY} is not the key of {_CERTIFICATE}.") from None
        key = f"{_KEY}'s" if config.client_key_file else "one"
        raise Misconfigured(
            f"{_CERTIFICATE} must hold a PEM certificate, and {key} an unencrypted PEM key."
        ) from None
    return context


def _trusting(ca_file: str | None) -> ssl.SSLContext:
    if not ca_file:
        return httpx.create_ssl_context(trust_env=False)
    _readable(_CA, ca_file)
    try:
        return ssl.create_default_context(cafile=ca_file)
    except ssl.SSLError:
        raise Misconfigured(f"{_CA} holds no PEM certificate.") from None


def _readable(variable: str, path: str) -> None:
    try:
        Path(path).read_bytes()
    except OSError:
        raise Misconfigured(f"{variable} names a file that cannot be read.") from None
