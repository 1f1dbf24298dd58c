"""The table of roles in docs/api.md is the code's, row by row."""

from domain.access import SCOPES
from tests.docs.test_figures import table


def test_the_table_of_roles_is_the_code_s() -> None:
    """Whoever grants a role reads here what it allows."""
    assert table("api.md", "Ops") == [
        [f"`{role}`", ", ".join(f"`{scope}`" for scope in sorted(SCOPES[role]))] for role in SCOPES
    ]
