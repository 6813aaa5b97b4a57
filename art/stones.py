"""Mosaic: small stones in rows along the shapes, in gray mortar."""

from __future__ import annotations

import numpy as np
from scipy import ndimage
from scipy.spatial import cKDTree

from art.canvas import OVERSAMPLE
from art.sheet import (
    Array,
    Rng,
    lit,
    mix,
    noise,
    plane,
    ramp,
    rgb,
    sample,
    scatter,
    segment,
    shrink,
)  # fmt: skip

_DRAFT = 384
_STONES = 4200


def mosaic(size: int, rng: Rng) -> Array:
    """Make a mosaic of two fish that chase each other in a turquoise sea, framed by a running wave."""
    picture, regions = _fishes(rng)
    seeds, angles = _settle(rng, regions)
    colors = sample(picture, seeds)
    count = len(seeds)
    colors = colors * (1 + rng.normal(0, 0.13, (count, 1))) + rng.normal(0, 0.035, (count, 3))
    n = size * OVERSAMPLE
    owner, inner, gap = _stones(n, seeds, angles)
    half = (0.47 / np.sqrt(count) * rng.uniform(0.9, 1.04, count)).astype(np.float32)
    rough = 0.0005 * noise(rng, n, 110, octaves=2)
    depth = np.minimum(half[owner] - inner, gap * 0.5 - 0.0011) + rough
    stone = np.clip(depth * n / 1.5 + 0.5, 0, 1)
    tilt = rng.normal(0, 1, (count, 2)).astype(np.float32)
    x, y = plane(n)
    slope = tilt[owner, 0] * (x - seeds[owner, 0]) + tilt[owner, 1] * (y - seeds[owner, 1])
    grain = noise(rng, n, 150, octaves=2)
    height = np.clip(depth, -0.001, 0.0028) * 2600 + slope * 260 + 0.25 * grain
    shade = lit(ndimage.gaussian_filter(height.astype(np.float32), 1.2), 0.55)
    veins = noise(rng, n, 40, stretch=3.0)
    face = colors[owner] * (1 + 0.05 * grain + 0.07 * veins + 0.33 * shade)[..., None]
    face = face + (np.clip(shade - 0.5, 0, 1) * 0.3)[..., None]
    mortar = rgb("4a4640") * (1 + 0.14 * grain + 0.35 * shade)[..., None]
    return shrink(mix(mortar, face, stone).astype(np.float32), OVERSAMPLE)


def _settle(rng: Rng, regions: Array) -> tuple[Array, Array]:
    """Move stones until they form even rows along the borders (after Hausner, "Simulating decorative
    mosaics", 2001): each moves to the center of its nearest pixels, with the distance of rotated squares."""
    edge = segment(regions)
    smooth = ndimage.gaussian_filter(edge, 2.5)
    down, right = np.gradient(smooth)
    # Doubled angles, so that opposite directions are equal in the average.
    weight = np.exp(-edge / 0.05)
    turn = np.arctan2(down, right)
    cosine = ndimage.gaussian_filter(np.cos(4 * turn) * weight, 3)
    sine = ndimage.gaussian_filter(np.sin(4 * turn) * weight, 3)
    field = (np.arctan2(sine, cosine) / 4).astype(np.float32)
    free = edge > 0.28 / np.sqrt(_STONES)
    seeds = scatter(rng, _STONES, margin=-0.004)
    for _ in range(7):
        owner, _, _ = _stones(_DRAFT, seeds, sample(field, seeds))
        mine = owner[free]
        total = np.maximum(np.bincount(mine, minlength=len(seeds)), 1)
        x, y = plane(_DRAFT)
        middle = [np.bincount(mine, axis[free], len(seeds)) / total for axis in (x, y)]
        seeds = np.where(total[:, None] > 2, np.stack(middle, -1), seeds).astype(np.float32)
    return seeds, sample(field, seeds)


def _stones(n: int, seeds: Array, angles: Array) -> tuple[Array, Array, Array]:
    """Return each pixel's stone, the distance to its center, and how much farther the next one is."""
    coarse = min(n, _DRAFT)
    x, y = plane(coarse)
    _, near = cKDTree(seeds).query(np.stack([x, y], -1).reshape(-1, 2), k=5)
    spread = np.minimum(np.arange(n) * coarse // n, coarse - 1)
    near = near.astype(np.int32).reshape(coarse, coarse, 5)[spread][:, spread]
    x, y = plane(n)
    cosine, sine = np.cos(angles).astype(np.float32), np.sin(angles).astype(np.float32)
    best, second = np.full((n, n), 9, np.float32), np.full((n, n), 9, np.float32)
    owner = np.zeros((n, n), np.int32)
    for k in range(5):
        stone = near[..., k]
        dx, dy = x - seeds[stone, 0], y - seeds[stone, 1]
        c, s = cosine[stone], sine[stone]
        reach = np.maximum(np.abs(c * dx + s * dy), np.abs(c * dy - s * dx))
        closer = reach < best
        second = np.where(closer, best, np.minimum(second, reach))
        owner[closer] = stone[closer]
        best = np.minimum(best, reach)
    return owner, best, second - best


def _fishes(rng: Rng) -> tuple[Array, Array]:
    """Return the design, and the regions along whose borders the stones run."""
    x, y = plane(_DRAFT)
    d, turn = np.hypot(x - 0.5, y - 0.5), np.arctan2(y - 0.5, x - 0.5)
    swirl = 0.5 + 0.5 * np.sin(turn * 3 + 34 * d + 0.7 * noise(rng, _DRAFT, 4))
    picture = ramp(rgb("0f4c6e", "17738f", "2fa0a4", "7cc9b8", "d3e6cf"), np.floor(swirl * 4.99) / 4.4)
    regions = np.floor(swirl * 2.99).astype(np.int32)
    for half in (0, 1):
        picture, regions = _fish(picture, regions, half, 10 + 20 * half)
    return _frame(picture, regions, x, y)


def _fish(picture: Array, regions: Array, half: int, first: int) -> tuple[Array, Array]:
    """Draw one fish along an arc; the second is the first, rotated by 180 degrees, in other colors."""
    x, y = plane(_DRAFT)
    if half:
        x, y = 1 - x, 1 - y
    # Along the arc: u from 0 at the nose to 1 at the tail; v from -1 to 1 across the body.
    turn = np.mod(np.arctan2(y - 0.5, x - 0.5) + np.pi + 0.45, 2 * np.pi)
    u = turn / 2.75
    out = np.hypot(x - 0.5, (y - 0.5) * 1.0) - (0.255 + 0.03 * np.sin(u * 5))
    girth = 0.115 * np.sqrt(np.clip(u * 3.2, 0, 1)) * np.clip(1.12 - u * 1.02, 0.16, 1) ** 0.9
    v = out / girth
    warm = [("f2c14e", "e8873a", "c9442e", "8e2a2a"), ("f6e3bd", "ef9f4a", "d9622e", "a23a2a")][half]
    layers: list[tuple[Array, Array | str]] = []
    fan = (
        (u > 0.9) & (u < 1.22) & (np.abs(out) < 0.02 + 0.4 * (u - 0.9)) & (u < 1.2 - 0.09 * np.cos(out * 30))
    )
    layers.append((fan & (np.floor((out / (u - 0.8)) * 14) % 2 == 0), warm[1]))
    layers.append((fan & (np.floor((out / (u - 0.8)) * 14) % 2 != 0), warm[2]))
    fin = (
        (u > 0.28)
        & (u < 0.72)
        & (np.abs(out) > girth * 0.8)
        & (np.abs(out) < girth + 0.07 * np.abs(np.sin((u - 0.28) / 0.44 * np.pi)) ** 0.7)
    )
    layers.append((fin & (np.floor(u * 44) % 2 == 0), warm[2]))
    layers.append((fin & (np.floor(u * 44) % 2 != 0), warm[0]))
    body = (np.abs(v) < 1) & (u < 0.98) & (u > 0)
    layers.append((body, "2a2430"))
    scale = ramp(rgb(*warm), 0.5 + 0.5 * np.sin(u * 62 + np.abs(v) * 3.0) * 0.5 + 0.35 * v)
    layers.append((body & (np.abs(v) < 0.86) & (u < 0.97), scale))
    layers.append((body & (u < 0.24) & (np.abs(v) < 0.86), warm[0]))
    layers.append((body & (np.abs(u - 0.25) < 0.014), "fff1d0"))
    eye = np.hypot((u - 0.13) * 0.7, out + 0.018)
    layers.extend([(eye < 0.026, "fff6e0"), (eye < 0.014, "14202c")])
    for k, (mask, tone) in enumerate(layers):
        paint = rgb(tone) * np.ones_like(picture) if isinstance(tone, str) else tone
        picture = mix(picture, paint, mask.astype(np.float32))
        regions = np.where(mask, first + k, regions)
    return picture, regions


def _frame(picture: Array, regions: Array, x: Array, y: Array) -> tuple[Array, Array]:
    """Frame the design with lines and a running wave of terracotta and cream."""
    rim = np.minimum(np.minimum(x, 1 - x), np.minimum(y, 1 - y))
    upright = np.minimum(x, 1 - x) < np.minimum(y, 1 - y)
    along = np.where(upright, y, x)
    crest = 0.058 + 0.024 * np.sin(along * 2 * np.pi * 11)
    bands = ((0.125, "2a2430"), (0.108, "f3e3c0"), (0.092, "b8472f"))
    for k, (width, tone) in enumerate(bands):
        inside = rim < width
        picture = np.where(inside[..., None], rgb(tone), picture)
        regions = np.where(inside, 60 + k, regions)
    wave = rim < crest
    picture = np.where(wave[..., None], rgb("f0d9a0"), picture)
    regions = np.where(wave, 70, regions)
    outer = rim < 0.018
    return np.where(outer[..., None], rgb("23445c"), picture).astype(np.float32), np.where(outer, 71, regions)
