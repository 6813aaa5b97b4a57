"""Report on the flicker of a stylized video, and on its loss of sharpness: numbers, two images, a page."""

from __future__ import annotations

import html
import json
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from impasto import files, image, pages
from impasto.films.frame_pairs import OpenFilms, open_comparison
from impasto.image import Source
from impasto.jobs.base import pluralize
from impasto.media import FlickerMeter
from impasto.media.flicker_metric import energy, heat

if TYPE_CHECKING:
    from impasto.backbones import Backbone

Bytes = NDArray[np.uint8]

LAGS = (1, 10)
SAMPLES = 6  # frames whose style distance is measured
MOST_ROWS = 1200  # rows of a temporal profile
LEAST_KEPT = 0.9  # share of the baseline's sharpness, below which the video counts as blurred


@dataclass(frozen=True)
class LagReport:
    """Warp errors at one lag, as mean squared differences of values 0..1; ``ratio`` to the baseline."""

    error: float
    floor: float
    trusted: float
    baseline: float | None = None
    ratio: float | None = None


@dataclass(frozen=True)
class FilmReport:
    """Metrics of a stylized video; those that need a missing baseline or style are None.

    Attributes:
        frames, size: number of compared frames, and their (height, width).
        sharpness: mean squared gradient, divided by that of the source video.
        sharpness_kept: mean squared gradient, divided by that of the baseline; blur lowers it.
        style: distance to the style images, or to the frames of the baseline without them.
        style_baseline: distance of the baseline to the style images.
        ghosts: mean squared difference from the baseline in disoccluded areas, where ghosts remain.
        profile, errors: images of the page, (H, W, 3).
    """

    frames: int
    size: tuple[int, int]
    flow: str
    lags: dict[int, LagReport]
    sharpness: float
    sharpness_kept: float | None = None
    style: float | None = None
    style_baseline: float | None = None
    ghosts: float | None = None
    warnings: list[str] = field(default_factory=list)
    profile: Bytes | None = field(default=None, repr=False)
    errors: Bytes | None = field(default=None, repr=False)

    def summary(self) -> dict[str, float]:
        """Return the metrics by name."""
        found: dict[str, float | None] = {}
        for lag, values in self.lags.items():
            for name, value in asdict(values).items():
                found[f"{name}_{lag}"] = value
        names = ("sharpness", "sharpness_kept", "style", "style_baseline", "ghosts")
        found |= {name: getattr(self, name) for name in names}
        return {name: value for name, value in found.items() if value is not None}

    def verdict(self) -> str | None:
        """Return a sentence on the result; None without a baseline."""
        ratio = self.lags[LAGS[0]].ratio if LAGS[0] in self.lags else None
        if ratio is None or self.sharpness_kept is None:
            return None
        blurred = self.sharpness_kept < LEAST_KEPT
        kept = "is blurred: it keeps only" if blurred else "stays sharp: it keeps"
        return (
            f"the warp error is {ratio:.0%} of that of frames processed independently, and the video {kept} "
            f"{self.sharpness_kept:.0%} of their sharpness"
        )

    def to_json(self) -> str:
        """Return the report as one line of JSON."""
        kept = {k: v for k, v in self.__dict__.items() if k not in ("lags", "profile", "errors")}
        lags = {str(lag): asdict(values) for lag, values in self.lags.items()}
        return json.dumps({**kept, "lags": lags}, allow_nan=False)

    def save(self, folder: Path, *, overwrite: bool = False) -> Path:
        """Write ``report.json``, ``profile.png``, ``errors.png`` and ``index.html``; return the page's path.

        Raises:
            OutputError: the folder cannot be written to, or holds a report and ``overwrite`` is not set.
        """
        page = folder / "index.html"
        files.check_output(page, overwrite=overwrite)
        pictures = {"profile.png": self.profile, "errors.png": self.errors}
        for name, picture in pictures.items():
            if picture is not None:
                image.write(folder / name, picture.astype(np.float32) / 255, overwrite=overwrite)
        files.write_text(folder / "report.json", self.to_json() + "\n", overwrite=overwrite)
        files.write_text(page, _page(self), overwrite=overwrite)
        return page


def report(
    painted: str | Path,
    original: str | Path,
    *,
    baseline: str | Path | None = None,
    start: float | None = None,
    styles: Sequence[Source] = (),
    backbone: Backbone | None = None,
) -> FilmReport:
    """Measure a stylized video against its source.

    Args:
        painted: the stylized video; frames are compared at equal times, counted from the start in its recipe.
        baseline: the same video with each frame processed independently; without it there is no ratio, and
            blur is not detected.
        start: start of the stylized video in the original, in seconds, in place of that in its recipe.
        backbone: feature extractor of the style distance; None: it is not measured.

    Raises:
        InputError: a video cannot be read, or the videos do not belong together.
    """
    with ExitStack() as stack:
        films = open_comparison(stack, painted, original, baseline, start=start)
        return _measure(films, list(styles), backbone)


def _measure(films: OpenFilms, styles: list[Source], backbone: Backbone | None) -> FilmReport:
    compared = len(films.others) == 2
    watcher, rows = FlickerMeter(LAGS), [list[Bytes]() for _ in range(1 + len(films.others))]
    seen: list[tuple[Bytes, ...]] = []
    own: list[float] = []
    size = (0, 0)
    step = max(1, round((films.painted.seconds or 1) * float(films.painted.rate) / SAMPLES))
    for number, frames in enumerate(films.together()):
        first, film, *rest = frames
        watcher.next(film, [first, *rest])
        own.append(energy(film))
        size = (film.shape[0], film.shape[1])
        if number % step == step // 2:
            seen.append((first, *rest))
        if number < MOST_ROWS:
            for row, frame in zip(rows, (film, first, *rest), strict=True):
                row.append(frame[frame.shape[0] // 2])
    lags = {lag: _lag(watcher, lag, compared) for lag in LAGS if watcher.has_pairs(lag)}
    first_lag = watcher.mean_flicker(0, LAGS[0])
    alone = watcher.mean_flicker(1, LAGS[0]).energy if compared else None
    style, style_baseline = _style(seen, styles, backbone)
    found = FilmReport(
        frames=watcher.frames,
        size=size,
        flow="DIS medium, full size",
        lags=lags,
        sharpness=first_lag.energy / max(fmean(own), 1e-12),
        sharpness_kept=None if alone is None else first_lag.energy / max(alone, 1e-12),
        ghosts=fmean(watcher.ghosts) if watcher.ghosts else None,
        profile=_profile(rows),
        errors=None if watcher.map is None else heat(watcher.map),
        style=style,
        style_baseline=style_baseline,
    )
    found.warnings.extend(_warnings(found))
    return found


def _lag(watcher: FlickerMeter, lag: int, compared: bool) -> LagReport:
    found = watcher.mean_flicker(0, lag)
    if not compared:
        return LagReport(found.error, found.floor, found.trusted)
    alone = watcher.mean_flicker(1, lag).error
    return LagReport(found.error, found.floor, found.trusted, alone, found.error / max(alone, 1e-12))


def _style(
    seen: list[tuple[Bytes, ...]], styles: list[Source], backbone: Backbone | None
) -> tuple[float | None, float | None]:
    """Return the style distances of the stylized video and of its baseline."""
    if backbone is None or not seen or (not styles and len(seen[0]) < 2):
        return None, None
    from impasto.metrics import style_distance

    def distance(picture: Bytes, targets: Sequence[Source]) -> float:
        found = style_distance(image.floats(picture), targets, backbone=backbone)
        return fmean(d["gram"] for d in found.values())

    own = fmean(distance(frames[0], styles or [image.floats(frames[1])]) for frames in seen)
    if not styles or len(seen[0]) < 2:
        return own, None
    return own, fmean(distance(frames[1], styles) for frames in seen)


def _warnings(found: FilmReport) -> list[str]:
    said = []
    if found.sharpness_kept is not None and found.sharpness_kept < LEAST_KEPT:
        said.append(
            f"only {found.sharpness_kept:.0%} of the sharpness of independent frames is left: "
            f"blur hides part of the flicker"
        )
    if found.style is not None and found.style > 1.25 * (found.style_baseline or float("inf")):
        said.append("the style distance is larger than that of independent frames")
    if found.sharpness_kept is None:
        said.append("no baseline was given: low flicker may be due to blur")
    return said


def _profile(rows: list[list[Bytes]]) -> Bytes:
    """Return the middle rows of all frames, of the source, the stylized video and the baseline."""
    times = max(1, 160 // len(rows[0]))
    strips = [np.repeat(np.stack(kept), times, axis=0) for kept in rows]
    gap = np.full((8, strips[0].shape[1], 3), 255, np.uint8)
    parts = [part for strip in strips for part in (strip, gap)]
    return np.concatenate(parts[:-1])


_CSS = """td { padding: .1em 1em .1em 0 } .warn { color: #a00 }
img { max-width: 100%; image-rendering: pixelated }"""


def _page(found: FilmReport) -> str:
    lines = "".join(
        f"<tr><td>{html.escape(name)}</td><td>{value:.4g}</td></tr>"
        for name, value in found.summary().items()
    )
    said = "".join(f"<p class=warn>{html.escape(text)}</p>" for text in found.warnings)
    height, width = found.size
    frames = pluralize(found.frames, "frame")
    body = f"""<p>{frames}, {width}x{height}, flow: {html.escape(found.flow)}.</p>{said}
<table>{lines}</table>
<p>Warp error: mean squared difference of a frame and a later one warped back to it, values 0 to 1, where the
optical flow of the source is reliable; the floor is that of the source. Compare only within one style.</p>
<h2>Temporal profile</h2><p>The middle row of every frame, from top to bottom: the source, the stylized video,
and the baseline if there is one. Flicker appears as horizontal lines.</p><img src=profile.png alt="">
<h2>Location of flicker</h2><p>Warp error from frame to frame, mean over time: black is none.</p>
<img src=errors.png alt="">"""
    return pages.page("Flicker report", body, css=_CSS)
