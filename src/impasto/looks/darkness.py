"""The camera at night: white balance of lamps, loss of color in the dark, tone, noise and motion."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from impasto import color
from impasto.looks.planes import Array, largest

_XYZ_OF_RGB = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])
SHOULDER = 0.7  # value from which highlights are compressed
TOE = 0.015  # linear light at which the tone curve takes half
CLEAN = 0.2  # luma around which the noise filter of the camera gives way to its sharpening
FAINT = 0.03  # contrast in luma that the noise filter takes for noise
SHARP = 0.5  # strength of the sharpening
DIM = 0.06  # luminance relative to white below which color fades
GRAY = np.array([0.2126, 0.7152, 0.0722], np.float32)


def planck(kelvin: float) -> Array:
    """Return the linear sRGB color ``(3,)`` of a black body, with luminance 1; negative values are 0.

    Args:
        kelvin: color temperature, 1667 to 25000 K.

    Source: the cubic approximation of the Planckian locus of Kim et al. 2002 (US patent 7,024,034), and the
    matrix of IEC 61966-2-1.

    Examples:
        >>> bool(planck(2000)[0] > planck(2000)[2])
        True
    """
    t = 1000 / kelvin
    if kelvin < 4000:
        x = -0.2661239 * t**3 - 0.2343589 * t**2 + 0.8776956 * t + 0.179910
    else:
        x = -3.0258469 * t**3 + 2.1070379 * t**2 + 0.2226347 * t + 0.240390
    if kelvin < 2222:
        y = -1.1063814 * x**3 - 1.34811020 * x**2 + 2.18555832 * x - 0.20219683
    elif kelvin < 4000:
        y = -0.9549476 * x**3 - 1.37418593 * x**2 + 2.09137015 * x - 0.16748867
    else:
        y = 3.0817580 * x**3 - 5.87338670 * x**2 + 3.75112997 * x - 0.37001483
    rgb = np.linalg.inv(_XYZ_OF_RGB) @ np.array([x / y, 1.0, (1 - x - y) / y])
    rgb = rgb.clip(0.004 * rgb.max(), None)
    return np.asarray(rgb / (rgb @ GRAY), np.float32)


def balance(kelvin: float) -> Array:
    """Return the gains ``(3,)`` of a camera set to white at ``kelvin``; the luminance of that white is 1.

    Source: von Kries 1902, in linear sRGB, as raw converters do in the colors of the sensor.
    """
    gains = 1 / planck(kelvin)
    return np.asarray(gains / (gains * planck(kelvin) @ GRAY), np.float32)


def desaturate(light: Array, amount: float) -> Array:
    """Take color out of what is dark, as eyes and the noise filters of cameras do.

    The weight of rods is 1 - smoothstep over the logarithm of luminance, as in Jensen, Premoze, Shirley et
    al. 2000, "Night rendering": here over two decades that end at ``DIM``. The gray is the scotopic
    luminance of Larson, Rushmeier and Piatko 1997, ``V = Y (1.33 (1 + (Y + Z) / X) - 1.68)``.

    Args:
        light: linear light ``(H, W, 3)``, 0 and up.
        amount: largest loss of color, 0..1.
    """
    xyz = [np.maximum(light @ row.astype(np.float32), 1e-7) for row in _XYZ_OF_RGB]
    step = ((np.log10(xyz[1] / np.float32(DIM)) + 2) / 2).clip(0, 1)
    rods = np.float32(amount) * (1 - step * step * (3 - 2 * step))
    scotopic = xyz[1] * (1.33 * (1 + (xyz[1] + xyz[2]) / xyz[0]) - 1.68)
    gray = np.minimum(scotopic * np.float32(0.4), xyz[1])  # 0.4: white keeps its luminance
    return np.asarray(light + rods[..., None] * (gray[..., None] - light), np.float32)


def tone_map(light: Array, keeps: Array | None = None) -> Array:
    """Compress linear light into 0..1 with the hue kept, and let what is far too bright turn white.

    The largest channel ``m`` is the identity up to ``SHOULDER``, then approaches 1; all channels follow by
    its ratio. Above white, a pixel is mixed with white over six stops, as sensor wells overflow.

    Args:
        light: linear light ``(H, W, 3)``, 0 and up.
        keeps: where colors must not turn white, ``(H, W)``, 0..1: signals.
    """
    light = light * (largest(light) / (largest(light) + np.float32(TOE)))[..., None]
    most = largest(light)
    over = np.maximum(most - np.float32(SHOULDER), 0) / np.float32(1 - SHOULDER)
    bent = np.minimum(most, np.float32(SHOULDER)) + np.float32(1 - SHOULDER) * (1 - np.exp(-over))
    scaled = light * (bent / np.maximum(most, 1e-7))[..., None]
    white = (np.log2(np.maximum(most, 1)) / 6).clip(0, 0.85)
    if keeps is not None:
        white = white * (1 - np.float32(0.8) * keeps)
    return np.asarray(scaled + white[..., None] * (bent[..., None] - scaled), np.float32)


def noisy(light: Array, *, shot: float, read: float, seed: int) -> Array:
    """Add the noise of a sensor: variance ``shot * light + read^2``, a little blurred, as after demosaicing.

    Source: Foi et al. 2008, "Practical Poissonian-Gaussian noise modeling". The same seed gives the same
    field, so that two exposures of one scene differ only where their light does.

    Args:
        light: linear light ``(H, W, 3)``, 0..1.
        shot: variance per unit of light.
        read: standard deviation in the dark.
    """
    draw = np.random.default_rng(seed)
    field = draw.standard_normal(light.shape[:2], np.float32)
    tint = draw.standard_normal(light.shape, np.float32)
    # Noise filters remove most of the noise of color, and leave coarse blotches.
    field = _unit(cv2.GaussianBlur(field, (0, 0), 0.7))
    tint = _unit(cv2.GaussianBlur(tint, (0, 0), 1.6))
    grain = np.float32(0.85) * field[..., None] + np.float32(0.4) * tint
    deviation = np.sqrt(np.float32(shot) * light + np.float32(read * read))
    return np.asarray((light + deviation * grain).clip(0, None), np.float32)


def _unit(field: NDArray[Any]) -> Array:
    return np.asarray(field / max(float(field.std()), 1e-6), np.float32)


def motion_blur(light: Array, center: tuple[float, float], amount: float) -> Array:
    """Blur by the motion of a car: each pixel along the line to the point it drives to.

    Args:
        light: linear light ``(H, W, 3)``.
        center: (row, column) of that point, in pixels.
        amount: length of the blur relative to the distance from the point; 0 is none.
    """
    if amount <= 0:
        return light
    height, width = light.shape[:2]
    rows, columns = np.mgrid[:height, :width].astype(np.float32)
    down, right = rows - np.float32(center[0]), columns - np.float32(center[1])
    total = np.zeros_like(light)
    steps = np.linspace(-0.5, 0.5, 5, dtype=np.float32)
    for step in steps:
        scale = np.float32(amount) * step
        places = (columns + scale * right, rows + scale * down)
        total += cv2.remap(light, *places, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)
    return total / np.float32(len(steps))


def develop(light: Array, *, keeps: Array | None = None) -> Array:
    """Return linear light ``(H, W, 3)`` as an sRGB image, 0..1: :func:`tone_map`, then gamma."""
    return color.to_srgb(tone_map(light, keeps))


def grain(size: tuple[int, ...]) -> int:
    """Return the width of the noise filter in pixels, odd."""
    return max(3, round(max(size) / 320)) | 1


def camera_filter(rgb: Array) -> Array:
    """Filter an image ``(H, W, 3)``, sRGB, as a camera does: less grain in the dark, more detail in light.

    A noise filter cannot tell faint texture from noise. This one is a guided filter of the luma with itself
    (He, Sun and Tang 2010), whose threshold is that of texture in the dark parts of photographs at night.
    Above ``CLEAN`` it fades out, and an unsharp mask by ``SHARP`` fades in.
    """
    gray = color.luma(rgb)
    wide = grain(gray.shape)
    mean = cv2.blur(gray, (wide, wide))
    spread = np.maximum(cv2.blur(gray * gray, (wide, wide)) - mean * mean, 0)
    slope = spread / (spread + np.float32(FAINT**2))
    calm = cv2.blur(slope, (wide, wide)) * (gray - mean) + mean
    light = ((mean - np.float32(CLEAN / 2)) / np.float32(CLEAN)).clip(0, 1)
    soft = cv2.GaussianBlur(gray, (0, 0), max(0.7, max(gray.shape) / 1200))
    sharp = gray + np.float32(SHARP) * (gray - soft)
    found = calm + light * (sharp - calm)
    return np.asarray((rgb * (found / np.maximum(gray, 1e-3))[..., None]).clip(0, 1), np.float32)
