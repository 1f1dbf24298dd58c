"""Bearer tokens whose signature was checked once."""

import time

import jwt
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


def test_both_keys_are_taken_while_one_replaces_the_other() -> None:
    """A token of the key before is good until that key is taken away; of a third one never."""
    others = {name: f"{name}-{JWT_SECRET}" for name in ("new", "third")}
    rotating = _tokens(jwt_secret=others["new"], jwt_secret_previous=JWT_SECRET)
    assert rotating.read(token(1)).user_id == 1
    assert rotating.read(_signed(others["new"])).user_id == 1
    with pytest.raises(Problem, match="not valid"):
        rotating.read(_signed(others["third"]))
    with pytest.raises(Problem, match="expired"):
        rotating.read(token(exp=int(time.time()) - 9))
    with pytest.raises(Problem, match="not valid"):
        _tokens(jwt_secret=others["new"]).read(token(1))


def test_the_longest_life_counts_from_the_beginning_or_from_now() -> None:
    """However the token dates itself: before, in the future, or not at all."""
    now, hour = int(time.time()), 3600
    strict = _tokens(jwt_secret=JWT_SECRET, jwt_max_lifetime_seconds=hour)
    for life in (token(exp=now + hour), token(exp=now + hour, iat=None)):
        assert strict.read(life).user_id == 1
    for claims in (
        {"exp": now + hour + 60},
        {"exp": now + hour + 60, "iat": None},
        {"exp": now + 60, "iat": now - hour},
    ):
        with pytest.raises(Problem, match="3600 seconds are the most"):
            strict.read(token(**claims))


def _signed(secret: str) -> str:
    claims = jwt.decode(token(1), options={"verify_signature": False})
    return jwt.encode(claims, secret, algorithm="HS256")


def _tokens(**settings: object) -> BearerTokens:
    return BearerTokens(AuthSettings.model_validate(settings | {"jwt_leeway_seconds": 0}))
