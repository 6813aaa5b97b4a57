"""What is handed to the metrics: a picture, and the share of each of several."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from impasto import image, tensors
from impasto.errors import InputError
from impasto.image import Source


def one_picture(source: Source) -> Tensor:
    """One picture as ``(1, 3, H, W)``, RGB 0..1, by way of :func:`impasto.image.read`, which checks it."""
    return tensors.from_array(image.read(source).flat())


def shares(weights: Sequence[float] | None, *, count: int) -> list[float]:
    """Weights of ``count`` styles scaled to sum 1; ``None`` means equal.

    Raises:
        InputError: no style, a wrong number of weights, one below zero, or none above.
    """
    if count == 0:
        raise InputError("no style to compare with: name at least one")
    if weights is None:
        return [1 / count] * count
    if len(weights) != count:
        raise InputError(
            f"{count} styles need {count} weights, not {len(weights)}: give one a style, in their order"
        )
    if min(weights) < 0 or not 0 < sum(weights) < float("inf"):
        raise InputError(f"style weights must be finite, none negative, not all zero: got {list(weights)}")
    return [w / sum(weights) for w in weights]
