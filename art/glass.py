"""Stained-glass window: the sun over hills and a river, with irises."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from art.canvas import OVERSAMPLE
from art.sheet import (
    Array,
    Rng,
    disc,
    lit,
    mix,
    noise,
    plane,
    polygon,
    rgb,
    segment,
    shrink,
    spline,
    step,
)  # fmt: skip


def stained_glass(size: int, rng: Rng) -> Array:
    """Make a stained-glass window: the sun over hills and a river, irises in front, a border of rubies."""
    n = size * OVERSAMPLE
    labels, tones, lilt = _cartoon(rng, n)
    count = len(tones)
    x, y = plane(n)
    # Hand-blown glass: the streaks of each piece are horizontal or vertical.
    angle = rng.random(count) * 6.3
    streaks = noise(rng, n, 60, stretch=7.0) * 0.7 + noise(rng, n, 9, stretch=3.0)
    turned = np.where((angle > 3.1)[labels], streaks, streaks.T)
    glass = np.asarray(tones[labels])
    glass = (
        glass
        * (1 + 0.13 * turned + 0.09 * noise(rng, n, 5) + 0.1 * lit(4 * noise(rng, n, 70), 0.5))[..., None]
    )
    glow = np.exp(-(((x - 0.5) ** 2 + (y - 0.4) ** 2) / 0.18))
    glass = glass * (0.78 + 0.42 * glow)[..., None] + 0.05 * lilt[..., None]
    seeds = noise(rng, n, 190, octaves=1)
    glass = mix(glass, glass * 1.5 + 0.08, step(seeds, 2.3, 2.9))
    edge = segment(labels)
    glass *= (0.62 + 0.38 * step(edge, 0.0035, 0.016))[..., None]
    wide = 0.0037 + 0.0009 * noise(rng, n, 10)
    lead = np.clip((wide - edge) / 0.0009 + 0.5, 0, 1)
    came = np.sqrt(np.clip(1 - (edge / wide) ** 2, 0, 1)) * 9 + 0.5 * noise(rng, n, 150)
    shade = lit(ndimage.gaussian_filter(came, 1.0), 0.5)
    metal = rgb("23252c")[None, None] * (1 + 1.1 * shade)[..., None] + 0.03
    return shrink(mix(glass, metal, lead), OVERSAMPLE)


class _Window:
    """Pieces in layers: a label for each pixel, and a color for each label."""

    def __init__(self, n: int) -> None:
        self.n, self.labels = n, np.zeros((n, n), np.int32)
        self.tones: list[Array] = []

    def lay(self, mask: Array, cells: Array, tones: Array) -> None:
        """Divide the area of a mask into pieces by the cells (H, W), with colors in turn."""
        first = len(self.tones)
        self.labels = np.where(mask > 0.5, first + cells, self.labels)
        self.tones.extend(tones)


def _cartoon(rng: Rng, n: int) -> tuple[Array, Array, Array]:
    """Return the window's pieces, and a plane that brightens the sun."""
    window = _Window(n)
    x, y = plane(n)
    sun = (0.5, 0.36)
    d, turn = np.hypot(x - sun[0], y - sun[1]), np.arctan2(y - sun[1], x - sun[0])
    rays = 26
    ray = np.floor((turn / (2 * np.pi) + 0.5 + 0.006 * np.sin(14 * d)) * rays).astype(np.int32) % rays
    ring = np.digitize(d + 0.02 * np.sin(ray * 2.4), [0.19, 0.29, 0.4, 0.53])
    sky = rgb("f6b73c", "ef8a34", "d9553c", "7a4aa0", "2a55b8")
    tones = np.repeat(sky, rays, 0) * (1 + 0.28 * np.where(np.arange(5 * rays) % 2, 1, -1))[:, None] ** 0.8
    tones = tones + rng.normal(0, 0.06, tones.shape)
    window.lay(np.ones_like(x), ring * rays + ray, np.clip(tones, 0.02, 1))
    petals = np.floor((turn / (2 * np.pi) + 0.5) * 10).astype(np.int32) % 10
    window.lay(d < 0.125, petals, np.clip(rgb("ffd75a") + rng.normal(0, 0.07, (10, 3)), 0, 1))
    window.lay(d < 0.068, petals * 0, rgb("fff3b8", "fff3b8")[:1])
    _land(window, rng, x, y)
    _irises(window, rng)
    _border(window, rng, x, y)
    return window.labels, np.asarray(window.tones, np.float32), np.exp(-((d / 0.13) ** 2))


def _land(window: _Window, rng: Rng, x: Array, y: Array) -> None:
    """Add hills in long curved pieces and a river that winds down between them."""
    greens = (
        "2f6f8f 3a8fa0 57a8a0",
        "1f7a5c 49a05a 86b84a 2f8f6a",
        "b8b83a 7fae3a 3f8f4a 2a7548",
        "1d6b4a 3f8a3c 8fae34 155a4a",
    )
    for k, names in enumerate(greens):
        crest = 0.5 + 0.1 * k + (0.05 - 0.006 * k) * np.sin((4.5 + k) * x + 2.1 * k + 0.6)
        bands = np.clip(((y - crest) / 0.05 + 0.25 * np.sin(8 * x + k)).astype(np.int32), 0, 5)
        across = (
            np.floor(x * 5 + 0.35 * bands + 0.6 * (y - crest) * (1 if k % 2 else -1) * 8).astype(np.int32) + 4
        )
        choice = rgb(*names.split())
        tones = choice[rng.integers(0, len(choice), 120)] * rng.uniform(0.7, 1.25, (120, 1))
        window.lay(y > crest, bands * 18 + np.clip(across, 0, 17), np.clip(tones, 0.02, 1))
    bank = 0.5 + 0.11 * np.sin(9 * y + 0.5) * (y - 0.45) * 2
    half = 0.015 + 0.42 * np.clip(y - 0.53, 0, 1) ** 1.5
    place = (x - bank) / half
    lane = np.clip(((place + 1) * 1.5).astype(np.int32), 0, 2)
    pool = np.floor(np.sqrt(np.clip(y - 0.5, 0, 1)) * 13 + lane * 0.4 + 0.3 * np.sin(7 * x)).astype(np.int32)
    blues = rgb("2f6fd0", "4f9fe0", "8fd0e6", "1f4fa8", "cfe6dc", "f0b860")
    tones = blues[rng.integers(0, 6, 60)] * rng.uniform(0.8, 1.2, (60, 1))
    window.lay((np.abs(place) < 1) & (y > 0.545), np.clip(pool, 0, 15) * 3 + lane, np.clip(tones, 0.02, 1))


def _irises(window: _Window, rng: Rng) -> None:
    """Add irises at both sides of the foreground: blades, stems and three-part flowers."""
    n = window.n
    for foot, tip, bend in (
        (0.1, 0.62, 0.03),
        (0.2, 0.7, 0.05),
        (0.27, 0.8, 0.03),
        (0.9, 0.6, -0.03),
        (0.8, 0.69, -0.05),
        (0.72, 0.8, -0.02),
    ):
        for side in (-1, 0, 1):
            lean = bend + 0.075 * side
            spine = spline(
                [
                    (foot, 1.02),
                    (foot + 0.2 * lean, (1 + tip) / 2 + 0.05),
                    (foot + lean, tip + 0.06 * abs(side) * 1.6),
                ],
                24,
            )
            width = (0.019 if side else 0.0065) * np.sqrt(np.linspace(1, 0.02 if side else 0.8, 24))
            leaf = np.r_[spine + np.c_[width, 0 * width], (spine - np.c_[width, 0 * width])[::-1]]
            tone = np.clip(rgb("2f9a52", "1f7a4a", "5fae3f")[[side]] * rng.uniform(0.8, 1.25), 0, 1)
            window.lay(polygon(n, leaf), np.zeros((n, n), np.int32), tone)
        _flower(window, rng, (foot + bend, tip), 0.075)


def _flower(window: _Window, rng: Rng, at: tuple[float, float], r: float) -> None:
    """Add an iris: three falls, three standards, a golden center."""
    purples = rgb("7a3fb8", "5a2fa8", "a86fd8", "4a4fd0", "c88fe0", "8f2f98")
    for k, (turn, long, wide) in enumerate(
        (
            (2.6, 1.0, 0.42),
            (0.54, 1.0, 0.42),
            (1.57, 1.05, 0.5),
            (-2.2, 0.95, 0.4),
            (-0.94, 0.95, 0.4),
            (-1.57, 1.1, 0.46),
        )
    ):
        t = np.linspace(0, 2 * np.pi, 40)
        u, v = (0.5 - 0.5 * np.cos(t)) * long, wide * np.sin(t) * (0.6 + 0.4 * (0.5 - 0.5 * np.cos(t)))
        ring = np.stack(
            [
                at[0] + r * (u * np.cos(turn) - v * np.sin(turn)),
                at[1] + r * (u * np.sin(turn) + v * np.cos(turn)),
            ],
            -1,
        )
        tone = np.clip(purples[[k]] * rng.uniform(0.9, 1.2), 0, 1)
        window.lay(polygon(window.n, ring), np.zeros((window.n, window.n), np.int32), tone)
    x, y = plane(window.n)
    window.lay(
        disc(x, y, (at[0], at[1] + 0.1 * r), 0.2 * r),
        np.zeros((window.n, window.n), np.int32),
        rgb("ffc83a", "ffc83a")[:1],
    )


def _border(window: _Window, rng: Rng, x: Array, y: Array) -> None:
    """Add a frame of rubies and cobalt, with an amber square in each corner."""
    rim = np.minimum(np.minimum(x, 1 - x), np.minimum(y, 1 - y))
    along = np.where(np.minimum(x, 1 - x) < np.minimum(y, 1 - y), y, x)
    side = np.where(
        np.minimum(x, 1 - x) < np.minimum(y, 1 - y), np.where(x < 0.5, 0, 1), np.where(y < 0.5, 2, 3)
    )
    cell = np.clip(((along - 0.05) / 0.9 * 12).astype(np.int32), 0, 11)
    corner = (np.minimum(x, 1 - x) < 0.05) & (np.minimum(y, 1 - y) < 0.05)
    tones = np.where((np.arange(48) % 2)[:, None] == 1, rgb("b3182e"), rgb("1f3fa0")) * rng.uniform(
        0.75, 1.3, (48, 1)
    )
    window.lay(rim < 0.05, side * 12 + cell, np.clip(tones, 0, 1))
    window.lay(corner, (2 * (x > 0.5) + (y > 0.5)).astype(np.int32), np.tile(rgb("f0a830"), (4, 1)))
