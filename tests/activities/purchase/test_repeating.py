"""A call that may be repeated is on record as long as nobody knows what it did."""

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from activities.purchase.repeating import repeatable
from domain.errors import ProviderError, ProviderRefused, ProviderUnavailable
from domain.purchase import PurchaseState
from tests.intents import in_state

pytestmark = pytest.mark.usefixtures("catalogue")

HEARD = ProviderUnavailable("It says no.", in_doubt=False)
LOST = ProviderUnavailable("It said nothing.")


class _Killed(BaseException):
    """The process ends."""


@pytest.mark.parametrize(
    ("earlier", "repeated"),
    [
        ([], False),
        ([HEARD], False),
        ([ProviderRefused("It refuses.")], False),
        ([LOST], True),
        ([_Killed()], True),
        ([LOST, HEARD], True),
        ([HEARD, LOST, HEARD], True),
    ],
    ids=["none", "heard", "refused", "lost", "killed", "lost, then heard", "between"],
)
async def test_a_call_knows_whether_an_earlier_one_may_have_arrived(
    engine: AsyncEngine, earlier: list[ProviderError | _Killed], repeated: bool
) -> None:
    """What was answered in full did not do it; what was lost may have, whatever was said later."""
    purchase = await in_state(engine, PurchaseState.ACCEPTED)
    for end in earlier:

        async def fail(_: bool, end: BaseException = end) -> None:
            raise end

        with pytest.raises(type(end)):
            await repeatable(engine, purchase, fail)

    async def tell(was: bool) -> bool:
        return was

    assert await repeatable(engine, purchase, tell) is repeated
