"""The table of docs/errors.md is the code's, row by row."""

from domain.error_codes import ErrorCode
from tests.docs.test_figures import table


def test_the_table_of_codes_is_the_code_s() -> None:
    """A client's author looks a code up here."""
    rows = [[f"`{code}`", str(code.status), code.meaning] for code in ErrorCode]
    assert table("errors.md", "Errors") == rows, "Write:\n" + "\n".join(
        f"| {' | '.join(row)} |" for row in rows
    )
