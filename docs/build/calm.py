"""Weaken the coarsest noise of styles of a pack, against clouds in plain skies.

``python docs/build/calm.py PACK 0.5 the_scream watercolor`` multiplies the weights of the coarsest octave of
these styles by 0.5, in place; with ``0.5,0.2`` those of the two coarsest, from fine to coarse.
"""

from __future__ import annotations

import dataclasses
import sys
from pathlib import Path

import numpy as np

from impasto.networks import packs


def main(path: Path, factors: list[float], names: list[str]) -> None:
    """Rewrite the pack, and note the factors in the recipe of each style."""
    pack = packs.load(path)
    rows, styles = pack.rows.copy(), []
    for style in pack.styles:
        if style.name in names:
            for row in style.rows:
                rows[row, -len(factors) :] *= np.array(factors, np.float32)[:, None]
            recipe = {**style.recipe, "coarsest_noise": factors}
            style = dataclasses.replace(style, recipe=recipe)  # noqa: PLW2901
        styles.append(style)
    packs.save(dataclasses.replace(pack, rows=rows, styles=tuple(styles)), path, overwrite=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), [float(factor) for factor in sys.argv[2].split(",")], sys.argv[3:])
