"""The sample styles by name: pictures painted by our own code, free of rights, the same for the same seed."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from impasto.errors import InputError
from impasto.samples.birch import birches
from impasto.samples.fields import brushwork
from impasto.samples.garden import peacock, pointillism
from impasto.samples.glass import stained_glass
from impasto.samples.marble import marbling
from impasto.samples.night import night
from impasto.samples.prints import hatching
from impasto.samples.sea import waves
from impasto.samples.sheet import Array, Rng
from impasto.samples.stones import mosaic
from impasto.samples.watercolors import watercolor
from impasto.samples.woodcut import woodcut

_PAINTERS: dict[str, Callable[[int, Rng], Array]] = {
    painter.__name__: painter
    for painter in (
        waves, stained_glass, mosaic, hatching, brushwork, night, watercolor,
        woodcut, pointillism, peacock, birches, marbling,
    )
}  # fmt: skip

STYLES: tuple[str, ...] = tuple(_PAINTERS)
"""The names of the sample styles."""

_SMALLEST = 32
# Of the seeds we looked at, the ones whose composition came out best.
_CHOSEN = {"brushwork": 1, "pointillism": 1}


def style(name: str, size: int = 768, seed: int | None = None) -> Array:
    """Paint a sample style.

    Args:
        name: one of `STYLES`.
        size: side of the square picture in pixels, at least 32.
        seed: another seed is another picture of the same kind; None is the picture we chose.

    Returns:
        The picture, float32 of shape (size, size, 3), RGB, 0..1; the same for the same arguments.

    Raises:
        InputError: there is no style of that name, or the size is too small.

    Examples:
        >>> style("mosaic", size=64).shape
        (64, 64, 3)
    """
    if name not in _PAINTERS:
        raise InputError(f"no sample style is called {name!r}; choose one of {', '.join(STYLES)}")
    if size < _SMALLEST:
        raise InputError(f"a sample style needs a size of at least {_SMALLEST} pixels, not {size}")
    return _PAINTERS[name](size, np.random.default_rng(_CHOSEN.get(name, 7) if seed is None else seed))
