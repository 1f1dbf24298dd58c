"""Keys that people type, and keys that a program made."""

import base64
import secrets

import pytest

from domain.strength import weakness


@pytest.mark.parametrize(
    ("key", "why"),
    [
        ("x" * 64, "different"),
        ("0123456789" * 4, "repeats"),
        ("hunter2hunter2hunter2hunter2hunter2hunter2", "different"),
        ("correct-horse-" * 4, "different"),
        ("Tr0ub4dor&3-is-long" * 2, "repeats"),
        ("change-me-change-me-in-production-please", "placeholder"),
        ("your-256-bit-secret-your-256-bit-secret!", "placeholder"),
        ("abcdefghijklmnopqrstuvwxyz0123456789", "alphabet"),
        ("ABCDEFGHIJKLMNOPQRSTUVWXYZ-0123456789", "alphabet"),
        ("qwertyuiopasdfghjklzxcvbnm-1234567890", "alphabet"),
    ],
)
def test_a_key_that_people_type_is_weak(key: str, why: str) -> None:
    """The sentence says why and does not quote it."""
    assert why in (weakness(key) or "")
    assert key not in (weakness(key) or "")


def test_a_key_that_a_program_made_is_strong() -> None:
    """As hexadecimal, base64 or URL-safe text, however often it is tried."""
    for _ in range(300):
        key = secrets.token_bytes(32)
        for text in (key.hex(), base64.b64encode(key).decode(), secrets.token_urlsafe(48)):
            assert weakness(text) is None
