"""Paint the twelve sample styles into the package again: ``python -m art``."""

from __future__ import annotations

import numpy as np
from PIL import Image

from art import PAINTERS, paint
from impasto.samples.paintings import FOLDER

QUALITY = 66  # keeps the twelve images below 1.5 MB together

for name in PAINTERS:
    levels = np.rint(paint(name) * 255).astype(np.uint8)
    Image.fromarray(levels).save(FOLDER / f"{name}.webp", quality=QUALITY, method=6)
