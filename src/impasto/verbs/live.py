"""``live``: a camera, a stream or a video, stylized as it comes."""

from __future__ import annotations

from pathlib import Path

from impasto.jobs import LiveJob
from impasto.session import Session
from impasto.verbs.run import Outcome


def run(job: LiveJob, out: Path | None, session: Session) -> Outcome:
    """Stylize a live source until it ends or is interrupted."""
    from impasto import live

    found = live.play(job, out=out, overwrite=session.overwrite, log=session.log or (lambda _: None))
    width, height = found["size"]
    rate = found["painted"] / max(found["seconds"], 1e-9)
    text = f"{found['painted']} of {found['seen']} frames, {rate:.1f} frames/s, final size {width}x{height}"
    return Outcome(found, out, text, {"output": None if out is None else str(out), **found})
