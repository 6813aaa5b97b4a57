"""Watercolour: boats in a harbour at evening, in transparent washes with wet edges on rough paper."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from art.sheet import Array, Rng, lit, noise, plane, rgb, step


class _Paper:
    """Rough paper that washes darken by absorption, as pigments on white do."""

    def __init__(self, size: int, rng: Rng) -> None:
        # No oversampling, because wet edges are wide.
        self.n, self.rng = size, rng
        self.x, self.y = plane(self.n)
        self.light = np.ones((self.n, self.n, 3), np.float32)
        self.tooth = 0.6 * noise(rng, self.n, 130, octaves=2) + 0.5 * noise(rng, self.n, 60, octaves=1)
        self.fray = 0.6 * noise(rng, self.n, 9, octaves=4) + 0.12 * self.tooth
        self.bloom = noise(rng, self.n, 4, octaves=4)

    def wash(
        self,
        level: Array,
        colour: Array,
        *,
        strength: Array | float = 1.0,
        wet: float = 0.004,
        edge: float = 0.55,
        fray: float = 0.006,
    ) -> None:
        """Paint a wash where ``level``, in fractions of the sheet, is above 0.

        It fades over ``wet`` at its border, with a dark line of pigment of weight ``edge``; blooms and the
        texture of the paper make it uneven.
        """
        inside = level + fray * self.fray
        cover = step(inside, -wet / 2, wet / 2)
        line = np.exp(-((np.clip(inside, 0, 1) / 0.0026) ** 1.2)) * cover * edge * 0.9
        pool = np.exp(-np.clip(inside, 0, 1) / 0.03) * 0.22 * edge
        grain = 1 + 0.2 * self.bloom + 0.13 * np.clip(-self.tooth, -1.5, 2.5)
        load = cover * strength * np.clip(grain + pool, 0.15, 2.2) + line
        # Beer's law: twice the pigment squares the transmitted light.
        self.light *= np.exp(load[..., None] * np.log(np.clip(colour, 0.02, 1)))
        self.bloom = self.bloom[::-1].T
        self.fray = self.fray.T[:, ::-1]

    def brush_dry(self, level: Array, colour: Array, strength: float, catch: float = 0.2) -> None:
        """Paint with a nearly dry brush, which only touches the peaks of the paper."""
        load = step(level, 0, 0.004) * step(self.tooth, catch - 0.25, catch + 0.25) * strength
        self.light *= colour ** load[..., None]

    def lift(self, level: Array, amount: float) -> None:
        """Remove paint, back to the paper."""
        share = step(level, -0.0008, 0.0008)[..., None] * amount
        self.light += (np.float32(0.985) - self.light) * share

    def show(self) -> Array:
        """Return the sheet in slanting light, which shows the texture of the paper."""
        paper = rgb("fbf6ea") * (1 + 0.05 * lit(2.2 * self.tooth, 0.6))[..., None]
        return np.clip(self.light * paper, 0, 1).astype(np.float32)


def shape(paper: _Paper, corners: Array, reach: float = 0.06) -> Array:
    """Return the depth of each pixel inside a polygon, in fractions of the sheet; negative outside.

    To save time, values farther than ``reach`` from the polygon are not exact.
    """
    n = paper.n
    depth = np.full((n, n), -reach, np.float32)
    low = np.clip((corners.min(0) - reach) * n, 0, n - 1).astype(int)
    high = np.clip((corners.max(0) + reach) * n, low + 1, n).astype(int)
    part = slice(low[1], high[1]), slice(low[0], high[0])
    x, y = paper.x[part], paper.y[part]
    nearest, inside = np.full(x.shape, 9.0), np.zeros(x.shape, bool)
    for (ax, ay), (bx, by) in zip(corners, np.roll(corners, -1, 0), strict=True):
        t = np.clip(((x - ax) * (bx - ax) + (y - ay) * (by - ay)) / ((bx - ax) ** 2 + (by - ay) ** 2), 0, 1)
        nearest = np.minimum(nearest, np.hypot(x - ax - t * (bx - ax), y - ay - t * (by - ay)))
        if ay != by:
            inside ^= ((y < ay) != (y < by)) & (x < ax + (y - ay) / (by - ay) * (bx - ax))
    depth[part] = np.clip(np.where(inside, nearest, -nearest), -reach, None)
    return depth


def watercolor(size: int, rng: Rng) -> Array:
    """Paint boats with bright sails: sky, headlands, sails, and their reflections."""
    paper = _Paper(size, rng)
    _sky(paper)
    _headlands(paper)
    _harbour(paper)
    _water(paper)
    for at in ((0.8, 0.585, 0.2), (0.18, 0.6, 0.27), (0.5, 0.66, 0.44)):
        _boat(paper, at)
    _near_water(paper)
    _spatter(paper)
    return paper.show()


def _sky(paper: _Paper) -> None:
    """Paint a warm wash into a cool one, with clouds."""
    x, y, rng = paper.x, paper.y, paper.rng
    soft = noise(rng, paper.n, 3, stretch=1.6, octaves=4)
    paper.wash(0.62 - y, rgb("ffdf9a"), strength=1.1 * step(y, 0.1, 0.5), wet=0.05, edge=0)
    paper.wash(
        0.6 - y,
        rgb("f9a070"),
        strength=0.8 * step(np.abs(y - 0.42 - 0.03 * soft), 0.17, 0.0),
        wet=0.05,
        edge=0,
    )
    paper.wash(0.36 - y + 0.05 * soft, rgb("6fb6d8"), strength=1.15 * step(y, 0.42, 0.0), wet=0.12, edge=0)
    cloud = noise(rng, paper.n, 4, stretch=2.0, octaves=4)
    for level, tone, power in ((0.5, "c9bfe8", 0.75), (1.0, "b3aee0", 0.6)):
        paper.wash(
            np.minimum((cloud - level) * 0.06, 0.46 - y),
            rgb(tone),
            strength=power * step(y, 0.48, 0.25),
            wet=0.03,
            edge=0.12,
        )
    paper.lift(0.052 - np.hypot(x - 0.66, y - 0.36), 0.97)
    paper.wash(0.05 - np.hypot(x - 0.66, y - 0.36), rgb("ffcf5a"), strength=0.8, edge=0.3)


def _headlands(paper: _Paper) -> None:
    """Paint headlands, each in one transparent wash, paler and bluer with distance."""
    x, y = paper.x, paper.y
    rows = (
        (0.5, 0.05, 5.0, 0.4, "9fb4dc", 1.0),
        (0.53, 0.06, 4.2, 2.6, "7f7fc2", 0.95),
        (0.555, 0.035, 9.0, 4.0, "4f7f94", 1.0),
    )
    for base, lift, pace, phase, tone, power in rows:
        crest = base - lift * np.sin(pace * x + phase) - 0.25 * lift * np.sin(3.3 * pace * x + phase)
        land = np.minimum(y - crest, 0.588 - y)
        # Remove the sky's wash from the hills, because its orange would turn them brown.
        paper.lift(land, 0.75)
        paper.wash(land, rgb(tone), strength=power * (1.1 - 4 * np.clip(y - crest, 0, 0.2)))


def _harbour(paper: _Paper) -> None:
    """Paint small houses on the shore at the right, white walls left as paper, warm roofs."""
    rng = paper.rng
    for k in range(9):
        px, w, h = 0.63 + 0.035 * k + rng.normal(0, 0.006), rng.uniform(0.014, 0.022), rng.uniform(0.02, 0.04)
        foot = 0.575 - 0.012 * (k % 3)
        wall = shape(
            paper, np.array([(px - w, foot), (px + w, foot), (px + w, foot - h), (px - w, foot - h)])
        )
        paper.lift(wall, 0.85)
        paper.wash(np.minimum(wall, paper.x - px - 0.1 * w), rgb("a9a0cf"), strength=0.7, fray=0.002)
        roof = shape(
            paper, np.array([(px - 1.2 * w, foot - h), (px + 1.2 * w, foot - h), (px, foot - h - 0.022)])
        )
        paper.wash(roof, rgb(("e0603f", "c9483f", "e88f4a")[k % 3]), strength=1.2, fray=0.003)


def _water(paper: _Paper) -> None:
    """Paint the water, with streaks of the sky's and the hills' colours."""
    y, rng = paper.y, paper.rng
    near = np.clip((y - 0.588) / 0.412, 0, 1)
    paper.wash(y - 0.588, rgb("a3dce0"), strength=0.75 + 0.8 * near, wet=0.003, edge=0.4, fray=0.002)
    for pace, tone, gate, power in (
        (3, "f7a86a", 0.5, 0.9),
        (5, "3f8fb8", 0.35, 0.8),
        (8, "4a5fb0", 0.75, 0.75),
        (13, "2f7f9a", 0.95, 0.7),
    ):
        flow = noise(rng, paper.n, pace * 2.6, stretch=6.0, octaves=2)
        paper.wash(
            np.minimum((flow - gate) * 0.03, y - 0.6),
            rgb(tone),
            strength=power * (0.4 + 0.45 * near),
            edge=0.35,
        )


def _boat(paper: _Paper, at: tuple[float, float, float]) -> None:
    """Paint a boat of height s on its waterline: reflection, hull, two sails, mast and a sailor."""
    px, py, s = at
    tones = {0.44: ("e8452f", "f7b02f"), 0.27: ("1f8f96", "f2d06a"), 0.2: ("c94a86", "f39a5a")}[s]
    main = np.array([(0.03, -0.12), (0.05, -1.0), (0.16, -0.6), (0.34, -0.13)])
    jib = np.array([(-0.01, -0.13), (0.02, -0.93), (-0.16, -0.5), (-0.3, -0.12)])
    hull = np.array([(-0.34, -0.1), (0.4, -0.1), (0.33, 0.02), (-0.26, 0.02)])
    sway = 0.012 * np.sin(95 * paper.y) * (0.5 + paper.y)
    held = paper.x
    for part, tone, power in ((main, tones[0], 0.8), (jib, tones[1], 0.75), (hull, "3a3f78", 0.9)):
        mirror = shape(paper, np.array([px, py]) + s * part * [1, -0.75])
        mirror = ndimage.map_coordinates(
            mirror, [paper.y * paper.n - 0.5, (held + sway) * paper.n - 0.5], order=1, mode="nearest"
        )
        paper.wash(np.minimum(mirror, paper.y - py), rgb(tone), strength=power, edge=0.45, fray=0.008)
    for part, tone, shade in (
        (main, tones[0], "8a2f5a"),
        (jib, tones[1], "d9683a"),
        (hull, "2a3264", "1a2048"),
    ):
        level = shape(paper, np.array([px, py]) + s * part)
        paper.lift(level, 0.96)
        paper.wash(level, rgb(tone), strength=1.15, fray=0.003)
        fold = np.sin((paper.x - px) / s * 26 + (paper.y - py) / s * 7)
        paper.wash(np.minimum(level, 0.006 * (fold - 0.2)), rgb(shade), strength=0.5, edge=0.25)
    mast = shape(
        paper, np.array([px, py]) + s * np.array([(0.0, -0.1), (0.022, -0.1), (0.034, -1.04), (0.026, -1.04)])
    )
    paper.wash(mast + 0.0012, rgb("3a2438"), strength=1.3, edge=0, fray=0.001)
    paper.lift(np.minimum(0.0016 - np.abs(paper.y - py + 0.075 * s), 0.34 * s - np.abs(paper.x - px)), 0.8)


def _near_water(paper: _Paper) -> None:
    """Paint dark ripples across the foreground, and scratch a few highlights."""
    x, y, rng = paper.x, paper.y, paper.rng
    near = np.clip((y - 0.6) / 0.4, 0, 1)
    ripple = np.sin(
        2 * np.pi * (near**0.7 * 17 + 0.35 * np.sin(9 * x + 5 * near) + 0.3 * noise(rng, paper.n, 4))
    )
    broken = noise(rng, paper.n, 8, stretch=2.0)
    paper.wash(
        np.minimum((ripple - 0.55 + 0.35 * broken) * 0.012, 0.5 * (y - 0.62)),
        rgb("3f7fb8"),
        strength=0.6 + 0.4 * near,
        edge=0.3,
    )
    paper.wash(
        np.minimum((ripple - 0.9 + 0.5 * broken) * 0.01, y - 0.76), rgb("4f66ae"), strength=0.7, edge=0.3
    )
    paper.brush_dry(np.minimum((-ripple - 0.7) * 0.02, y - 0.66), rgb("f7e6c0") * 0.9, 0.4)
    glint = step(np.abs(x - 0.66), 0.16, 0.02) * step(broken, 0.2, 1.4)
    paper.lift(np.minimum((-ripple - 1.05 + 0.25 * glint + 0.12 * broken) * 0.012, near - 0.03), 0.7)


def _spatter(paper: _Paper) -> None:
    """Spatter drops of three colours."""
    rng = paper.rng
    level = np.full((paper.n, paper.n), -1, np.float32)
    for tone in ("e8452f", "2a5f9a", "f2b02f"):
        level[:] = -1
        for px, py in rng.random((26, 2)):
            level = np.maximum(level, rng.gamma(1.5, 0.0012) - np.hypot(paper.x - px, paper.y - py))
        paper.wash(level, rgb(tone), strength=0.6, wet=0.001, edge=0.2, fray=0.0004)
