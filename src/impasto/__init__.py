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
    from impasto import backbones as backbones
    from impasto import batching as batching
    from impasto import films as films
    from impasto import image as image
    from impasto import jobs as jobs
    from impasto import losses as losses
    from impasto import metrics as metrics
    from impasto import samples as samples
    from impasto import training as training
    from impasto import transforms as transforms
    from impasto.api import augment as augment
    from impasto.api import batch as batch
    from impasto.api import compare as compare
    from impasto.api import dream as dream
    from impasto.api import learn as learn
    from impasto.api import measure as measure
    from impasto.api import photoreal as photoreal
    from impasto.api import stylize as stylize
    from impasto.api import video as video
    from impasto.api import visualize as visualize
    from impasto.errors import ImpastoError as ImpastoError
    from impasto.errors import InputError as InputError
    from impasto.errors import OutputError as OutputError
    from impasto.errors import WeightsError as WeightsError
    from impasto.image import read as read
    from impasto.image import write as write
    from impasto.jobs import StylizeJob as StylizeJob
    from impasto.methods import reconstruct as reconstruct
    from impasto.optim import Adam as Adam
    from impasto.optim import Lbfgs as Lbfgs
    from impasto.optim import minimize as minimize
    from impasto.optim import scales as scales
    from impasto.parametrizations import Pixels as Pixels
    from impasto.record import Progress as Progress
    from impasto.record import Recipe as Recipe
    from impasto.record import Result as Result
    from impasto.verbs.replay import replay as replay

# Public names by the module that defines them; "" has modules.
_NAMES = {
    "": "backbones image losses metrics samples",
    "api": "augment batch compare dream learn measure photoreal stylize video visualize",
    "errors": "ImpastoError InputError OutputError WeightsError",
    "image": "read write",
    "jobs": "StylizeJob",
    "methods": "reconstruct",
    "optim": "Adam Lbfgs minimize scales",
    "parametrizations": "Pixels",
    "record": "Progress Recipe Result",
    "verbs.replay": "replay",
}
_HOMES = {name: home for home, names in _NAMES.items() for name in names.split()}

# Documented submodules, loaded on first access.
_MODULES = ("api", "batching", "films", "jobs", "training", "transforms")

__all__ = list(_HOMES)


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
