"""``live``: a camera, a stream or a video, stylized as it comes."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from impasto import files
from impasto.jobs import LiveJob
from impasto.jobs.base import pluralize
from impasto.session import Session
from impasto.verbs.run import Outcome, needs_output


def run(job: LiveJob, out: Path | None, session: Session) -> Outcome:
    """Write a live source to a video, stylized, until it ends or is interrupted."""
    from impasto import live

    out = needs_output(job, out)
    files.check_output(out, overwrite=session.overwrite)
    with files.atomic(out, overwrite=session.overwrite) as temporary:
        found = live.play(job, lambda: live.VideoFile(temporary))
    return outcome_of(found, out)


def outcome_of(found: Mapping[str, Any], out: Path | None) -> Outcome:
    """Return the outcome of a live source that was played, written to ``out`` or shown."""
    width, height = found["size"]
    rate = found["painted"] / max(found["seconds"], 1e-9)
    seen = pluralize(found["seen"], "frame")
    text = f"{found['painted']} of {seen}, {rate:.1f} frames/s, final size {width}x{height}"
    return Outcome(found, out, text, {"output": None if out is None else str(out), **found})
