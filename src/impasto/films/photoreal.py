"""Photorealistic transfer for videos: one set of parameters per shot, which avoids flicker.

A first pass finds the shots. Each shot has one grade, from a few of its frames together. Only the class
mattes change from frame to frame: they are warped by the optical flow and corrected slowly. Sudden changes of
exposure are followed by one gain per channel, the median over the frame, which is robust to blinking lights.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal, cast

import cv2
import numpy as np

from impasto import looks, methods
from impasto.backbones.devices import use_threads
from impasto.errors import InputError
from impasto.films.frame_painters import FramePainter, State
from impasto.films.nights import NightFilm
from impasto.films.planning import FilmPlan
from impasto.films.scenes import Shot
from impasto.films.video import FilmResult, paint_plan
from impasto.jobs import PhotorealJob
from impasto.looks import Mattes, Regions
from impasto.looks.clustering import resize_input
from impasto.looks.grading import Subject, mix
from impasto.looks.night_skies import night_sky
from impasto.looks.night_to_day import Glow, clear_night_sky, glow, with_sky
from impasto.looks.planes import Array, Bytes
from impasto.media import Dis, Film, Span, prepare_frame, select_frames, trust, warp
from impasto.media.levels import eight, unit
from impasto.media.links import JUMP, jump
from impasto.painters.inputs import Inputs
from impasto.painters.photoreal import night_of
from impasto.painters.photoreal_refine import classify, initial_grids, render, targets_of
from impasto.painters.subjects import LazyBackbone, prepare, say_classes, say_signal
from impasto.parametrizations import BilateralGrid
from impasto.session import Session

KEYS = 3  # frames of a shot that determine its grade
STIFFER = 10.0  # factor on realism: local light would be visible as objects move through it
STEEP = 300.0  # limits the contrast of a class to that of the closed form: contrast amplifies flicker
AFRESH = 3  # frames between two classifications
SHARE = 0.3  # weight of new mattes where the warped ones are reliable
FAINT = 1e-4  # glow, in linear light, that is taken for none
FORGET = 0.98  # decay per frame: slow changes of exposure belong to the video and are kept


def grade_film(job: PhotorealJob, out: Path, session: Session = Session()) -> FilmResult:
    """Transfer light and colors of a photograph to a video.

    Args:
        out: the video to write; without a suffix, a folder of numbered images.
        session: see :func:`impasto.films.paint_film`; ``log`` is called with the table of classes of each
            shot.

    Raises:
        InputError: the video, a style or a setting cannot be used.
        OutputError: the video cannot be written.
    """
    if job.masks is not None:
        raise InputError("masks are for photos: leave them out, as the classes of a video are found per shot")
    inputs, shots = Inputs(job, {}), list[Shot]()
    session = replace(session, threads=use_threads(session.threads))
    look, night = night_of(job, inputs)
    graded = bool(job.styles) and (look is None or look.has_colors)

    def choose(film: Film, spans: list[Span], size: tuple[int, int]) -> FramePainter:
        shots.extend(find_shots(film, spans, every=job.every))
        inner = Grades(job, shots, inputs, session.log) if graded else None
        if night is None:
            assert inner is not None
            return inner
        return NightFilm(job, shots, inputs, night, inner)

    plan = FilmPlan(
        job.content,
        job.begin,
        job.stop,
        every=job.every,
        size=job.size or "original",
        consistency=0.0,  # a grade is temporally consistent by itself: no blending
        others={"styles": job.styles},
    )
    result = paint_plan(plan, out, session, choose=choose, recipe=inputs.recipe)
    return replace(result, shots=len(shots))


class Grades(FramePainter):
    """Frame painter that grades the frames of a video, shot by shot."""

    blend: float = 0.0
    flow: Literal["medium", "fast"] = "fast"

    def __init__(
        self, job: PhotorealJob, shots: list[Shot], inputs: Inputs, say: Callable[[str], None] | None
    ) -> None:
        self.job, self.shots, self.say, self.eyes = job, shots, say, LazyBackbone(job)
        self.identity = json.dumps([job.settings(), *map(inputs.digest, job.styles)])
        self.device = str(self.eyes.device)
        self.number = 0
        self.grader: _Grader | None = None
        self.left: State = {}

    def __call__(self, frame: Bytes, warped: Array | None, mask: Array | None) -> Array:
        """Grade a frame with the look of its shot; returns ``(H, W, 3)``, 0..1."""
        shot = next(s for s in self.shots if s.first <= self.number < s.last)
        if self.grader is None or self.grader.shot is not shot:
            self.grader = _Grader(self.job, shot, self.eyes, self.say)
            if self.number > shot.first:
                self.grader.restore(self.left)
        self.number += 1
        return self.grader.next(frame, self.number - 1)

    def state(self) -> State:
        """Return the state of the grade of the current shot."""
        return {} if self.grader is None else self.grader.state()

    def restore(self, state: State, frames: int) -> None:
        """Keep the state for the shot of the next frame."""
        self.left, self.number = state, frames


def find_shots(film: Film, spans: list[Span], *, every: int = 1) -> list[Shot]:
    """Return the shots of a video, up to its end or to the first damaged frame."""
    cuts, before, seen = [0], None, 0
    kept: dict[int, Array] = {}
    with suppress(InputError):  # the main pass reports damage
        for shown in select_frames(film, spans, every=every):
            frame = prepare_frame(shown, (shown.rgb.shape[0], shown.rgb.shape[1]))
            plain = eight(frame.rgb)
            if before is not None and jump(before, plain) > JUMP:
                cuts.append(seen)
            if _is_kept(seen - cuts[-1]):
                kept[seen] = resize_input(unit(frame.rgb))
            before, seen = plain, seen + 1
    return [
        Shot(first, last, _sample_evenly([kept[k] for k in sorted(kept) if first <= k < last]))
        for first, last in zip(cuts, [*cuts[1:], seen], strict=True)
    ]


def _is_kept(number: int) -> bool:
    """Return whether to keep a frame: 0, 1, 2, 4, 8, 12, 16, 24, ..., few for any length."""
    step = 1
    while step * 4 <= number:
        step *= 2
    return number % step == 0


def _sample_evenly(frames: list[Array]) -> tuple[Array, ...]:
    places = np.linspace(0, len(frames) - 1, min(KEYS, len(frames))).round().astype(int)
    return tuple(frames[i] for i in places)


@dataclass
class _Grader:
    """Grader of the frames of one shot, in order."""

    job: PhotorealJob
    shot: Shot
    eyes: LazyBackbone
    say: Callable[[str], None] | None
    exposure: Array = field(default_factory=lambda: np.zeros(3, np.float32))
    alphas: Array | None = None
    before: Bytes | None = None
    sky: Array | None = None
    glow: Glow | None = None
    by_day: bool = False  # whether the shot is a night that becomes day, without lamps in its sky

    def __post_init__(self) -> None:
        self.flow = Dis(quality="fast")
        self.scene, keys, regions = self._classes()
        self.look = self.scene.look
        # The statistics are those of all frames together.
        tall = np.concatenate(keys)
        labels = Regions(np.concatenate([r.labels for r in regions]), self.look.names)
        self.given, own = looks.shift(tall, labels, self.look)
        say_classes(self.job, replace(self.scene, regions=labels), own, log=self.say)
        self.grid = None if self.job.fast else self._refine(keys, regions)

    def _classes(self) -> tuple[Subject, list[Array], list[Regions]]:
        """Return the middle frame with its look, and the key frames with their classes."""
        keys = list(self.shot.keys)
        job, middle = self.job, keys[len(keys) // 2]
        inputs = Inputs(job, {job.content: middle})
        scene = prepare(job, inputs, eyes=self.eyes, features=not job.fast, log=self.say)
        if scene.look.classifier is None:
            return scene, keys, [Regions(np.zeros(k.shape[:2], np.int16), scene.look.names) for k in keys]
        backbone = self.eyes.backbone
        found = [Subject(k, k, classify(scene.look, k, backbone=backbone), scene.look) for k in keys]
        if job.night is None and scene.look.night is None:
            found = [clear_night_sky(subject) for subject in found]
        self.by_day = any(subject.given is not None for subject in found)
        return scene, [subject.photo for subject in found], [subject.regions for subject in found]

    def _refine(self, keys: list[Array], regions: list[Regions]) -> BilateralGrid:
        count = len(self.look.names)
        mattes = [Mattes.of(k, r.labels, count, sure=r.sure) for k, r in zip(keys, regions, strict=True)]
        job = replace(self.job, realism=min(1000.0, STIFFER * self.job.realism))
        grid = initial_grids(job, keys, mattes, self.given, steep=STEEP)
        methods.photoreal(grid, targets_of(self.look.classes, self.look.whole), backbone=self.eyes.backbone)
        return grid

    def next(self, frame: Bytes, number: int) -> Array:
        """Return the next frame, graded; ``(H, W, 3)``, 0..1."""
        rgb = unit(frame)
        small = resize_input(rgb)
        tiny = np.rint(small * 255).astype(np.uint8)
        if self.before is not None and self.alphas is not None:
            to_before = self.flow(tiny, self.before)
            where = trust(to_before, self.flow(self.before, tiny)).hard
            self._follow_exposure(small, to_before, where)
            self._warp(to_before)
            if (number - self.shot.first) % AFRESH == 0 and self.look.classifier is not None:
                self._correct(rgb, small, 1 - (1 - SHARE) * where)
        else:
            self.sky = _sky_of(rgb, small) if self.by_day else None
            self.alphas, self.glow = self._fresh(small)
        self.before = tiny
        photo, guide = rgb, small
        if self.glow is not None:
            photo, guide = self.glow.remove_from(rgb), self.glow.remove_from(small)
        mattes = Mattes(self.alphas, guide)
        gain = np.exp(-self.exposure)
        seen = photo if np.abs(gain - 1).max() < 1e-3 else (photo * gain).clip(0, 1)
        if self.grid is None:
            graded = looks.grade(seen, mattes, self.given)
        else:
            graded = render(self.grid, seen, mattes, self.given)
        if number == self.shot.first:
            say_signal(small, resize_input(graded), log=self.say)
        return mix(rgb, graded, self.job.strength)

    def _warp(self, to_before: Array) -> None:
        """Warp the mattes, and the sky by night with its glow, to the next frame."""

        def warp_planes(planes: Array) -> Array:
            return np.stack([warp(plane, to_before, cubic=False) for plane in planes])

        self.alphas = warp_planes(cast(Array, self.alphas))
        if self.sky is not None and self.glow is not None:
            self.sky = warp_planes(self.sky[None])[0]
            planes = warp_planes(np.moveaxis(self.glow.planes, 2, 0))
            self.glow = Glow(np.stack(list(planes), 2), self.glow.tone)

    def _correct(self, rgb: Array, small: Array, share: Array) -> None:
        """Move what was warped towards what a new look at the frame finds, by a share ``(h, w)``."""
        if self.sky is not None:
            if not self.sky.any():  # as in a fade from black: what comes is not corrected but begun
                share = np.ones_like(share)
            self.sky = self.sky + share * (_sky_of(rgb, small) - self.sky)
        alphas, fresh = self._fresh(small)
        assert self.alphas is not None
        found = self.alphas + share * (alphas - self.alphas)
        self.alphas = (found / found.sum(0).clip(1e-6)).astype(np.float32)
        if self.glow is not None and fresh is not None and fresh.tone.any():
            planes = self.glow.planes + share[..., None] * (fresh.planes - self.glow.planes)
            planes[planes < FAINT] = 0
            tone = self.glow.tone + (SHARE if self.glow.tone.any() else 1) * (fresh.tone - self.glow.tone)
            self.glow = Glow(np.asarray(planes, np.float32), np.asarray(tone, np.float32))

    def _fresh(self, small: Array) -> tuple[Array, Glow | None]:
        """Return the mattes of a frame by a new classification, and the glow in a sky that turns to day."""
        if self.look.classifier is None:
            return np.ones((1, *small.shape[:2]), np.float32), None
        regions, found, photo = classify(self.look, small, backbone=self.eyes.backbone), None, small
        if self.sky is not None:
            sky = self.sky > 0.5
            regions, found = with_sky(regions, sky, self.look), glow(small, sky)
            photo = found.remove_from(small)
        return Mattes.of(photo, regions.labels, len(regions.names), sure=regions.sure).alphas, found

    def _follow_exposure(self, small: Array, to_before: Array, where: Array) -> None:
        """Update the exposure by the median log ratio to the previous frame, where both are visible."""
        assert self.before is not None
        carried = warp(self.before.astype(np.float32) / 255, to_before, cubic=False)
        usable = (where > 0) & (small.min(2) > 0.05) & (small.max(2) < 0.95) & (carried.min(2) > 0.05)
        change = np.zeros(3, np.float32)
        if usable.mean() > 0.05:
            ratio = np.log(small[usable] / carried[usable].clip(1e-3))
            change = np.median(ratio, axis=0).astype(np.float32)
        self.exposure = np.float32(FORGET) * (self.exposure + change)

    def state(self) -> State:
        """Return the state for the next frame."""
        if self.alphas is None or self.before is None:
            return {}
        kept: State = {"alphas": self.alphas, "before": self.before, "exposure": self.exposure}
        if self.sky is None or self.glow is None:
            return kept
        return {**kept, "sky": self.sky, "glow": self.glow.planes, "tone": self.glow.tone}

    def restore(self, state: State) -> None:
        """Resume from a result of :meth:`state`."""
        if state:
            self.alphas = np.asarray(state["alphas"], np.float32)
            self.before = np.asarray(state["before"], np.uint8)
            self.exposure = np.asarray(state["exposure"], np.float32)
        if "sky" in state:
            self.sky = np.asarray(state["sky"], np.float32)
            self.glow = Glow(np.asarray(state["glow"], np.float32), np.asarray(state["tone"], np.float32))


def _sky_of(rgb: Array, small: Array) -> Array:
    """Return the share of sky by night of each pixel of the small frame, ``(h, w)``, 0..1."""
    found = night_sky(rgb).astype(np.float32)
    return np.asarray(cv2.resize(found, small.shape[1::-1], interpolation=cv2.INTER_AREA), np.float32)
