"""How OpenMP's threads wait for work."""

from __future__ import annotations

import os

SPINS = 5000  # about a quarter of a millisecond


def wait_briefly() -> None:
    """Let OpenMP's threads spin briefly before they sleep, unless the user has chosen how they wait.

    Call it before torch is imported. Threads that sleep at once are slow to wake between small operations;
    those that spin for long take the processor from NNPACK's, which compute the convolutions.
    """
    if "OMP_WAIT_POLICY" not in os.environ:
        os.environ.setdefault("GOMP_SPINCOUNT", str(SPINS))  # GNU, which PyTorch uses on Linux
        os.environ["OMP_WAIT_POLICY"] = "passive"  # other runtimes
