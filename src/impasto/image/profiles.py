"""ICC profiles: detect sRGB and convert other colors to sRGB."""

from __future__ import annotations

import functools
import io
import logging
import struct
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms

from impasto import color

_LOG = logging.getLogger(__name__)

# Linear sRGB to XYZ under D50 (Bradford), as profiles store it: Bruce Lindbloom's tables.
_XYZ_OF_SRGB = np.array(
    [[0.4360747, 0.3850649, 0.1430804], [0.2225045, 0.7168786, 0.0606169], [0.0139322, 0.0971045, 0.7141733]]
)
_STEPS = 65536


@functools.cache
def srgb_profile() -> bytes:
    """Return the sRGB profile to embed: that of LittleCMS with a fixed date."""
    profile = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    # Bytes 24-35 are the date; a fixed date makes output files reproducible.
    profile[24:36] = struct.pack(">6H", 2000, 1, 1, 0, 0, 0)
    return bytes(profile)


@dataclass(frozen=True)
class _Shaper:
    """Matrix/TRC profile: tone curves and, for color, a matrix to XYZ (D50)."""

    curves: list[NDArray[np.float64]]
    matrix: NDArray[np.float64] | None

    def to_srgb(self, values: NDArray[np.float32]) -> NDArray[np.float32]:
        """Convert ``(H, W, 3)`` device values 0..1 to sRGB 0..1; colors outside sRGB are clipped."""
        steps = np.rint(values * (_STEPS - 1)).astype(np.uint16)
        if self.matrix is None:
            table = color.to_srgb(np.clip(self.curves[0], 0, 1)).astype(np.float32)
            return table[steps]
        linear = np.stack(
            [curve.astype(np.float32)[steps[..., channel]] for channel, curve in enumerate(self.curves)],
            axis=-1,
        )
        mixed = linear @ (np.linalg.inv(_XYZ_OF_SRGB) @ self.matrix).T.astype(np.float32)
        return color.to_srgb(np.clip(mixed, 0, 1)).astype(np.float32)

    def is_srgb(self) -> bool:
        """Return whether the profile equals sRGB within half a step of 8 bits."""
        if self.matrix is None:
            return False
        straight = color.to_linear(np.linspace(0, 1, _STEPS))
        close = [np.abs(curve - straight).max() < 5e-4 for curve in self.curves]
        return all(close) and bool(np.abs(self.matrix - _XYZ_OF_SRGB).max() < 1e-3)


def _curve(tag: bytes) -> NDArray[np.float64]:
    """Evaluate the tone curve of a ``curv`` or ``para`` tag at 65536 steps (ICC.1:2022, 10.6 and 10.18)."""
    x = np.linspace(0, 1, _STEPS)
    if tag[:4] == b"curv":
        (count,) = struct.unpack_from(">I", tag, 8)
        if count == 0:
            return x
        points = np.frombuffer(tag, ">u2", count, 12)
        if count == 1:
            return np.asarray(x ** (float(points[0]) / 256))
        return np.asarray(np.interp(x, np.linspace(0, 1, count), points / 65535))
    if tag[:4] != b"para":
        raise ValueError("a tone curve of an unknown kind")
    (kind,) = struct.unpack_from(">H", tag, 8)
    given = np.frombuffer(tag, ">i4", (1, 3, 4, 5, 7)[kind], 12) / 65536
    g, a, b, c, d, e, f = np.pad(given, (0, 7 - given.size)).tolist()
    if kind == 0:
        return np.asarray(x**g)
    if kind in (1, 2):  # below -b/a the curve is constant: 0 or c
        d, e, f, c = -b / a, c, c, 0.0
    return np.asarray(np.where(x >= d, np.maximum(a * x + b, 0) ** g + e, c * x + f))


def _tags(profile: bytes) -> dict[bytes, bytes]:
    (count,) = struct.unpack_from(">I", profile, 128)
    table = (struct.unpack_from(">4sII", profile, 132 + 12 * entry) for entry in range(min(count, 100)))
    return {name: profile[start : start + length] for name, start, length in table}


@functools.lru_cache(maxsize=8)
def _shaper(profile: bytes) -> _Shaper | None:
    """Parse a matrix/TRC profile; None for table-based, other or damaged profiles."""
    try:
        tags, matrix = _tags(profile), None
        gray = profile[16:20] == b"GRAY"
        if b"A2B0" in tags or not (gray or profile[16:24] == b"RGB XYZ "):
            return None
        if not gray:
            columns = [struct.unpack_from(">3i", tags[name], 8) for name in (b"rXYZ", b"gXYZ", b"bXYZ")]
            matrix = np.array(columns).T / 65536
        curves = [_curve(tags[name]) for name in ((b"kTRC",) if gray else (b"rTRC", b"gTRC", b"bTRC"))]
    except (struct.error, KeyError, IndexError, ValueError, ZeroDivisionError):
        return None
    # A damaged profile can give 0 to a negative power.
    return _Shaper(curves, matrix) if all(np.isfinite(curve).all() for curve in curves) else None


def to_srgb(image: Image.Image, profile: bytes | None, *, name: str) -> Image.Image:
    """Convert an 8-bit image of any mode without alpha to RGB in sRGB.

    If the profile is damaged or does not fit the image, log a warning and assume sRGB.
    """
    if profile:
        shaper = _shaper(profile)
        if shaper is not None and shaper.is_srgb():
            return image.convert("RGB")
        try:
            return _by_littlecms(image, profile)
        except (ImageCms.PyCMSError, OSError, ValueError, TypeError) as fault:
            _LOG.warning("%s: its color profile is not usable (%s): assuming sRGB", name, fault)
    return image.convert("RGB")


def _by_littlecms(image: Image.Image, profile: bytes) -> Image.Image:
    source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
    space = source.profile.xcolor_space.strip()
    # A gray file may have an RGB profile, which then applies to three equal channels.
    fitting = {"RGB": ("RGB", "L"), "GRAY": ("L",), "CMYK": ("CMYK",)}.get(space, ())
    if image.mode not in fitting:
        raise ValueError(f"a profile for {space} in an image of mode {image.mode}")
    converted = ImageCms.profileToProfile(
        image.convert(fitting[0]),
        source,
        ImageCms.ImageCmsProfile(io.BytesIO(srgb_profile())),
        renderingIntent=ImageCms.Intent.PERCEPTUAL,
        outputMode="RGB",
    )
    if converted is None:
        raise ValueError("the conversion returned no image")
    return converted


def to_srgb_16(rgb: NDArray[np.float32], profile: bytes | None, *, name: str) -> NDArray[np.float32]:
    """Convert an image with more than 8 bits, ``(H, W, 3)``, 0..1, to sRGB.

    Pillow runs LittleCMS in 8 bits. Matrix/TRC profiles, which include all common ones for such images, are
    therefore applied here in floats; other profiles go through 8 bits.
    """
    if not profile:
        return rgb
    shaper = _shaper(profile)
    if shaper is not None:
        if shaper.matrix is None and (rgb != rgb[..., :1]).any():
            _LOG.warning("%s: its color profile is for gray images: assuming sRGB", name)
            return rgb
        return rgb if shaper.is_srgb() else shaper.to_srgb(rgb)
    _LOG.warning("%s: its color profile is table-based: reading the image with 8 bits", name)
    image = Image.fromarray((rgb * 255 + 0.5).astype(np.uint8))
    return as_floats(to_srgb(image, profile, name=name))


def as_floats(image: Image.Image) -> NDArray[np.float32]:
    """Convert an 8-bit image to float32, 0..1."""
    return np.asarray(np.asarray(image) / np.float32(255), np.float32)
