"""Oil painting with a palette knife: birches in autumn by a pond."""

from __future__ import annotations

import numpy as np

from art.canvas import Brush, Canvas, arcs, jittered
from art.sheet import Array, Rng, mix, noise, plane, ramp, rgb, spline, step

_DRAFT = 512
_KNIFE = {"heel": 0.015, "toe": 0.03, "dry": 0.45, "bristle": 0.035, "streak": 0.75}
_FALL = ("8f1f3a", "c8362a", "e8632a", "f49a2a", "f7c53a", "fbe27a")
# Position, width, foot and lean of each trunk, from far to near.
_TRUNKS = (
    (0.42, 0.012, 0.63, 0.02), (0.3, 0.013, 0.63, -0.03), (0.9, 0.014, 0.64, 0.02),
    (0.55, 0.015, 0.64, -0.01), (0.68, 0.022, 0.7, 0.04), (0.06, 0.026, 0.74, 0.03),
    (0.2, 0.04, 0.84, -0.03), (0.8, 0.047, 0.9, -0.05),
)  # fmt: skip


def birches(size: int, rng: Rng) -> Array:
    """Paint birches in autumn with a palette knife, reflected in a blue pond."""
    reference, field = _wood(rng)
    canvas = Canvas(size, rng, rgb("6a3a5a"))
    warm = rgb(*_FALL, "4f6fb0", "7a5aa8")
    canvas.cover(reference, field, Brush(0.06, 0.1, **_KNIFE), count=1300, jitter=0.12, stop=0.5)
    canvas.cover(
        reference, field, Brush(0.03, 0.06, **_KNIFE), count=3400, jitter=0.13, stop=0.3, palette=warm
    )
    for trunk in _TRUNKS[:4]:
        _birch(canvas, rng, trunk)
    _reflections(canvas, rng)
    _leaves(canvas, rng, 1700, 0.6, 0.017)
    for trunk in _TRUNKS[4:]:
        _birch(canvas, rng, trunk)
    _leaves(canvas, rng, 1300, 0.42, 0.021)
    _litter(canvas, rng)
    return canvas.finish(1.35)


def _wood(rng: Rng) -> tuple[Array, Array]:
    """Return a draft of foliage, far bank, pond and near bank, and the angles of the knife strokes."""
    x, y = plane(_DRAFT)
    clump = noise(rng, _DRAFT, 5) + 0.5 * noise(rng, _DRAFT, 13)
    light = np.exp(-(((x - 0.47) / 0.22) ** 2 + ((y - 0.36) / 0.24) ** 2))
    leaves = ramp(rgb("3a1f4a", *_FALL), 0.42 + 0.2 * clump + 0.25 * light)
    gap = step(clump + 1.4 * light, 0.9, 0.4)
    picture = mix(ramp(rgb("5f8fc8", "9fc4dc", "f6ecc9"), light + 0.12 * clump), leaves, 0.25 + 0.75 * gap)
    depth = ramp(rgb("4a3f86", "6a4a8f", "8f4a6a"), 0.5 + 0.25 * clump)
    picture = mix(picture, depth, step(y, 0.5, 0.6) * 0.75)
    picture = mix(
        picture,
        ramp(rgb("e8a83a", "c8622a", "7a2f3a"), (y - 0.62) / 0.06 + 0.15 * clump),
        step(y, 0.615, 0.63),
    )
    mirror = picture[::-1][np.clip(((y[:, 0] - 0.3) * _DRAFT).astype(int), 0, _DRAFT - 1)]
    pond = mix(rgb("1f4a86") + 0 * mirror, mirror * rgb("9fc0e8"), 0.7)
    shore = 0.68 + 0.015 * np.sin(9 * x)
    bank = 0.86 + 0.1 * np.sin(3.1 * x + 1.2)
    picture = mix(picture, pond, step(y, shore, shore + 0.006))
    near = ramp(rgb("f4b03a", "d9622a", "8f2f3a", "4a2a5a"), (y - bank) / 0.2 + 0.22 * clump)
    picture = mix(picture, near, step(y, bank, bank + 0.008))
    field = 0.9 * noise(rng, _DRAFT, 7) + 0.6
    water = (y > shore) & (y < bank)
    return picture.astype(np.float32), np.where(water, 0.12 * np.sin(30 * y + 8 * x), field)


def _birch(canvas: Canvas, rng: Rng, trunk: tuple[float, float, float, float]) -> None:
    """Paint a trunk upwards in short crosswise strokes, lit from the left, then its bark marks."""
    px, width, foot, lean = trunk
    count = int(360 * (0.4 + 10 * width))
    t = rng.random(count)
    spine = spline(
        [(px, foot), (px + 0.4 * lean, foot * 0.66), (px + 0.5 * lean, foot * 0.33), (px + lean, -0.06)], 100
    )
    at = spine[(t * 99).astype(int)]
    across = rng.uniform(-0.5, 0.5, count)
    girth = width * (1.05 - 0.5 * t)
    starts = at + np.stack([across * girth, np.zeros(count)], -1)
    shade = np.clip(0.5 + across + rng.normal(0, 0.13, count), 0, 1)
    tones = jittered(rng, ramp(rgb("fff8e6", "f4ead8", "c9c3dc", "7f7fb4", "4a4674"), shade), 0.05)
    paths = arcs(starts, np.full(count, -np.pi / 2) + rng.normal(0, 0.08, count), girth * 1.2, 0.05)
    canvas.stroke(paths, tones, Brush(1.0, 1.0, **_KNIFE), widths=girth * 0.5, seconds=np.roll(tones, 4, 0))
    marks = int(count * 0.11)
    t = rng.random(marks)
    girth = width * (1.05 - 0.5 * t)
    starts = spine[(t * 99).astype(int)] + np.stack(
        [rng.choice([-0.5, -0.1, 0.1], marks) * girth, np.zeros(marks)], -1
    )
    dark = jittered(rng, rgb("241a2e", "4a2f3a", "2a2444")[rng.integers(0, 3, marks)], 0.05)
    swipe = arcs(starts, rng.normal(0.05, 0.25, marks), girth * rng.uniform(0.3, 0.75, marks), 0.4)
    canvas.stroke(
        swipe, dark, Brush(1.0, 1.0, toe=0.7, dry=0.3), widths=girth * rng.uniform(0.08, 0.28, marks)
    )


def _reflections(canvas: Canvas, rng: Rng) -> None:
    """Paint reflections of trunks and leaves as horizontal strokes on the pond."""
    for px, width, foot, lean in _TRUNKS[:6]:
        y = rng.uniform(max(foot, 0.69), 0.9, 70)
        starts = np.stack([px - 0.4 * lean * (y - foot) + rng.normal(0, 0.5 * width, 70) - width / 2, y], -1)
        tones = jittered(rng, rgb("dfe3f0", "a9b5dc", "6f86c0")[rng.integers(0, 3, 70)], 0.06)
        canvas.stroke(
            arcs(starts, np.zeros(70), width * rng.uniform(0.5, 1.6, 70), 0.1),
            tones,
            Brush(0.011, 0.02, **_KNIFE),
        )
    y = rng.uniform(0.69, 0.93, 240)
    starts = np.stack([rng.random(240), y], -1)
    tones = jittered(rng, rgb("f4b03a", "3f7fc8", "e8632a", "9fd0e4")[rng.integers(0, 4, 240)], 0.1)
    canvas.stroke(
        arcs(starts, rng.normal(0, 0.05, 240), rng.uniform(0.02, 0.07, 240), 0.1),
        tones,
        Brush(0.009, 0.05, **_KNIFE),
    )


def _leaves(canvas: Canvas, rng: Rng, count: int, depth: float, size: float) -> None:
    """Paint leaves in bunches of one hue each, brighter on top, with gaps for the light."""
    bunches = 40
    middle = rng.random((bunches, 2)) * [1.1, depth] - [0.05, 0.05]
    middle = middle[np.hypot((middle[:, 0] - 0.47) / 0.17, (middle[:, 1] - 0.36) / 0.17) > 1]
    hue = rng.uniform(-0.28, 0.2, len(middle))
    bunch = rng.integers(0, len(middle), count)
    offset = rng.normal(0, 1, (count, 2))
    at = middle[bunch] + offset * [0.05, 0.03]
    light = 0.55 + hue[bunch] - 0.14 * offset.sum(1) + rng.normal(0, 0.13, count)
    order = np.argsort(bunch + 0.8 * rng.random(count))
    tones = jittered(rng, ramp(rgb("5a1f4f", *_FALL), light), 0.06)[order]
    paths = arcs(at[order], rng.normal(0.9, 0.6, count), size * rng.uniform(0.5, 1.3, count), 0.3)
    brush = Brush(size * 0.62, size, heel=0.04, toe=0.3, dry=0.3, streak=0.7, body=1.5)
    canvas.stroke(paths, tones, brush, widths=rng.uniform(0.6, 1.3, count), seconds=np.roll(tones, 1, 0))


def _litter(canvas: Canvas, rng: Rng) -> None:
    """Scatter fallen leaves over the near bank and the pond."""
    count = 700
    at = np.stack([rng.random(count), 0.7 + 0.31 * rng.random(count) ** 0.6], -1)
    bank = 0.86 + 0.1 * np.sin(3.1 * at[:, 0] + 1.2)
    at = at[(at[:, 1] > bank) | (rng.random(count) < 0.16)]
    tones = jittered(rng, rgb(*_FALL)[rng.integers(0, 6, len(at))], 0.08)
    length = 0.01 + 0.03 * (at[:, 1] - 0.66)
    canvas.stroke(
        arcs(at, rng.normal(0, 0.4, len(at)), length, 0.3),
        tones,
        Brush(0.012, 0.02, toe=0.3, body=1.5),
        seconds=np.roll(tones, 1, 0),
    )
