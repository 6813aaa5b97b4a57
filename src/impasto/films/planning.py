"""What is decided before the first frame: size, number of frames, and the optical flow."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from impasto.errors import InputError
from impasto.jobs import VideoJob
from impasto.jobs.video import Flow
from impasto.media import Dis, Film, FlowMethod, Linker, Span, open_film, size_of
from impasto.media.links import WIDE
from impasto.painters.inputs import BUDGETS

Bytes = NDArray[np.uint8]

LEAST = 16  # minimum side in pixels for optical flow
_PACKS = (".safetensors", ".style")


@dataclass(frozen=True)
class FilmPlan:
    """What the loop over the frames of a video needs to know, whatever stylizes them.

    Args:
        film, start, end, every, fps, size, consistency, keys, preview, flow: as in :class:`VideoJob`.
        like: another video, whose frames give the size.
        most: limit of the long side if no size is set, in pixels.
        others: further settings that identify the run.
    """

    film: str
    start: float = 0.0
    end: float | None = None
    every: int = 1
    fps: float | None = None
    size: int | str | None = None
    consistency: float = 0.0
    keys: int = 1
    preview: float | None = None
    flow: Flow | None = None
    like: str | None = None
    most: int | None = None
    others: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def of(cls, job: VideoJob) -> FilmPlan:
        """Return the plan of a job."""
        pictures = [name for name in job.styles if Path(name).is_file() and not name.endswith(_PACKS)]
        return cls(
            job.film,
            job.begin,
            job.stop,
            every=job.every,
            fps=job.fps,
            size=job.size,
            consistency=job.consistency,
            keys=job.keys,
            preview=None if job.preview is None else float(job.preview),
            flow=job.flow,
            like=job.processed,
            most=BUDGETS[job.preset].size if pictures and not job.instant else None,
            others=job.settings(),
        )

    @property
    def span(self) -> Span:
        """The part of the video."""
        return Span(self.start, self.end)

    def settings(self) -> dict[str, Any]:
        """Return the settings that identify the run: those of ``video``, whichever verb it is."""
        usual = {item.name: item.default for item in fields(VideoJob)}
        return {name: getattr(self, name, value) for name, value in usual.items()} | dict(self.others)


def frame_size(plan: FilmPlan, film: Film, *, start: float) -> tuple[int, int]:
    """Return the (height, width) of the processed frames, upright.

    Raises:
        InputError: they are too small for optical flow.
    """
    height, width = _frame_size(plan, film, start)
    if min(height, width, height * min(WIDE.values()) // width) < LEAST:
        raise InputError(
            f"frames of {width}x{height} are too small for optical flow: sides must be at least {LEAST} "
            f"pixels, the width at most {min(WIDE.values()) // LEAST} times the height"
        )
    return height, width


def _frame_size(plan: FilmPlan, film: Film, start: float) -> tuple[int, int]:
    if plan.like is not None:
        with open_film(plan.like, clear=True) as other:
            return size_of(other, plan.size)
    if plan.size is None and plan.most is not None:
        return size_of(film, min(max(size_of(film, None, start=start)), plan.most), start=start)
    return size_of(film, plan.size, start=start)


def linker_of(
    plan: FilmPlan,
    usual: Flow,
    before: Bytes | None,
    *,
    given: FlowMethod | None = None,
) -> Linker:
    """Return a linker with the requested flow, or the brush's default."""
    chosen, both = plan.flow or usual, plan.keys > 1
    if given is not None:
        return Linker(given, before, both=both)
    return Linker(Dis(), before, wide=WIDE[chosen], both=both)


def expected_frames(film: Film, spans: list[Span], plan: FilmPlan) -> int | None:
    """Return the expected number of frames; None if the length of the video is unknown."""
    if film.seconds is None:
        return None
    length = sum(min(film.seconds, s.end or film.seconds) - s.start for s in spans)
    rate = min(float(film.rate) / plan.every, plan.fps or float("inf"))
    return max(1, round(length * rate))
