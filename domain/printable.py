"""Foreign text on its way to a terminal: nothing of it may move the cursor or hide a line."""

_LAYOUT = "\n\t"


def visible(text: str) -> str:
    """Write every control character, and what steers the direction of text, as its escape.

    Line ends and tabs stay. Text without such characters is returned as it is.
    """
    if text.isprintable():
        return text
    return "".join(
        sign if sign.isprintable() or sign in _LAYOUT else _escape(sign) for sign in text
    )


def _escape(sign: str) -> str:
    return sign.encode("unicode_escape").decode("ascii")
