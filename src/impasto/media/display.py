"""Conversion of decoded frames for display: colors, pixel aspect ratio, rotation, mirroring."""

from __future__ import annotations

from fractions import Fraction
from typing import Any, cast

import av
import numpy as np
from av.sidedata.sidedata import SideDataContainer, Type
from av.video.reformatter import ColorRange, Colorspace, Interpolation
from numpy.typing import NDArray
from PIL import Image

from impasto import color
from impasto.image import cicp
from impasto.image.cicp import Cicp
from impasto.media.levels import GROUND, pixel_format

Bytes = NDArray[np.uint8]

_BT2020, _DCI_P3, _DISPLAY_P3 = 9, 11, 12  # codes of primaries (ITU-T H.273)
_WIDE = (_BT2020, _DCI_P3, _DISPLAY_P3)
HD = 720  # lines from which a video without a color space is taken as BT.709


def upright(decoded: av.VideoFrame, *, pixel: Fraction = Fraction(1)) -> tuple[Bytes, Bytes | None]:
    """Convert a decoded frame to sRGB by its own matrix and range, and rotate it as the file says.

    If the pixel aspect ratio ``pixel`` is not 1, the frame is enlarged in one direction.

    Returns:
        Colors ``(H, W, 3)``, over white, and alpha ``(H, W)``; None if the format has no alpha channel.
    """
    unsaid = Colorspace.ITU709 if decoded.height >= HD else Colorspace.ITU601
    stated = {1: Colorspace.ITU709, 5: Colorspace.ITU601, 6: Colorspace.ITU601, 9: Colorspace.BT2020}
    full = decoded.color_range == 2
    curve, primaries = int(decoded.color_trc), int(decoded.color_primaries)
    deep = curve in (cicp.PQ, cicp.HLG) or primaries in _WIDE
    clear = lets_through(decoded.format.name)
    width, height = decoded.width, decoded.height
    if pixel > 1:
        width = 2 * round(width * pixel / 2)
    elif pixel < 1:
        height = 2 * round(height / pixel / 2)
    rgb = decoded.reformat(
        width=width,
        height=height,
        interpolation=None if pixel == 1 else Interpolation.BICUBIC,
        format=pixel_format(clear=clear, deep=deep),
        src_colorspace=stated.get(int(decoded.colorspace), unsaid),
        src_color_range=ColorRange.JPEG if full else ColorRange.MPEG,
        dst_color_range=ColorRange.JPEG,
    ).to_ndarray()
    alpha = rgb[..., 3:] / np.float32(65535 if deep else 255) if clear else None
    rgb = rgb[..., :3]
    if deep:
        rgb = _to_sdr(np.asarray(rgb, np.uint16), Cicp(primaries if primaries in _WIDE else _BT2020, curve))
    if alpha is not None:
        rgb = np.rint(GROUND + alpha * (rgb - np.float32(GROUND))).astype(np.uint8)
        plane = apply_display_matrix(np.rint(alpha[..., 0] * 255).astype(np.uint8), decoded)
    return apply_display_matrix(np.asarray(rgb, np.uint8), decoded), None if alpha is None else plane


def _to_sdr(rgb: NDArray[np.uint16], coding: Cicp) -> Bytes:
    """Convert a frame of HDR or wide gamut ``(H, W, 3)`` to sRGB, which all processing expects.

    Tone mapping is the same for every frame: light is unchanged up to a knee below the reference white, and
    brighter light approaches white, see :mod:`impasto.image.cicp`.
    """
    light = cicp.linear(rgb, coding, video=True)
    if coding.bright:
        light = cicp.tone_map(light)
    return np.asarray(np.rint(color.to_srgb(np.clip(light, 0, 1)) * 255), np.uint8)


def lets_through(name: str) -> bool:
    """Return whether a pixel format has an alpha channel."""
    return name.startswith(("yuva", "rgba", "bgra", "argb", "abgr", "gbrap", "ya")) or name == "pal8"


def apply_display_matrix(rgb: NDArray[Any], decoded: av.VideoFrame) -> NDArray[Any]:
    """Return an image, rotated and mirrored by the display matrix of its video."""
    # Not ``decoded.side_data``: that refers to its frame and back, so that hundreds of frames would wait for
    # the garbage collector.
    stated = cast(Any, SideDataContainer)(decoded).get(Type.DISPLAYMATRIX)
    if stated is None:
        return rgb
    # x' = a x + c y and y' = b x + d y; x to the right, y down (ISO 14496-12, 6.2.2)
    a, b, _, c, d = np.frombuffer(bytes(stated), np.int32)[:5].tolist()
    if abs(b) + abs(c) > abs(a) + abs(d):
        rgb, a, d = rgb.swapaxes(0, 1), c, b
    if a < 0:
        rgb = rgb[:, ::-1]
    if d < 0:
        rgb = rgb[::-1]
    return np.ascontiguousarray(rgb)


def fit_frame(rgb: Bytes, size: tuple[int, int]) -> Bytes:
    """Return a frame, or its alpha, scaled to fit into (height, width), on black."""
    if rgb.shape[:2] == size:
        return rgb
    height, width = rgb.shape[:2]
    scale = min(size[0] / height, size[1] / width)
    inside = max(1, round(height * scale)), max(1, round(width * scale))
    small = Image.fromarray(rgb).resize(inside[::-1], Image.Resampling.LANCZOS)
    above, left = (size[0] - inside[0]) // 2, (size[1] - inside[1]) // 2
    whole = np.zeros((*size, *rgb.shape[2:]), np.uint8)
    whole[above : above + inside[0], left : left + inside[1]] = np.asarray(small)
    return whole
