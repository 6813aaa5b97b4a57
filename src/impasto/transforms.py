"""Styles and light as augmentations in training pipelines.

Each transform works in two ways. In a pipeline of Albumentations it is one of its transforms: it changes the
image only, and masks, boxes and keypoints stay as they are. Called with a picture alone, it needs no
Albumentations:

>>> from impasto.transforms import Stylize
>>> stylize = Stylize(["waves", "woodcut"], network="tiny")
>>> A.Compose([A.RandomCrop(256, 256), stylize], seed=1)(image=photo, mask=mask)  # doctest: +SKIP
>>> painted = stylize(photo, seed=1)  # doctest: +SKIP

A picture is an array ``(H, W)`` or ``(H, W, C)``, or a tensor ``(C, H, W)`` or ``(B, C, H, W)``, with 1, 3 or
4 channels; uint8, or floats 0..1. Size and type stay, gray stays gray, alpha stays. Stylizing as augmentation
is from Geirhos et al. 2019, "ImageNet-trained CNNs are biased towards texture" (arXiv 1811.12231).

In the workers of a ``DataLoader``, each process loads its network once and runs it in one thread.
"""

from __future__ import annotations

import operator
import os
import random
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, SupportsIndex, get_args

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from impasto import color, image, looks
from impasto.errors import InputError
from impasto.jobs import LOOK, PhotorealJob
from impasto.jobs.base import NetworkName, NightName
from impasto.looks import Look, Mattes, Regions
from impasto.looks.clustering import resize_input
from impasto.looks.look import statistics
from impasto.networks import library
from impasto.networks.library import InstalledStyle
from impasto.networks.packs import MOST_STRENGTH
from impasto.networks.painter import Painter
from impasto.painters.inputs import Inputs
from impasto.painters.learned import join_styles
from impasto.painters.nights import light_lamps

__all__ = ["NightLook", "PhotorealLook", "Stylize"]

Array = NDArray[np.float32]
Seed = SupportsIndex | random.Random | np.random.Generator | np.random.RandomState | torch.Generator | None

KINDS: tuple[NightName, ...] = get_args(NightName)
FAR = 1 << 16  # pixels over which the origin of the noise is drawn
SLACK = 1e-3  # by which floats may leave 0..1, as they do after resizing
WHOLE = ("whole",)  # the only class


class _Alone:
    """What the transforms need of ``ImageOnlyTransform``, where Albumentations is not installed."""

    def __init__(self, p: float) -> None:
        self.p = p

    def __call__(self, *args: Any, **data: Any) -> Any:
        name = type(self).__name__
        raise InputError(
            f"{name}(image=...) is for Albumentations, which is not installed: "
            f"pip install 'impasto[albumentations]', or call {name}(...)(picture)"
        )


if TYPE_CHECKING:
    _Transform = _Alone
else:
    try:
        from albumentations.core.transforms_interface import ImageOnlyTransform as _Transform
    except ImportError:
        _Transform = _Alone


class _Augmentation(_Transform, ABC):
    """A transform in both ways; a subclass says what is drawn, and how a picture changes."""

    py_random: random.Random  # the generator of the pipeline

    def __init__(self, p: float) -> None:
        if not 0 <= p <= 1:
            raise InputError(f"p {p:g} is not a probability: give 0 (never) to 1 (always)")
        super().__init__(p=p)

    def __call__(self, *pictures: Any, seed: Seed = None, **data: Any) -> Any:
        """Change a picture with probability ``p``; with named data, work as Albumentations does.

        Args:
            pictures: one picture, see the module; each picture of a batch has its own draws.
            seed: a number or a generator. Default: the generator of PyTorch, which differs between workers.
            data: ``image=...`` and so on.

        Raises:
            InputError: the picture has another type, shape or range.
        """
        if not pictures:
            return super().__call__(**data)
        (picture,) = pictures
        draws = _random(seed)
        if not isinstance(picture, Tensor):
            return self._maybe(np.asarray(picture), draws)
        batch = picture if picture.ndim == 4 else picture[None]
        if batch.ndim != 4 or (batch.dtype != torch.uint8 and not batch.is_floating_point()):
            raise _shape_error(tuple(picture.shape), picture.dtype)
        planes = batch.detach().cpu().permute(0, 2, 3, 1)
        arrays = (planes.float() if batch.dtype == torch.bfloat16 else planes).numpy()  # NumPy has none
        results = np.stack([self._maybe(array, draws) for array in arrays]) if len(arrays) else arrays
        painted = torch.from_numpy(results).permute(0, 3, 1, 2).contiguous()
        return painted.to(picture.device, picture.dtype).reshape(picture.shape)

    def _maybe(self, picture: NDArray[Any], draws: random.Random) -> NDArray[Any]:
        return self.apply(picture, **self.draw(draws)) if draws.random() < self.p else picture

    def get_params(self) -> dict[str, Any]:
        """Draw from the generator of the pipeline."""
        return self.draw(self.py_random)

    def apply(self, img: NDArray[Any], *args: Any, **drawn: Any) -> NDArray[Any]:
        """Change one picture ``(H, W)`` or ``(H, W, C)`` by what was drawn.

        Raises:
            InputError: the picture has another type, shape or range.
        """
        planes = _planes(img)
        gray = planes.shape[2] == 1
        painted = self.transform_rgb(
            np.ascontiguousarray(planes.repeat(3, 2) if gray else planes[..., :3]), **drawn
        )
        if gray:
            painted = np.asarray(color.luma(painted), np.float32)[..., None]
        painted = np.concatenate([painted.clip(0, 1), planes[..., 3:]], 2)  # with alpha, if there is any
        result = np.rint(painted * 255) if img.dtype == np.uint8 else painted
        return np.ascontiguousarray(result.reshape(img.shape), img.dtype)

    @abstractmethod
    def draw(self, draws: random.Random) -> dict[str, Any]:
        """Draw what changes a picture: names and numbers, which a replay stores."""

    @abstractmethod
    def transform_rgb(self, rgb: Array, **drawn: Any) -> Array:
        """Return the changed picture of ``rgb (H, W, 3)``, 0..1."""


class Stylize(_Augmentation):
    """Paint in a learned style, drawn from a set, at a strength drawn from a range.

    Args:
        styles: one or more learned styles of one network: names, ``.style`` files, ``PACK.safetensors#NAME``.
        strength: range of the strength, or one number: 0 is the photo, 1 a full transfer, at most 1.5.
        p: probability.
        network: ``quality`` or ``tiny``, which is about twice as fast. Default: as :func:`impasto.stylize`.

    Raises:
        InputError: there is no such style, or a number is out of range.
    """

    def __init__(
        self,
        styles: str | Sequence[str],
        strength: float | Sequence[float] = (0.3, 1.0),
        p: float = 0.5,
        network: NetworkName | None = None,
    ) -> None:
        super().__init__(p=p)
        self.styles, self.network = _names(styles, "a style"), network
        self.strength = _range(strength, MOST_STRENGTH)
        join_styles(_find_styles(self.styles, network))

    def draw(self, draws: random.Random) -> dict[str, Any]:
        """Draw style, strength, and the place in the noise, from which strokes are made."""
        return {
            "style": draws.choice(self.styles),
            "strength": draws.uniform(*self.strength),
            "at": (draws.randrange(FAR), draws.randrange(FAR)),
        }

    def transform_rgb(self, rgb: Array, **drawn: Any) -> Array:
        """See the base class."""
        painter, names = _painter(os.getpid(), self.styles, self.network)
        weights = painter.pack.weights({names[drawn["style"]]: 1.0}, strength=drawn["strength"])
        # As weights of regions, of which there is one: an input, so one compiled network has all strengths.
        return painter.paint(rgb, weights[:, None, None], at=tuple(drawn["at"]))


class NightLook(_Augmentation):
    """Turn a street by day into a night; of its lamps, only the certain ones are lit, as there are no labels.

    Args:
        kinds: kinds of night to draw from: ``city``, ``country``, ``dusk``, ``wet``.
        p: probability.

    Raises:
        InputError: there is no such kind, or ``p`` is out of range.
    """

    def __init__(self, kinds: str | Sequence[str] = KINDS, p: float = 0.5) -> None:
        super().__init__(p=p)
        self.kinds = _names(kinds, "a kind of night")
        for kind in self.kinds:
            if kind not in KINDS:
                raise InputError(f"there is no night '{kind}': choose of {', '.join(KINDS)}")

    def draw(self, draws: random.Random) -> dict[str, Any]:
        """Draw the kind of night, and the seed of its lamps, beam and noise."""
        return {"kind": draws.choice(self.kinds), "seed": draws.randrange(1 << 31)}

    def transform_rgb(self, rgb: Array, **drawn: Any) -> Array:
        """See the base class."""
        job = PhotorealJob(content="photo", night=drawn["kind"], seed=drawn["seed"])
        return light_lamps(job, Inputs(job, {}), drawn["kind"], rgb, log=lambda _: None).rgb


class PhotorealLook(_Augmentation):
    """Give a picture the light and colors of a photo, drawn from a set, in closed form and as one class.

    For sky, road and others apart, use ``impasto augment`` or :func:`impasto.photoreal`.

    Args:
        looks: one or more photos or saved ``.look`` files.
        strength: range of the strength, or one number: 0 is the picture, 1 a full transfer, at most 2.
        p: probability.

    Raises:
        InputError: a file cannot be used, or a number is out of range.
    """

    def __init__(
        self, looks: str | Sequence[str], strength: float | Sequence[float] = (0.3, 1.0), p: float = 0.5
    ) -> None:
        super().__init__(p=p)
        self.looks, self.strength = _names(looks, "a look"), _range(strength, 2)
        for name in self.looks:
            _look(name)

    def draw(self, draws: random.Random) -> dict[str, Any]:
        """Draw look and strength."""
        return {"look": draws.choice(self.looks), "strength": draws.uniform(*self.strength)}

    def transform_rgb(self, rgb: Array, **drawn: Any) -> Array:
        """See the base class."""
        given, _ = looks.shift(*_one_class(rgb), _look(drawn["look"]))
        mattes = Mattes(np.ones((1, *rgb.shape[:2]), np.float32), rgb)
        return looks.grade(rgb, mattes, given, strength=drawn["strength"])


def _random(seed: Seed) -> random.Random:
    if isinstance(seed, random.Random):
        return seed
    if isinstance(seed, np.random.RandomState):
        return random.Random(int(seed.randint(1 << 31)))
    if isinstance(seed, SupportsIndex):  # numbers of NumPy and PyTorch, too
        return random.Random(operator.index(seed))
    if isinstance(seed, np.random.Generator):
        return random.Random(int(seed.integers(1 << 62)))
    if seed is None or isinstance(seed, torch.Generator):
        return random.Random(int(torch.randint(1 << 62, (), generator=seed)))
    return random.Random(seed)


def _names(given: str | Sequence[str], what: str) -> tuple[str, ...]:
    names = tuple(str(one) for one in ([given] if isinstance(given, (str, Path)) else given))
    if not names:
        raise InputError(f"the transform needs {what}: give at least one")
    return names


def _range(given: float | Sequence[float], most: float) -> tuple[float, float]:
    ends = tuple(given) if isinstance(given, Sequence) else (given, given)
    if len(ends) != 2 or not 0 <= ends[0] <= ends[1] <= most:
        raise InputError(
            f"strength {', '.join(map(str, ends))} must be two numbers from 0 to {most:g}, in order"
        )
    return float(ends[0]), float(ends[1])


def _planes(img: NDArray[Any]) -> Array:
    """Return a picture as floats ``(H, W, C)``, 0..1."""
    channels = img.shape[2] if img.ndim == 3 else 1
    whole = img.dtype == np.uint8
    if img.ndim not in (2, 3) or channels not in (1, 3, 4) or not img.size:
        raise _shape_error(img.shape, img.dtype)
    if not whole and not np.issubdtype(img.dtype, np.floating):
        raise _shape_error(img.shape, img.dtype)
    if not whole and not -SLACK <= float(img.min()) <= float(img.max()) <= 1 + SLACK:
        raise InputError(
            "floats of a picture must be 0..1: normalize after this transform, or divide by 255 before"
        )
    values = image.floats(img) if whole else img.astype(np.float32).clip(0, 1)
    return values.reshape(*img.shape[:2], channels)


def _shape_error(shape: Sequence[int], dtype: object) -> InputError:
    return InputError(
        f"a picture of shape {tuple(shape)} and type {dtype} cannot be used: give uint8, or floats 0..1, as "
        f"an array (H, W, C) or a tensor (C, H, W), with 1, 3 or 4 channels"
    )


def _find_styles(styles: tuple[str, ...], network: str | None) -> list[InstalledStyle]:
    found = []
    for name in styles:
        style = library.find(name, network=network)
        if style is None and Path(name).is_file() and not name.endswith(library.STYLE_SUFFIX):
            raise InputError(f"{name} is not a learned style: first run impasto learn {name} --photos DIR")
        if style is None:
            raise library.unknown_style_error(name, network=network)
        found.append(style)
    return found


@lru_cache(maxsize=8)
def _painter(process: int, styles: tuple[str, ...], network: str | None) -> tuple[Painter, dict[str, str]]:
    """Return the painter of a set of styles in this process, and the styles' names in its pack.

    A forked process must not use the network of its parent, whose threads it lacks.
    """
    pack, names = join_styles(_find_styles(styles, network))
    for other in set(pack.names) - set(names):
        pack = pack.remove_style(other)  # fewer rows to blend at every position
    return Painter(pack, threads=1), dict(zip(styles, names, strict=True))


@lru_cache(maxsize=64)
def _look(name: str) -> Look:
    """Return the look of a photo or of a saved look, as one class."""
    if not name.lower().endswith(LOOK):
        found = statistics(*_one_class(image.read(name).flat()))[-1]
        assert found is not None
        return Look(WHOLE, (found,), found)
    saved = looks.load(name)
    if not saved.has_colors:
        raise InputError(f"{name} is a night without colors: use NightLook")
    return replace(saved, names=WHOLE, classes=(saved.whole,))


def _one_class(rgb: Array) -> tuple[Array, Regions]:
    small = resize_input(rgb)
    return small, Regions(np.zeros(small.shape[:2], np.int16), WHOLE)
