"""Small inputs from the field, and where tests find them. Codes, hosts and numbers are made up."""

from pathlib import Path

_FOLDER = Path(__file__).parent


def case(name: str) -> bytes:
    """The content of a file of this folder."""
    return (_FOLDER / name).read_bytes()


def reply_case(name: str, *, reference: str = "order-42", plan_code: str = "ES-5GB") -> bytes:
    """A reply from the field, as a provider sends it for this purchase."""
    content = case(name).replace(b"{{REF}}", reference.encode())
    return content.replace(b"{{PLAN_CODE}}", plan_code.encode())
