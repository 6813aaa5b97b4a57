"""The style network in OpenVINO, for CPUs."""

from __future__ import annotations

import os
from collections import OrderedDict
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import openvino as ov
import platformdirs
from numpy.typing import NDArray

from impasto.networks.packs import Pack
from impasto.runtime.openvino_engine import Settings, build
from impasto.runtime.painter import Precision

Array = NDArray[np.float32]

_KEPT = 8  # compiled networks kept


class OnCpu:
    """The network in OpenVINO; what is compiled is kept, here and on disk."""

    def __init__(self, pack: Pack, *, precision: Precision = "auto", threads: int | None = None) -> None:
        self.pack = pack
        self.core = ov.Core()
        self.folder = Path(platformdirs.user_cache_dir("impasto")) / "openvino"
        options: dict[str, Any] = {"PERFORMANCE_HINT": "LATENCY"}
        options["INFERENCE_NUM_THREADS"] = threads or os.cpu_count() or 1
        if precision != "auto":
            options["INFERENCE_PRECISION_HINT"] = "f32" if precision == "float32" else "bf16"
        self.options = options
        self._compiled: OrderedDict[bytes, Any] = OrderedDict()

    def paint(self, photo: Array, weights: Array, statistics: Array | None) -> Array:
        """See :class:`impasto.runtime.painter.Network`."""
        painted: Array = self._run(photo, weights, Settings(None, statistics))[0]
        return painted

    def statistics(self, photo: Array, weights: Array) -> Array:
        """See :class:`impasto.runtime.painter.Network`."""
        return self._run(photo, weights, Settings(None, collect=True))

    def features(self, photo: Array, weights: Array, statistics: Array, norm: int) -> Array:
        """See :class:`impasto.runtime.painter.Network`."""
        found: Array = self._run(photo, weights, Settings(None, statistics, until=norm))[0]
        return found

    def _run(self, photo: Array, weights: Array, settings: Settings) -> Array:
        """Weights of the whole picture are compiled in; those of regions are handed in."""
        if weights.ndim == 3:
            return self._infer(self._get(settings), photo, weights[None])
        return self._infer(self._get(replace(settings, weights=weights)), photo)

    def _get(self, settings: Settings) -> Any:
        parts = (settings.weights, settings.statistics)
        key = b"".join(b"-" if p is None else p.tobytes() for p in parts)
        key += f"{settings.until}{settings.collect}".encode()
        if key not in self._compiled:
            # Only what will come again goes to disk: a style at full strength, with no picture's statistics.
            again = settings.statistics is None and (settings.weights is None or settings.weights[0] == 0)
            options = {**self.options, "CACHE_DIR": str(self.folder)} if again else self.options
            model = self.core.compile_model(build(self.pack, settings), "CPU", options)
            self._compiled[key] = model.create_infer_request()
            if len(self._compiled) > _KEPT:
                self._compiled.popitem(last=False)
        self._compiled.move_to_end(key)
        return self._compiled[key]

    @staticmethod
    def _infer(request: Any, photo: Array, *more: Array) -> Array:
        inputs = [np.ascontiguousarray(photo[None], np.float32)]
        inputs += [np.ascontiguousarray(m, np.float32) for m in more]
        result: Array = request.infer(inputs, share_inputs=True)[0].copy()
        return result
