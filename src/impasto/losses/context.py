"""Context in which losses are bound: backbone, image size and tiling."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from copy import copy
from dataclasses import dataclass, field
from functools import partial
from typing import Any, TypeVar

import torch
from torch import Tensor

from impasto import tensors
from impasto.backbones import Backbone
from impasto.errors import TilingError
from impasto.losses.bound import Bound, Sums
from impasto.moments import Moments, moments
from impasto.tiles import Size, Window

Cut = Callable[[Size], Sequence[Window]]
T = TypeVar("T")


@dataclass(frozen=True)
class FeatureCache:
    """Cache of features of images that do not change between runs, such as the style images of a film.

    Stores only what losses request, by size: moments, and the features of the content layers.

    Args:
        pictures: images to cache, compared by identity: pass the same tensors to the losses.
        most: largest size that is cached, in pixels; None: any.
    """

    pictures: Sequence[Tensor]
    most: int | None = None
    _found: dict[tuple[object, ...], Any] = field(default_factory=dict, repr=False)

    def once(
        self, what: str, pictures: Sequence[Tensor], layers: frozenset[str], size: Size, look: Callable[[], T]
    ) -> T:
        """Return ``look()``, a function of ``pictures`` at ``size``; cached if all of them are."""
        known = {id(kept) for kept in self.pictures}
        asked = tuple(id(picture) for picture in pictures)
        if not known.issuperset(asked) or (self.most is not None and math.prod(size) > self.most):
            return look()
        key = (what, asked, layers, size)
        if key not in self._found:
            self._found[key] = look()
        found: T = self._found[key]
        return found


class BindContext:
    """Context in which losses are bound: backbone, image size and tiling.

    Features are shared between the terms that read the same image, while losses are bound. With tiling, only
    the features of one window and the requested results are in memory, so binding fits into the memory
    budget of the optimization.

    Args:
        size: (height, width) of the image to optimize, in pixels.
        wanted: layers that will be requested, so that one forward pass serves all terms.
        cut: returns the windows of an image of a given size; default: one window.
        present: current image at the context's size, for losses whose targets depend on it.
    """

    def __init__(
        self,
        backbone: Backbone,
        size: Size,
        *,
        wanted: frozenset[str] = frozenset(),
        cut: Cut | None = None,
        seen: FeatureCache | None = None,
        present: Tensor | None = None,
        stage: int = 0,
    ) -> None:
        self.backbone, self.size, self.wanted, self.cut = backbone, size, wanted, cut
        self.seen = seen or FeatureCache(())
        self.present, self.stage = present, stage
        self._seen: dict[tuple[int, Size], tuple[Tensor, dict[str, Tensor]]] = {}
        self._sums: dict[tuple[int, object], tuple[Tensor, Sums]] = {}
        self._known: dict[tuple[int, Size], tuple[Tensor, dict[str, Moments]]] = {}

    @property
    def device(self) -> torch.device:
        """Device of the backbone."""
        return self.backbone.device

    def at(self, size: Size) -> BindContext:
        """Return the context of the image resized to ``size``; features are shared."""
        there = copy(self)
        there.size, there._sums = size, {}
        there.present = None if self.present is None else self._resize(self.present, size)
        return there

    def windows(self, size: Size) -> Sequence[Window]:
        """Return the windows of an image of this size."""
        return [Window.full(size)] if self.cut is None else self.cut(size)

    def features(
        self, picture: Tensor, layers: frozenset[str], *, size: Size | None = None
    ) -> dict[str, Tensor]:
        """Compute features of an image resized to ``size`` (default: the context's).

        Without tiling they are float32 or wider. With tiling they keep the precision of the backbone to save
        memory: convert them with :func:`impasto.tensors.precise` to compare them.
        """
        size = size or self.size
        look = partial(self._features, picture, layers, size)
        return self.seen.once("features", [picture], layers, size, look)

    def _features(self, picture: Tensor, layers: frozenset[str], size: Size) -> dict[str, Tensor]:
        # In sorted order: that of a set differs from run to run, and losses add their layers in this order.
        key = (id(picture), size)
        # Keep a reference to the image, so that its id is not reused.
        _, known = self._seen.setdefault(key, (picture, {}))
        missing = layers - known.keys()
        if missing and len(self.windows(size)) == 1:
            found = self._look(self._resize(picture, size), layers | self.wanted)
            known |= {layer: tensors.precise(value) for layer, value in found.items()}
        elif missing:
            known |= self._gather_features(picture, missing, size)
        return {layer: known[layer] for layer in sorted(layers)}

    def moments(
        self, picture: Tensor, layers: frozenset[str], *, size: Size | None = None
    ) -> dict[str, Moments]:
        """Compute the moments of an image's features over all positions; the leading axis is the batch."""
        size = size or self.size
        look = partial(self._moments_of, picture, layers, size)
        return self.seen.once("moments", [picture], layers, size, look)

    def _moments_of(self, picture: Tensor, layers: frozenset[str], size: Size) -> dict[str, Moments]:
        if len(self.windows(size)) == 1:
            found = self._features(picture, layers, size)
            return {layer: moments(value.flatten(2)) for layer, value in found.items()}
        _, known = self._known.setdefault((id(picture), size), (picture, {}))
        # Only the missing layers: computing all wanted layers would waste memory and time.
        if missing := layers - known.keys():
            known |= self._moments_in_pieces(picture, missing, size)
        return {layer: known[layer] for layer in sorted(layers)}

    def pieces(
        self, picture: Tensor, layers: frozenset[str], size: Size
    ) -> Iterator[tuple[Window, dict[str, Tensor]]]:
        """Yield each window of an image resized to ``size`` with its owned features; nothing is cached."""
        whole = self._resize(picture, size)
        for window in self.windows(size):
            found = self._look(window.read(whole), layers)
            yield window, {k: window.trim_halo(value, self.backbone.stride(k)) for k, value in found.items()}

    def sums(self, bound: Bound, picture: Tensor) -> Sums:
        """Measure a bound loss on an image resized to the context's size.

        Raises:
            TilingError: the context is tiled and the loss is not additive.
        """
        windows = self.windows(self.size)
        if len(windows) == 1:
            features = self.features(picture, bound.layers)
            with torch.no_grad():
                return bound.measure(features, windows[0])
        check_additive(bound)
        key = (id(picture), bound.measures)
        if bound.measures is not None and key in self._sums:
            return self._sums[key][1]
        with torch.no_grad():
            whole = self._resize(picture, self.size)
            found = measure_windows(bound, whole, backbone=self.backbone, windows=windows)
        self._sums[key] = (picture, found)
        return found

    def _resize(self, picture: Tensor, size: Size) -> Tensor:
        return tensors.resize(picture.to(self.device), size, wraps=self.backbone.wraps)

    def _look(self, picture: Tensor, layers: frozenset[str]) -> dict[str, Tensor]:
        with torch.no_grad():
            return self.backbone.features(picture, layers)

    def _gather_features(self, picture: Tensor, layers: frozenset[str], size: Size) -> dict[str, Tensor]:
        whole: dict[str, Tensor] = {}
        for window, found in self.pieces(picture, layers, size):
            for layer, value in found.items():
                stride = self.backbone.stride(layer)
                if layer not in whole:
                    grid = (size[0] // stride, size[1] // stride)
                    whole[layer] = torch.empty(
                        (*value.shape[:2], *grid),
                        dtype=value.dtype,
                        device=value.device,
                        memory_format=self.backbone.memory_format,
                    )
                window.part(whole[layer], stride).copy_(value)
        return whole

    def _moments_in_pieces(self, picture: Tensor, layers: frozenset[str], size: Size) -> dict[str, Moments]:
        counts = dict.fromkeys(layers, 0)
        center: dict[str, Tensor] = {}
        first: dict[str, Tensor] = {}
        second: dict[str, Tensor] = {}
        for _, owned in self.pieces(picture, layers, size):
            for layer, value in owned.items():
                found = tensors.precise(value).flatten(2)
                if layer not in center:
                    # Sums about a point near the mean avoid the cancellation of raw sums of squares.
                    center[layer] = found.mean(-1, keepdim=True)
                rest = found - center[layer]
                counts[layer] += rest.shape[-1]
                ones, products = rest.sum(-1), rest @ rest.mT
                first[layer] = first[layer] + ones if layer in first else ones
                second[layer] = second[layer] + products if layer in second else products
        result = {}
        for layer in sorted(layers):
            shift = first[layer] / counts[layer]
            spread = second[layer] / counts[layer] - shift.unsqueeze(-1) * shift.unsqueeze(-2)
            result[layer] = Moments(center[layer].squeeze(-1) + shift, spread)
        return result


def measure_windows(bound: Bound, picture: Tensor, *, backbone: Backbone, windows: Sequence[Window]) -> Sums:
    """Compute the sums of a bound loss over all windows of an image ``(B, 3, H, W)``."""
    total: Sums = {}
    for window in windows:
        found = bound.measure(backbone.features(window.read(picture), bound.layers), window)
        for key, part in found.items():
            total[key] = total[key] + part if key in total else part
    return total


def check_additive(bound: Bound) -> None:
    """Check that a loss can be computed in tiles.

    Raises:
        TilingError: a term is not a function of additive sums.
    """
    if bound.whole_only:
        raise TilingError(f"{', '.join(bound.whole_only)} cannot be computed in tiles: use a smaller --size")
