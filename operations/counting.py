"""Numbers in sentences for people."""


def counted(number: int, one: str, many: str = "") -> str:
    """Put a number before its noun: "1 row", "2 rows", "1 is", "2 are".

    Args:
        number: how many there are.
        one: the words that follow if there is one.
        many: those that follow otherwise, if they are more than `one` with an "s".
    """
    return f"{number} {one if number == 1 else many or f'{one}s'}"
