"""Where losses are bound: the network that sees, the size at which it sees, and in how many pieces."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
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
    """What one network saw of pictures that stay the same from run to run, such as the styles of a film.

    Only what losses asked for is kept, by size: moments, and the features that content is compared in.

    Args:
        pictures: those that stay; losses must be handed these very tensors.
    """

    pictures: Sequence[Tensor]
    _found: dict[tuple[object, ...], Any] = field(default_factory=dict, repr=False)

    def once(
        self, what: str, picture: Tensor, layers: frozenset[str], size: Size, look: Callable[[], T]
    ) -> T:
        """Return ``look()``, cached for pictures that stay the same."""
        if all(picture is not kept for kept in self.pictures):
            return look()
        key = (what, id(picture), layers, size)
        if key not in self._found:
            self._found[key] = look()
        found: T = self._found[key]
        return found


class Scene:
    """Where losses are bound: the network that sees, and the size, in pixels, at which it sees.

    Terms look at the same few pictures: what one has seen, the next need not look at again. Kept only while
    losses are bound. In pieces, no more is held at a time than the features of one of them and what was asked
    for, so that a target is bound within the memory in which the picture is painted.

    Args:
        backbone: the network.
        size: (height, width) of the picture that is painted.
        wanted: layers that will be asked for, so that one look at a picture serves all terms.
        cut: the windows in which a picture of a size is looked at; default: in one piece.
        seen: what was seen in runs before this one.
        present: the picture as it is now, at the scene's size, for losses that look where it got to.
        stage: number of the stage in the schedule.
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
        """Where the network looks."""
        return next(self.backbone.buffers()).device

    def windows(self, size: Size) -> Sequence[Window]:
        """The pieces in which a picture of this size is looked at."""
        return [Window.full(size)] if self.cut is None else self.cut(size)

    def features(
        self, picture: Tensor, layers: frozenset[str], *, size: Size | None = None
    ) -> dict[str, Tensor]:
        """Features of a picture brought to ``size`` (default: the scene's).

        In one piece in float32 or wider. In several pieces in the precision of the network, for these may be
        the largest thing there is: compare them as :func:`impasto.tensors.precise`.
        """
        size = size or self.size
        look = partial(self._features, picture, layers, size)
        return self.seen.once("features", picture, layers, size, look)

    def _features(self, picture: Tensor, layers: frozenset[str], size: Size) -> dict[str, Tensor]:
        key = (id(picture), size)
        # The picture is kept beside its features, so that its id stays its own.
        _, known = self._seen.get(key, (picture, {}))
        if not layers <= known.keys():
            windows = self.windows(size)
            if len(windows) == 1:
                found = self._look(self._brought(picture, size), layers | self.wanted)
                known = {layer: tensors.precise(value) for layer, value in found.items()}
            else:
                known = {**known, **self._gathered(self._brought(picture, size), layers - known.keys())}
            self._seen[key] = (picture, known)
        return {layer: known[layer] for layer in layers}

    def moments(
        self, picture: Tensor, layers: frozenset[str], *, size: Size | None = None
    ) -> dict[str, Moments]:
        """Moments of a picture's features over all positions; leading axis: the batch."""
        size = size or self.size
        look = partial(self._moments_of, picture, layers, size)
        return self.seen.once("moments", picture, layers, size, look)

    def _moments_of(self, picture: Tensor, layers: frozenset[str], size: Size) -> dict[str, Moments]:
        if len(self.windows(size)) == 1:
            found = self._features(picture, layers, size)
            return {layer: moments(value.flatten(2)) for layer, value in found.items()}
        key = (id(picture), size)
        _, known = self._known.get(key, (picture, {}))
        if not layers <= known.keys():
            # What a sum of losses needs is more than pixels and the deep layer that content looks at.
            known = {**known, **self._moments_in_pieces(self._brought(picture, size), layers - known.keys())}
            self._known[key] = (picture, known)
        return {layer: known[layer] for layer in layers}

    def pieces(
        self, picture: Tensor, layers: frozenset[str], size: Size
    ) -> Iterator[tuple[Window, dict[str, Tensor]]]:
        """Window by window, the features that it owns of a picture brought to ``size``; nothing is kept."""
        whole = self._brought(picture, size)
        for window in self.windows(size):
            found = self._look(window.read(whole), layers)
            yield window, {k: window.owned(value, self.backbone.stride(k)) for k, value in found.items()}

    def sums(self, bound: Bound, picture: Tensor) -> Sums:
        """What a bound loss measures of a picture brought to the scene's size.

        Raises:
            TilingError: in several pieces, and the loss is not additive.
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
            whole = self._brought(picture, self.size)
            found = measured(bound, whole, backbone=self.backbone, windows=windows)
        self._sums[key] = (picture, found)
        return found

    def _brought(self, picture: Tensor, size: Size) -> Tensor:
        return tensors.resize(picture.to(self.device), size)

    def _look(self, picture: Tensor, layers: frozenset[str]) -> dict[str, Tensor]:
        with torch.no_grad():
            return self.backbone.features(picture, layers)

    def _gathered(self, picture: Tensor, layers: frozenset[str]) -> dict[str, Tensor]:
        size = (picture.shape[-2], picture.shape[-1])
        whole: dict[str, Tensor] = {}
        for window in self.windows(size):
            for layer, value in self._look(window.read(picture), layers).items():
                stride = self.backbone.stride(layer)
                if layer not in whole:
                    grid = (size[0] // stride, size[1] // stride)
                    whole[layer] = value.new_empty((*value.shape[:2], *grid))
                window.part(whole[layer], stride).copy_(window.owned(value, stride))
        return whole

    def _moments_in_pieces(self, picture: Tensor, layers: frozenset[str]) -> dict[str, Moments]:
        counts = dict.fromkeys(layers, 0)
        centre: dict[str, Tensor] = {}
        first: dict[str, Tensor] = {}
        second: dict[str, Tensor] = {}
        for window in self.windows((picture.shape[-2], picture.shape[-1])):
            for layer, value in self._look(window.read(picture), layers).items():
                found = tensors.precise(window.owned(value, self.backbone.stride(layer))).flatten(2)
                if layer not in centre:
                    # Sums about a point near the mean keep the digits that raw sums of squares lose.
                    centre[layer] = found.mean(-1, keepdim=True)
                rest = found - centre[layer]
                counts[layer] += rest.shape[-1]
                ones, products = rest.sum(-1), rest @ rest.mT
                first[layer] = first[layer] + ones if layer in first else ones
                second[layer] = second[layer] + products if layer in second else products
        result = {}
        for layer in layers:
            shift = first[layer] / counts[layer]
            spread = second[layer] / counts[layer] - shift.unsqueeze(-1) * shift.unsqueeze(-2)
            result[layer] = Moments(centre[layer].squeeze(-1) + shift, spread)
        return result


def measured(bound: Bound, picture: Tensor, *, backbone: Backbone, windows: Sequence[Window]) -> Sums:
    """The sums of a bound loss over all windows of a picture ``(B, 3, H, W)``."""
    total: Sums = {}
    for window in windows:
        found = bound.measure(backbone.features(window.read(picture), bound.layers), window)
        for key, part in found.items():
            total[key] = total[key] + part if key in total else part
    return total


def check_additive(bound: Bound) -> None:
    """Refuses a loss that has no meaning in tiles.

    Raises:
        TilingError: a term's value is not a function of additive sums.
    """
    if bound.whole_only:
        raise TilingError(f"{', '.join(bound.whole_only)} cannot be computed in tiles: use a smaller --size")
