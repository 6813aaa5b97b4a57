"""Color spaces compared to scikit-image, published values and round trips."""

from __future__ import annotations

import doctest

import numpy as np
import pytest
from numpy.typing import NDArray
from skimage import color as reference

from impasto import color
from impasto.errors import InputError


@pytest.fixture
def colors() -> NDArray[np.float64]:
    """Random colors, and the corners and the gray axis of the cube."""
    corners = np.array(np.meshgrid([0.0, 1.0], [0.0, 1.0], [0.0, 1.0])).reshape(3, -1).T
    grays = np.repeat(np.linspace(0, 1, 33)[:, None], 3, axis=1)
    return np.concatenate([np.random.default_rng(3).random((500, 3)), corners, grays])


def test_transfer_curve_has_the_values_of_the_standard() -> None:
    # The last linear value, and the mean and ends of the range.
    stored = np.array([0.0, 0.04045, 0.5, 1.0])
    assert color.to_linear(stored) == pytest.approx([0, 0.0031308, 0.21404114, 1], abs=1e-7)
    assert color.to_srgb(np.array([0, 0.0031308, 0.18, 1])) == pytest.approx(
        [0, 0.0404499, 0.46135613, 1], abs=1e-6
    )


def test_transfer_curve_round_trip_and_mirror() -> None:
    values = np.linspace(-0.5, 1.5, 401)
    assert np.abs(color.to_srgb(color.to_linear(values)) - values).max() < 2e-6
    assert np.array_equal(color.to_linear(-values), -color.to_linear(values))


def test_lab_agrees_with_skimage(colors: NDArray[np.float64]) -> None:
    # scikit-image rounds the white of D65 to other digits than the sums of its matrix.
    assert np.abs(color.rgb_to_lab(colors) - reference.rgb2lab(colors)).max() < 0.03
    assert np.abs(color.rgb_to_lab(np.eye(3)[0]) - [53.24, 80.09, 67.20]).max() < 0.03


def test_oklab_has_the_published_values() -> None:
    # Ottosson's table of pairs is in XYZ; these are the primaries as CSS Color 4 lists them.
    published = [[0.62796, 0.22486, 0.12585], [0.86644, -0.23389, 0.17950], [0.45201, -0.03246, -0.31153]]
    assert np.abs(color.rgb_to_oklab(np.eye(3)) - published).max() < 2e-5
    assert np.abs(color.rgb_to_oklab(np.ones(3)) - [1, 0, 0]).max() < 1e-6


def test_oklab_round_trip(colors: NDArray[np.float64]) -> None:
    assert np.abs(color.oklab_to_rgb(color.rgb_to_oklab(colors)) - colors).max() < 3e-6
    single = colors.astype(np.float32)
    there = color.rgb_to_oklab(single)
    assert there.dtype == np.float32
    assert np.abs(color.oklab_to_rgb(there) - single).max() < 1e-4


def test_luma_weighs_as_rec_709_and_leaves_grays() -> None:
    assert color.luma(np.eye(3)).tolist() == [0.2126, 0.7152, 0.0722]
    grays = np.linspace(0, 1, 256)
    assert np.abs(color.luma(np.repeat(grays[:, None], 3, axis=1)) - grays).max() < 1e-12


def test_keep_chroma_takes_lightness_and_color(colors: NDArray[np.float64]) -> None:
    photo = colors[:500] * 0.2 + 0.4  # soft colors and a middle lightness: nothing leaves the gamut
    painted = np.random.default_rng(4).random((500, 3)) * 0.1 + 0.45
    kept = color.rgb_to_oklab(color.transfer_lightness(painted, photo))
    assert np.abs(kept[:, 0] - color.rgb_to_oklab(painted)[:, 0]).max() < 1e-5
    assert np.abs(kept[:, 1:] - color.rgb_to_oklab(photo)[:, 1:]).max() < 1e-5


def test_the_lightness_of_a_gray_version_and_the_chroma_give_the_colors_back(
    colors: NDArray[np.float64],
) -> None:
    gray = color.grayscale(colors)
    assert np.ptp(gray, axis=-1).max() == 0
    assert np.abs(color.transfer_lightness(gray, colors) - colors).max() < 2e-3


def test_keep_chroma_stays_in_gamut_at_the_same_lightness_and_hue(colors: NDArray[np.float64]) -> None:
    painted = np.random.default_rng(5).permutation(colors)
    result = color.transfer_lightness(painted, colors)
    assert result.min() >= 0
    assert result.max() <= 1
    kept, wanted = color.rgb_to_oklab(result), color.rgb_to_oklab(colors)
    assert np.abs(kept[:, 0] - color.rgb_to_oklab(painted)[:, 0]).max() < 2e-3
    # The same hue: what is kept lies along the wanted color, and is no stronger.
    across = kept[:, 1] * wanted[:, 2] - kept[:, 2] * wanted[:, 1]
    assert np.abs(across).max() < 5e-4
    assert (np.hypot(*kept[:, 1:].T) <= np.hypot(*wanted[:, 1:].T) + 2e-3).all()
    naive = color.oklab_to_rgb(np.stack([color.rgb_to_oklab(painted)[:, 0], *wanted[:, 1:].T], axis=1))
    assert (naive.min() < -0.1) and (naive.max() > 1.1), "the example must leave the gamut"


def test_keep_chroma_lowers_chroma_no_more_than_it_must() -> None:
    # Full blue at the lightness of a light gray: the result must touch the border of the gamut.
    result = color.transfer_lightness(np.full(3, 0.8), np.array([0.0, 0.0, 1.0]))
    assert 1 - result.max() < 2e-3
    assert result[2] - result[0] > 0.2


def test_keep_chroma_of_itself_is_itself(colors: NDArray[np.float64]) -> None:
    assert np.abs(color.transfer_lightness(colors, colors) - colors).max() < 1e-4
    pictures = colors[:12].reshape(3, 4, 3).astype(np.float32)
    assert color.transfer_lightness(pictures, pictures).dtype == np.float32


def test_keep_chroma_refuses_two_sizes() -> None:
    with pytest.raises(InputError, match="equal size"):
        color.transfer_lightness(np.zeros((2, 3, 3)), np.zeros((3, 2, 3)))


def test_examples() -> None:
    failed, tried = doctest.testmod(color)
    assert (failed, tried >= 7) == (0, True)
