"""What a caller of the sandbox did wrong, as a sentence that says what to do."""


class SandboxFault(Exception):
    """The sandbox cannot do what it was asked to.

    Attributes:
        message: one or two sentences for a person.
    """

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class RuleRefused(SandboxFault):
    """A rule that cannot apply."""
