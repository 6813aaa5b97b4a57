"""Woodcut in four colors: sunset at sea behind a pine."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from art.canvas import OVERSAMPLE
from art.sheet import Array, Rng, mix, noise, plane, polygon, ramp, rgb, shrink, spline, step

_SUN = (0.6, 0.5, 0.17)


class _Block:
    """A wood block: what remains after cutting prints black, with colored blocks under it."""

    def __init__(self, size: int, rng: Rng) -> None:
        self.n, self.rng = size * OVERSAMPLE, rng
        self.x, self.y = plane(self.n)
        self.black = np.zeros((self.n, self.n), np.float32)
        self.color = np.tile(rgb("f3e6c8"), (self.n, self.n, 1))
        self.slip = 0.16 * noise(rng, self.n, 26, octaves=2)

    def gouge(self, mask: Array, lanes: Array, along: Array, dark: Array, color: Array) -> None:
        """Cut a region with wedge-shaped strokes; ``lanes`` counts them across, ``along`` their length."""
        part = ndimage.find_objects(mask.astype(np.uint8))[0]
        mask, lanes, along, dark, slip = mask[part], lanes[part], along[part], dark[part], self.slip[part]
        lane = np.floor(lanes + 0.25 * slip)
        across = np.abs(lanes + 0.25 * slip - lane - 0.5) * 2
        # Each stroke starts thin, widens and ends; neighbors are out of step.
        beat = np.mod(along + np.mod(lane * 0.618, 1) * 3.7, 1)
        swell = np.clip(np.minimum(beat / 0.22, (1 - beat) / 0.5), 0, 1)
        cut = swell ** np.float32(0.6) * np.clip(1.25 - dark + slip, 0, 1.3)
        down, right = np.gradient(lanes)
        slope = np.clip(np.hypot(down, right), 1e-6, 0.5)
        ink = np.clip((across - cut) * 0.5 / slope + 0.5, 0, 1)
        self.black[part] = np.where(mask, ink, self.black[part])
        self.color[part] = np.where(mask[..., None], color[part], self.color[part])

    def solid(self, mask: Array, ink: float, color: Array | None = None) -> None:
        """Leave a region uncut (ink 1) or cut it clear (ink 0)."""
        self.black = np.asarray(mix(self.black[..., None], np.asarray(ink, np.float32), mask))[..., 0]
        if color is not None:
            self.color = mix(self.color, color, mask)

    def pull(self) -> Array:
        """Print, with colors slightly out of register and uneven ink that shows the wood grain."""
        n, rng = self.n, self.rng
        shift = max(1, round(n * 0.0013))
        color = np.roll(self.color, (shift, -shift), (0, 1))
        grain = np.sin(
            2 * np.pi * (52 * self.y + 2.6 * noise(rng, n, 3, stretch=4) + 0.8 * noise(rng, n, 8, stretch=9))
        )
        speck = noise(rng, n, 230, octaves=1)
        color = color * (1 + 0.045 * grain + 0.03 * speck)[..., None]
        bare = step(speck + 0.5 * grain + 0.6 * noise(rng, n, 7), 2.3, 3.0)
        ink = ndimage.gaussian_filter(self.black, 0.8) * (1 - 0.85 * bare)
        dark = rgb("1a1822") * (1 + 0.5 * np.clip(grain, 0, 1) * 0.5)[..., None]
        return shrink(mix(color, dark, ink.astype(np.float32)).astype(np.float32), OVERSAMPLE)


def woodcut(size: int, rng: Rng) -> Array:
    """Cut and print a sunset at sea, with rays, far islands, breakers and a pine on a rock."""
    block = _Block(size, rng)
    _rays(block)
    _islands(block)
    _water(block)
    _rock(block)
    _pine(block)
    _gulls(block)
    return block.pull()


def _rays(block: _Block) -> None:
    """Cut the sky as rays from the sun through long flat clouds."""
    x, y = block.x, block.y
    dx, dy = x - _SUN[0], y - _SUN[1]
    d, turn = np.hypot(dx, dy), np.arctan2(dy, dx)
    beam = turn / (2 * np.pi) * 150
    tone = ramp(rgb("f6c445", "f29a38", "e2602f", "c2402f", "7d2f4a", "33365f"), (d - 0.17) / 0.62)
    dark = (
        0.04
        + 0.72 * np.clip(d - 0.17, 0, 1)
        + 0.3 * (np.mod(turn / (2 * np.pi) * 14, 1) > 0.5) * step(d, 0.2, 0.35)
    )
    block.gouge(np.ones_like(x, bool), beam, d * 5.5, dark, tone)
    block.gouge(
        d < _SUN[2],
        y * 54,
        x * 1.3,
        np.full_like(x, -0.2) + 1.1 * step(y, 0.42, 0.62),
        np.broadcast_to(rgb("e23d28"), block.color.shape),
    )
    block.solid(step(np.abs(d - _SUN[2]), 0.006, 0.004), 0, rgb("f8e2a0"))
    drift = noise(block.rng, block.n, 3, stretch=4, octaves=2)
    for cx, cy, long, thick in (
        (0.18, 0.13, 0.3, 0.035),
        (0.75, 0.2, 0.3, 0.03),
        (0.4, 0.28, 0.2, 0.02),
        (0.95, 0.34, 0.2, 0.022),
        (0.55, 0.07, 0.2, 0.02),
    ):
        reach = (
            np.hypot((x - cx) / long, (y - cy - 0.012 * drift) / thick) + 0.1 * np.sin(x * 40 + cy * 50) * 0.5
        )
        tone = ramp(rgb("f7dca0", "e98f5a", "8d3f56"), 0.5 + (y - cy) / thick * 0.6)
        block.gouge(reach < 1, (y + 0.01 * np.sin(9 * x)) * 88, x * 6, 0.35 + (y - cy) / thick * 0.55, tone)
        block.solid(step(np.abs(reach - 1), 0.1, 0.05) * step(y, cy - 0.005, cy + 0.005), 1)


def _islands(block: _Block) -> None:
    """Cut far islands on the horizon, with slanting strokes."""
    x, y = block.x, block.y
    for cx, half, top, tones in (
        (0.93, 0.26, 0.45, ("5a5f9a", "3a3f74")),
        (0.3, 0.2, 0.53, ("6a5a92", "3f4478")),
        (0.72, 0.07, 0.57, ("4a4478", "33365f")),
    ):
        slope = np.abs(x - cx) / half
        ridge = top + (0.63 - top) * slope**1.3 + 0.008 * np.sin(60 * x) + 0.006 * np.sin(133 * x)
        lit = step(x - cx, 0.02, -0.1)
        block.gouge(
            (y > ridge) & (y < 0.64),
            (x + 0.5 * np.sign(x - cx) * (y - top)) * 70,
            y * 9,
            0.85 - 0.55 * lit,
            mix(rgb(tones[1]) * np.ones_like(block.color), rgb(tones[0]), lit),
        )


def _water(block: _Block) -> None:
    """Cut the sea as swells that widen towards the viewer, with the sun's reflection, and foam in front."""
    x, y = block.x, block.y
    mask = y > 0.62
    near = np.clip(y - 0.62, 1e-4, 1)
    swell = (
        near**0.55 * 30
        + 0.5 * np.sin(13 * x / (0.4 + near * 2) + 5 * near)
        + 0.25 * np.sin(29 * x + 40 * near)
    )
    path = np.exp(-(((x - _SUN[0]) / (0.06 + 0.16 * near)) ** 2))
    deep = ramp(rgb("2f7f86", "1f6274", "174a68", "123358"), near / 0.38)
    tone = mix(
        deep,
        ramp(rgb("f6c445", "ee8a3a", "d9532f"), near / 0.3),
        (path > 0.45 + 0.3 * np.sin(swell * 6.28)).astype(np.float32),
    )
    dark = 0.62 - 0.55 * path + 0.12 * np.sin(4 * x + 9 * near)
    block.gouge(mask, swell, x * (3.6 - 4 * near) + 2 * np.sin(7 * x), dark, tone)
    for base, lift, pace, phase in ((0.8, 0.03, 9, 0.0), (0.9, 0.04, 7, 1.7)):
        crest = base + lift * np.abs(np.sin(pace * x / 2 + phase)) - lift
        under = y - crest
        scallop = 0.008 * np.abs(np.sin(55 * x + phase)) + 0.006
        block.gouge(
            (under > 0) & (under < 0.075),
            (under * 85 + 0.6 * np.sin(20 * x)),
            x * 7,
            0.3 + under * 7,
            ramp(rgb("5fb0a8", "1f6274", "123358"), under / 0.075),
        )
        block.solid(
            step(under, -0.003, 0.0)
            * step(under, scallop.max() + 0.003, scallop.max())
            * (under < scallop + 0.004),
            0,
            rgb("f7ecd2"),
        )


def _rock(block: _Block) -> None:
    """Cut a rock at the left, faceted by broad strokes."""
    x, y = block.x, block.y
    ridge = 0.68 + 0.9 * np.clip(x - 0.16, 0, 1) ** 1.4 + 0.018 * np.sin(33 * x) + 0.012 * np.sin(71 * x + 1)
    facet = np.sin(19 * x + 11 * y) + np.sin(31 * x - 14 * y)
    mask = y > ridge
    tone = ramp(rgb("3f5a4a", "6a7a4a", "a8924a"), 0.5 + 0.3 * facet)
    block.gouge(
        mask, np.where(facet > 0, x * 62 + y * 30, y * 60 - x * 26), (x + y) * 9, 0.5 - 0.32 * facet, tone
    )
    block.solid(step(np.abs(y - ridge), 0.005, 0.003), 1)


def _pine(block: _Block) -> None:
    """Cut a pine over the water: a crooked trunk and flat pads of needles."""
    x, y, n, rng = block.x, block.y, block.n, block.rng
    for points, foot, tip in (
        (((0.06, 0.74), (0.1, 0.58), (0.07, 0.42), (0.15, 0.28), (0.13, 0.14)), 0.034, 0.008),
        (((0.085, 0.47), (0.17, 0.4), (0.27, 0.38), (0.36, 0.33)), 0.016, 0.004),
        (((0.12, 0.3), (0.2, 0.24), (0.3, 0.23)), 0.012, 0.003),
    ):
        spine = spline(points, 60)
        out = np.gradient(spine, axis=0)
        out = np.stack([-out[:, 1], out[:, 0]], -1) / np.hypot(out[:, 0], out[:, 1])[:, None]
        width = np.linspace(foot, tip, 60)[:, None] * (1 + 0.12 * np.sin(np.arange(60) * 1.3))[:, None]
        bark = polygon(n, np.r_[spine + out * width, (spine - out * width)[::-1]]) > 0.5
        block.gouge(
            bark,
            y * 70 + 18 * np.sin(16 * x),
            x * 22,
            0.7 + 6 * (x - points[0][0]) * 0.5,
            np.broadcast_to(rgb("a3532f"), block.color.shape),
        )
    pads = (
        (0.12, 0.13, 0.13, 0.05),
        (0.29, 0.215, 0.095, 0.036),
        (0.02, 0.25, 0.1, 0.045),
        (0.36, 0.32, 0.105, 0.038),
        (0.24, 0.36, 0.075, 0.03),
        (0.0, 0.42, 0.08, 0.04),
    )
    ragged = noise(rng, n, 30, octaves=2)
    for cx, cy, long, thick in pads:
        dx, dy = (x - cx) / long, (y - cy) / thick
        reach = np.hypot(dx, dy * np.where(dy > 0, 1.5, 1)) + 0.09 * ragged
        fan = np.arctan2(y - cy - 1.3 * thick, (x - cx) * 0.8)
        tone = ramp(rgb("8fb04a", "3f7a4a", "1f4f48"), 0.5 + 0.5 * dy)
        block.gouge(reach < 1, fan * 24, np.hypot(dx, dy) * 1.9, 0.75 + 0.35 * dy, tone)
        block.solid(step(np.abs(reach - 1), 0.09, 0.05), 1)


def _gulls(block: _Block) -> None:
    """Cut three gulls in front of the sun."""
    for cx, cy, s in ((0.52, 0.4, 0.035), (0.62, 0.36, 0.026), (0.68, 0.43, 0.022)):
        top = spline(
            [
                (cx - s, cy - 0.2 * s),
                (cx - 0.5 * s, cy - 0.5 * s),
                (cx, cy),
                (cx + 0.5 * s, cy - 0.55 * s),
                (cx + s, cy - 0.3 * s),
            ],
            40,
        )
        low = top + np.c_[np.zeros(40), 0.22 * s * np.sin(np.linspace(0, np.pi, 40))]
        block.solid(polygon(block.n, np.r_[top, low[::-1]]), 1)
