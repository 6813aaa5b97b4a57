"""What is handed to the metrics: a picture."""

from __future__ import annotations

from torch import Tensor

from impasto import image, tensors
from impasto.image import Source


def one_picture(source: Source) -> Tensor:
    """One picture as ``(1, 3, H, W)``, RGB 0..1, by way of :func:`impasto.image.read`, which checks it."""
    return tensors.from_array(image.read(source).flat())
