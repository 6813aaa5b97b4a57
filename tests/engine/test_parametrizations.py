"""Parametrizations: their image, resizing, and range."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor
from torch.nn import functional as F

from impasto.parametrizations import Pixels


def noise(seed: int, height: int, width: int) -> Tensor:
    return torch.rand((1, 3, height, width), generator=torch.Generator().manual_seed(seed))


sides = st.integers(1, 40)


def test_the_picture_is_what_it_began_with_and_a_copy() -> None:
    start = noise(0, 7, 9)
    pixels = Pixels(start)
    assert torch.equal(pixels(), start)
    assert pixels.size == (7, 9)
    pixels.assign(torch.zeros(3 * 7 * 9))
    assert float(start.sum()) > 0
    assert Pixels(start, size=(14, 18)).size == (14, 18)


def test_a_vector_and_back_is_the_same_picture() -> None:
    pixels = Pixels(noise(0, 7, 9))
    vector = pixels.vector()
    vector += 1
    assert float(pixels().detach().max()) <= 1  # a copy, not a view
    pixels.assign(vector)
    assert torch.equal(pixels(), noise(0, 7, 9) + 1)


@given(size=st.tuples(sides, sides), small=st.tuples(sides, sides), back=st.tuples(sides, sides))
def test_a_photo_nobody_painted_on_comes_back_at_every_size(
    size: tuple[int, int], small: tuple[int, int], back: tuple[int, int]
) -> None:
    photo = noise(1, *size)
    pixels = Pixels(photo, photo=photo)
    for step in (small, back, size):
        pixels.resize(step)
        assert pixels.size == step
    assert torch.equal(pixels(), photo)


def test_what_was_painted_is_carried_and_the_detail_of_the_photo_added() -> None:
    photo = noise(1, 32, 40)
    pixels = Pixels(photo, photo=photo)
    pixels.resize((16, 20))
    pixels.assign(pixels.vector() + 0.25)
    pixels.resize((32, 40))
    torch.testing.assert_close(pixels(), photo + 0.25)
    # Without the photo its detail is lost on the way down.
    plain = Pixels(photo)
    plain.resize((16, 20))
    plain.resize((32, 40))
    assert float((plain().detach() - photo).abs().mean()) > 0.05


@pytest.mark.parametrize("photo", [None, noise(1, 32, 40)])
def test_resizing_to_its_own_size_changes_nothing(photo: Tensor | None) -> None:
    pixels = Pixels(noise(0, 32, 40), photo=photo)
    before = pixels.pixels
    pixels.resize((32, 40))
    assert pixels.pixels is before


def test_a_resized_picture_can_be_optimized() -> None:
    pixels = Pixels(noise(0, 8, 8), photo=noise(1, 16, 16))
    pixels.resize((12, 12))
    pixels().sum().backward()
    assert pixels.pixels.grad is not None
    assert torch.equal(pixels.pixels.grad, torch.ones(1, 3, 12, 12))


@given(seed=st.integers(0, 9), size=st.tuples(sides, sides), factor=st.floats(-3, 3))
def test_states_are_resized_linearly(seed: int, size: tuple[int, int], factor: float) -> None:
    pixels = Pixels(noise(0, 11, 13))
    one, two = (noise(s, 11, 13).flatten() for s in (seed, seed + 1))
    together = pixels.resize_state(one + factor * two, size)
    assert together.shape == (3 * size[0] * size[1],)
    apart = pixels.resize_state(one, size) + factor * pixels.resize_state(two, size)
    torch.testing.assert_close(together, apart, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(pixels.resize_state(torch.ones_like(one), size), torch.ones_like(together))


@given(seed=st.integers(0, 9), size=st.tuples(sides, sides))
def test_a_second_moment_stays_above_the_square_of_the_first(seed: int, size: tuple[int, int]) -> None:
    # Spikes, which the negative lobes of a bicubic kernel would turn into negative squares.
    pixels = Pixels(noise(0, 11, 13))
    generator = torch.Generator().manual_seed(seed)
    spikes = torch.randn(3 * 11 * 13, generator=generator) * (torch.rand(429, generator=generator) > 0.8)
    first, second = pixels.resize_state(spikes, size), pixels.resize_state(spikes.square(), size)
    assert float((second - first.square()).min()) > -1e-6


def test_the_penalty_is_the_mean_square_beyond_the_range() -> None:
    start = torch.tensor([-0.5, 0.0, 0.3, 1.0, 1.25, 0.9]).view(1, 3, 1, 2)
    pixels = Pixels(start)
    one = float(pixels.penalty().detach())
    assert one > 0
    pixels.assign(start.flatten() * 0 + 0.5)
    assert float(pixels.penalty().detach()) == 0
    # Twice as far out is four times as bad; nothing hangs on the weight.
    over = torch.zeros(1, 3, 1, 2)
    over[0, 0, 0, 0], over[0, 2, 0, 1] = -0.5, 1.25
    near, far = Pixels(over), Pixels(over)
    far.assign(torch.where(over < 0, over * 2, torch.where(over > 1, 1 + 2 * (over - 1), over)).flatten())
    assert float(near.penalty().detach()) == pytest.approx(one)
    assert float(far.penalty().detach()) == pytest.approx(4 * one)
    pixels.assign(start.flatten())
    pixels.penalty().backward()
    assert pixels.pixels.grad is not None
    sign = pixels.pixels.grad.flatten().sign().tolist()
    assert sign == [-1, 0, 0, 0, 1, 0]


def test_resizing_is_antialiased() -> None:
    stripes = torch.zeros(1, 3, 32, 32)
    stripes[..., ::2] = 1
    pixels = Pixels(stripes)
    pixels.resize((8, 8))
    torch.testing.assert_close(pixels(), torch.full((1, 3, 8, 8), 0.5), atol=0.05, rtol=0)
    nearest = F.interpolate(stripes, (8, 8))
    assert float((nearest - 0.5).abs().min()) == 0.5
