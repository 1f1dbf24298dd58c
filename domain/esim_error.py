"""The root of the tree of errors that `domain/errors.py` draws."""

from typing import ClassVar

from domain.consequence import OnFailure, ParkedAs, Retry


class EsimError(Exception):
    """Anything this service raises on purpose. A class inherits what it does not say itself.

    Attributes:
        code: its name on the wire.
        retry: how long the step is repeated.
        benign: it is expected: Temporal counts and logs it as no defect.
        on_failure: what the activation does then.
        parks_as: how it waits, if it parks at once or after its rounds.
        fails_over: nothing was booked, so another provider may be asked.
        is_outage: it counts against the provider's health, and is worth waiting out for days.
        drops_seller: the next round leaves a provider that a person named, for the plan's route.
        http_status, http_detail: how the API answers, and what it says for `{message}`.
        http_retry: whether the same request can succeed later by itself.
        next_step: what a person at the command line does about it.
    """

    code: ClassVar[str] = "esim-error"
    retry: ClassVar[Retry] = Retry.NEVER
    benign: ClassVar[bool] = False
    on_failure: ClassVar[OnFailure] = OnFailure.PARK
    parks_as: ClassVar[ParkedAs] = ParkedAs.PROVISIONING_FAILED
    fails_over: ClassVar[bool] = False
    is_outage: ClassVar[bool] = False
    drops_seller: ClassVar[bool] = False
    http_status: ClassVar[int] = 500
    http_detail: ClassVar[str] = "{message}"
    http_retry: ClassVar[bool] = False
    next_step: ClassVar[str] = ""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message

    @classmethod
    def kinds(cls) -> "list[type[EsimError]]":
        """List this class and every one below it, in the order of the tree."""
        return [cls, *(kind for child in cls.__subclasses__() for kind in child.kinds())]
