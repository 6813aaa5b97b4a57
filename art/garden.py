"""Images of many small strokes: a river bank in dots of pure color, and a peacock's feathers."""

from __future__ import annotations

import numpy as np

from art.canvas import Brush, Canvas, arcs, jittered
from art.sheet import (
    Array,
    Rng,
    disc,
    mix,
    noise,
    plane,
    polygon,
    ramp,
    rgb,
    sample,
    scatter,
    spline,
    step,
)

_DRAFT = 512


def pointillism(size: int, rng: Rng) -> Array:
    """Paint a summer morning on a river in dots: trees, sails, a lady with a parasol, violet shadows."""
    reference = _river(rng)
    canvas = Canvas(size, rng, rgb("e7d7b4"))
    # Each pass of dots is smaller and purer; a fraction has the complementary color, as in Seurat.
    for count, width, purity, swerve in (
        (5200, 0.03, 0.1, 0.08),
        (10500, 0.0165, 0.25, 0.2),
        (11500, 0.0105, 0.4, 0.3),
    ):
        at = scatter(rng, count)
        tones = sample(reference, at + rng.normal(0, 0.002, at.shape))
        light = tones.mean(-1, keepdims=True)
        tones = light + (tones - light) * rng.uniform(1.0, 1.0 + purity, (len(at), 1))
        other = rgb("4f46b8", "f09a30", "e0527a", "2f9fb8", "f4d850", "3f8f4f")[rng.integers(0, 6, len(at))]
        other = np.clip(other + (light - other.mean(-1, keepdims=True)) * 0.8, 0, 1)
        tones = mix(tones, other, np.where(rng.random(len(at)) < swerve, np.float32(0.6), np.float32(0)))
        path = arcs(at - [width / 2, 0], np.zeros(len(at)), np.full(len(at), width))[:, ::3]
        brush = Brush(width, width, heel=1, toe=1, dry=0.0, streak=0.0, body=1.5)
        canvas.stroke(
            path, jittered(rng, np.clip(tones, 0, 1), 0.05), brush, widths=rng.uniform(0.8, 1.1, len(at))
        )
    return canvas.finish(0.8)


def _river(rng: Rng) -> Array:
    """Return the draft from which the dots take their colors."""
    x, y = plane(_DRAFT)
    rough = noise(rng, _DRAFT, 20, octaves=2)
    picture = ramp(rgb("2f74c4", "4f98da", "86bfe6", "e9cfc0", "f9b56a"), y / 0.4)
    picture = mix(
        picture, rgb("fff0d2"), step(noise(rng, _DRAFT, 5, stretch=3.5), 0.3, 1.2) * 0.7 * step(y, 0.34, 0.2)
    )
    bank = 0.385 - 0.035 * np.sin(6 * x + 1) - 0.012 * rough
    picture = mix(
        picture, ramp(rgb("8f9fcf", "5f86a6", "4a8a6a"), (y - bank) / 0.07), step(y, bank, bank + 0.006)
    )
    ripple = np.sin(105 * y + 6 * np.sin(9 * x) + 2 * rough)
    water = ramp(rgb("f7d49a", "8fcbe0", "4a9acb", "2a68b0", "1f4a90"), (y - 0.45) / 0.36 + 0.11 * ripple)
    picture = mix(picture, water, step(y, 0.452, 0.457))
    for at, size, tone in (
        ((0.72, 0.56), (0.4, 0.15), "fff6e2"),
        ((0.9, 0.49), (0.22, 0.075), "f5a02f"),
        ((0.535, 0.475), (0.13, 0.045), "e8503a"),
    ):
        picture = _sail(picture, ripple, at, size, tone)
    shore = 0.63 + 0.24 * x**1.6 + 0.02 * np.sin(9 * x) + 0.006 * rough
    lawn = ramp(rgb("f0e468", "b4c94f", "6fa544", "3f8048"), (y - shore) / 0.36 + 0.08 * rough)
    picture = mix(picture, lawn, step(y, shore, shore + 0.006))
    shade = np.hypot((x - 0.22) / 0.4, (y - 0.85) / 0.075) + 0.14 * rough
    cool = ramp(rgb("2f3f96", "2f6f7a", "4a4fae"), 0.5 + 0.4 * rough)
    picture = mix(picture, cool, step(shade, 1.05, 0.85) * 0.9 * step(y, shore, shore + 0.01))
    picture = _trees(picture, rng, x, y)
    flowers = step(noise(rng, _DRAFT, 46, octaves=1), 1.1, 1.4) * step(y, shore + 0.1, shore + 0.14)
    hues = rgb("e8355a", "fbe04a", "f070b8", "fff6ea")[
        np.clip((noise(rng, _DRAFT, 7, octaves=1) + 2).astype(int), 0, 3)
    ]
    return mix(picture, hues, flowers)


def _sail(
    picture: Array, ripple: Array, at: tuple[float, float], size: tuple[float, float], tone: str
) -> Array:
    """Draw a boat with two sails on the water, and its broken reflection."""
    (cx, foot), (tall, lean) = at, size
    for sign, reach in ((-1, 0.75), (1, 1.0)):
        low, top = foot - sign * 0.02, foot - sign * tall * reach
        main = polygon(_DRAFT, [(cx, low), (cx, top), (cx + lean * 0.5, (foot + top) / 2), (cx + lean, low)])
        jib = polygon(
            _DRAFT, [(cx - 0.01, low), (cx - 0.008, top + sign * 0.1 * tall), (cx - 0.75 * lean, low)]
        )
        share = 1.0 if sign > 0 else 0.75 * (ripple > -0.3)
        picture = mix(picture, rgb(tone), main * share)
        picture = mix(picture, rgb(tone) * rgb("a992d8"), jib * share)
    keel = 0.1 * lean + 0.008
    hull = np.array([(-lean, -0.02), (1.15 * lean, -0.02), (0.8 * lean, keel), (-0.7 * lean, keel)])
    return mix(picture, rgb("4a2048"), polygon(_DRAFT, hull + np.array([cx, foot])))


def _trees(picture: Array, rng: Rng, x: Array, y: Array) -> Array:
    """Draw two trees at the left whose crowns fill the corner, and a lady with a red parasol."""
    leaf = noise(rng, _DRAFT, 16, octaves=3)
    for px, foot, wide in ((0.1, 0.82, 0.03), (0.27, 0.77, 0.02)):
        lean = px + 0.03 * np.sin(5 * y)
        trunk = (
            step(np.abs(x - lean), wide * 1.1, wide * 0.9)
            * step(y, foot + 0.01, foot - 0.01)
            * step(y, 0.15, 0.2)
        )
        picture = mix(picture, ramp(rgb("c98a5a", "6a3f5a", "352a55"), 0.5 + (x - lean) / wide * 0.5), trunk)
    for cx, cy, r in (
        (0.06, 0.1, 0.2),
        (0.24, 0.06, 0.19),
        (0.4, 0.06, 0.12),
        (0.28, 0.2, 0.12),
        (0.02, 0.33, 0.14),
        (0.16, 0.3, 0.12),
    ):
        d = np.hypot(x - cx, y - cy) / r + 0.14 * leaf
        light = 0.5 + 0.42 * ((x - cx) + (y - cy)) / r + 0.16 * leaf
        tone = ramp(rgb("e6dc62", "9cc04a", "4f9a4a", "256a55", "2a3f78"), light)
        picture = mix(picture, tone, step(d, 1.02, 0.94))
    dress = polygon(_DRAFT, [(0.475, 0.735), (0.505, 0.735), (0.545, 0.9), (0.43, 0.9)])
    picture = mix(picture, ramp(rgb("fff2e0", "b9a3d8", "5f5ab0"), (x - 0.44) / 0.1), dress)
    picture = mix(picture, rgb("8f4a3f"), disc(x, y, (0.49, 0.718), 0.019))
    dome = np.hypot((x - 0.5) / 0.085, (y - 0.705) / 0.07)
    tone = ramp(rgb("ffb08a", "e8402f", "8f1f4a"), (x - 0.42) / 0.16)
    return mix(picture, tone, step(dome, 1.0, 0.95) * (y < 0.7 - 0.008 * np.cos(75 * (x - 0.5))))


def peacock(size: int, rng: Rng) -> Array:
    """Paint a peacock's display: a wheel of feathers with golden eyes, and the blue bird in front."""
    canvas = Canvas(size, rng, rgb("0c2434"))
    _bower(canvas, rng)
    for reach, count, scale in (
        (0.72, 17, 0.108),
        (0.59, 15, 0.1),
        (0.465, 13, 0.09),
        (0.35, 11, 0.078),
        (0.245, 9, 0.064),
    ):
        spread = np.linspace(-1.75, 1.75, count) + (1.75 / count if count % 4 == 1 else 0.0)
        for turn in rng.permutation(spread):
            heading = turn - np.pi / 2 + rng.normal(0, 0.015)
            _feather(canvas, rng, heading, reach * (1 - 0.05 * turn**2 / 3), scale * rng.uniform(0.94, 1.06))
    _bird(canvas, rng)
    return canvas.finish(1.1)


def _bower(canvas: Canvas, rng: Rng) -> None:
    """Fill the corners with dark leaves and small rose and orange blossoms."""
    count = 2600
    at = rng.permutation(scatter(rng, count))
    names = rgb("0f2f3f", "1a4a44", "2f6a4a", "14304f", "3f2f5a")
    tones = jittered(rng, names[rng.integers(0, 5, len(at))], 0.12)
    paths = arcs(
        at, rng.random(len(at)) * 6.3, rng.uniform(0.03, 0.075, len(at)), rng.normal(0, 0.6, len(at))
    )
    canvas.stroke(paths, tones, Brush(0.022, 0.06, heel=0.5, toe=0.8), seconds=np.roll(tones, 1, 0))
    blossom = np.repeat(rng.random((120, 2)), 5, 0)
    angle = np.tile(np.arange(5) * 1.257, 120) + np.repeat(rng.random(120) * 6.3, 5)
    tones = jittered(
        rng, np.repeat(rgb("e85a5a", "f29a5a", "f6c9b0", "c9406f")[rng.integers(0, 4, 120)], 5, 0), 0.1
    )
    canvas.stroke(
        arcs(blossom, angle, np.full(600, 0.02), 0.4), tones, Brush(0.016, 0.02, heel=0.6, toe=0.4, body=1.5)
    )


_ROOT = np.array([0.5, 0.87])


def _feather(canvas: Canvas, rng: Rng, heading: float, reach: float, r: float) -> None:
    """Paint a feather of the wheel: barbs along its shaft and around its eye, then rings of color."""
    axis = np.array([np.cos(heading), np.sin(heading)])
    eye = _ROOT + axis * reach
    count = 110
    t = np.sort(rng.uniform(-2.2, 0.25, count))[::-1]
    side = rng.choice([-1.0, 1.0], count)
    names = rgb("1a6f7a", "1f8a74", "5f9a3a", "d9b045", "0c3a5a", "143f86")
    tones = jittered(rng, names[rng.integers(0, 6, count)], 0.1)
    paths = arcs(
        eye + axis * (t * r)[:, None],
        heading + side * rng.uniform(0.5, 0.95, count),
        r * rng.uniform(0.9, 1.45, count),
        -0.5 * side,
    )
    canvas.stroke(paths, tones, Brush(r * 0.085, r, toe=0.85), seconds=np.roll(tones, 5, 0))
    rim = rng.permutation(np.linspace(-2.2, 2.2, 90))
    starts = eye + r * 0.5 * np.stack([np.cos(heading + rim), np.sin(heading + rim)], -1)
    tones = jittered(rng, rgb("d9b84a", "2f9a7a", "14707a", "b5722f")[rng.integers(0, 4, 90)], 0.09)
    canvas.stroke(
        arcs(starts, heading + rim, r * rng.uniform(0.5, 0.85, 90), -0.4 * rim),
        tones,
        Brush(r * 0.08, r, toe=0.85),
        seconds=np.roll(tones, 3, 0),
    )
    turn = np.array([[axis[0], axis[1]], [-axis[1], axis[0]]])
    for size, back, dark, light in (
        (0.66, 0.0, "a8602a", "f0c860"),
        (0.53, -0.02, "3f8f4f", "b5cf5f"),
        (0.43, -0.05, "c97a2f", "e0a545"),
        (0.33, -0.08, "1590a8", "6fdcd0"),
        (0.2, -0.15, "141f68", "2f55c8"),
        (0.08, -0.15, "0a1040", "16246f"),
    ):
        count = 34
        around = rng.permutation(np.linspace(0, 2 * np.pi, count, endpoint=False))
        oval = np.stack([1.12 * np.cos(around) + back / size, 0.9 * np.sin(around)], -1) * (r * size * 0.82)
        shine = eye + oval @ turn
        share = np.clip(0.5 - 0.5 * ((shine - eye) / (r * size)).sum(-1) + rng.normal(0, 0.2, count), 0, 1)
        tones = jittered(rng, mix(rgb(dark)[None], rgb(light)[None], share), 0.06)
        length = np.full(count, r * size * 0.5)
        canvas.stroke(
            arcs(shine, heading + around + np.pi / 2, length, 0.5),
            tones,
            Brush(r * (0.07 + 0.16 * size), r, toe=0.4, body=1.4),
            seconds=np.roll(tones, 3, 0),
        )


def _bird(canvas: Canvas, rng: Rng) -> None:
    """Paint the bird: breast and neck of overlapping blue scales, then head, crest, beak and eye."""
    spine = spline([(0.5, 1.06), (0.5, 0.9), (0.475, 0.76), (0.49, 0.63), (0.515, 0.545)], 80)
    count = 1100
    t = np.sort(rng.random(count))[::-1]
    across = rng.uniform(-1, 1, count)
    girth = 0.024 + 0.1 * step(t, 0.62, 0.05)
    starts = spine[(t * 79).astype(int)] + np.stack([across * girth, np.zeros(count)], -1)
    light = np.clip(0.5 - 0.42 * across + rng.normal(0, 0.16, count), 0, 1)
    tones = jittered(rng, ramp(rgb("101a5a", "1a3aa0", "1f6fd0", "3fb8d8", "a0f0e0"), light), 0.07)
    paths = arcs(starts, np.pi / 2 + 0.5 * across, 0.018 + 0.024 * (1 - t), -0.5 * across)
    canvas.stroke(
        paths[::-1], tones[::-1], Brush(0.0125, 0.03, toe=0.6, body=1.5), seconds=np.roll(tones, 7, 0)
    )
    plume = np.linspace(-0.75, 0.6, 9) - np.pi / 2
    foot = np.tile([0.51, 0.525], (9, 1))
    canvas.stroke(
        arcs(foot, plume, np.full(9, 0.085), 0.2), np.tile(rgb("2f7fb0"), (9, 1)), Brush(0.004, 0.08)
    )
    tips = foot + 0.088 * np.stack([np.cos(plume + 0.1), np.sin(plume + 0.1)], -1)
    canvas.stroke(
        arcs(tips, plume, np.full(9, 0.018), 0.0),
        jittered(rng, np.tile(rgb("3fd0d0"), (9, 1)), 0.1),
        Brush(0.014, 0.02, heel=0.6, toe=0.5, body=1.5),
    )
    around = rng.permutation(np.linspace(0, 6.28, 60))
    ring = np.array([0.516, 0.54]) + 0.018 * np.stack([1.1 * np.cos(around), 0.85 * np.sin(around)], -1)
    light = np.clip(0.5 - 0.4 * (np.cos(around) + np.sin(around)), 0, 1)
    canvas.stroke(
        arcs(ring, around + 1.57, np.full(60, 0.02), 0.8),
        ramp(rgb("142a86", "1f6fd0", "5fd0e0"), light),
        Brush(0.016, 0.02),
    )
    marks = (
        ((0.52, 0.528), 0.1, 0.022, "f6f0e0", 0.008),
        ((0.517, 0.546), 0.2, 0.02, "f6f0e0", 0.007),
        ((0.521, 0.537), 0.0, 0.01, "0a0f1e", 0.011),
        ((0.538, 0.54), 0.35, 0.032, "d9b060", 0.012),
    )
    for at, angle, length, tone, width in marks:
        canvas.stroke(
            arcs(np.array([at]), np.array([angle]), np.array([length]), 0.4),
            rgb(tone)[None],
            Brush(width, length, toe=0.7, body=1.5),
        )
