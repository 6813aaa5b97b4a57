"""Writing of a video with generated sound."""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

from impasto.media.writing import FilmWriter

BLOCK = 1024  # samples of a packet


def write_with_sound(
    path: Path,
    frames: Iterable[NDArray[np.uint8]],
    *,
    size: tuple[int, int],
    fps: int,
    sound: NDArray[np.float32],
    sound_rate: int,
    suffix: str | None = None,
) -> None:
    """Write frames ``(H, W, 3)`` with sound, encoded as AAC.

    Args:
        path: the file; its suffix, or ``suffix``, sets the container.
        frames, size, fps: frames, their (height, width), and their number per second.
        sound, sound_rate: ``(channels, samples)``, -1..1, one channel or two; samples per second.
        suffix: suffix of the container, if the path is a temporary name.

    Raises:
        OutputError: the video cannot be written.
    """
    writer = FilmWriter(path, size, suffix=suffix, rate=Fraction(fps))
    stream = writer.container.add_stream("aac", rate=sound_rate)
    stream.layout = layout = "stereo" if len(sound) == 2 else "mono"
    for number, frame in enumerate(frames):
        writer.write(frame, Fraction(number, fps))
    for start in range(0, sound.shape[1], BLOCK):
        block = np.ascontiguousarray(sound[:, start : start + BLOCK], np.float32)
        packed = av.AudioFrame.from_ndarray(block, format="fltp", layout=layout)
        packed.sample_rate, packed.pts = sound_rate, start
        writer.container.mux(stream.encode(packed))
    writer.container.mux(stream.encode(None))
    writer.close()
