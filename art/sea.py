"""Oil painting of a great wave, in bands that curl over each other."""

from __future__ import annotations

import numpy as np

from art.canvas import Brush, Canvas, arcs, jittered
from art.sheet import Array, Rng, disc, mix, noise, plane, ramp, rgb, spline, step

_DRAFT = 512
# The back of the wave from the lower left over the crest to the tip, and the face inside it.
_BACK = (
    (-0.14, 0.86),
    (-0.06, 0.66),
    (0.08, 0.5),
    (0.2, 0.32),
    (0.34, 0.16),
    (0.5, 0.1),
    (0.64, 0.15),
    (0.72, 0.27),
    (0.715, 0.39),
)
_FACE = (
    (1.0, 0.95),
    (0.78, 0.89),
    (0.56, 0.81),
    (0.42, 0.68),
    (0.375, 0.52),
    (0.41, 0.385),
    (0.5, 0.31),
    (0.59, 0.3),
    (0.65, 0.36),
)


def waves(size: int, rng: Rng) -> Array:
    """Paint a great wave about to break, with foam claws, before a low sun and a far mountain."""
    x, y = plane(_DRAFT)
    canvas = Canvas(size, rng, rgb("d9b48a"))
    _sky(canvas, rng, x, y)
    _swell(canvas, rng, (0.6, 0.028, 7.0, 0.4), 0.7)
    _swell(canvas, rng, (0.69, 0.04, 5.0, 2.2), 0.85)
    _wave(canvas, rng)
    _foam(canvas, rng)
    _swell(canvas, rng, (0.87, 0.05, 5.5, 4.0), 1.1)
    _swell(canvas, rng, (0.97, 0.035, 7.0, 0.8), 1.2)
    _spray(canvas, rng)
    return canvas.finish(1.05)


def _sky(canvas: Canvas, rng: Rng, x: Array, y: Array) -> None:
    """Paint a warm sky with a low sun and a snowy mountain."""
    sky = ramp(
        rgb("7fa3ad", "b9c3b0", "ecd9ae", "f3c48c", "e79a6b"),
        y / 0.62 + 0.07 * noise(rng, _DRAFT, 4, stretch=4),
    )
    d = np.hypot(x - 0.86, y - 0.37)
    sky = mix(sky, ramp(rgb("f7c877", "f2b36b"), d / 0.2), step(d, 0.2, 0.08) * 0.8)
    sky = mix(sky, rgb("d8402a"), disc(x, y, (0.86, 0.37), 0.062, 0.004))
    slope = np.abs(x - 0.6) - 0.02
    peak = y - (0.47 + 0.62 * np.maximum(slope, 0) ** 1.15)
    snow = step(peak, 0.055, 0.035)
    mountain = mix(
        ramp(rgb("3d5c86", "6f88a4"), (y - 0.45) / 0.16),
        rgb("f5ecd6"),
        step(peak + 0.016 * np.sin(90 * x), 0.06, 0.045) * snow,
    )
    reference = mix(sky, mountain, step(peak, 0, 0.005))
    field = 0.35 * np.sin(5 * x + 6 * y) + 0.2 * noise(rng, _DRAFT, 3)
    ring = np.arctan2(y - 0.37, x - 0.86) + np.pi / 2
    field = np.where(d < 0.13, ring, field)
    field = np.where(peak > 0, np.sign(x - 0.6) * 0.65, field)
    accents = rgb("fbe6b8", "a9b9b4", "e58f66")
    canvas.cover(reference, field, Brush(0.05, 0.2), count=700, jitter=0.06)
    canvas.cover(
        reference, field, Brush(0.019, 0.1, body=1.2), count=2500, palette=accents, stop=0.1, where=y < 0.66
    )


def _band(share: Array) -> Array:
    """Return colors of the wave's bands from back (0) to face (1): indigo, Prussian blue, pale lines."""
    tones = rgb(
        "10224f",
        "16346f",
        "1d4f8f",
        "2f74a8",
        "163a78",
        "0f2a5f",
        "2b6aa0",
        "8fc0c4",
        "1b4f8c",
        "12336b",
        "3d86ac",
        "d9e6d2",
    )
    return ramp(tones, share)


def _wave(canvas: Canvas, rng: Rng) -> None:
    """Paint strokes along curves between the wave's back and its face."""
    count, nodes = 1900, 96
    back, face = spline(_BACK, nodes), spline(_FACE, nodes)
    base = rng.random(count)
    order = np.argsort(rng.random(count) * 0.8 + 0.2 * base)
    share, begin = base[order], rng.uniform(-0.05, 0.85, count)
    t = np.clip(begin[:, None] + np.linspace(0, 0.2, 9), 0, 1) * (nodes - 1)
    node = t.astype(int)
    paths = back[node] * (1 - share)[:, None, None] + face[node] * share[:, None, None]
    tones = jittered(rng, _band((share * 2.0) % 1.0), 0.08)
    light = jittered(rng, _band((share * 2.0 + 0.08) % 1.0), 0.1)
    canvas.stroke(
        paths, tones, Brush(0.02, 0.2, toe=0.3, body=1.3), widths=rng.uniform(0.6, 1.4, count), seconds=light
    )


def _swell(canvas: Canvas, rng: Rng, swell: tuple[float, float, float, float], weight: float) -> None:
    """Paint a long wave: bands below its crest, foam above."""
    base, lift, pace, phase = swell
    count = 600
    depth = np.sort(rng.random(count))
    begin = rng.uniform(-0.1, 1.0, count)
    t = begin[:, None] + np.linspace(0, 0.16, 9)
    crest = base - lift * np.abs(np.sin(pace * t / 2 + phase)) ** 1.5 * 2
    y = crest + depth[:, None] * 0.27 * (1 + 0.3 * np.sin(pace * t + phase)) * weight
    tones = jittered(rng, _band((depth * 1.6 + 0.4 * begin) % 1.0), 0.08)
    canvas.stroke(
        np.stack([t, y], -1),
        tones,
        Brush(0.017, 0.16, toe=0.4, body=1.2),
        widths=np.full(count, weight),
        seconds=np.roll(tones, 9, 0),
    )
    ridge = rng.uniform(0, 1, 160)
    t = ridge[:, None] + np.linspace(0, 0.05, 7)
    y = base - lift * np.abs(np.sin(pace * t / 2 + phase)) ** 1.5 * 2 + rng.exponential(0.008, 160)[:, None]
    foam = jittered(rng, ramp(rgb("fbf5e2", "dfe6d8", "a9cfd0"), rng.random(160)), 0.04)
    canvas.stroke(
        np.stack([t, y], -1), foam, Brush(0.0085, 0.05, toe=0.5, body=1.8), widths=np.full(160, weight)
    )


def _foam(canvas: Canvas, rng: Rng) -> None:
    """Paint foam along the crest that ends in claws, each a hand of hooked strokes."""
    back = spline(_BACK, 200)
    out = np.gradient(back, axis=0)
    out = np.stack([out[:, 1], -out[:, 0]], -1) / np.hypot(out[:, 0], out[:, 1])[:, None]
    node = np.sort(rng.integers(66, 200, 900))
    inward = rng.gamma(1.6, 0.014, 900) * np.linspace(0.5, 1.5, 900)
    starts = back[node] - out[node] * (inward - 0.012)[:, None]
    heading = np.arctan2(out[node, 1], out[node, 0]) + 1.1 + rng.normal(0, 0.45, 900)
    tones = jittered(rng, ramp(rgb("fffaf0", "f3ecd8", "c9dcd6", "8fb9c4"), inward / 0.07), 0.03)
    paths = arcs(starts, heading, rng.uniform(0.02, 0.045, 900), rng.normal(1.2, 0.6, 900))
    order = np.argsort(-inward)
    canvas.stroke(
        paths[order], tones[order], Brush(0.013, 0.03, toe=0.5, body=1.9), seconds=np.roll(tones[order], 1, 0)
    )
    hand = np.repeat(np.arange(80, 200, 5), 5)
    finger = np.tile(np.linspace(-0.7, 0.9, 5), len(hand) // 5) + rng.normal(0, 0.12, len(hand))
    heading = np.arctan2(out[hand, 1], out[hand, 0]) + 0.75 + finger
    reach = rng.uniform(0.03, 0.065, len(hand)) * np.linspace(0.6, 1.25, len(hand))
    for shift, tone, width in ((0.004, "1b3f78", 0.015), (0.0, "fdf7e8", 0.0115)):
        tones = jittered(rng, np.tile(rgb(tone), (len(hand), 1)), 0.04)
        paths = arcs(back[hand] + shift, heading, reach, np.full(len(hand), 1.5))
        canvas.stroke(paths, tones, Brush(width, 0.04, toe=0.75, body=1.8))


def _spray(canvas: Canvas, rng: Rng) -> None:
    """Paint drops of foam ahead of the crest."""
    back = spline(_BACK, 200)
    at = back[rng.integers(80, 200, 420)] + np.abs(rng.normal(0, 0.055, (420, 1))) * rng.normal(
        [0.7, -0.3], 0.7, (420, 2)
    )
    tones = jittered(rng, np.tile(rgb("fbf4e3"), (420, 1)), 0.05)
    drops = arcs(at, rng.random(420) * 6.3, np.full(420, 0.005), 0.0)
    canvas.stroke(
        drops, tones, Brush(0.008, 0.005, heel=0.4, toe=0.4, body=1.8), widths=rng.uniform(0.4, 1.3, 420)
    )
