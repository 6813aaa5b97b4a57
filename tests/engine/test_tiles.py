"""Tiles cover an image exactly once, and a loss in tiles equals that of the whole: value and gradient."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from impasto.backbones import PIXELS, Backbone, Tiny, Vgg
from impasto.errors import InputError, TilingError
from impasto.losses import BindContext, Bound, Content, Features, Loss, Sums
from impasto.optim import evaluate
from impasto.tiles import Window, split
from support.tiles import picture, terms

sizes = st.tuples(st.integers(1, 50), st.integers(1, 50))


@given(size=sizes, tile=st.integers(1, 4), halo=st.integers(0, 40), power=st.integers(1, 4))
def test_every_pixel_and_every_position_is_owned_once(
    size: tuple[int, int], tile: int, halo: int, power: int
) -> None:
    stride = 2**power
    windows = split(size, tile=tile * stride, halo=halo, stride=stride)
    for level in range(power + 1):
        step = 2**level
        grid = np.arange((size[0] // step) * (size[1] // step)).reshape(size[0] // step, size[1] // step)
        count = np.zeros_like(grid)
        for window in windows:
            np.add.at(count, np.unravel_index(window.part(grid, step).ravel(), grid.shape), 1)
        assert (count == 1).all()


@given(size=sizes, tile=st.integers(2, 5), halo=st.integers(0, 40), power=st.integers(1, 3))
def test_a_tile_finds_its_own_positions_in_what_it_reads(
    size: tuple[int, int], tile: int, halo: int, power: int
) -> None:
    stride = 2**power
    whole = np.arange(size[0] * size[1]).reshape(size)
    for window in split(size, tile=tile * stride, halo=halo, stride=stride):
        read = window.read(whole)
        for level in range(power + 1):
            step = 2**level
            # The pixel at the top left of each cell stands for the feature that the cell becomes.
            cells = (read.shape[0] // step, read.shape[1] // step)
            seen = read[::step, ::step][: cells[0], : cells[1]]
            all_cells = whole[::step, ::step][: size[0] // step, : size[1] // step]
            for reach in (0, 1):
                found = window.trim_halo(seen, step, reach=reach)
                np.testing.assert_array_equal(found, window.part(all_cells, step, reach=reach))


@given(size=sizes, tile=st.integers(1, 3), halo=st.integers(0, 40), power=st.integers(0, 4))
def test_a_tile_reads_its_halo_up_to_the_border(
    size: tuple[int, int], tile: int, halo: int, power: int
) -> None:
    stride = 2**power
    for window in split(size, tile=tile * stride, halo=halo, stride=stride):
        for span in (window.rows, window.columns):
            assert span.read % stride == 0
            assert span.read == 0 or span.own - span.read >= max(halo, 1)
            assert span.read_end == span.whole or span.read_end - span.own_end >= max(halo, 1)


def test_a_rest_below_one_stride_goes_to_the_last_tile() -> None:
    rows = [(w.rows.own, w.rows.own_end) for w in split((70, 16), tile=32, halo=8, stride=16)]
    assert rows == [(0, 32), (32, 70)]


@pytest.mark.parametrize("tile", [0, -16, 24])
def test_a_tile_that_is_no_multiple_of_the_stride_is_refused(tile: int) -> None:
    with pytest.raises(InputError, match=r"multiple of the stride 16"):
        split((64, 64), tile=tile, halo=0, stride=16)


LAYERS = ("relu1_1", "relu2_1", "relu3_1")


def compare(loss: Loss, network: Backbone, now: Tensor, *, tile: int, halo: int) -> tuple[float, float]:
    """Relative error of the value and of the gradient, in tiles against the whole."""
    size = (now.shape[-2], now.shape[-1])
    bound = loss.bind(BindContext(network, size))
    windows = split(size, tile=tile, halo=halo, stride=4)
    assert len(windows) == 9
    whole = evaluate(bound, now, backbone=network, windows=[Window.full(size)])
    tiled = evaluate(bound, now, backbone=network, windows=windows)
    assert whole.value == pytest.approx(sum(whole.terms.values()))
    assert tiled.value == pytest.approx(sum(tiled.terms.values()))
    error = float((tiled.gradient - whole.gradient).norm() / whole.gradient.norm())
    return abs(tiled.value - whole.value) / whole.value, error


@pytest.mark.parametrize("name", list(terms((53, 57), LAYERS)))
def test_nine_tiles_equal_the_whole(name: str) -> None:
    network, size = Tiny(), (53, 57)
    halo = -(-network.field("relu3_1") // 2)
    now = picture(9, *size).double()
    value, gradient = compare(terms(size, LAYERS, now.dtype)[name], network, now, tile=20, halo=halo)
    assert value < 1e-6
    assert gradient < 1e-6


@pytest.mark.parametrize("name", list(terms((53, 57), LAYERS)))
def test_nine_tiles_equal_the_whole_in_the_real_network(name: str, vgg19: Vgg) -> None:
    size = (85, 91)
    halo = -(-vgg19.field("relu3_1") // 2)
    value, gradient = compare(terms(size, LAYERS)[name], vgg19, picture(9, *size), tile=32, halo=halo)
    # 256 channels at 462 positions have almost flat directions, whose root takes half the digits of float32.
    rooted = "wasserstein" in name or name == "sum"
    assert value < (1e-3 if rooted else 1e-5)
    assert gradient < (1e-2 if rooted else 1e-4)


def test_a_halo_below_half_the_field_is_seen() -> None:
    # The proof that the comparison above can fail.
    size = (53, 57)
    value, gradient = compare(
        terms(size, LAYERS)["gram"], Tiny(), picture(9, *size).double(), tile=20, halo=1
    )
    assert value > 1e-5
    assert gradient > 1e-3


class _Sharpest(Bound):
    """The largest pixel: no sum of sums gives it."""

    name, layers, whole_only = "sharpest", frozenset({PIXELS}), ("sharpest",)

    def measure(self, features: Features, window: Window) -> Sums:
        return {"most": features[PIXELS].amax()}

    def each(self, sums: Sums) -> Tensor:
        return sums["most"]


class Sharpest(Loss):
    name, needs = "sharpest", frozenset({PIXELS})

    def bind(self, scene: BindContext) -> Bound:
        return _Sharpest()


@pytest.mark.parametrize("wrap", [False, True])
def test_a_loss_that_is_not_additive_is_refused_by_name(wrap: bool) -> None:
    size, network = (24, 24), Tiny()
    now = picture(0, *size)
    loss = Content(now, "relu1_1") + 2 * Sharpest().relative(now) if wrap else Sharpest()
    bound = loss.bind(BindContext(network, size))
    whole = evaluate(bound, now, backbone=network, windows=[Window.full(size)])
    assert whole.value == pytest.approx(2.0 if wrap else float(now.max()))
    with pytest.raises(TilingError, match="sharpest cannot be computed in tiles"):
        evaluate(bound, now, backbone=network, windows=split(size, tile=12, halo=4, stride=4))
