"""Neural style transfer, offline.

>>> import impasto
>>> impasto.stylize("photo.jpg", "starry.jpg").save("out.png")  # doctest: +SKIP

Public names are imported lazily, so ``import impasto`` is fast.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    __version__: str

    from impasto import api as api
    from impasto import backbones, image, losses, metrics, samples
    from impasto import batching as batching
    from impasto import films as films
    from impasto import jobs as jobs
    from impasto import training as training
    from impasto import transforms as transforms
    from impasto.api import (
        augment,
        batch,
        compare,
        dream,
        learn,
        measure,
        photoreal,
        stylize,
        video,
        visualize,
    )
    from impasto.errors import ImpastoError, InputError, OutputError, WeightsError
    from impasto.image import read, write
    from impasto.jobs import StylizeJob
    from impasto.methods import reconstruct
    from impasto.optim import Adam, Lbfgs, minimize, scales
    from impasto.parametrizations import Pixels
    from impasto.record import Progress, Recipe, Result
    from impasto.verbs.replay import replay

_HOMES = {
    "Adam": "optim",
    "ImpastoError": "errors",
    "InputError": "errors",
    "Lbfgs": "optim",
    "OutputError": "errors",
    "Pixels": "parametrizations",
    "Progress": "record",
    "Recipe": "record",
    "Result": "record",
    "StylizeJob": "jobs",
    "WeightsError": "errors",
    "augment": "api",
    "backbones": "",
    "batch": "api",
    "compare": "api",
    "dream": "api",
    "image": "",
    "learn": "api",
    "losses": "",
    "measure": "api",
    "metrics": "",
    "minimize": "optim",
    "photoreal": "api",
    "read": "image",
    "reconstruct": "methods",
    "replay": "verbs.replay",
    "samples": "",
    "scales": "optim",
    "stylize": "api",
    "video": "api",
    "visualize": "api",
    "write": "image",
}

# Documented submodules, loaded on first access.
_MODULES = ("api", "batching", "films", "jobs", "training", "transforms")

__all__ = [
    "Adam",
    "ImpastoError",
    "InputError",
    "Lbfgs",
    "OutputError",
    "Pixels",
    "Progress",
    "Recipe",
    "Result",
    "StylizeJob",
    "WeightsError",
    "augment",
    "backbones",
    "batch",
    "compare",
    "dream",
    "image",
    "learn",
    "losses",
    "measure",
    "metrics",
    "minimize",
    "photoreal",
    "read",
    "reconstruct",
    "replay",
    "samples",
    "scales",
    "stylize",
    "video",
    "visualize",
    "write",
]


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from importlib.metadata import version

        return version("impasto")
    if name not in _HOMES and name not in _MODULES:
        raise AttributeError(f"module 'impasto' has no attribute '{name}'")
    home = _HOMES.get(name, "")
    value = import_module(f"impasto.{home or name}")
    if home:
        value = getattr(value, name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
