"""``measure``: the metrics of an image, or the flicker of a video."""

from __future__ import annotations

import json
from pathlib import Path

from impasto import backbones, files
from impasto.backbones.devices import choose_device, use_threads
from impasto.errors import InputError
from impasto.jobs import MeasureJob
from impasto.session import Session
from impasto.verbs.run import Outcome, is_film


def run(job: MeasureJob, out: Path | None, session: Session) -> Outcome:
    """Measure an image, or with ``original`` a video; write JSON, or a page with its images."""
    use_threads(session.threads)
    if job.original is not None:
        return _film(job, out, session)
    output = session.pictures.get(job.output, job.output)
    content = None if job.content is None else session.pictures.get(job.content, job.content)
    if isinstance(output, (str, Path)) and is_film(Path(output)):
        raise InputError(f"{job.output} is a video: give its source as --original")
    if job.baseline:
        raise InputError("--baseline is for videos: give the source video as --original")
    from impasto import metrics

    if out is not None:
        files.check_output(out, overwrite=session.overwrite)
    backbone = backbones.load(job.backbone, device=choose_device(job.device), precision="float32")
    styles = [session.pictures.get(name, name) for name in job.style or ()]
    found = metrics.measure(output, content=content, styles=styles, weights=job.weights, backbone=backbone)
    if out is not None:
        files.write_text(out, found.to_json() + "\n", overwrite=session.overwrite)
    return Outcome(found, out, _table(found.summary()), json.loads(found.to_json()))


def _film(job: MeasureJob, out: Path | None, session: Session) -> Outcome:
    """Measure the flicker of a stylized video."""
    from impasto import films

    assert job.original is not None
    backbone = None
    if job.style or job.baseline:
        backbone = backbones.load(job.backbone, device=choose_device(job.device), precision="float32")
    found = films.report(
        job.output,
        job.original,
        baseline=job.baseline,
        start=job.begin,
        styles=[session.pictures.get(name, name) for name in job.style or ()],
        backbone=backbone,
    )
    page = found.save(out, overwrite=session.overwrite) if out else None
    if session.log is not None:
        for text in found.warnings:
            session.log(f"note: {text}")
    lines = [_table(found.summary()), found.verdict(), None if page is None else str(page)]
    return Outcome(found, out, "\n".join(filter(None, lines)), json.loads(found.to_json()))


def _table(summary: dict[str, float]) -> str:
    return "\n".join(f"{name:16} {value:.4g}" for name, value in summary.items())
