"""Oil painting of open country: a poppy field under clouds."""

from __future__ import annotations

import numpy as np

from art.canvas import Brush, Canvas, arcs, jittered
from art.sheet import Array, Rng, mix, noise, plane, ramp, rgb, sample, step

_DRAFT = 512  # side of the draft from which strokes take their colors, pixels


def brushwork(size: int, rng: Rng) -> Array:
    """Paint a poppy field under bold clouds, in thick oil."""
    reference, sky, grass, trees = _meadow(rng)
    x, y = plane(_DRAFT)
    drift = 0.5 * noise(rng, _DRAFT, 3) + 0.25
    field = np.where(sky, drift * 1.3 - 0.35, -np.pi / 2 + 0.35 * noise(rng, _DRAFT, 5))
    field = np.where(~sky & (y < 0.53), 0.35 * np.sin(9 * x), field)
    field = np.where(trees, -np.pi / 2 + 0.5 * np.sin(70 * x), field)
    accents = rgb("f6d9a8", "7f9fd0", "d98e73", "c6d3e8")
    greens = rgb("d9a73c", "2f6b4a", "9fb04a", "7a3f4a")
    canvas = Canvas(size, rng, rgb("b5763f"))
    canvas.cover(reference, field, Brush(0.055, 0.2, dry=0.3), count=900, jitter=0.08)
    canvas.cover(
        reference, field, Brush(0.03, 0.13, body=1.3), count=2600, where=sky, palette=accents, stop=0.12
    )
    canvas.cover(reference, field, Brush(0.015, 0.07, body=1.2), count=2600, where=sky, jitter=0.05, stop=0.1)
    canvas.cover(
        reference, field, Brush(0.02, 0.07), count=3200, where=~sky, palette=greens, jitter=0.09, stop=0.14
    )
    canvas.cover(
        reference, field, Brush(0.009, 0.05, toe=0.7), count=7000, where=grass, palette=greens, jitter=0.12
    )
    _blades(canvas, rng)
    _poppies(canvas, rng)
    return canvas.finish(1.15)


def _meadow(rng: Rng) -> tuple[Array, Array, Array, Array]:
    """Return a draft of sky, hills, trees and field, and masks of the sky, the grass and the trees."""
    x, y = plane(_DRAFT)
    reference = ramp(rgb("1f5a9e", "3f86bf", "86b9cf", "e9d9b4", "f0bf8a"), y / 0.47)
    reference = _clouds(reference, rng, x, y)
    far = 0.43 - 0.035 * np.sin(5 * x + 0.6) - 0.015 * np.sin(13 * x)
    near = 0.47 - 0.03 * np.sin(4 * x + 3.4) + 0.008 * np.sin(21 * x)
    reference = mix(reference, ramp(rgb("8f9ec6", "5f74a8"), (y - far) / 0.06), step(y, far, far + 0.006))
    reference = mix(reference, ramp(rgb("5e8a76", "35604f"), (y - near) / 0.05), step(y, near, near + 0.006))
    field = ramp(
        rgb("d9c05a", "a9a643", "5f8a3c", "2f6136", "1c4630"), (y - 0.5) / 0.5 + 0.1 * noise(rng, _DRAFT, 5)
    )
    reference = mix(reference, field, step(y, 0.5, 0.507))
    trees = np.zeros(x.shape, bool)
    for px, width, top in ((0.13, 0.035, 0.22), (0.2, 0.03, 0.3), (0.245, 0.024, 0.36), (0.86, 0.07, 0.42)):
        reach = np.hypot((x - px) / width, (y - (top + 0.53) / 2) / ((0.53 - top) / 2)) + 0.12 * noise(
            rng, _DRAFT, 22
        )
        tone = ramp(
            rgb("6f9a4a", "28553c", "12323a"), 0.5 + (x - px) / width * 0.5 + 0.15 * noise(rng, _DRAFT, 18)
        )
        reference = mix(reference, tone, step(reach, 1.0, 0.94))
        trees |= (reach < 1) & (width < 0.05)
    reds = step(noise(rng, _DRAFT, 7, stretch=3.0), 0.1, 0.5) * step(y, 0.51, 0.56)
    reference = mix(reference, rgb("c8331f"), reds * 0.75)
    return reference, (y < 0.44) & ~trees, y > 0.55, trees


def _clouds(sky: Array, rng: Rng, x: Array, y: Array) -> Array:
    """Draw two cumulus clouds: cream on the lit side, violet below."""
    for cx, base, scale in ((0.66, 0.3, 1.0), (0.2, 0.19, 0.62), (0.98, 0.4, 0.5), (0.42, 0.41, 0.42)):
        mass = np.full(x.shape, -9.0, np.float32)
        puffs = [
            (0.0, -0.1, 0.12),
            (-0.13, -0.05, 0.09),
            (0.13, -0.06, 0.1),
            (0.05, -0.17, 0.085),
            (-0.22, -0.02, 0.06),
            (0.24, -0.02, 0.06),
        ]
        light = np.zeros(x.shape, np.float32)
        for dx, dy, r in puffs:
            px, py, pr = cx + dx * scale, base + dy * scale, r * scale
            inside = 1 - np.hypot((x - px) / pr, (y - py) / pr)
            light = np.where(inside > mass, -((x - px) * 0.7 + (y - py)) / pr, light)
            mass = np.maximum(mass, inside)
        mass = np.minimum(
            mass + 0.12 * noise(rng, _DRAFT, 12), (base - y) / 0.04 + 0.3 * noise(rng, _DRAFT, 10)
        )
        tone = ramp(rgb("6f78ad", "a99bc0", "efd3bd", "fdf3dc", "fffbee"), 0.52 + 0.4 * light)
        sky = mix(sky, tone, step(mass, -0.02, 0.1))
    return sky


def _blades(canvas: Canvas, rng: Rng) -> None:
    """Paint long blades of grass in the foreground."""
    count = 900
    depth = rng.random(count) ** 0.6
    starts = np.stack([rng.random(count), 0.72 + 0.32 * depth], -1)
    order = np.argsort(starts[:, 1])
    tones = jittered(rng, rgb("7fa344", "2c6a3f", "c9bd5a", "18433a")[rng.integers(0, 4, count)], 0.1)
    paths = arcs(starts, rng.normal(-np.pi / 2, 0.3, count), 0.06 + 0.1 * depth, rng.normal(0, 0.5, count))
    canvas.stroke(paths[order], tones, Brush(0.008, 0.1, toe=0.9, body=1.4), seconds=tones[::-1])


def _poppies(canvas: Canvas, rng: Rng) -> None:
    """Paint groups of poppies, larger towards the viewer: petals lit from the left, then dark centers."""
    drift = noise(rng, 128, 6, stretch=2.0)
    depth = rng.random(900) ** 1.3
    center = np.stack([rng.random(900), 0.535 + 0.45 * depth], -1)
    kept = sample(drift, center) > 0.1
    center, depth = center[kept], depth[kept]
    order = np.argsort(depth)
    center, depth = center[order], depth[order]
    count, petals = len(depth), 6
    radius = (0.006 + 0.027 * depth**1.2) * rng.uniform(0.75, 1.3, count)
    around = rng.random((count, 1)) * 6.3 + np.array([0, 2, 4, 1, 3, 5]) * 2 * np.pi / petals
    tilt = rng.uniform(0.4, 0.85, (count, 1))
    away = np.stack([np.cos(around), tilt * np.sin(around)], -1)
    starts = (center[:, None] + away * (0.5 * radius)[:, None, None]).reshape(-1, 2)
    light = np.clip(0.48 - 0.5 * away.sum(-1), 0, 1).reshape(-1) + rng.normal(0, 0.14, count * petals)
    tones = ramp(rgb("6a1024", "b51c20", "d9341f", "f0562c", "fb9a62"), light)
    size = np.repeat(radius, petals)
    paths = arcs(starts, (around + np.pi / 2).reshape(-1), size * 1.15, rng.normal(1.5, 0.4, len(size)))
    paths += (starts - paths.mean(1))[:, None]
    canvas.stroke(
        paths,
        tones,
        Brush(1, 1, heel=0.2, toe=0.3, body=1.6),
        widths=size * 0.8,
        seconds=np.roll(tones, 1, 0),
    )
    open_ = np.flatnonzero(rng.random(count) < 0.6)
    heart = arcs(
        center[open_] - [0.1, 0] * radius[open_, None], rng.normal(0, 0.5, len(open_)), radius[open_] * 0.3
    )
    dark = jittered(rng, np.tile(rgb("221628"), (len(open_), 1)), 0.1)
    canvas.stroke(heart, dark, Brush(1, 1, heel=0.6, toe=0.6), widths=radius[open_] * 0.3)
