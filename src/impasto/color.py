"""Color space conversions on arrays whose last axis is the three channels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from impasto.errors import InputError

Floats = NDArray[np.floating[Any]]
Float = TypeVar("Float", bound=np.floating[Any])

# Linear sRGB to LMS, and the cube root of LMS to OKLab: Ottosson 2020.
_LMS_OF_RGB = np.array(
    [
        [0.4122214708, 0.5363325363, 0.0514459929],
        [0.2119034982, 0.6806995451, 0.1073969566],
        [0.0883024619, 0.2817188376, 0.6299787005],
    ]
)
_OKLAB_OF_LMS = np.array(
    [
        [0.2104542553, 0.7936177850, -0.0040720468],
        [1.9779984951, -2.4285922050, 0.4505937099],
        [0.0259040371, 0.7827717662, -0.8086757660],
    ]
)
# Computed inverses make round trips exact; the published ones are rounded independently.
_RGB_OF_LMS = np.linalg.inv(_LMS_OF_RGB)
_LMS_OF_OKLAB = np.linalg.inv(_OKLAB_OF_LMS)

# Linear sRGB to CIE XYZ (D65): IEC 61966-2-1.
_XYZ_OF_RGB = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])
_D65 = _XYZ_OF_RGB.sum(axis=1)

_REC709 = np.array([0.2126, 0.7152, 0.0722])


def _floats(values: NDArray[Float]) -> NDArray[Float]:
    """Convert values to floats; floats keep their precision."""
    values = np.asarray(values)
    return np.asarray(values, values.dtype if np.issubdtype(values.dtype, np.floating) else np.float64)


def _mix(values: Floats, matrix: NDArray[np.float64]) -> Floats:
    return np.asarray(values @ matrix.T.astype(values.dtype))


def to_linear(rgb: NDArray[Float]) -> NDArray[Float]:
    """Convert sRGB values of any shape, 0..1, to linear light, 0..1; negative values are mirrored.

    Source: IEC 61966-2-1:1999.

    Examples:
        >>> round(float(to_linear(np.array(0.5))), 4)
        0.214
    """
    rgb = _floats(rgb)
    size = np.abs(rgb)
    linear = np.where(size <= 0.04045, size / 12.92, ((size + 0.055) / 1.055) ** 2.4)
    return np.asarray(np.copysign(linear, rgb))


def to_srgb(linear: NDArray[Float]) -> NDArray[Float]:
    """Convert linear light to sRGB values, the inverse of ``to_linear``.

    Examples:
        >>> round(float(to_srgb(np.array(0.214))), 3)
        0.5
    """
    linear = _floats(linear)
    size = np.abs(linear)
    rgb = np.where(size <= 0.0031308, size * 12.92, 1.055 * size ** (1 / 2.4) - 0.055)
    return np.asarray(np.copysign(rgb, linear), linear.dtype)


def rgb_to_oklab(rgb: NDArray[Any]) -> Floats:
    """Convert sRGB ``(..., 3)``, 0..1, to OKLab.

    Lightness is 0..1, the two color axes are within about -0.4..0.4, and zero for grays.

    Source: Björn Ottosson, "A perceptual color space for image processing", 2020,
    https://bottosson.github.io/posts/oklab/

    Examples:
        >>> rgb_to_oklab(np.array([1.0, 1.0, 1.0])).round(3).tolist()[0]
        1.0
    """
    return _mix(np.cbrt(_mix(to_linear(rgb), _LMS_OF_RGB)), _OKLAB_OF_LMS)


def _oklab_to_linear(oklab: Floats) -> Floats:
    return _mix(_mix(oklab, _LMS_OF_OKLAB) ** 3, _RGB_OF_LMS)


def oklab_to_rgb(oklab: NDArray[Any]) -> Floats:
    """Convert OKLab to sRGB, the inverse of ``rgb_to_oklab``.

    Colors outside the sRGB gamut give values below 0 or above 1; nothing is clipped.

    Examples:
        >>> oklab_to_rgb(rgb_to_oklab(np.array([0.2, 0.4, 0.6]))).round(6).tolist()
        [0.2, 0.4, 0.6]
    """
    return to_srgb(_oklab_to_linear(_floats(oklab)))


def rgb_to_lab(rgb: NDArray[Any]) -> Floats:
    """Convert sRGB ``(..., 3)``, 0..1, to CIE L*a*b* (D65): L* 0..100, a* and b* within about -110..110.

    Source: CIE 15:2004; matrix and white point of IEC 61966-2-1:1999.

    Examples:
        >>> rgb_to_lab(np.array([1.0, 1.0, 1.0])).round(2).tolist()[0]
        100.0
    """
    ratio = _mix(to_linear(rgb), _XYZ_OF_RGB / _D65[:, None])
    root = np.where(ratio > (6 / 29) ** 3, np.cbrt(ratio), ratio * ((29 / 6) ** 2 / 3) + 4 / 29)
    x, y, z = root[..., 0], root[..., 1], root[..., 2]
    return np.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], axis=-1)


def luma(rgb: NDArray[Float]) -> NDArray[Float]:
    """Return the luma ``(...)``, 0..1, of sRGB colors ``(..., 3)``, 0..1, by Rec. 709 weights.

    They apply to gamma-encoded values, not to linear light, as in video and ``cv2``; a gray image is then
    unchanged.

    Source: ITU-R BT.709-6, section 3.2.

    Examples:
        >>> float(luma(np.array([0.0, 1.0, 0.0])))
        0.7152
    """
    rgb = _floats(rgb)
    return np.asarray(rgb @ _REC709.astype(rgb.dtype))


def grayscale(rgb: NDArray[Any]) -> Floats:
    """Return sRGB ``(..., 3)``, 0..1, in gray: three equal channels with the OKLab lightness of each color.

    Examples:
        >>> grayscale(np.array([[0.5, 0.5, 0.5]])).round(3).tolist()
        [[0.5, 0.5, 0.5]]
    """
    rgb = _floats(rgb)
    gray = to_srgb(rgb_to_oklab(rgb)[..., :1] ** 3).astype(rgb.dtype)
    return np.repeat(gray, 3, axis=-1)


def match_colors(painted: NDArray[Any], photo: NDArray[Any]) -> Floats:
    """Match mean and covariance of the colors of a stylized image to those of the content image.

    Uses the linear optimal transport between Gaussians (Pitie and Kokaram 2007), in sRGB. Both images are
    ``(..., 3)``, 0..1, and may differ in shape; the result is clipped to 0..1.

    Examples:
        >>> match_colors(np.full((2, 3), 0.5), np.full((1, 3), 0.25)).round(3).tolist()
        [[0.25, 0.25, 0.25], [0.25, 0.25, 0.25]]
    """
    ours, theirs = (_floats(p).reshape(-1, 3) for p in (painted, photo))
    matrix, offset = gaussian_transport(gaussian(ours), gaussian(theirs))
    moved = ours @ matrix.T + offset
    return _floats(moved.reshape(np.shape(painted)).clip(0, 1))


Gaussian = tuple[Floats, Floats]
"""Mean ``(C,)`` and covariance ``(C, C)`` of colors."""


def gaussian(colors: NDArray[Any]) -> Gaussian:
    """Compute mean and covariance of colors ``(N, C)``.

    Examples:
        >>> gaussian(np.array([[0.0], [1.0]]))[1].tolist()
        [[0.25]]
    """
    values = _floats(colors)
    mean = values.mean(0)
    rest = values - mean
    return mean, np.asarray(rest.T @ rest / len(values))


def gaussian_transport(source: Gaussian, target: Gaussian, *, ridge: float = 1e-6) -> Gaussian:
    """Compute the linear optimal transport ``x -> A x + b`` between two Gaussians of colors.

    ``impasto.moments.transport`` without PyTorch. ``ridge`` is added to the variances of both, for uniform
    images. ``A`` is ``(C, C)``, symmetric, and ``b`` is ``(C,)``.

    Source: Pitie and Kokaram 2007, "The linear Monge-Kantorovitch linear color mapping".
    """
    one, other = (cov + ridge * np.eye(len(cov)) for _, cov in (source, target))
    half, back = _power(one, 0.5), _power(one, -0.5)
    matrix = back @ _power(half @ other @ half, 0.5) @ back
    return matrix, target[0] - matrix @ source[0]


def barycenter(parts: Sequence[Gaussian], shares: Sequence[float], *, steps: int = 12) -> Gaussian:
    """Compute the Wasserstein barycenter of Gaussians, as ``impasto.moments.barycenter`` without PyTorch.

    The shares have the sum 1; few fixed-point iterations are enough for colors.
    """
    used = [(part, share) for part, share in zip(parts, shares, strict=True) if share > 0]
    if len(used) == 1:
        return used[0][0]
    mean = np.asarray(sum(share * part[0] for part, share in used))
    cov = np.asarray(sum(share * part[1] for part, share in used)) + 1e-9 * np.eye(len(mean))
    for _ in range(steps):
        half, back = _power(cov, 0.5), _power(cov, -0.5)
        inner = sum(share * _power(half @ part[1] @ half, 0.5) for part, share in used)
        cov = np.asarray(back @ inner @ inner @ back)
    return mean, cov


def _power(matrix: Floats, power: float) -> Floats:
    """Compute a power of a symmetric positive semi-definite matrix."""
    values, vectors = np.linalg.eigh(matrix)
    result: Floats = (vectors * np.maximum(values, 1e-12) ** power) @ vectors.T
    return result


def transfer_lightness(painted: NDArray[Any], photo: NDArray[Any]) -> Floats:
    """Combine the lightness of ``painted`` with the chroma of ``photo``, in OKLab.

    Colors outside the gamut at the new lightness are reduced in chroma until they fit. This keeps hue and
    lightness, which clipping of channels would change. Both images and the result are sRGB ``(..., 3)``,
    0..1, of one shape.

    Raises:
        InputError: the shapes differ.

    Source: Gatys et al., "Preserving Color in Neural Artistic Style Transfer", 2016, section 3.2, with OKLab
    (Ottosson 2020) as the luminance space.

    Examples:
        >>> transfer_lightness(np.full((1, 3), 0.5), np.full((1, 3), 0.1)).round(3).tolist()
        [[0.5, 0.5, 0.5]]
    """
    painted, photo = _floats(painted), _floats(photo)
    if painted.shape != photo.shape:
        raise InputError(
            f"keeping the colors needs two pictures of equal size, not {painted.shape} and {photo.shape}: "
            f"resize one"
        )
    mixed = rgb_to_oklab(photo)
    mixed[..., 0] = np.clip(rgb_to_oklab(painted)[..., 0], 0, 1)
    linear = _oklab_to_linear(mixed)
    outside = ~_in_gamut(linear)
    if outside.any():
        linear[outside] = _oklab_to_linear(_lower_chroma(mixed[outside]))
    return np.clip(to_srgb(np.clip(linear, 0, 1)), 0, 1)


def _in_gamut(linear: Floats) -> NDArray[np.bool_]:
    """Return which colors are in the sRGB gamut, up to rounding.

    The tolerance is smaller near black, where OKLab is more sensitive.
    """
    return np.asarray(((linear >= -1e-8) & (linear <= 1 + 1e-6)).all(axis=-1))


def _lower_chroma(oklab: Floats) -> Floats:
    """Reduce chroma by bisection to the largest in-gamut fraction; grays are always in gamut."""
    inside = np.zeros(oklab.shape[:-1], oklab.dtype)
    step = 1.0
    gray = oklab * np.array([1, 0, 0], oklab.dtype)
    for _ in range(12):
        step /= 2
        tried = (inside + step)[..., None]
        fits = _in_gamut(_oklab_to_linear(gray + (oklab - gray) * tried))
        inside = np.where(fits, inside + step, inside).astype(oklab.dtype)
    return gray + (oklab - gray) * inside[..., None]
