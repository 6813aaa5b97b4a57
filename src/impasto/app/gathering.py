"""Jobs from what a visitor gives, by the page or by its API: checked, and within the limits."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from impasto.app import previews
from impasto.app.visits import AppState, Request
from impasto.errors import InputError
from impasto.image import decoding
from impasto.jobs import DreamJob, Job, PhotorealJob, StylizeJob, VideoJob
from impasto.networks import library
from impasto.painters import BUDGETS, learned

AnyJob = TypeVar("AnyJob", StylizeJob, VideoJob, PhotorealJob, DreamJob)


@dataclass(frozen=True)
class Given:
    """What a visitor gave: paths of files, and settings of the job.

    Args:
        names: learned styles.
        files: style images, learned styles as files, or a look.
        drawn: mask or lamps.
    """

    source: str | None
    settings: Mapping[str, Any] = field(default_factory=dict)
    names: tuple[str, ...] = ()
    files: tuple[str, ...] = ()
    drawn: Path | None = None
    guide: str | None = None


def stylize(state: AppState, given: Given) -> Request:
    """Return the request to stylize a photo."""
    photo, styles = _source(given, "photo"), _styles(state, given)
    masks = _masks(given, len(styles))
    job = _parse(StylizeJob, given, content=photo, styles=styles, mask=masks, max_pixels=state.limits.pixels)
    fast = job.instant or given.names or styles[0].endswith(library.STYLE_SUFFIX)
    longest = learned.LONGEST if fast else BUDGETS[job.preset].size
    return state.make_request(job, _side(job, photo, longest), photo=photo, masks=masks)


def video(state: AppState, given: Given) -> Request:
    """Return the request to stylize a video."""
    from impasto.films.planning import FilmPlan, frame_size
    from impasto.media import open_film

    source, styles = _source(given, "video"), _styles(state, given)
    masks = _masks(given, len(styles))
    job = _parse(VideoJob, given, film=source, styles=styles, mask=masks)
    with open_film(source) as opened:
        end = opened.seconds if job.stop is None else min(job.stop, opened.seconds or job.stop)
        state.limits.check_film(source, None if end is None else end - job.begin)
        side = max(frame_size(FilmPlan.of(job), opened, start=job.begin))
        return state.make_request(job, side, masks=masks)


def photoreal(state: AppState, given: Given) -> Request:
    """Return the request to relight a photo."""
    photo, night = _source(given, "photo"), given.settings.get("night")
    if given.files or not night:
        mend = "drop a photo to take light and colors from, or choose a night"
        state.limits.check_styles(given.files, mend)
    lamps = str(given.drawn) if night and given.drawn else None
    pixels = state.limits.pixels
    job = _parse(PhotorealJob, given, content=photo, styles=given.files, lamps=lamps, max_pixels=pixels)
    return state.make_request(job, _side(job, photo), photo=photo, masks=(lamps,) if lamps else ())


def dream(state: AppState, given: Given) -> Request:
    """Return the request to dream over a photo."""
    from impasto.painters.dream import LONGEST

    photo = _source(given, "photo")
    mask = str(given.drawn) if given.drawn else None
    pixels = state.limits.pixels
    job = _parse(DreamJob, given, content=photo, mask=mask, guide=given.guide, max_pixels=pixels)
    return state.make_request(job, _side(job, photo, LONGEST), photo=photo, masks=(mask,) if mask else ())


def _parse(kind: type[AnyJob], given: Given, **more: Any) -> AnyJob:
    """Return a job with the settings that were given and with more, of which empty ones are left out."""
    return kind.parse({**given.settings, **{name: value for name, value in more.items() if value}})


def _source(given: Given, what: str) -> str:
    if not given.source:
        raise InputError(f"there is no {what} yet: drop one first")
    return given.source


def _styles(state: AppState, given: Given) -> tuple[str, ...]:
    styles = (*given.names, *given.files)
    state.limits.check_styles(styles)
    check_names(given.names)
    return styles


def check_names(names: Sequence[str]) -> None:
    """Raise InputError if a learned style is not installed: it may be the path of a file."""
    known = {style.name for style in library.list_styles()}
    for name in names:
        if name not in known:
            raise library.unknown_style_error(name)


def _masks(given: Given, styles: int) -> tuple[str, ...]:
    """Return the masks of the styles: the first goes where the mask is white, a second takes the rest."""
    if given.drawn is None:
        return ()
    if styles > 2:
        raise InputError("a painted mask divides an image between two styles: choose one or two")
    return tuple(str(part) for part in (given.drawn, previews.invert_mask(given.drawn))[:styles])


def _side(job: StylizeJob | PhotorealJob | DreamJob, photo: str, longest: int = 10**6) -> int:
    """Return the long side of the result; ``longest`` limits it if no size is requested."""
    if isinstance(job.size, int):
        return job.size
    own = max(decoding.size_of(Path(photo), max_pixels=job.max_pixels))
    return own if job.size == "original" else min(own, longest)


class Offer(NamedTuple):
    """What the page offers of a job.

    ``gather`` returns the request for what a visitor gave, ``result`` is the name of its file, and ``first``
    and ``others`` are the settings that a visitor may give: those shown first, and the rest.
    """

    gather: Callable[[AppState, Given], Request]
    result: str
    first: tuple[str, ...]
    others: tuple[str, ...]


OFFERS: Mapping[type[Job], Offer] = {
    StylizeJob: Offer(
        stylize,
        "painted.png",
        ("strength", "instant"),
        (
            *("size", "preset", "color", "weights", "style_scale", "blend"),
            *("method", "loss", "photoreal", "network", "seed"),
        ),
    ),
    VideoJob: Offer(
        video,
        "painted.mp4",
        ("strength", "instant"),
        ("size", "start", "end", "consistency", "keys", "every", "color", "preset", "weights", "network"),
    ),
    PhotorealJob: Offer(
        photoreal,
        "photoreal.png",
        ("night", "strength", "fast"),
        ("size", "realism", "classes", "weights", "seed", "horizon"),
    ),
    DreamJob: Offer(
        dream,
        "dream.png",
        ("layers",),
        ("size", "octaves", "rate", "distance", "octave_scale", "steps", "smoothing", "jitter", "seed"),
    ),
}
