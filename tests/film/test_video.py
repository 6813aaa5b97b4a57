"""Videos: reading, writing, warping and temporal consistency, on scenes with known motion."""

from __future__ import annotations

from itertools import pairwise
from typing import Literal

import cv2
import numpy as np
import pytest

from impasto.errors import InputError
from impasto.media import (
    Dis,
    Link,
    Linker,
    Steady,
    flicker,
    trust,
    warp,
)
from impasto.media.flow import shift
from impasto.media.levels import round_levels
from impasto.media.remembering import Key
from support.video import BACK, Array, Bytes, _exact, scene, texture, true_flow


@pytest.mark.parametrize("flow", [None, Dis()])
def test_what_is_found_in_small_frames_is_enlarged(flow: Dis | None) -> None:
    linker = Linker(flow, wide=120, both=True)
    assert linker.next(scene(0)) is None
    link = linker.next(scene(1))
    assert link is not None and link.back is not None
    true, hidden = true_flow(1)
    assert link.flow.shape == link.back[0].shape == true.shape
    assert link.mask.shape == link.back[1].shape == hidden.shape
    assert np.median(np.sqrt(np.square(link.flow - true).sum(2))) < 0.2
    assert np.median(np.abs(link.flow + link.back[0])) < 0.2  # it leads home
    assert link.mask[hidden].mean() < 0.3 and link.mask[~hidden].mean() > 0.7


def test_dis_finds_the_motion() -> None:
    found = Dis()(scene(1), scene(0))
    flow, hidden = true_flow(1)
    error = np.sqrt(np.square(found - flow).sum(2))
    assert np.median(error) < 0.1 and error[~hidden].mean() < 0.6
    half = Dis(scale=0.5)(scene(1), scene(0))
    assert half.shape == flow.shape and np.median(np.sqrt(np.square(half - flow).sum(2))) < 0.3


@pytest.mark.parametrize("quality", ["ultrafast", "fast", "medium"])
@pytest.mark.parametrize("size", [(8, 640), (20, 448), (200, 12), (10, 10)])
def test_frames_that_are_very_low_or_narrow_have_a_flow(
    quality: Literal["ultrafast", "fast", "medium"], size: tuple[int, int]
) -> None:
    still = texture(*size, 3)
    assert Dis(quality=quality)(still, still).shape == (*size, 2)
    assert np.abs(Dis(quality=quality)(still, still)).max() < 0.1


@pytest.mark.parametrize("size", [(60, 80), (89, 32), (120, 160)])
def test_flow_does_not_depend_on_the_frames_before(size: tuple[int, int]) -> None:
    one, other, third = (texture(*size, seed) for seed in range(3))
    for quality in ("ultrafast", "fast", "medium"):
        used = Dis(quality=quality)
        used(one, third)
        assert np.array_equal(used(other, one), Dis(quality=quality)(other, one))


def test_what_was_hidden_is_not_trusted() -> None:
    flow, hidden = true_flow(1)
    back = np.zeros_like(flow)
    back[..., 0] = -2
    back[40:100, 30:90, 0] = 3
    found = trust(flow, back)
    assert found.occluded[hidden].all()
    inner = cv2.erode((~hidden).astype(np.uint8), np.ones((5, 5), np.uint8)) > 0
    inner[35:105, 20:100] = False  # borders of the square
    assert not found.occluded[inner].any() and (found.soft[inner] == 1).all()
    assert found.hard[hidden].max() == 0 and found.soft[60, 31] < 0.6
    edge = found.boundary[70, 30:36]
    assert edge.any()


def test_warping_reads_where_the_flow_points() -> None:
    flow, hidden = true_flow(1)
    carried = warp(scene(0), flow)
    assert np.abs(carried[~hidden] - scene(1)[~hidden]).max() < 1e-3
    nothing = np.zeros((120, 160, 2), np.float32)
    assert (warp(scene(0), nothing) == scene(0)).all()


@pytest.mark.parametrize("share", [0.5, 0.8])
def test_blending_calms_noise_by_the_formula(share: float) -> None:
    rng = np.random.default_rng(0)
    still = BACK[:96, :96]
    base = still.astype(np.float32) / 255

    def paint(frame: Bytes, warped: Array | None, mask: Array | None) -> Array:
        return base + 0.05 * rng.standard_normal(base.shape).astype(np.float32)

    flow = lambda first, second: np.zeros((96, 96, 2), np.float32)  # noqa: E731
    steady = Steady(paint, consistency=share, flow=flow, rate=1e9)
    outputs = [steady.next(still) for _ in range(60)]
    changes = [np.square(b - a).mean() for a, b in pairwise(outputs[30:])]
    # Independent noise of variance s: frames differ by 2 s; blended, by 2 s (1 - a)^2 / (1 + a / 2), because
    # half of what is remembered is the previous frame, and half the key, which stays.
    expected = (1 - share) ** 2 / (1 + share / 2)
    assert np.mean(changes) / (2 * 0.05**2) == pytest.approx(expected, rel=0.1)


def test_new_and_hidden_places_show_the_frames_own_painting() -> None:
    tones = iter(np.linspace(0.2, 0.8, 6))

    def paint(frame: Bytes, warped: Array | None, mask: Array | None) -> Array:
        return np.full(frame.shape, next(tones), np.float32)

    steady = Steady(paint, consistency=1.0, flow=_exact, rate=1e9)
    first, second = steady.next(scene(0)), steady.next(scene(1))
    _, hidden = true_flow(1)
    assert np.abs(second[hidden] - 0.32).max() < 1e-5
    assert np.abs(second[10:30, 20:120] - first[0, 0]).max() < 1e-5
    assert steady.shots == 1


@pytest.mark.parametrize("speed", [6, 12])
def test_what_was_painted_at_the_border_is_painted_anew(speed: int) -> None:
    """A painter that sees nothing beyond the frame is wrong near its border; that is not carried inward."""
    wide = texture(160, 640, 5)

    def paint(frame: Bytes, warped: Array | None, mask: Array | None) -> Array:
        painted = np.ones(frame.shape, np.float32)
        painted[:, -16:] = 0
        return painted

    steady = Steady(paint)
    for number in range(200 // speed):
        output = steady.next(wide[:, speed * number : speed * number + 240])
    assert output[20:-20, -72:-24].mean() > 0.6  # 0.5 and 0.35 if it were trusted as all else
    assert output[20:-20, -8:].max() < 0.05  # the painter's own


def test_what_stays_at_the_border_is_held_still() -> None:
    still = texture(120, 160, 6)
    link = Linker(before=still).next(still)
    assert link is not None
    assert link.mask[:, 2:-2].min() > 0.9


def test_calm_is_not_bought_by_blur() -> None:
    wide = cv2.resize(BACK, None, fx=2, fy=2, interpolation=cv2.INTER_LINEAR)
    film = [
        np.asarray(
            cv2.warpAffine(
                wide,
                np.array([[1, 0, -20 - 0.5 * n], [0, 1, -10 - 0.3 * n]]),
                (200, 160),
                flags=cv2.INTER_CUBIC,
            ),
            np.uint8,
        )
        for n in range(14)
    ]
    identity = lambda frame, warped, mask: frame.astype(np.float32) / 255  # noqa: E731
    steady = Steady(identity, consistency=0.85)
    last = [steady.next(frame) for frame in film][-1]

    def detail(rgb: Array) -> float:
        inner = rgb[20:-20, 20:-20]
        return float(np.square(inner - cv2.GaussianBlur(inner, (0, 0), 1.0)).mean())

    own = np.asarray(film[-1] / 255, np.float32)
    assert 0.9 < detail(last) / detail(own) < 1.1
    assert np.abs(last - own)[20:-20, 20:-20].mean() < 0.01


def test_a_cut_begins_anew() -> None:
    paint = lambda frame, warped, mask: frame.astype(np.float32) / 255  # noqa: E731
    steady = Steady(paint, consistency=1.0)
    steady.next(scene(0))
    other = np.full_like(scene(0), 30)
    assert (steady.next(other) == other.astype(np.float32) / 255).all() and steady.shots == 2
    assert (Steady(paint, consistency=0.0).next(other) == other.astype(np.float32) / 255).all()


def test_what_is_remembered_lasts_for_more_than_ten_frames() -> None:
    rng = np.random.default_rng(3)
    still = BACK[:96, :96]

    def paint(frame: Bytes, warped: Array | None, mask: Array | None) -> Array:
        return 0.5 + 0.1 * rng.standard_normal(frame.shape).astype(np.float32)

    flow = lambda first, second: np.zeros((96, 96, 2), np.float32)  # noqa: E731
    steady = Steady(paint, consistency=0.8, flow=flow, rate=1e9)
    outputs = [steady.next(still) for _ in range(40)]
    # Of the noise of 10 frames before, 0.8^10 = 0.11 would be left of a chain of frames alone.
    kept = [np.corrcoef(a.ravel(), b.ravel())[0, 1] for a, b in zip(outputs[20:], outputs[30:], strict=False)]
    assert min(kept) > 0.5


def test_the_way_to_a_key_does_not_drift() -> None:
    """Each flow is a third of a pixel short; a chain of them would be 3 pixels off after ten frames."""
    wide = texture(160, 400, 5)
    film = [wide[:, 3 * n : 3 * n + 240] for n in range(11)]
    short = np.zeros((160, 240, 2), np.float32)
    short[..., 0] = 3 - 1 / 3
    link = Link(short, np.ones((160, 240), np.float32))
    key = Key(film[0], (film[0].astype(np.float32), np.zeros((160, 240), np.float32)))
    for frame in film[1:]:
        flow, sure = key.follow(frame, link)
    recalled = warp(key.result[0], flow)
    inner = (slice(20, -20), slice(20, -60))
    off = [
        float(np.abs(recalled[inner] - wide[:, 30 + d : 270 + d].astype(np.float32)[inner]).mean())
        for d in (0, -1, -2, -3)
    ]
    assert off[0] == min(off) and key.age == 10 and sure[inner].mean() > 0.6


def test_a_key_is_not_recalled_where_the_source_changed() -> None:
    still = texture(120, 160, 6)
    link = Link(np.zeros((120, 160, 2), np.float32), np.ones((120, 160), np.float32))
    key = Key(still, (np.zeros((120, 160, 3), np.float32), np.zeros((120, 160), np.float32)))
    changed = still.copy()
    changed[40:80, 60:100] = 255 - changed[40:80, 60:100] // 4
    assert key.follow(still, link)[1].min() > 0.99
    sure = key.follow(changed, link)[1]
    assert sure[50:70, 70:90].max() < 0.1 and sure[:20].min() > 0.9


def test_only_a_picture_that_moves_as_a_whole_shifts() -> None:
    pan = np.zeros((80, 120, 2), np.float32)
    pan[...] = (3, -1)
    assert shift(pan) == (3, -1)
    zoom = np.stack(np.meshgrid(np.linspace(-5, 7, 120), np.linspace(-5, 5, 80)), 2).astype(np.float32)
    assert shift(zoom) == (0, 0)
    pan[:, :20] = (-9, 4)  # an object
    assert shift(pan) == (3, -1)


def test_steady_goes_on_from_its_state() -> None:
    paint = lambda frame, warped, mask: np.sin(frame.astype(np.float32))  # noqa: E731
    whole = Steady(paint)
    outputs = []
    for number in range(4):
        outputs.append(whole.next(scene(number)))
        if number == 1:
            whole.state()  # also of a run that is not interrupted
    part = Steady(paint)
    for number in range(2):
        part.next(scene(number))
    again = Steady(paint)
    again.restore(part.state())
    assert (again.next(scene(2)) == outputs[2]).all() and (again.next(scene(3)) == outputs[3]).all()


def test_the_metric_knows_calm_from_flicker_and_from_blur() -> None:
    film = [scene(n) for n in range(4)]
    rng = np.random.default_rng(3)
    noisy = [np.clip(f + rng.normal(0, 12, f.shape), 0, 255).astype(np.uint8) for f in film]
    blurred = [np.asarray(cv2.GaussianBlur(f, (0, 0), 4), np.uint8) for f in noisy]
    calm, wild, soft = (flicker(p, film, flow=_exact) for p in (film, noisy, blurred))
    assert calm.error == calm.floor < 1e-6
    assert wild.error == pytest.approx(2 * (12 / 255) ** 2, rel=0.15)
    assert soft.error < wild.error / 3 and soft.energy < calm.energy / 2
    assert 0.8 < calm.trusted < 1
    with pytest.raises(InputError, match="cannot be compared"):
        flicker(film[:2], film)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_levels_are_rounded_and_limited(dtype: type) -> None:
    top = np.iinfo(dtype).max
    levels = np.array([[[-3, 0.49, 0.51], [top - 0.6, top + 9, 7]]], np.float32)
    found = round_levels(levels, np.dtype(dtype))
    assert found.dtype == dtype and found.tolist() == [[[0, 0, 1], [top - 1, top, 7]]]
