"""A sample video: two shots over sample photos, with a ball crossing in front, and a tune.

The camera pans, zooms and shakes a little, and adds the grain that makes networks flicker. All motion is
affine, so the optical flow is known exactly.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from impasto.samples.paintings import style
from impasto.samples.photos import photo

Bytes = NDArray[np.uint8]
Array = NDArray[np.float32]

GRAIN = 0.012  # standard deviation of values 0..1, as of a camera in daylight
SOUND_RATE = 44_100  # samples per second
_NOTES = (0, 4, 7, 11, 12, 11, 7, 4)  # semitones above C4; each lasts an eighth of a shot


@dataclass(frozen=True)
class CameraShot:
    """A shot: the photo, the camera's path and the ball's path.

    Positions are fractions of the photo's width and height; widths are fractions of its width.
    """

    photo: str
    begin: tuple[float, float, float]  # center (x, y) and width of the view
    end: tuple[float, float, float]
    ball: str  # sample style on the ball
    path: tuple[tuple[float, float], tuple[float, float]]  # ends of the ball's path, fractions of the frame
    radius: tuple[float, float]  # of the ball at both ends, fraction of the frame's height


SHOTS = (
    CameraShot(
        "coffee",
        (0.36, 0.46, 0.66),
        (0.62, 0.56, 0.86),
        "marbling",
        ((-0.1, 0.62), (1.1, 0.36)),
        (0.16, 0.24),
    ),
    CameraShot(
        "rocket", (0.50, 0.62, 0.60), (0.46, 0.42, 0.86), "mosaic", ((1.1, 0.86), (-0.1, 0.66)), (0.20, 0.13)
    ),
)


def drive(size: tuple[int, int] = (360, 640), *, fps: int = 25, seconds: float = 4.0) -> Iterator[Bytes]:
    """Yield the frames of the sample video; the result is deterministic.

    Args:
        size: (height, width), pixels.
        fps: frames per second.
        seconds: duration, divided equally between the two shots.

    Yields:
        ``(H, W, 3)``, uint8, RGB.
    """
    rng = np.random.default_rng(4)
    count = max(1, round(fps * seconds / len(SHOTS)))
    for shot in SHOTS:
        ground, ball = photo(shot.photo), style(shot.ball, 256)
        for number in range(count):
            clean = _frame(shot, ground, ball, size, share=number / max(1, count - 1), time=number / fps)
            grain = rng.normal(0, GRAIN, (*size, 3)).astype(np.float32)
            yield np.rint((clean + grain).clip(0, 1) * 255).astype(np.uint8)


def _frame(
    shot: CameraShot, ground: Array, ball: Array, size: tuple[int, int], *, share: float, time: float
) -> Array:
    """Return a frame without grain at ``share`` 0..1 and ``time`` (seconds) of the shot."""
    height, width = size
    eased = share * share * (3 - 2 * share)
    across, down, seen = (b + (e - b) * eased for b, e in zip(shot.begin, shot.end, strict=True))
    scale = seen * ground.shape[1] / width
    # Camera shake of about one pixel.
    sway = 0.0015 * width * np.array([math.sin(5.1 * time), math.sin(6.7 * time + 1)])
    center = np.array([across * ground.shape[1], down * ground.shape[0]]) + sway * scale
    corner = center - scale * np.array([width, height]) / 2
    room = np.array([ground.shape[1] - scale * width, ground.shape[0] - scale * height])
    corner = np.clip(corner, 0, np.maximum(room, 0))
    look = np.array([[scale, 0, corner[0]], [0, scale, corner[1]]])
    frame = np.asarray(_render_view(ground, look, size))
    (x0, y0), (x1, y1) = shot.path
    place = np.array([(x0 + (x1 - x0) * share) * width, (y0 + (y1 - y0) * share) * height])
    radius = (shot.radius[0] + (shot.radius[1] - shot.radius[0]) * share) * height
    return _with_ball(frame, ball, place, radius, turned=(x1 - x0) * share * width / radius)


def _with_ball(
    frame: Array, ball: Array, place: NDArray[np.float64], radius: float, *, turned: float
) -> Array:
    """Draw a textured ball on a frame, lit from above and rotated by ``turned`` radians."""
    rows, columns = np.mgrid[: frame.shape[0], : frame.shape[1]].astype(np.float32)
    across, down = (columns - place[0]) / radius, (rows - place[1]) / radius
    distance = np.sqrt(across**2 + down**2)
    cover = np.clip((1 - distance) * radius + 0.5, 0, 1)[..., None]
    shadow = 1 - 0.45 * np.exp(-2.5 * (across**2 + ((down - 1.05) * 3) ** 2))[..., None]
    scale = 0.42 * ball.shape[0] / radius
    cosine, sine = scale * math.cos(turned), scale * math.sin(turned)
    middle = ball.shape[0] / 2
    turn = np.array([[cosine, sine, 0], [-sine, cosine, 0]])
    turn[:, 2] = middle - turn[:, :2] @ place
    painted = _render_view(ball, turn, (frame.shape[0], frame.shape[1]))
    light = np.clip(1.08 - 0.55 * np.clip(distance, 0, 1) ** 3 - 0.22 * down, 0.2, 1.2)[..., None]
    mixed: Array = frame * shadow * (1 - cover) + painted * light * cover
    return mixed.astype(np.float32)


def _render_view(picture: Array, look: NDArray[np.float64], size: tuple[int, int]) -> Array:
    """Return a frame of ``size`` from an image by the affine map ``look (2, 3)``, frame to image."""
    sharp = np.hypot(look[0, 0], look[0, 1])
    if sharp > 1.2:  # the image is reduced: blur first to avoid aliasing
        soft = cv2.GaussianBlur(picture, (0, 0), 0.45 * float(sharp), borderType=cv2.BORDER_REFLECT)
        picture = np.asarray(soft, np.float32)
    how = cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP
    found = cv2.warpAffine(picture, look, size[::-1], flags=how, borderMode=cv2.BORDER_REFLECT)
    return np.asarray(found, np.float32)


def tune(seconds: float = 4.0) -> Array:
    """Return the sound of the sample video, ``(2, samples)``, -1..1, at ``SOUND_RATE`` per second."""
    length = round(seconds * SOUND_RATE)
    sound = np.zeros((2, length), np.float32)
    notes = [note + shift for shift in (0, 5) for note in _NOTES]
    for number, note in enumerate(notes):
        first = number * length // len(notes)
        time = np.arange(length - first) / SOUND_RATE
        pitch = 261.63 * 2 ** (note / 12)
        string = sum(
            np.sin(2 * math.pi * pitch * k * time) * np.exp(-(2 + k) * time) / k for k in (1, 2, 3, 4)
        )
        right = 0.5 + 0.35 * math.sin(number)
        sound[:, first:] += (0.12 * np.array([[1 - right], [right]]) * string).astype(np.float32)
    fade = np.clip((length - np.arange(length)) / (0.05 * SOUND_RATE), 0, 1).astype(np.float32)
    faded: Array = np.clip(sound * fade, -1, 1)
    return faded
