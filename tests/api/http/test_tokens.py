"""Bearer tokens whose signature was checked once."""

import time

import pytest
from pydantic import SecretStr

from api.http.problems import Problem
from api.http.tokens import BearerTokens
from settings import AuthSettings
from tests.api.server import JWT_SECRET
from tests.api.tokens import token


@pytest.fixture
def tokens() -> BearerTokens:
    """A reader that forgives no second of lateness."""
    return BearerTokens(AuthSettings(jwt_secret=SecretStr(JWT_SECRET), jwt_leeway_seconds=0))


def test_a_token_that_was_read_before_still_expires(tokens: BearerTokens) -> None:
    """What is remembered of it holds until its own end and not a moment longer."""
    ends_at = int(time.time()) + 1
    short = token(exp=ends_at)
    assert tokens.read(short).user_id == 1
    while time.time() < ends_at:
        try:
            tokens.read(short)
        except Problem:
            assert time.time() >= ends_at
    with pytest.raises(Problem, match="expired"):
        tokens.read(short)


def test_a_token_that_resembles_one_read_before_is_checked(tokens: BearerTokens) -> None:
    """Another user's claims under a known signature are refused, as is a changed signature."""
    good, other = token(1), token(2)
    assert tokens.read(good) == tokens.read(good)
    head, claims, signature = good.split(".")
    for forged in (
        ".".join([head, other.split(".")[1], signature]),
        ".".join([head, claims, signature[::-1]]),
        good + "A",
    ):
        with pytest.raises(Problem, match="not valid"):
            tokens.read(forged)
    assert tokens.read(other).user_id == 2
