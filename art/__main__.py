"""Paint the twelve sample styles anew into the package: ``python -m art``."""

from __future__ import annotations

import numpy as np
from PIL import Image

from art import PAINTERS, paint
from impasto.samples.paintings import FOLDER

QUALITY = 66  # the twelve together stay below 1.5 MB

for name in PAINTERS:
    levels = np.rint(paint(name) * 255).astype(np.uint8)
    Image.fromarray(levels).save(FOLDER / f"{name}.webp", quality=QUALITY, method=6)
