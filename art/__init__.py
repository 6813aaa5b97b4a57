"""Generators of the sample styles: a scene, a medium and a palette each, without copyright, seeded.

They are not part of the package, which ships only their images. ``python -m art`` generates them again.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from art.birch import birches
from art.fields import brushwork
from art.garden import peacock, pointillism
from art.glass import stained_glass
from art.marble import marbling
from art.night import night
from art.prints import hatching
from art.sea import waves
from art.sheet import Array, Rng
from art.stones import mosaic
from art.watercolors import watercolor
from art.woodcut import woodcut

PAINTERS: dict[str, Callable[[int, Rng], Array]] = {
    painter.__name__: painter
    for painter in (
        waves, stained_glass, mosaic, hatching, brushwork, night, watercolor,
        woodcut, pointillism, peacock, birches, marbling,
    )
}  # fmt: skip

# Seeds with the best composition among those tried.
_CHOSEN = {"brushwork": 1, "pointillism": 1}


def paint(name: str, size: int = 768, seed: int | None = None) -> Array:
    """Paint a sample style as float32 ``(size, size, 3)``, RGB 0..1; ``seed`` varies the image."""
    return PAINTERS[name](size, np.random.default_rng(_CHOSEN.get(name, 7) if seed is None else seed))
