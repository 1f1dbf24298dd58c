"""The real worker program with a rival in the place of our workflow: settings and tuning are one.

Run it with `python -m tests.bench.rival_worker no-op|normal`.
"""

import os
import sys
from unittest.mock import patch

import uvloop

import worker
from tests.bench.no_op import NoOpWorkflow
from tests.bench.normal_steps import NormalStepsWorkflow

RIVALS = {"no-op": NoOpWorkflow, "normal": NormalStepsWorkflow}

if __name__ == "__main__":
    with patch.object(worker, "ActivateEsimWorkflow", RIVALS[sys.argv[1]]):
        uvloop.run(worker.main())
    sys.stdout.flush()
    # temporalio can abort while the interpreter unwinds (sdk-python#300).
    os._exit(0)
