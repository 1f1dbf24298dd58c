"""`esimctl token`: a token that the API accepts, alone on stdout."""

import jwt
import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from tests.cli.conftest import SECRET, Esimctl
from tests.rows import rows

pytestmark = pytest.mark.usefixtures("stocked")


def claims(token: str) -> dict[str, object]:
    """What a token says, once its signature, issuer, audience and times are checked."""
    decoded: dict[str, object] = jwt.decode(
        token.strip(),
        SECRET,
        algorithms=["HS256"],
        audience="esim-api",
        issuer="esim-activation",
        options={"require": ["sub", "iat", "exp", "aud", "iss"]},
    )
    return decoded


async def test_a_token_names_a_user_who_is_created_once(
    esimctl: Esimctl, engine: AsyncEngine
) -> None:
    """Nothing else is on stdout; the second token is for the same user, who keeps the name."""
    first = esimctl("token", "--email", "ana@example.com", "--name", "Ana")
    second = esimctl("token", "--email", " ana@example.com ")
    assert (first.code, first.err) == (0, "")
    users = await rows(engine, "SELECT id, email, name FROM users")
    assert [(user["email"], user["name"]) for user in users] == [("ana@example.com", "Ana")]
    for said in (claims(first.out), claims(second.out)):
        assert said["sub"] == str(users[0]["id"])
        assert said["email"] == "ana@example.com"
        assert said["scope"] == ""


def test_an_admin_token_has_the_scope_and_the_lifetime_asked_for(esimctl: Esimctl) -> None:
    """`--admin` gives the scope, `--lifetime-seconds` the time between iat and exp."""
    said = claims(
        esimctl("token", "--email", "ops@example.com", "--admin", "--lifetime-seconds", 60).out
    )
    assert said["scope"] == "admin"
    assert int(str(said["exp"])) - int(str(said["iat"])) == 60


async def test_an_admin_token_makes_an_engineer_of_whoever_has_no_role(
    esimctl: Esimctl, engine: AsyncEngine
) -> None:
    """A role that somebody has already stays as it is."""
    assert esimctl("users", "grant", "bea@example.com", "ops").code == 0
    for email in ("ops@example.com", "bea@example.com"):
        assert esimctl("token", "--email", email, "--admin").code == 0
    roles = await rows(
        engine, "SELECT email, role FROM users JOIN user_roles ON user_id = users.id ORDER BY email"
    )
    assert [tuple(row.values()) for row in roles] == [
        ("bea@example.com", "OPS"),
        ("ops@example.com", "ENGINEER"),
    ]


def test_a_token_that_the_api_would_refuse_is_not_made(esimctl: Esimctl) -> None:
    """A sentence with the variable that says how long a token may be good."""
    failed = esimctl("token", "--email", "a@example.com", "--lifetime-seconds", 31 * 86400)
    assert (failed.code, failed.out) == (1, "")
    assert "JWT_MAX_LIFETIME_SECONDS" in failed.err


@pytest.mark.parametrize("variable", ["JWT_SECRET", "JWT_SECRET_PREVIOUS"])
def test_a_key_that_can_be_guessed_is_refused(esimctl: Esimctl, variable: str) -> None:
    """The sentence names the variable, says how to make one, and does not quote the key."""
    weak = "0123456789" * 4
    failed = esimctl("token", "--email", "a@example.com", **{variable: weak})
    assert (failed.code, failed.out) == (1, "")
    assert f"{variable}: The key repeats one piece: make one with `openssl" in failed.err
    assert weak not in failed.err


def test_settings_shape_the_token(esimctl: Esimctl) -> None:
    """Algorithm, issuer, audience and lifetime come from the environment."""
    token = esimctl(
        "token", "--email", "a@example.com", JWT_ALGORITHM="HS512", JWT_AUDIENCE="other"
    ).out.strip()
    assert jwt.get_unverified_header(token)["alg"] == "HS512"
    said = jwt.decode(token, SECRET, algorithms=["HS512"], audience="other")
    assert said["exp"] - said["iat"] == 24 * 3600


@pytest.mark.parametrize("email", ["ana", "@example.com", "a b@example.com"])
def test_what_is_no_address_gives_no_token(esimctl: Esimctl, email: str) -> None:
    """A sentence, exit code 1, nothing on stdout."""
    failed = esimctl("token", "--email", email)
    assert (failed.code, failed.out) == (1, "")
    assert "e-mail address" in failed.err
