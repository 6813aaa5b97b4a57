"""``stylize``, ``photoreal``, ``dream``, ``visualize``, ``video``: only here is decided, photo or video."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from impasto import files, image
from impasto.errors import InputError, OutputError
from impasto.image.writing import check_suffix
from impasto.jobs import FILMS, LOOK, DreamJob, Job, PhotorealJob, StylizeJob, VideoJob, VisualizeJob
from impasto.jobs.base import pluralize
from impasto.record import Result
from impasto.session import Session, checkpoint_beside, clock, pace
from impasto.verbs.run import Outcome, is_film, needs_output


def stylize(job: StylizeJob, out: Path | None, session: Session) -> Outcome:
    """Stylize a photo."""
    from impasto import painters
    from impasto.painters.style_folders import expand_folders

    source = Path(job.content)
    if job.content not in session.pictures and source.suffix.lower() in FILMS:
        raise InputError(f"{source} is a video, not a picture: use impasto video")
    if session.log is not None and source.suffix.lower() in (".gif", ".webp") and is_film(source):
        session.log(f"{source} is animated: only its first frame is used; impasto video processes all")
    return image_of(expand_folders(job, session.pictures), out, session, painters.run)


def photoreal(job: PhotorealJob, out: Path | None, session: Session) -> Outcome:
    """Transfer light and colors to a photo, or to a video."""
    if _is_film(job, session):
        for name, mend in (
            ("save_look", "save it from a photo, and use it as the video's style"),
            ("save_masks", "leave it out, as classes move in a video"),
            ("save_lamps", "leave it out, as lamps move in a video"),
        ):
            if name in session.also:
                raise InputError(f"--{name.replace('_', '-')} is for photos: {mend}")
        from impasto.films.photoreal import grade_film

        return film_of(job, out, session, grade_film)
    if job.start or job.end is not None or job.every > 1:
        raise InputError(f"--start, --end and --every are for videos, and {job.content} is not one")
    look = session.also.get("save_look")
    if look is not None and look.suffix.lower() != LOOK:
        raise OutputError(f"{look} is not a valid name for a look: it must end in {LOOK}")
    if look is not None and job.look is not None:
        raise InputError(f"{job.look} is already a saved look: leave out --save-look")
    if "save_masks" in session.also and not job.styles:
        raise InputError("--save-masks needs a style, and --night alone has no classes: leave it out")
    if lamps := session.also.get("save_lamps"):
        check_suffix(lamps)
    from impasto.painters.photoreal import run as relight

    return image_of(job, out, session, relight)


def dream(job: DreamJob, out: Path | None, session: Session) -> Outcome:
    """Dream a photo, a video or a zoom."""
    if job.zoom:
        if _is_film(job, session):
            raise InputError(f"--zoom needs a photo, and {job.content} is a video: leave out --zoom")
        from impasto.films.zoom import zoom

        return film_of(job, out, session, zoom)
    if _is_film(job, session):
        from impasto.films.dream import dream_film

        return film_of(job, out, session, dream_film)
    from impasto.painters.dream import run_dream

    return image_of(job, out, session, run_dream)


def visualize(job: VisualizeJob, out: Path | None, session: Session) -> Outcome:
    """Generate the image that maximizes a layer or a channel."""
    from impasto.painters.dream import run_visualize

    return image_of(job, out, session, run_visualize)


def video(job: VideoJob, out: Path | None, session: Session) -> Outcome:
    """Stylize a video."""
    from impasto import films
    from impasto.painters.style_folders import expand_folders

    return film_of(expand_folders(job, session.pictures), out, session, films.paint_film)


def _is_film(job: PhotorealJob | DreamJob, session: Session) -> bool:
    source = session.pictures.get(job.content, job.content)
    return isinstance(source, (str, Path)) and is_film(Path(source))


def image_of(
    job: Job, out: Path | None, session: Session, paint: Callable[[Any, Session], Result]
) -> Outcome:
    """Run a job on an image; write the result, and delete the checkpoint of a run that is complete."""
    session = session.of_image()
    targets = [path / "photo.png" if name == "save_masks" else path for name, path in session.also.items()]
    if out is not None:
        check_suffix(out)
        session = replace(session, checkpoint=session.checkpoint or checkpoint_beside(out))
        targets.insert(0, out)
    _check_apart(targets)
    for target in targets:
        files.protect_inputs(target, job.inputs())
        files.check_output(target, overwrite=session.overwrite)
    result = paint(job, session)
    if result.stopped and not session.partial:
        raise KeyboardInterrupt
    if out is not None:
        source = session.pictures.get(job.inputs()[0], job.inputs()[0]) if session.as_stored else None
        _write(result, out, overwrite=session.overwrite, like=source)
        if session.checkpoint is not None and not result.stopped:
            session.checkpoint.unlink(missing_ok=True)
    height, width = result.picture.shape[:2]
    facts = {
        "output": str(out),
        "size": [width, height],
        "seconds": round(result.seconds, 1),
        "evaluations": len(result.history),
        "loss": result.history[-1].loss if result.history else 0.0,
        "stopped": result.stopped,
    }
    text = f"{out}: {width}x{height}, {result.seconds:.1f} s"
    return Outcome(result, out, text, facts, result.recipe, result.stopped)


def _check_apart(targets: Sequence[Path]) -> None:
    """Raise OutputError if two outputs are the same file."""
    places = [target.resolve() for target in targets]
    for number, target in enumerate(targets):
        if places[number] in places[:number]:
            raise OutputError(f"{target} would be written twice: give each output a name of its own")


def _write(result: Result, out: Path, *, overwrite: bool, like: Any = None) -> None:
    """Write an image; with the orientation and the channels of the photo ``like``."""
    gray, turn = (False, 1) if like is None else image.read_layout(Path(like))
    if turn != 1:
        result = replace(result, metadata=replace(result.metadata or image.Metadata(), turn=turn))
    result.save(out, overwrite=overwrite, gray=gray)


def film_of(job: Any, out: Path | None, session: Session, make: Callable[..., Any]) -> Outcome:
    """Run a job that makes a video."""
    if getattr(job, "strip", False):
        raise InputError("--strip is for photos: leave it out")
    out = needs_output(job, out)
    paths = job.rename_files(job.settings(), lambda name: str(session.pictures.get(name, name)))
    job = type(job).parse(paths)
    files.protect_inputs(out, job.inputs())
    found = make(job, out, session.of_video())
    height, width = found.size
    facts: dict[str, Any] = {
        "output": str(found.path),
        "frames": found.frames,
        "done": found.done,
        "painted": found.painted,
        "shots": found.shots,
        "seconds": round(found.seconds, 1),
        "size": [width, height],
    }
    rate = found.done / max(found.seconds, 1e-9)
    text = f"{out}: {pluralize(found.frames, 'frame')}, {width}x{height}, {pace(rate)}"
    if found.whole:
        seconds, size = found.whole
        facts["whole"] = {"seconds": round(seconds), "bytes": size}
        text += f"; whole video: {clock(seconds)}, {size / 1e6:.1f} MB"
    return Outcome(found, out, text, facts, found.recipe, found.stopped)
