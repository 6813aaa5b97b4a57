"""Brush strokes with bristles, streaks of a second color and relief, along any path.

Every stroke is a strip of points. All strokes of a call are scattered at once into a buffer that holds, for
each pixel, the last stroke over it and the position in that stroke. Color and height are then looked up
once per pixel, so thousands of long curved strokes take about a second.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
from scipy import ndimage

from art.sheet import Array, Rng, lit, mix, plane, sample, scatter, shrink

OVERSAMPLE = 2
_NODES = 9  # nodes of each half of a traced path
_VARIANTS = 16
_ALONG, _ACROSS = 256, 64
_CHUNK = 250_000  # points per pass, to fit the processor's cache


@dataclass(frozen=True)
class Brush:
    """Settings of a brush and its paint; sizes are fractions of the image's side."""

    width: float
    length: float
    heel: float = 0.08
    """Fraction of the length over which the stroke widens at its start."""
    toe: float = 0.16
    """Fraction of the length over which it narrows to its end."""
    dry: float = 0.12
    """Fraction of the bristles without paint, growing towards the end."""
    streak: float = 0.5
    """Amount of the second color in streaks."""
    body: float = 1.0
    """Thickness of the paint, which sets the relief."""
    bristle: float = 0.06
    """Variation of lightness by the bristles."""


class Canvas:
    """A square canvas of ``size`` pixels, painted at twice that size and shaded at the end."""

    def __init__(self, size: int, rng: Rng, ground: Array) -> None:
        self.rng = rng
        self.pixels = size * OVERSAMPLE
        self.color = np.broadcast_to(ground, (self.pixels, self.pixels, 3)).astype(np.float32)
        self.height = _linen(self.pixels)
        self._hair = _bristles(rng)

    def stroke(
        self,
        paths: Array,
        colors: Array,
        brush: Brush,
        *,
        widths: Array | float = 1.0,
        seconds: Array | None = None,
    ) -> None:
        """Paint strokes in order: paths (N, K, 2) in 0..1, colors (N, 3); ``widths`` scale the brush's."""
        seconds = colors if seconds is None else seconds
        widths = np.broadcast_to(np.asarray(widths, np.float32) * brush.width / 2, len(paths))
        # The buffer has 16 bits for the index of a stroke.
        for start in range(0, len(paths), 60_000):
            part = slice(start, start + 60_000)
            self._lay(paths[part].astype(np.float32), colors[part], brush, widths[part], seconds[part])

    def _lay(self, paths: Array, colors: Array, brush: Brush, widths: Array, seconds: Array) -> None:
        variants = self.rng.integers(0, _VARIANTS, len(paths))
        buffer, rows, columns = self._scatter(paths, brush, widths, variants)
        wet = buffer > 0
        code = buffer[wet]
        owner = (code >> 16).astype(np.int32) - 1
        place = ((code & 0xFFFF) >> 2).astype(np.int32)  # along * _ACROSS + across
        variant = variants[owner].astype(np.int32)
        hair = self._hair.reshape(-1)[variant * (_ALONG * _ACROSS) + place]
        lean, ridge = _section()
        # The second color is on one side of the brush, in streaks.
        side = np.where(variant & 1, np.float32(0.5), np.float32(-0.5)) * lean[place]
        share = np.clip(0.5 + 0.45 * hair + side, 0, 1) * np.float32(brush.streak)
        painted = mix(colors.astype(np.float32)[owner], seconds.astype(np.float32)[owner], share)
        painted *= (1 + brush.bristle * hair)[:, None]
        load = (brush.body * np.sqrt(widths * 1536)).astype(np.float32)
        thick = load[owner] * (0.45 + 0.17 * hair + 0.25 * ridge[place])
        self.color[rows, columns][wet] = painted
        height = self.height[rows, columns]
        height[wet] = 0.45 * height[wet] + thick

    def _scatter(
        self, paths: Array, brush: Brush, widths: Array, variants: Array
    ) -> tuple[Array, slice, slice]:
        """Write stroke, position along and position across, packed in 32 bits, to the covered pixels.

        Returns the part of the canvas that the strokes reach, and its rows and columns.
        """
        n = self.pixels
        pad = float(widths.max() * n) + 2
        low = np.clip(paths.min((0, 1)) * n - pad, 0, n - 1).astype(int)
        high = np.clip(paths.max((0, 1)) * n + pad, low + 1, n).astype(int)
        margin = int(pad) + 1
        stride = int(high[0] - low[0]) + 2 * margin
        buffer = np.zeros((int(high[1] - low[1]) + 2 * margin, stride), np.uint32)
        limit = np.array([stride, len(buffer)], np.float32) - 1
        lengths = np.hypot(*np.moveaxis(np.diff(paths, axis=1), -1, 0)).sum(1)
        chunk = max(4, _CHUNK // int(1 + 4 * n * n * np.mean(lengths) * np.mean(widths)))
        strips: dict[tuple[int, int], _Strip] = {}
        for start in range(0, len(paths), chunk):
            part = slice(start, start + chunk)
            shape = _points(lengths[part].max() * n), _points(2 * widths[part].max() * n)
            strip = strips[shape] = strips.get(shape) or _Strip(shape, brush, self._hair)
            center, normal = _spine(paths[part], strip.s)
            reach = normal * (widths[part, None] * strip.profile * n)[..., None]
            # Points beyond the border are clipped to the margin, which is removed below.
            center = np.clip(center * n - low + margin, np.abs(reach), limit - np.abs(reach))
            column = (center[..., 0, None] + reach[..., 0, None] * strip.t).astype(np.int32)
            row = (center[..., 1, None] + reach[..., 1, None] * strip.t).astype(np.int32)
            row *= stride
            row += column
            ident = np.arange(start + 1, start + 1 + len(center), dtype=np.uint32) << 16
            # NumPy keeps the last of several points in a pixel, so strokes cover each other in order.
            buffer.reshape(-1)[np.where(strip.keep[variants[part]], row, 0)] = (
                ident[:, None, None] | strip.place
            )
        inner = buffer[margin:-margin, margin:-margin]
        return inner, slice(int(low[1]), int(high[1])), slice(int(low[0]), int(high[0]))

    def cover(
        self,
        reference: Array,
        field: Array,
        brush: Brush,
        *,
        count: int,
        jitter: float = 0.06,
        where: Array | None = None,
        stop: float = 0.25,
        palette: Array | None = None,
    ) -> None:
        """Paint a reference (H, W, 3) with ``count`` strokes along a field of angles (H, W) in radians.

        Strokes start only where the mask ``where`` is set, and end where the reference's color differs from
        theirs by ``stop``; some have streaks in a neighbor's or a ``palette`` color.
        """
        rng = self.rng
        starts = scatter(rng, count)
        if where is not None:
            starts = starts[sample(where, starts) > 0.5]
        length = brush.length * rng.uniform(0.65, 1.35, len(starts))
        paths = trace(starts, field, length, reference, stop)
        colors = sample(reference, starts)
        seconds = sample(reference, starts + rng.normal(0, brush.width, starts.shape))
        if palette is not None:
            seconds = mix(seconds, palette[rng.integers(0, len(palette), len(starts))], 0.45)
        widths = rng.uniform(0.7, 1.3, len(starts))
        self.stroke(
            paths,
            jittered(rng, colors, jitter),
            brush,
            widths=widths,
            seconds=jittered(rng, seconds, jitter * 1.5),
        )

    def finish(self, relief: float = 1.0) -> Array:
        """Shade the relief from the upper left and reduce the canvas to its size: (size, size, 3), 0..1."""
        height = ndimage.gaussian_filter(self.height, 0.7)
        shade = lit(height, 0.28 * relief)
        gloss = np.clip(shade - 0.55, 0, 1) * 0.28 * min(relief, 1.0)
        return shrink(self.color * (1 + 0.3 * shade)[..., None] + gloss[..., None], OVERSAMPLE)


class _Strip:
    """The points of strokes of one shape, and the points that each bristle pattern covers."""

    def __init__(self, shape: tuple[int, int], brush: Brush, hair: Array) -> None:
        self.s = s = np.linspace(0, 1, shape[0], dtype=np.float32)
        self.t = t = np.linspace(-1, 1, shape[1], dtype=np.float32)
        heel, toe = max(brush.heel, 1e-3), max(brush.toe, 1e-3)
        swell = np.clip(s / heel, 0, 1) * np.clip((1 - s) / toe, 0, 1)
        self.profile = np.sqrt(swell / swell.max())
        along = np.minimum(s * _ALONG, _ALONG - 1).astype(np.uint32)
        across = np.minimum((t + 1) / 2 * _ACROSS, _ACROSS - 1).astype(np.uint32)
        self.place = (along[:, None] << 8) | (across << 2)
        # Paint runs out at the edges and towards the end.
        worn = brush.dry * (0.4 + 2.2 * s[:, None] ** 3 + 1.5 * np.abs(t) ** 4)
        self.keep = hair[:, along[:, None], across[None]] > -2.2 + 2.4 * worn


def jittered(rng: Rng, colors: Array, amount: float) -> Array:
    """Vary colors (N, 3), more in lightness than in hue."""
    light = rng.normal(0, amount, (len(colors), 1))
    hue = rng.normal(0, amount * 0.55, (len(colors), 3))
    return np.clip(colors * (1 + light) + hue, 0.01, 1).astype(np.float32)


def trace(
    starts: Array, field: Array, length: Array, reference: Array | None = None, stop: float = 0.25
) -> Array:
    """Trace a field of angles both ways from starts (N, 2): paths (N, K, 2) of about the given lengths."""
    home = None if reference is None else sample(reference, starts)
    halves = []
    for sign in (-1.0, 1.0):
        point = starts.astype(np.float32)
        alive = np.ones(len(starts), bool)
        half = [point]
        for _ in range(_NODES - 1):
            angle = sample(field, point)
            move = (
                np.stack([np.cos(angle), np.sin(angle)], -1) * (sign * length / (2 * (_NODES - 1)))[:, None]
            )
            point = np.where(alive[:, None], point + move, point).astype(np.float32)
            half.append(point)
            if reference is not None:
                alive &= np.abs(sample(reference, point) - home).sum(-1) < 3 * stop
        halves.append(half)
    return np.stack(halves[0][:0:-1] + halves[1], 1)


def arcs(starts: Array, angles: Array, lengths: Array, bends: Array | float = 0.0) -> Array:
    """Return paths (N, 7, 2) that leave starts (N, 2) at the given angles and bend by ``bends`` radians."""
    t = np.linspace(0, 1, 7)[1:]
    turn = angles[:, None] + np.broadcast_to(bends, angles.shape)[:, None] * (t - 1 / 12)
    moves = np.stack([np.cos(turn), np.sin(turn)], -1) * (lengths / 6)[:, None, None]
    return np.concatenate([starts[:, None], starts[:, None] + np.cumsum(moves, 1)], 1).astype(np.float32)


def _spine(paths: Array, s: Array) -> tuple[Array, Array]:
    """Return points evenly spaced along each path: centers and unit normals, both (N, len(s), 2)."""
    moves = np.diff(paths, axis=1)
    length = np.cumsum(np.hypot(moves[..., 0], moves[..., 1]), 1)
    length = np.concatenate([np.zeros_like(length[:, :1]), length], 1)
    wanted = s[None] * length[:, -1:]
    # Few nodes, many points: counting the passed nodes is faster than a search for each stroke.
    node = np.zeros(wanted.shape, np.int32)
    for k in range(1, paths.shape[1] - 1):
        node += wanted > length[:, k : k + 1]
    rows = np.arange(len(paths))[:, None]
    span = np.maximum(length[rows, node + 1] - length[rows, node], 1e-7)
    share = np.clip((wanted - length[rows, node]) / span, 0, 1)[..., None]
    center = paths[rows, node] * (1 - share) + paths[rows, node + 1] * share
    tangent = np.gradient(paths, axis=1)
    smooth = tangent[rows, node] * (1 - share) + tangent[rows, node + 1] * share
    smooth /= np.maximum(np.hypot(smooth[..., 0], smooth[..., 1]), 1e-9)[..., None]
    return center, np.stack([-smooth[..., 1], smooth[..., 0]], -1)


def _points(pixels: float) -> int:
    """Return the number of points that a strip needs to cover all pixels, rounded up to few values."""
    return int(1.12 ** np.ceil(np.log(max(1.4 * float(pixels), 3)) / np.log(1.12))) + 2


@cache
def _section() -> tuple[Array, Array]:
    """Return a stroke's profile across, -1 to 1, and the ridges of paint at its edges and end."""
    across = np.linspace(-1, 1, _ACROSS, dtype=np.float32)
    rim = np.abs(across)
    ridge = 0.9 * np.exp(-(((rim - 0.8) / 0.16) ** 2)) - 0.5 * rim**6
    end = 0.7 * (np.arange(_ALONG) > 225)
    lean = np.broadcast_to(across, (_ALONG, _ACROSS))
    return lean.reshape(-1).copy(), (ridge + end[:, None]).reshape(-1).astype(np.float32)


def _bristles(rng: Rng) -> Array:
    """Return textures (variants, along, across) of standard deviation 1, stretched along the stroke."""
    grain = rng.standard_normal((_VARIANTS, _ALONG, _ACROSS)).astype(np.float32)
    hairs = ndimage.gaussian_filter(grain, (0, 45, 0.9)) * 9
    clumps = ndimage.gaussian_filter(grain[::-1], (0, 30, 4)) * 12
    hair = hairs + clumps + 0.15 * ndimage.gaussian_filter(grain, (0, 3, 0.5))
    return np.asarray(hair / hair.std(), np.float32)


def _linen(pixels: int) -> Array:
    """Return a linen weave, of the same fineness at every size."""
    x, y = plane(pixels)
    turns = 2 * np.pi * min(190, pixels / 5)
    return (0.35 * (np.sin(turns * x) * np.sign(np.sin(turns * y / 2)) + np.sin(turns * y))).astype(
        np.float32
    )
