"""Brushes, which stylize single frames: learned styles, optimization, or frames of another program."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from impasto import color, files
from impasto.errors import InputError
from impasto.jobs import StylizeJob, VideoJob
from impasto.jobs.base import pluralize
from impasto.media import Film, Link, Span, open_film, prepare_frame, select_frames
from impasto.media.flow import shift
from impasto.media.levels import unit
from impasto.networks.library import InstalledStyle
from impasto.painters import learned
from impasto.painters.inputs import Inputs, sum_masks
from impasto.record import Watch

if TYPE_CHECKING:
    from impasto.films.optimized import MovingPainter

Array = NDArray[np.float32]
Bytes = NDArray[np.uint8]
State = dict[str, NDArray[Any]]

SLOW_PART = 8  # frames per part if each takes minutes
BLEND = 0.5  # share of the consistency by blending for optimized frames, whose loss is already temporal


class Damage(Exception):  # noqa: N818 - carries an error to the end of the video
    """The source cannot be read any further."""

    def __init__(self, error: InputError) -> None:
        super().__init__(str(error))
        self.error = error


class FramePainter(Protocol):
    """Stylizes the frames of a video in order. The defaults are those of a painter without a state."""

    identity: str  # settings or hashes that identify it, to recognize a killed run of the same job
    engine: str = "torch"  # the package that computes
    device: str
    part: int | None = None  # frames between checkpoints; None: the default
    flow: Literal["medium", "fast"] = "medium"  # quality of optical flow that suits its speed
    blend: float = 1.0  # share of the consistency that is achieved by blending
    adds: bool = False  # whether its output is added to the frame
    where: Array | None = None  # mask ``(H, W)``, 0..1: 0 keeps the frame; None: all ones
    licenses: Mapping[str, str] = MappingProxyType({})  # of its learned styles, for the recipe

    def __call__(self, frame: Bytes, warped: Array | None, mask: Array | None) -> Array:
        """Stylize a frame; see :class:`impasto.media.Steady`.

        Raises:
            Damage: the source of this frame is missing or damaged.
        """

    def move(self, link: Link | None) -> None:
        """Follow the motion to the next frame of the source; None: a new shot begins."""
        return

    def state(self) -> State:
        """Return the state for the next frame."""
        return {}

    def restore(self, state: State, frames: int) -> None:
        """Resume from a result of :meth:`state`, after ``frames`` frames."""

    def close(self) -> None:
        """Close files."""
        return


def choose(
    job: VideoJob,
    film: Film,
    spans: list[Span],
    size: tuple[int, int],
    *,
    threads: int | None = None,
    watch: Watch | None = None,
) -> FramePainter:
    """Return the brush for a job.

    Args:
        job, film, spans, size: settings, video, its spans, and (height, width) of the frames.
        threads: number of threads; default: all cores.
        watch: called after every step of an optimized frame; may raise :class:`impasto.films.Enough`.

    Raises:
        InputError: a style or the video cannot be used.
    """
    if job.processed:
        return ProcessedFrames(job, film, spans, size)
    stylizing = job.stylizing()
    inputs = Inputs(stylizing, {})
    found = learned.find_all(stylizing, inputs)
    if found:
        return LearnedStyles(job, stylizing, inputs, found, size, threads=threads)
    from impasto.backbones.devices import use_threads
    from impasto.films.optimized import MovingPainter

    use_threads(threads)
    painter = MovingPainter(stylizing, consistency=job.consistency, watch=watch)
    return Paintings(painter, sum_masks(stylizing, inputs, size))


def threads_of(brush: FramePainter, threads: int | None) -> int:
    """Return the number of threads that a brush uses if ``threads`` are requested."""
    if brush.engine == "torch":
        from impasto.backbones.devices import use_threads

        return use_threads(threads)
    return threads or os.cpu_count() or 1


class LearnedStyles(FramePainter):
    """Paint frames with learned styles, with constant normalization statistics within a shot."""

    def __init__(
        self,
        job: VideoJob,
        stylizing: StylizeJob,
        inputs: Inputs,
        found: list[InstalledStyle],
        size: tuple[int, int],
        *,
        threads: int | None,
    ) -> None:
        from impasto.networks.painter import Painter

        self.job = job
        pack, names = learned.join_styles(found)
        self.weights = learned.weights_of(stylizing, inputs, pack, names, size)
        masks = [inputs.digest(name) for name in job.mask or ()]
        self.identity = " ".join([learned.digest(known) for known in found] + masks)
        self.licenses = learned.licenses_of(stylizing.styles, found)
        self.device = learned.device_of(job.device)
        self.engine = "openvino" if self.device == "cpu" else "torch"
        self.flow = "fast" if pack.plan.name == "tiny" else "medium"
        self.painter = Painter(pack, device=self.device, precision=job.precision, threads=threads)
        self.frozen = job.consistency > 0
        self.where = sum_masks(stylizing, inputs, size)
        self.statistics: Array | None = None
        self.at = (0.0, 0.0)  # origin of the noise, pixels: it moves with a picture that moves as a whole

    def move(self, link: Link | None) -> None:
        """Move the noise with the picture, in pixels; back to the origin at a new shot."""
        if link is None:
            self.at = (0.0, 0.0)
        elif self.painter.pack.plan.noise:
            across, down = shift(link.flow)
            self.at = (self.at[0] + down, self.at[1] + across)

    def __call__(self, frame: Bytes, warped: Array | None, mask: Array | None) -> Array:
        """Paint a frame ``(H, W, 3)``, 0..1, with the normalization statistics of its shot."""
        photo = unit(frame)
        if self.frozen and (warped is None or self.statistics is None):
            self.statistics = self.painter.statistics(photo, self.weights)
        painted = self.painter.paint(photo, self.weights, statistics=self.statistics, at=self.at)
        if self.job.color == "luminance":
            return color.transfer_lightness(painted, photo).astype(np.float32)
        if self.job.color == "content":
            return color.match_colors(painted, photo).astype(np.float32)
        return painted

    def state(self) -> State:
        """Return the origin of the noise (down, right) in pixels, and the statistics of the shot."""
        known = {} if self.statistics is None else {"statistics": self.statistics}
        return {"noise": np.array(self.at), **known}

    def restore(self, state: State, frames: int) -> None:
        """Resume with the noise and the statistics of :meth:`state`."""
        found = state.get("statistics")
        self.statistics = None if found is None else np.asarray(found, np.float32)
        down, across = state.get("noise", np.zeros(2))
        self.at = (float(down), float(across))


class Paintings(FramePainter):
    """Frame painter that optimizes each frame."""

    part, blend = SLOW_PART, BLEND

    def __init__(self, painter: MovingPainter, where: Array | None = None) -> None:
        self.painter, self.where = painter, where
        self.identity, self.device = painter.digest(), str(painter.device)
        self._palette: Array | None = None

    def __call__(self, frame: Bytes, warped: Array | None, mask: Array | None) -> Array:
        """Optimize a frame ``(H, W, 3)``, 0..1, and note the first one of each shot."""
        if warped is None:
            self._palette = unit(frame)
        return self.painter(frame, warped, mask)

    def state(self) -> State:
        """Return the first frame of the shot as ``palette``, ``(H, W, 3)``, 0..1."""
        return {} if self._palette is None else {"palette": self._palette}

    def restore(self, state: State, frames: int) -> None:
        """Begin the shot again with the palette of :meth:`state`."""
        if "palette" in state:
            self._palette = np.asarray(state["palette"], np.float32)
            self.painter.begin(self._palette)


class ProcessedFrames(FramePainter):
    """Frame painter that returns the frames of another program, in step with the source."""

    engine, device = "av", "cpu"

    def __init__(self, job: VideoJob, film: Film, spans: list[Span], size: tuple[int, int]) -> None:
        assert job.processed is not None
        self.film = open_film(job.processed, rate=job.fps, clear=film.clear, deep=film.deep)
        self.size = size
        self.identity = " ".join(files.sha256(path) for path in self.film.inputs)
        self._path = Path(job.processed)
        self._frames = select_frames(self.film, spans, every=job.every, fps=job.fps)
        self._count = 0

    def __call__(self, frame: Bytes, warped: Array | None, mask: Array | None) -> Array:
        """Return the next frame of the other program, ``(H, W, 3)``, 0..1."""
        try:
            found = next(self._frames, None)
        except InputError as error:
            raise Damage(error) from error
        if found is None:
            ends = f"{self._path} ends after {pluralize(self._count, 'frame')}, before its source"
            raise Damage(InputError(ends))
        self._count += 1
        return unit(prepare_frame(found, self.size).rgb)

    def restore(self, state: State, frames: int) -> None:
        """Skip the frames that are already done."""
        for _ in range(frames):
            next(self._frames, None)
        self._count = frames

    def close(self) -> None:
        """Close the video of the other program."""
        self.film.close()
