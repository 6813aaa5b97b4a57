"""Pen and ink landscape with a second color printed under it."""

from __future__ import annotations

import numpy as np

from art.canvas import OVERSAMPLE, Brush, Canvas, arcs
from art.sheet import Array, Rng, mix, noise, plane, polygon, rgb, step

_PITCH = 120  # lines of hatching across the sheet
_NIB = {"heel": 0.1, "toe": 0.7, "dry": 0.05, "streak": 0.0, "body": 0.0, "bristle": 0.0}
_INK = "2a1b1a"
_SUN = (0.66, 0.33)
# The crown of the oak: clumps of leaves, from the back to the front.
_CLUMPS = (
    (0.21, 0.14, 0.115), (0.06, 0.22, 0.11), (0.34, 0.2, 0.1), (0.17, 0.29, 0.12), (0.4, 0.32, 0.085),
    (0.02, 0.38, 0.09), (0.29, 0.37, 0.095), (0.12, 0.43, 0.085), (0.23, 0.46, 0.07), (0.37, 0.43, 0.06),
)  # fmt: skip


class _Plate:
    """An ink drawing built by region, from far to near: ink 0..1, and a plate of a second color."""

    def __init__(self, size: int, rng: Rng) -> None:
        self.n, self.rng = size * OVERSAMPLE, rng
        self.x, self.y = plane(self.n)
        self.ink = np.zeros((self.n, self.n), np.float32)
        self.wash = np.zeros((self.n, self.n), np.float32)
        # Irregular lines, as of a hand-held pen with varying pressure.
        self.tremble = 0.0009 * noise(rng, self.n, 13) + 0.0003 * noise(rng, self.n, 60, octaves=2)
        self.press = 0.07 * noise(rng, self.n, 30)

    def hatch(
        self, mask: Array, tone: Array, lines: Array, *, across: Array | None = None, pitch: float = _PITCH
    ) -> None:
        """Fill a region with lines of equal ``lines``, crossed by those of ``across`` where it is dark."""
        shade = np.clip(tone + self.press, 0, 1)
        ink = self._rule(lines, np.where(shade > 0.06, 0.1 + 0.55 * np.minimum(shade, 0.8), 0), pitch)
        if across is not None:
            ink = np.maximum(ink, self._rule(across, np.clip((shade - 0.4) * 1.1, 0, 0.6), pitch))
        self.ink = np.where(mask, ink, self.ink)

    def _rule(self, lines: Array, width: Array, pitch: float) -> Array:
        phase = (lines + self.tremble) * pitch
        away = np.abs(phase - np.round(phase))
        soft = 0.9 * pitch / self.n
        return np.asarray(np.clip((width * 0.5 - away) / soft + 0.5, 0, 1) * (width > 0.05))

    def outline(self, level: Array, width: float = 0.0014) -> None:
        """Draw the zero contour of a level, measured in fractions of the sheet."""
        away = np.abs(level + 0.4 * self.tremble)
        self.ink = np.maximum(
            self.ink, np.clip((width * (1 + 4 * self.press) - away) * self.n / 1.5 + 0.5, 0, 1)
        )

    def pull(self) -> Array:
        """Print both plates on laid paper."""
        n, rng = self.n, self.rng
        laid = (
            0.012 * np.sin(2 * np.pi * 95 * self.y)
            + 0.018 * noise(rng, n, 190, octaves=1)
            + 0.025 * noise(rng, n, 5)
        )
        paper = rgb("f3e6c9") * (1 + laid)[..., None]
        tint = np.clip(self.wash * (0.9 + 0.06 * noise(rng, n, 120, octaves=2)), 0, 1)
        picture = paper * (1 - tint[..., None] * (1 - rgb("dd6f3c")))
        return mix(picture, rgb(_INK), (self.ink * 0.95).astype(np.float32)).astype(np.float32)


def hatching(size: int, rng: Rng) -> Array:
    """Draw hills, a road and an old oak in pen, sepia ink over a plate of burnt orange."""
    plate = _Plate(size, rng)
    _air(plate)
    _ranges(plate)
    _farm(plate)
    _trunk(plate)
    canvas = Canvas(size, rng, plate.pull())
    _grass(canvas, rng)
    _crown(canvas, rng)
    _birds(canvas)
    return canvas.finish(0.0)


def _air(plate: _Plate) -> None:
    """Draw rings around the sun, thicker with distance; clouds remain paper."""
    x, y = plate.x, plate.y
    d = np.hypot(x - _SUN[0], y - _SUN[1])
    billow = noise(plate.rng, plate.n, 5, stretch=2.4, octaves=4)
    cloud = step(billow, 0.25, 0.75) * step(d, 0.12, 0.2)
    tone = 0.05 + 0.95 * d - 0.25 * y + 0.07 * np.sin(34 * d)
    every = np.ones_like(x, bool)
    plate.hatch(every, tone * (1 - 0.9 * cloud), d + 0.006 * billow, across=0.75 * x + 0.6 * y)
    belly = step(np.abs(billow - 0.5), 0.28, 0.12) * step(d, 0.12, 0.2)
    plate.hatch((cloud > 0.3) & (belly > 0.2), 0.28 * belly, y + 0.014 * billow)
    plate.hatch(d < 0.07, np.zeros_like(x), d)
    plate.outline(d - 0.07, 0.002)
    glow = 0.55 * step(d, 0.34, 0.1) * (np.sin(34 * d) > -0.2)
    plate.wash = np.maximum(step(d, 0.071, 0.067), np.where(cloud > 0.5, 0.3, glow)).astype(np.float32)


def _ranges(plate: _Plate) -> None:
    """Draw hills with lines along their slope, fields and meadows in turn, and a road."""
    x, y = plate.x, plate.y
    shapes = (
        (0.45, 0.055, 6.0, 1.1, 0.3), (0.52, 0.05, 5.0, 3.2, 0.42), (0.59, 0.04, 4.2, 0.4, 0.5),
        (0.68, 0.045, 3.6, 2.4, 0.5), (0.8, 0.04, 3.0, 4.4, 0.55),
    )  # fmt: skip
    for k, (base, swell, pace, phase, dark) in enumerate(shapes):
        crest = base - swell * np.sin(pace * x + phase) - 0.25 * swell * np.sin(2.9 * pace * x + k)
        mask = y > crest
        fall = y - crest
        side = np.cos(pace * x + phase)
        tone = dark * (0.55 + 0.5 * side + 0.5 * np.exp(-fall / 0.03)) + 0.08 * noise(plate.rng, plate.n, 7)
        if k % 2:
            # Furrows that converge far behind the crest.
            lines = (x - 0.4 - 0.1 * k) / (0.6 + 3.0 * fall) + 0.35 * fall
            plate.hatch(mask, tone + 0.12, lines, pitch=_PITCH * 0.8, across=y + 0.2 * fall * side)
        else:
            plate.hatch(mask, tone, y - 0.55 * fall * (1 + 0.4 * side), across=0.7 * x + 0.7 * y)
        plate.outline(fall, 0.0012 + 0.0003 * k)
        field = 0.6 * (np.sin(9 * x + 2.6 * k) > 0.1) if k % 2 else 0.42 * step(side, 0.3, -0.6)
        plate.wash = np.where(mask, field, plate.wash).astype(np.float32)
    middle = 0.6 + 0.13 * np.sin(6.5 * (y - 0.56)) * (1.35 - y)
    half = 0.006 + 0.42 * np.clip(y - 0.6, 0, 1) ** 1.5
    road = (np.abs(x - middle) < half) & (y > 0.6)
    plate.hatch(
        road, 0.3 * step((x - middle) / half, -0.2, 1.0), y + 0.6 * (x - middle) ** 2, pitch=_PITCH * 0.8
    )
    plate.wash = np.where(road, 0.0, plate.wash).astype(np.float32)
    plate.outline(np.where(y > 0.6, np.abs(x - middle) - half, 1), 0.0018)


def _farm(plate: _Plate) -> None:
    """Draw a farm with red roofs and a row of poplars on the middle hill."""
    x, y, n = plate.x, plate.y, plate.n
    rough = noise(plate.rng, n, 50)
    for px, top, half in (
        (0.95, 0.36, 0.017),
        (0.91, 0.39, 0.016),
        (0.875, 0.42, 0.015),
        (0.84, 0.45, 0.013),
    ):
        reach = np.hypot((x - px) / half, (y - (top + 0.6) / 2) / ((0.6 - top) / 2)) + 0.13 * rough
        plate.hatch(reach < 1, 0.55 + 0.4 * (x - px) / half, y - 0.8 * np.abs(x - px), pitch=_PITCH * 1.2)
        plate.wash = np.where(reach < 1, 0.5 * (x < px), plate.wash).astype(np.float32)
        plate.outline((reach - 1) * half)
    for px, py, s in ((0.53, 0.575, 0.04), (0.76, 0.6, 0.055), (0.83, 0.615, 0.036)):
        corner = np.array([px, py])
        wall = polygon(n, corner + s * np.array([(-1, 0), (1, 0), (1, -0.62), (-1, -0.62)])) > 0.5
        roof = (
            polygon(n, corner + s * np.array([(-1.2, -0.55), (1.2, -0.55), (0.8, -1.25), (-0.8, -1.25)]))
            > 0.5
        )
        plate.hatch(wall, np.where(x > px + 0.2 * s, 0.5, 0.0), x, pitch=_PITCH * 1.2)
        plate.hatch(roof, np.full_like(x, 0.25), y + 0.3 * x, pitch=_PITCH * 1.2)
        plate.wash = np.where(roof, 1.0, np.where(wall, 0.0, plate.wash)).astype(np.float32)


def _trunk(plate: _Plate) -> None:
    """Draw the oak's trunk, with bark that follows its bends."""
    x, y, n = plate.x, plate.y, plate.n
    corners = [
        (0.1, 1.02), (0.165, 0.88), (0.172, 0.66), (0.13, 0.46), (0.17, 0.45), (0.205, 0.58), (0.23, 0.44),
        (0.27, 0.44), (0.245, 0.6), (0.34, 0.42), (0.355, 0.44), (0.255, 0.67), (0.25, 0.88), (0.33, 1.02),
    ]  # fmt: skip
    bark = polygon(n, corners) > 0.5
    twist = x + 0.014 * np.sin(21 * y) + 0.008 * plate.press * 4
    plate.hatch(bark, 0.5 + 5.0 * (x - 0.215), twist, across=y - 0.9 * np.abs(x - 0.2), pitch=_PITCH * 1.1)
    plate.wash = np.where(bark, 0.7 * (x < 0.2), plate.wash).astype(np.float32)


def _pen(canvas: Canvas, paths: Array, width: float, widths: Array | float = 1.0, tone: str = _INK) -> None:
    """Draw pen strokes of flat ink."""
    canvas.stroke(paths, np.tile(rgb(tone), (len(paths), 1)), Brush(width, 0.02, **_NIB), widths=widths)


def _crown(canvas: Canvas, rng: Rng) -> None:
    """Draw the leaves as loops, clump by clump: sparse in the light at the left, dense in the shade."""
    for cx, cy, r in _CLUMPS:
        angle, out = rng.random(900) * 6.3, np.sqrt(rng.random(900))
        at = np.stack([cx + r * out * np.cos(angle), cy + 0.9 * r * out * np.sin(angle)], -1)
        # Blots of the color plate, or of blank paper, cover the background of the clump.
        shade = ((at - [cx, cy]) / r) @ np.array([0.55, 0.75])
        lit = shade[:420] < -0.1
        blots = arcs(at[:420], angle[:420], np.full(420, 0.3 * r), 0.6)
        _pen(canvas, blots[~lit], 0.24 * r, tone="e9b184")
        _pen(canvas, blots[lit], 0.24 * r, tone="f2dfba")
        curl = rng.choice([-1.0, 1.0], 900) * rng.uniform(2.2, 4.2, 900)
        kept = rng.random(900) < np.clip(0.5 + 0.6 * shade + 0.2 * out**4, 0.28, 0.95)
        loops = arcs(at, rng.random(900) * 6.3, rng.uniform(0.012, 0.026, 900), curl)
        _pen(canvas, loops[kept], 0.0024, np.clip(0.75 + 0.4 * shade, 0.6, 1.15)[kept])
        rim = rng.uniform(0, 6.3, 120)
        edge = np.stack([cx + r * 1.04 * np.cos(rim), cy + 0.94 * r * np.sin(rim)], -1) + rng.normal(
            0, 0.003, (120, 2)
        )
        _pen(canvas, arcs(edge, rim + 0.6, rng.uniform(0.012, 0.024, 120), 3.2), 0.0028)


def _grass(canvas: Canvas, rng: Rng) -> None:
    """Draw tufts of grass along the road and at the foot of the oak."""
    tuft = rng.random((120, 2)) * [1, 0.34] + [0, 0.68]
    tuft = tuft[np.abs(tuft[:, 0] - 0.6) > 0.02 + 0.75 * (tuft[:, 1] - 0.62)]
    foot = np.repeat(tuft, 9, 0) + rng.normal(0, 1, (9 * len(tuft), 2)) * [0.012, 0.003]
    near = foot[:, 1] - 0.6
    order = np.argsort(foot[:, 1])
    lean = rng.normal(-np.pi / 2, 0.4, len(foot))
    _pen(
        canvas,
        arcs(
            foot,
            lean,
            0.15 * near * rng.uniform(0.5, 1.2, len(foot)),
            rng.normal(0, 0.7, len(foot)),
        )[order],
        0.0032,
    )


def _birds(canvas: Canvas) -> None:
    """Draw a few birds in front of the sun."""
    for px, py, s in ((0.62, 0.2, 0.03), (0.7, 0.17, 0.022), (0.74, 0.23, 0.018), (0.86, 0.12, 0.024)):
        at = np.array([[px, py], [px, py]])
        _pen(canvas, arcs(at, np.array([-0.75, -2.4]), np.array([s, s]), np.array([1.0, -1.0])), 0.0045)
