"""Whether a signing key could be guessed."""

_DISTINCT_SIGNS = 10
_PLACEHOLDERS = ("changeme", "replaceme", "yoursecret", "yourkey", "256bitsecret", "mysecret")
_ROWS = "abcdefghijklmnopqrstuvwxyz0123456789abcdefghijklmnopqrstuvwxyzqwertyuiopasdfghjklzxcvbnm"
_RUN = 8


def weakness(key: str) -> str | None:
    """Say why a key is weak, in words that do not quote it; None if nothing speaks against it.

    What is caught is what people type: too few different signs, one piece repeated, the alphabet,
    a placeholder out of a tutorial. A key of 32 random signs or more passes.
    """
    if len(set(key)) < _DISTINCT_SIGNS:
        return f"has fewer than {_DISTINCT_SIGNS} different characters"
    if any(key == (key[:size] * len(key))[: len(key)] for size in range(1, len(key) // 2 + 1)):
        return "repeats one piece"
    letters = "".join(sign for sign in key.lower() if sign.isalnum())
    if any(word in letters for word in _PLACEHOLDERS):
        return "is a placeholder"
    runs = sum(letters[at : at + _RUN] in _ROWS for at in range(len(letters) - _RUN + 1))
    if runs * 2 > len(letters) - _RUN:
        return "follows the alphabet or the keyboard"
    return None
