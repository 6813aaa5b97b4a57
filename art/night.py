"""Oil painting of the night: a swirling sky with haloed stars over a village."""

from __future__ import annotations

import numpy as np

from art.canvas import Brush, Canvas, arcs, jittered
from art.sheet import Array, Rng, mix, noise, plane, ramp, rgb, smear, spline, step

_DRAFT = 512
_MOON = (0.83, 0.16, 0.062)
_STARS = (
    (0.1, 0.09, 0.017), (0.31, 0.07, 0.022), (0.2, 0.25, 0.026), (0.6, 0.09, 0.02), (0.69, 0.3, 0.018),
    (0.93, 0.4, 0.02), (0.37, 0.43, 0.019), (0.47, 0.2, 0.013), (0.07, 0.42, 0.016),
)  # fmt: skip
_EDDIES = ((0.44, 0.3, 0.13, 1.0), (0.62, 0.4, 0.085, -1.0), (0.16, 0.16, 0.1, -0.6), (0.86, 0.3, 0.1, 0.5))


def night(size: int, rng: Rng) -> Array:
    """Paint a village under a swirling night sky, in long strokes of oil."""
    x, y = plane(_DRAFT)
    field = _currents(rng, x, y)
    sky = _heaven(rng, x, y, field)
    reference, land, slope = _hills(rng, x, y, sky)
    field = np.where(land, slope, field)
    blues = rgb("9fc4d8", "f1dc8f", "244fa6", "0c1c52", "5fa7a6")
    canvas = Canvas(size, rng, rgb("16214f"))
    canvas.cover(reference, field, Brush(0.034, 0.16), count=2000, jitter=0.08)
    canvas.cover(
        reference,
        field,
        Brush(0.0145, 0.1, body=1.5),
        count=5200,
        where=~land,
        palette=blues,
        jitter=0.12,
        stop=0.13,
    )
    canvas.cover(
        reference,
        field,
        Brush(0.017, 0.09, body=1.2),
        count=3000,
        where=land,
        palette=blues[2:],
        jitter=0.1,
        stop=0.15,
    )
    _lights(canvas, rng)
    _village(canvas, rng)
    _cypress(canvas, rng)
    return canvas.finish(1.2)


def _currents(rng: Rng, x: Array, y: Array) -> Array:
    """Return the directions of the sky: a wind from the left, eddies, and rings around each light."""
    u = 0.9 + 0.15 * noise(rng, _DRAFT, 2)
    v = 0.5 * np.sin(7 * x + 5 * y) + 0.2 * noise(rng, _DRAFT, 3)
    for cx, cy, radius, turn in _EDDIES:
        dx, dy = x - cx, y - cy
        d = np.hypot(dx, dy) + 1e-4
        pull = 5 * turn * np.exp(-((d / radius) ** 2))
        u, v = u - pull * dy / d - abs(pull) * 0.16 * dx / d, v + pull * dx / d - abs(pull) * 0.16 * dy / d
    for cx, cy, radius in (*_STARS, _MOON):
        dx, dy = x - cx, y - cy
        d = np.hypot(dx, dy) + 1e-4
        pull = 9 * np.exp(-((d / (2.4 * radius)) ** 4))
        u, v = u - pull * dy / d, v + pull * dx / d
    return np.asarray(np.arctan2(v, u), np.float32)


def _heaven(rng: Rng, x: Array, y: Array, field: Array) -> Array:
    """Return the colors of the sky: bands along the wind, and halos."""
    bands = smear(noise(rng, _DRAFT, 14), field, 0.35)
    bands = bands / bands.std() * 0.19 + 0.45 + 0.28 * (y - 0.35)
    for cx, cy, radius, _ in _EDDIES:
        bands += 0.26 * np.exp(-(((np.hypot(x - cx, y - cy) / radius - 0.55) / 0.35) ** 2))
    sky = ramp(rgb("0a1340", "12246a", "1d429a", "3a78b8", "86b6c4", "dfe0b4"), bands)
    warm, cool = (
        rgb("fff6c9", "fbd75c", "e9b23f", "9fb77c", "4b86ae"),
        rgb("3f7fae", "7fb7b0", "e6dc9a", "b9c98f", "4b8fb4"),
    )
    for (cx, cy, radius), halo in (*((star, warm) for star in _STARS), (_MOON, cool)):
        d = np.hypot(x - cx, y - cy) / radius
        rings = 0.12 * np.sin(d * 5.5)
        glow = ramp(halo, d / 3.2 + rings * 0.5)
        sky = mix(sky, glow, step(d + 3 * rings, 3.2, 2.0))
    return sky


def _hills(rng: Rng, x: Array, y: Array, sky: Array) -> tuple[Array, Array, Array]:
    """Draw three ranges of hills before the sky; also return the mask of the land and its slopes."""
    picture, land, slope = sky, np.zeros(x.shape, bool), np.zeros(x.shape, np.float32)
    ranges = (
        (0.63, 0.05, 4.2, 1.2, ("86a9bd", "3f6ea8", "234a8c")),
        (0.71, 0.045, 5.5, 3.9, ("5f94a4", "2b5f7f", "173f6d")),
        (0.79, 0.03, 4.0, 0.3, ("5b8a5f", "23594f", "123a3f", "0d2438")),
    )
    for base, swell, pace, phase, tones in ranges:
        crest = base - swell * np.sin(pace * x + phase) - 0.3 * swell * np.sin(2.7 * pace * x)
        below = y > crest
        depth = (y - crest) / 0.16 + 0.14 * noise(rng, _DRAFT, 9, stretch=2.5)
        picture = mix(picture, ramp(rgb(*tones), depth), step(y, crest, crest + 0.004))
        land |= below
        slope = np.where(
            below, np.arctan(-swell * pace * np.cos(pace * x + phase)) + 0.2 * np.sin(26 * x), slope
        )
    return picture, land, slope


def _lights(canvas: Canvas, rng: Rng) -> None:
    """Paint the stars as thick rings of light paint, and the moon as a crescent."""
    for cx, cy, radius in _STARS:
        count = 60
        reach = np.sort(rng.random(count) ** 0.7)[::-1]
        angle = rng.random(count) * 2 * np.pi
        out = 1.35 * radius * reach
        starts = np.stack([cx + out * np.cos(angle), cy + out * np.sin(angle)], -1)
        tones = jittered(rng, ramp(rgb("fffbe6", "ffe98a", "f6b93d", "d99a3a"), reach), 0.05)
        length = np.minimum(0.05, out * 1.2 + 0.006)
        paths = arcs(starts, angle + np.pi / 2, length, length / np.maximum(out, 0.004))
        canvas.stroke(paths, tones, Brush(0.0115, 0.03, body=1.7), seconds=np.roll(tones, 7, 0))
    cx, cy, radius = _MOON
    count = 26
    turn = np.linspace(-1.45, 2.25, 25)
    depth = np.linspace(0, 1, count)
    horn = np.sin((turn + 1.45) / 3.7 * np.pi)[None]
    out = radius * (1.02 - 0.62 * depth[:, None] * horn)
    paths = np.stack([cx + out * np.cos(turn), cy + out * np.sin(turn)], -1)
    tones = jittered(rng, ramp(rgb("e8902f", "f9c53a", "ffe98a", "fff8d8", "ffe27a"), depth), 0.04)
    canvas.stroke(paths, tones, Brush(0.0085, 0.2, heel=0.3, toe=0.3, body=1.6), seconds=np.roll(tones, 2, 0))


def _village(canvas: Canvas, rng: Rng) -> None:
    """Paint houses around a church, with bushes between."""
    houses = [
        (0.28, 0.805), (0.37, 0.8), (0.46, 0.795), (0.67, 0.795), (0.76, 0.81), (0.85, 0.8), (0.32, 0.85),
        (0.415, 0.855), (0.51, 0.85), (0.7, 0.855), (0.8, 0.865), (0.91, 0.85), (0.36, 0.915),
        (0.47, 0.91), (0.75, 0.92), (0.87, 0.92), (0.6, 0.93),
    ]  # fmt: skip
    tones = ("48669a", "6f88b4", "54788f", "7a7fa8")
    church = False
    for k, (px, py) in enumerate(houses):
        if py > 0.87 and not church:
            _house(canvas, rng, (0.585, 0.885), (0.042, 0.075, 0.2), "7d92bc")
            church = True
        _bush(canvas, rng, (px - 0.03, py + 0.004))
        size = rng.uniform(0.028, 0.037), rng.uniform(0.026, 0.036), rng.uniform(0.02, 0.03)
        _house(canvas, rng, (px + rng.normal(0, 0.006), py), size, tones[k % 4])
        _bush(canvas, rng, (px + 0.06, py + 0.012))


def _house(
    canvas: Canvas, rng: Rng, foot: tuple[float, float], size: tuple[float, float, float], tone: str
) -> None:
    """Paint a house: shadowed side, roof, gable, windows; a tall gable makes a church."""
    (px, py), (w, h, gable) = foot, size
    tall = gable > 0.1
    deep = w * (0.9 if tall else rng.uniform(1.1, 1.5))
    u = np.linspace(0, 1, 8)
    wall = rgb(tone)
    flat = np.zeros(8)
    side, front = px + w / 2 + deep * u, px + w * (u - 0.5)
    rise = min(gable, 0.035)
    ridge = py - h - rise * (1 - np.abs(2 * u - 1))
    tiles = rgb("3a4f8f") if tall else rgb("9a4034", "b8603c", "74344a", "5f3f6a")[rng.integers(0, 4)]
    parts = [
        ((side, flat + py), (side, flat + py - h), wall * 0.55, deep / 6),
        ((side + 0.003, flat + py - h + 0.003), (side - w / 2, flat + py - h - rise), tiles, deep / 5.5),
        ((front, flat + py), (front, ridge), wall * 1.15, w / 6),
    ]
    if tall:
        tower = px + 0.8 * w * (u - 0.5)
        parts.append(((tower, flat + py - h), (flat + px, flat + py - h - gable), rgb("31488f"), w / 6))
    for foot_line, head_line, color, width in parts:
        paths = np.stack([np.stack(foot_line, -1), np.stack(head_line, -1)], 1)
        tones = jittered(rng, color * np.linspace(1.2, 0.75, 8)[:, None], 0.07)
        brush = Brush(width, 0.1, heel=0.04, toe=0.05, body=1.2)
        canvas.stroke(paths, tones, brush, seconds=np.roll(tones, 1, 0))
    for k in (-0.22, 0.2):
        pane = arcs(np.array([[px + k * w, py - 0.7 * h]]), np.array([np.pi / 2]), np.array([0.4 * h]))
        canvas.stroke(
            pane, rgb("ffe06a", "ffb43c")[[int(rng.random() < 0.4)]], Brush(0.26 * w, 0.01, body=1.8)
        )


def _bush(canvas: Canvas, rng: Rng, foot: tuple[float, float]) -> None:
    """Paint a round dark bush."""
    count = 26
    offset = rng.normal(0, 0.011, (count, 2)) - [0, 0.008]
    light = np.clip(0.45 - 22 * offset.sum(1) + rng.normal(0, 0.15, count), 0, 1)
    tones = jittered(rng, ramp(rgb("0c2430", "1c4a48", "4a7a4f", "8f9a4a"), light), 0.06)
    paths = arcs(
        np.array(foot) + offset,
        rng.normal(-1.6, 0.8, count),
        np.full(count, 0.018),
        rng.normal(0, 1.2, count),
    )
    canvas.stroke(paths, tones, Brush(0.0095, 0.02, toe=0.5, body=1.3), seconds=np.roll(tones, 1, 0))


def _cypress(canvas: Canvas, rng: Rng) -> None:
    """Paint a cypress like a dark flame at the left."""
    spine = spline([(0.13, 1.06), (0.12, 0.8), (0.145, 0.58), (0.125, 0.4), (0.145, 0.2)], 64)
    count = 800
    t = np.sort(rng.random(count) ** 1.15)
    across = rng.uniform(-1, 1, count)
    flare = 1 + 0.22 * np.sin(17 * t + 2 * np.sign(across))
    girth = (0.085 * (1 - t) ** 0.7 + 0.004) * flare
    starts = spine[(t * 60).astype(int)] + np.stack([across * girth, np.zeros(count)], -1)
    light = rng.random(count) ** 1.7 - 0.3 * across
    tones = jittered(rng, ramp(rgb("0a1a26", "12312c", "1f4a3c", "4a6a3c", "8a8a48"), light), 0.08)
    paths = arcs(
        starts,
        -np.pi / 2 + 0.55 * across,
        0.05 + 0.07 * rng.random(count),
        -1.2 * across + rng.normal(0, 0.25, count),
    )
    canvas.stroke(paths, tones, Brush(0.012, 0.1, toe=0.75, body=1.4), seconds=np.roll(tones, 3, 0))
