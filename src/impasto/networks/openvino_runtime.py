"""OpenVINO, imported without its telemetry and made ready for threads."""

from __future__ import annotations

import sys
import threading

import numpy as np

# On import, OpenVINO reports to Google Analytics, from a process that a thread of it forks. Nothing may leave
# this machine, and the fork can deadlock with a matrix product of NumPy. Without the package it uses a stub.
sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]

import openvino as ov  # noqa: E402
from openvino import opset13 as ops  # noqa: E402

__all__ = ["core", "ops", "ov"]
_ALONE = threading.Lock()


def core() -> ov.Core:
    """Return OpenVINO, ready to be used by several threads.

    Its bindings fill their tables of types when they first convert one. Two threads that do so at once
    deadlock: one holds Python's lock and waits for the table, the other fills the table and waits for
    Python's lock.
    """
    with _ALONE:
        ov.Type(np.dtype(np.float32)).to_dtype()
    return ov.Core()
