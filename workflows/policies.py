"""Every timeout and retry of an activation, named. Units are in the names' types."""

from datetime import timedelta

from temporalio.common import RetryPolicy

from domain.consequence import Retry
from domain.errors import EsimError

LOCAL_STEP_TIMEOUT = timedelta(seconds=4)
"""One attempt of a database step inside the workflow task."""

LOCAL_STEP_BUDGET = timedelta(seconds=5)
"""All attempts of it: well under the workflow task's own 10 s."""

LOCAL_STEP_RETRY = RetryPolicy(
    initial_interval=timedelta(milliseconds=50),
    maximum_interval=timedelta(seconds=1),
    # Needed beside the budget, which the SDK does not look at between quick failures.
    maximum_attempts=6,
)

PATIENT_STEP_TIMEOUT = timedelta(seconds=30)
"""One attempt of a database step once the database was found away."""

PATIENT_STEP_RETRY = RetryPolicy(
    initial_interval=timedelta(seconds=1),
    maximum_interval=timedelta(seconds=30),
    # What another hand has changed does not change back: the round fails and starts afresh.
    non_retryable_error_types=[
        kind.code for kind in EsimError.kinds() if kind.retry is Retry.BRIEFLY
    ],
)
"""As long as it takes: an accepted order outlasts any outage of the database."""

PROVIDER_CALL_TIMEOUT = timedelta(seconds=90)
"""One call: its turn at the gate, the adapters' own 15 s, so that they name the outcome, and as
long as it may take to keep what was bought while the database is away."""

PROVIDER_HEARTBEAT_TIMEOUT = timedelta(seconds=10)
"""How soon the death of the calling worker shows."""

PROVIDER_BUDGET = timedelta(minutes=15)
"""All attempts of one round, and the queue in front of a provider whose rate is limited."""

PROVIDER_RETRY = RetryPolicy(
    initial_interval=timedelta(milliseconds=500),
    backoff_coefficient=2,
    maximum_interval=timedelta(seconds=30),
    maximum_attempts=3,
)
"""Short, so that a waiting caller soon learns of a failed round; the rounds are the patience."""

ROUND_DELAYS = (
    timedelta(seconds=30),
    timedelta(minutes=2),
    timedelta(minutes=10),
    timedelta(hours=1),
    timedelta(hours=6),
)
"""The pauses between automatic rounds; after the last one a person is waited for."""

OUTAGE_WAIT = timedelta(minutes=30)
"""The pause between rounds once a provider has been away for a while, give or take half: the gate
in front of it lets one probe through a minute, whoever asks, so that many waiting orders cost it
nothing, and each of them is served within the hour in which it is back."""

OUTAGE_ROUNDS = 144
"""How many of them there are: three days. After that a person is waited for."""

DELIVERY_WAITS = (
    *(timedelta(seconds=each) for each in (2, 3, 5, 5, 10, 10, 20, 30)),
    *(timedelta(minutes=each) for each in (1, 2, 5, 10, 30, 60)),
    *[timedelta(hours=2)] * 11,
)
"""When an accepted order is asked for again if its provider does not tell; a day in all, then a
person must look."""

MAXIMUM_NEWS = 20
"""How many notifications of a provider an activation looks into; after that it only asks by the
clock."""

SETTLEMENT_WAITS = (
    timedelta(seconds=10),
    timedelta(seconds=30),
    timedelta(minutes=2),
    timedelta(minutes=10),
    timedelta(hours=1),
    *[timedelta(hours=4)] * 6,
)
"""The same for a purchase that nobody waits for any more."""

UNSETTLED_RECHECK = timedelta(hours=24)
"""How often a purchase is asked for after that, if it could be given to nobody: the database was
away just then, or its provider may not be called."""

PARKED_REMINDER = timedelta(hours=24)
"""How often a parked activation says that it still waits."""

EXHAUSTED_RECHECK = timedelta(hours=6)
"""How often an activation without stock looks again by itself: an import wakes it at once, unless
the stock arrived in the very moment in which it was parked."""

FLOODED_HISTORY_EVENTS = 200
"""A parked activation that is told more than this, all of it refused, does not wait for its next
reminder to begin a new run."""

MAXIMUM_HISTORY_EVENTS = 150
"""A waiting activation begins a new run beyond this, so that months of waiting stay cheap."""
