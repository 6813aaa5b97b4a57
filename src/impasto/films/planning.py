"""What is decided before the first frame: size, number of frames, and the optical flow."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from impasto.errors import InputError
from impasto.jobs import VideoJob
from impasto.painters.inputs import BUDGETS
from impasto.video import Dis, Film, FlowFiles, FlowMethod, Linker, Span, open_film, size_of
from impasto.video.linking import WIDE

Bytes = NDArray[np.uint8]

LEAST = 16  # minimum side in pixels for optical flow
_PACKS = (".safetensors", ".style")


def frame_size(job: VideoJob, film: Film, *, start: float) -> tuple[int, int]:
    """Return the (height, width) of the processed frames, upright.

    Raises:
        InputError: they are too small for optical flow.
    """
    height, width = _frame_size(job, film, start)
    if min(height, width, height * min(WIDE.values()) // width) < LEAST:
        raise InputError(
            f"frames of {width}x{height} are too small for optical flow: sides must be at least {LEAST} "
            f"pixels, the width at most {min(WIDE.values()) // LEAST} times the height"
        )
    return height, width


def _frame_size(job: VideoJob, film: Film, start: float) -> tuple[int, int]:
    if job.processed:
        with open_film(job.processed, clear=True) as other:
            return size_of(other, job.size)
    pictures = [name for name in job.styles if Path(name).is_file() and not name.endswith(_PACKS)]
    if job.size is None and pictures and not job.instant:
        own = size_of(film, None, start=start)
        return size_of(film, min(max(own), BUDGETS[job.preset].size), start=start)
    return size_of(film, job.size, start=start)


def linker_of(
    job: VideoJob,
    usual: Literal["medium", "fast"],
    before: Bytes | None,
    *,
    first: int,
    given: FlowMethod | None = None,
) -> Linker:
    """Return a linker with the requested flow, or the brush's default; ``first`` frames precede it."""
    chosen, both = job.flow or usual, job.keys > 1
    if given is not None:
        return Linker(given, before, both=both)
    if chosen in WIDE:
        return Linker(Dis(), before, wide=WIDE[chosen], both=both)
    return Linker(FlowFiles(chosen, first=max(1, first)), before, both=both)


def expected_frames(film: Film, spans: list[Span], job: VideoJob) -> int | None:
    """Return the expected number of frames; None if the length of the video is unknown."""
    if film.seconds is None:
        return None
    length = sum(min(film.seconds, s.end or film.seconds) - s.start for s in spans)
    rate = min(float(film.rate) / job.every, job.fps or float("inf"))
    return max(1, round(length * rate))
