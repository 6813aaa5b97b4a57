"""The keyword arguments of the functions in ``impasto.api``: the fields of the jobs, checked by a test."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypedDict

from impasto.image import Source
from impasto.jobs.base import (
    BackboneName,
    Blend,
    Color,
    EngineName,
    LayoutName,
    Method,
    NetworkName,
    NightName,
    OptimizerName,
    Pooling,
    Precision,
    Preset,
    Statistics,
    StyleLossName,
)
from impasto.jobs.dream import DreamBackboneName, Padding
from impasto.jobs.video import Flow
from impasto.record import Watch
from impasto.session import OnProgress

File = str | Path

OnRow = Callable[[dict[str, Any], int, int | None], None]


class Running(TypedDict, total=False):
    """How a function runs, whatever its job; see :class:`impasto.session.Session`.

    ``watch`` is called with a :class:`impasto.Progress` after every step of an image, ``on_progress`` with a
    :class:`impasto.films.FilmProgress` after every frame of a video; KeyboardInterrupt in ``watch`` stops an
    image and keeps it as it is. ``log`` is called with notes. With ``resume`` a run continues from its
    ``checkpoint``, which is saved every ``save_every`` evaluations; ``restart`` discards what a killed run of
    a video left. ``overwrite`` replaces existing outputs. ``threads`` is the number of threads on a CPU.
    """

    watch: Watch | None
    on_progress: OnProgress | None
    log: Callable[[str], None] | None
    checkpoint: Path | None
    save_every: int
    resume: bool
    restart: bool
    overwrite: bool
    threads: int | None


class StylizeFields(TypedDict, total=False):
    """The fields of :class:`impasto.jobs.StylizeJob` but for ``content`` and ``styles``."""

    weights: Sequence[float] | None
    style_scale: Sequence[float] | None
    strength: float
    blend: Blend
    mask: Sequence[Source] | None
    size: int | str | None
    preset: Preset
    method: Method
    loss: StyleLossName
    upright: bool
    color: Color
    photoreal: bool
    realism: float
    init: Source
    seed: int
    optimizer: OptimizerName
    backbone: BackboneName
    pooling: Pooling | None
    network: NetworkName | None
    instant: bool
    tune: float | None
    statistics: Statistics
    precision: Precision
    device: str
    memory: str | None
    max_pixels: int
    strip: bool
    tileable: bool
    style_weight: float
    layer_weights: Sequence[float]
    smoothness: float


class StylizeSettings(StylizeFields, Running, total=False):
    """Settings of :func:`stylize`, as in :class:`impasto.jobs.StylizeJob`."""


class RunOptions(TypedDict, total=False):
    """How a batch runs.

    ``engine`` is ``local`` (processes, the default) or ``ray`` (a cluster). ``workers`` is the number of
    parallel jobs; default: chosen by cores and memory. ``address`` is that of a Ray cluster; default: start
    one on this machine. ``retry_errors`` retries jobs that failed in an earlier run. ``overwrite`` replaces
    files in the output folder that this batch did not write. ``on_row`` is called with each new row of the
    manifest, the number of jobs that have ended so far, and the total number if it is known.
    """

    engine: EngineName
    workers: int | None
    address: str | None
    retry_errors: bool
    overwrite: bool
    on_row: OnRow | None


class BatchSettings(StylizeFields, RunOptions, total=False):
    """Settings of :func:`batch`: how it runs, and the settings of ``stylize`` for every photo."""


class AugmentSettings(RunOptions, total=False):
    """Settings of :func:`augment`.

    ``layout`` is that of the data set; default: detected from its folders. The strength of each image is
    drawn from the range ``strength``. With ``gate``, results that clip, have halos or hide labels are
    rejected. ``verify`` checks that no image moved and no label changed.
    """

    layout: LayoutName | None
    seed: int
    strength: float | str | Sequence[float]
    gate: bool
    verify: bool


class VideoSettings(Running, total=False):
    """Settings of :func:`video`, as in :class:`impasto.jobs.VideoJob`."""

    processed: File | None
    weights: Sequence[float] | None
    style_scale: Sequence[float] | None
    strength: float
    mask: Sequence[File] | None
    color: Color
    consistency: float
    keys: int
    preset: Preset
    size: int | str | None
    start: float | str
    end: float | str | None
    every: int
    fps: float | None
    preview: float | str | None
    flow: Flow | None
    network: NetworkName | None
    instant: bool
    precision: Precision
    device: str


class PhotorealSettings(Running, total=False):
    """Settings of :func:`photoreal`, as in :class:`impasto.jobs.PhotorealJob`, and further outputs."""

    save_look: File | None
    save_masks: File | None
    save_lamps: File | None
    weights: Sequence[float] | None
    masks: Sequence[Source] | None
    night: NightName | None
    lamps: Source | None
    horizon: float | None
    fast: bool
    strength: float
    realism: float
    classes: int
    size: int | str | None
    seed: int
    start: float | str
    end: float | str | None
    every: int
    backbone: BackboneName
    precision: Precision
    device: str
    max_pixels: int
    strip: bool


class DreamSettings(Running, total=False):
    """Settings of :func:`dream`, as in :class:`impasto.jobs.DreamJob`."""

    layers: Sequence[str] | None
    guide: Source | None
    style: Sequence[Source]
    strength: float
    weight: float
    mask: Source | None
    octaves: int
    octave_scale: float
    steps: Sequence[int] | None
    rate: float
    jitter: int
    smoothing: float
    distance: float
    size: int | str | None
    seed: int
    zoom: bool
    frames: int
    fps: float
    speed: float
    consistency: float
    decay: float
    start: float | str
    end: float | str | None
    backbone: DreamBackboneName
    pooling: Pooling
    padding: Padding
    precision: Precision
    device: str
    max_pixels: int
    strip: bool


class VisualizeSettings(Running, total=False):
    """Settings of :func:`visualize`, as in :class:`impasto.jobs.VisualizeJob`."""

    size: int
    steps: int
    rate: float
    seed: int
    backbone: DreamBackboneName
    precision: Precision
    device: str


class LearnSettings(Running, total=False):
    """Settings of :func:`learn`, as in :class:`impasto.jobs.LearnJob`, and a further output."""

    curve: File | None
    styles: File | None
    photos: File
    network: NetworkName
    into: File | None
    begin_from: File | None
    rehearse: File | None
    teacher: File | None
    minutes: float | None
    steps: int | None
    scales: Sequence[float]
    style_weight: float
    weights: Sequence[float] | None
    batch: int
    side: int
    rate: float | None
    processes: int
    seed: int
    precision: Precision
    device: str


class CompareSettings(Running, total=False):
    """Settings of :func:`compare`, as in :class:`impasto.jobs.CompareJob`."""

    size: int
    methods: Sequence[Method]
    seed: int
    device: str


class MeasureSettings(Running, total=False):
    """Settings of :func:`measure`, as in :class:`impasto.jobs.MeasureJob`."""

    baseline: File | None
    start: float | str | None
    content: Source | None
    style: Source | Sequence[Source] | None
    weights: Sequence[float] | None
    backbone: BackboneName
    device: str
