"""``impasto video``, and ``impasto measure`` of videos."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from impasto.cli.options import Again, Place, Reporting, Showing
from impasto.cli.say import clock, pace, say, tell
from impasto.errors import InputError, OutputError
from impasto.jobs import FILMS, MeasureJob, VideoJob

if TYPE_CHECKING:
    from impasto.films import FilmResult

_KEPT = (".mp4", ".mov", ".mkv", ".webm", ".gif", ".webp")  # suffixes of inputs that the output keeps


def video(job: VideoJob, place: Place, again: Again, reporting: Showing) -> None:
    """Stylize a video, or each video of a folder; show the progress and print a summary."""
    from impasto import films

    if clips := _clips(Path(job.film)):
        _each(job, clips, place, again, reporting)
        return
    out = place.out or _beside(job)
    make = partial(films.paint_film, job, out=out, overwrite=place.overwrite, restart=again.restart)
    watched(make, out, reporting)


def _clips(folder: Path) -> list[Path]:
    """Return the videos of a folder without images; none for anything else."""
    from impasto import image

    if not folder.is_dir():
        return []
    found, others = image.pictures_among(folder.iterdir())
    return [] if found else [path for path in others if image.is_film(path)]


def _each(job: VideoJob, clips: list[Path], place: Place, again: Again, reporting: Showing) -> None:
    """Stylize videos one by one; existing outputs are skipped, errors are printed at the end."""
    from impasto import batch, films

    if place.out is not None and (place.out.is_file() or place.out.suffix.lower() in _KEPT):
        raise OutputError(f"{place.out} is the name of a file: for several videos, --out must be a folder")
    if job.processed:
        raise InputError(f"{job.film} is a folder of videos, and --processed is for one: give one video")
    jobs = {clip: replace(job, film=str(clip)) for clip in clips}
    beside = {clip: _beside(one) for clip, one in jobs.items()}
    if place.out is None:  # without the results of an earlier run
        jobs = {clip: one for clip, one in jobs.items() if clip not in beside.values()}

    def target(clip: Path) -> Path:
        return beside[clip] if place.out is None else place.out / f"{clip.stem}{beside[clip].suffix}"

    def paint(clip: Path, out: Path) -> None:
        make = partial(
            films.paint_film, jobs[clip], out=out, overwrite=place.overwrite, restart=again.restart
        )
        watched(make, out, reporting)

    report = batch.paint_each(
        list(jobs), paint, target=target, overwrite=place.overwrite, told=lambda clip, what: None
    )
    if report.skipped:
        tell(f"{len(report.skipped)} videos were done before; --overwrite repeats them")
    for clip, reason in report.refused[:-1]:
        tell(f"impasto: {reason if str(clip) in reason else f'{clip}: {reason}'}")
    if report.refused:
        clip, reason = report.refused[-1]
        raise InputError(reason if str(clip) in reason else f"{clip}: {reason}")


def is_film(source: Path) -> bool:
    """Return whether an input is a video: by its suffix, as a folder, or as an animated image."""
    if source.suffix.lower() in FILMS or source.is_dir():
        return True
    if source.suffix.lower() not in (".gif", ".webp"):
        return False
    from impasto.video.pictures import animated

    return animated(source)


def watched(make: Callable[..., FilmResult], out: Path, reporting: Showing) -> None:
    """Call ``make`` with a progress callback, and print a summary of its result."""
    from impasto.cli import progress

    with progress.watching_film(out.name, quiet=reporting.quiet) as told:
        try:
            result = make(told=told)
        except KeyboardInterrupt:
            tell(f"stopped: finished frames are in {out.name}.parts; repeat the command to resume")
            raise typer.Exit(130) from None
    height, width = result.size
    rate = result.done / max(result.seconds, 1e-9)
    text = f"{out}: {result.frames} frames, {width}x{height}, {pace(rate)}"
    if result.whole:
        seconds, size = result.whole
        text += f"; whole video: {clock(seconds)}, {size / 1e6:.1f} MB"
    say(json.dumps(_said(result)) if reporting.json else text)


def _said(result: FilmResult) -> dict[str, Any]:
    height, width = result.size
    said: dict[str, Any] = {
        "output": str(result.path),
        "frames": result.frames,
        "done": result.done,
        "painted": result.painted,
        "shots": result.shots,
        "seconds": round(result.seconds, 1),
        "size": [width, height],
    }
    if result.whole:
        said["whole"] = {"seconds": round(result.whole[0]), "bytes": result.whole[1]}
    return said


def _beside(job: VideoJob) -> Path:
    """Return an output path beside the video, named after it and its styles; a folder for a folder."""
    film = Path(job.film)
    names = "-".join(Path(style).stem for style in job.styles) or "steady"
    suffix = film.suffix if film.suffix.lower() in _KEPT else ".mp4"
    return film.with_name(f"{film.stem}-{names}{'' if film.is_dir() else suffix}")


def measure(job: MeasureJob, place: Place, reporting: Reporting) -> None:
    """Measure the flicker of a stylized video."""
    from impasto import backbones, films
    from impasto.backbones.devices import choose_device

    assert job.original is not None
    backbone = None
    if job.style or job.baseline:
        backbone = backbones.load(job.backbone, device=choose_device(job.device), precision="float32")
    found = films.report(
        job.output,
        job.original,
        baseline=job.baseline,
        start=job.begin,
        styles=job.style or (),
        backbone=backbone,
    )
    page = found.save(place.out, overwrite=place.overwrite) if place.out else None
    if reporting.json:
        say(found.to_json())
        return
    for name, value in found.summary().items():
        say(f"{name:16} {value:.4g}")
    if (verdict := found.verdict()) is not None:
        say(verdict)
    for text in found.warnings:
        tell(f"note: {text}")
    if page:
        say(str(page))
