"""The functions of the package: one for each verb, with the settings of its job as typed keywords.

They take what the command line takes, and images in memory as well. A misspelled keyword is an error that
names the right one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Unpack, cast, get_type_hints, overload

from impasto.errors import InputError
from impasto.image import Source
from impasto.keywords import (
    CompareSettings,
    DreamSettings,
    File,
    LearnSettings,
    PhotorealSettings,
    Running,
    StylizeSettings,
    VideoSettings,
    VisualizeSettings,
)
from impasto.record import Result
from impasto.session import Session
from impasto.verbs.run import VERBS, run

if TYPE_CHECKING:
    from impasto.films import FilmResult
    from impasto.training import LearnResult


def stylize(
    content: Source,
    styles: Source | Sequence[Source],
    *,
    out: File | None = None,
    **settings: Unpack[StylizeSettings],
) -> Result:
    """Stylize an image with one or several style images, or with learned styles.

    Args:
        content: content image: a path, PIL image, array ``(H, W, 3)`` or tensor ``(1, 3, H, W)``, 0..1.
        styles: one style image or a list of them, likewise; a folder of style images; or names of learned
            styles.
        out: file to write.
        **settings: fields of :class:`impasto.StylizeJob` and of :class:`impasto.keywords.Running`.

    Returns:
        The image with the recipe and the history of the run; ``.save(path)`` writes it.

    Raises:
        InputError: an image or a setting is not valid.

    Examples:
        >>> out = stylize("photo.jpg", ["starry.jpg", "scream.jpg"], weights=[0.7, 0.3])  # doctest: +SKIP
        >>> out.save("out.png")  # doctest: +SKIP
    """
    return cast("Result", _run("stylize", out, settings, content=content, styles=styles))


@overload
def photoreal(
    content: Source,
    styles: Source | Sequence[Source] = (),
    *,
    out: None = None,
    save_look: File | None = None,
    save_masks: File | None = None,
    save_lamps: File | None = None,
    **settings: Unpack[PhotorealSettings],
) -> Result: ...
@overload
def photoreal(
    content: Source,
    styles: Source | Sequence[Source] = (),
    *,
    out: File,
    save_look: File | None = None,
    save_masks: File | None = None,
    save_lamps: File | None = None,
    **settings: Unpack[PhotorealSettings],
) -> Result | FilmResult: ...
def photoreal(
    content: Source,
    styles: Source | Sequence[Source] = (),
    *,
    out: File | None = None,
    save_look: File | None = None,
    save_masks: File | None = None,
    save_lamps: File | None = None,
    **settings: Unpack[PhotorealSettings],
) -> Result | FilmResult:
    """Transfer light and color of other photographs by semantic class, with a photorealistic result.

    Args:
        content: content image: a path, PIL image, array ``(H, W, 3)`` or tensor ``(1, 3, H, W)``, 0..1; or
            the path of a video.
        styles: a photograph or a list of them, likewise; or the path of a saved ``.look``. None with
            ``night``.
        out: file to write; a video needs one.
        save_look: file for the statistics of the styles, which can be used as a style later.
        save_masks: folder for the class masks of content and style images, in the format of ``masks``.
        save_lamps: file for the lamps that are on, in the format of ``lamps``.
        **settings: fields of :class:`impasto.jobs.PhotorealJob` and of :class:`impasto.keywords.Running`.
            ``masks`` is one mask of the content image, then one of each style image: the nine flat colors of
            ``impasto.looks.masks.COLORS``, or ids in a gray image. ``lamps`` are labels for ``night``, see
            :func:`impasto.looks.lamps.read_lamps`.

    Returns:
        The image with the recipe of the run; ``.save(path)`` writes it.

    Raises:
        InputError: an image, a mask, a look or a setting is not valid.
    """
    also = {"save_look": save_look, "save_masks": save_masks, "save_lamps": save_lamps}
    found = _run("photoreal", out, settings, also=also, content=content, styles=styles)
    return cast("Result | FilmResult", found)


@overload
def dream(content: Source, *, out: None = None, **settings: Unpack[DreamSettings]) -> Result: ...
@overload
def dream(content: Source, *, out: File, **settings: Unpack[DreamSettings]) -> Result | FilmResult: ...
def dream(
    content: Source, *, out: File | None = None, **settings: Unpack[DreamSettings]
) -> Result | FilmResult:
    """Apply Deep Dream to an image or a video, or zoom endlessly into an image.

    Args:
        content: content image: a path, PIL image, array ``(H, W, 3)`` or tensor ``(1, 3, H, W)``, 0..1; or
            the path of a video.
        out: file to write; a video needs one.
        **settings: fields of :class:`impasto.jobs.DreamJob` and of :class:`impasto.keywords.Running`. Images
            may be in memory.

    Raises:
        InputError: an image or a setting is not valid.

    Examples:
        >>> out = dream("photo.jpg", layers=["relu4_3", "relu5_2:0.5"], octaves=5)  # doctest: +SKIP
        >>> out.save("out.png")  # doctest: +SKIP
    """
    return cast("Result | FilmResult", _run("dream", out, settings, content=content))


def visualize(layer: str, *, out: File | None = None, **settings: Unpack[VisualizeSettings]) -> Result:
    """Optimize noise to maximize the activation of a layer or a channel.

    Args:
        layer: ``relu4_3`` or ``relu4_3[12]``.
        out: file to write.
        **settings: fields of :class:`impasto.jobs.VisualizeJob` and of :class:`impasto.keywords.Running`.

    Raises:
        InputError: the layer or channel is unknown.

    Examples:
        >>> visualize("relu4_3[12]").save("channel.png")  # doctest: +SKIP
    """
    return cast("Result", _run("visualize", out, settings, layer=layer))


def video(
    film: File, styles: File | Sequence[File] = (), *, out: File, **settings: Unpack[VideoSettings]
) -> FilmResult:
    """Stylize a video with temporal consistency; its sound is kept.

    Args:
        film: a video, GIF, animated WebP or folder of numbered images.
        styles: names of learned styles, or style images.
        out: the video to write; without a suffix, a folder of numbered images.
        **settings: fields of :class:`impasto.jobs.VideoJob` and of :class:`impasto.keywords.Running`.

    Raises:
        InputError: the video, a style or a setting cannot be used.
        OutputError: the video cannot be written.
    """
    return cast("FilmResult", _run("video", out, settings, film=film, styles=styles))


def learn(
    pictures: File | Sequence[File] = (),
    *,
    out: File | None = None,
    curve: File | None = None,
    **settings: Unpack[LearnSettings],
) -> LearnResult:
    """Train a network on style images, for painting with them in one pass.

    Args:
        pictures: one or several style images.
        out: pack or style file to write; default: among the user's styles, or the pack ``into``.
        curve: file for the training loss.
        **settings: fields of :class:`impasto.jobs.LearnJob` and of :class:`impasto.keywords.Running`.

    Raises:
        InputError: a style image, a folder, a pack or a setting is not valid.
        OutputError: the output cannot be written.
    """
    return cast("LearnResult", _run("learn", out, settings, also={"curve": curve}, pictures=pictures))


def compare(
    content: File, style: File, *, out: File, **settings: Unpack[CompareSettings]
) -> list[dict[str, Any]]:
    """Stylize a photo with every method; write a page with the results side by side.

    Args:
        content: the photo.
        style: the style image.
        out: output folder.
        **settings: fields of :class:`impasto.CompareJob` and of :class:`impasto.keywords.Running`.

    Returns:
        One row per method: name, description, seconds, evaluations and metrics.

    Raises:
        InputError: an image cannot be used.
        OutputError: the folder cannot be written to, or already holds a comparison.
    """
    return cast("list[dict[str, Any]]", _run("compare", out, settings, content=content, style=style))


def _run(
    verb: str, out: File | None, settings: Any, *, also: Mapping[str, File | None] | None = None, **given: Any
) -> Any:
    """Build a job and its session from the arguments of a function; return the value of its outcome."""
    pictures: dict[str, Source] = {}
    running = {name: settings.pop(name) for name in Running.__annotations__ if name in settings}
    if wrong := given.keys() & settings.keys():
        raise InputError(f"{verb} got {', '.join(wrong)} twice")
    kind = VERBS[verb].job
    hints = get_type_hints(kind)
    named = {}
    for name, value in {**given, **settings}.items():
        several = (
            "tuple" in str(hints.get(name)) and value is not None and not isinstance(value, (list, tuple))
        )
        # A string with commas means several, as on the command line, but for names of files.
        parts = value.split(",") if isinstance(value, str) and name not in kind.reads else [value]
        named[name] = _named(name, parts if several else value, pictures, kind.reads)
    outputs = {name: Path(path) for name, path in (also or {}).items() if path is not None}
    session = Session(pictures=pictures, also=outputs, **running)
    return run(kind.parse(named), None if out is None else Path(out), session).value


def _named(name: str, value: Any, pictures: dict[str, Source], reads: Mapping[str, Any]) -> Any:
    """Return a setting with names in place of images; those in memory are added to ``pictures``."""
    if name not in reads or value is None:
        return value
    if isinstance(value, (list, tuple)):
        stem = name.removesuffix("s")
        return [_named(f"{stem}-{n}", one, pictures, {f"{stem}-{n}": ()}) for n, one in enumerate(value, 1)]
    if isinstance(value, (str, Path)):
        return str(value)
    pictures[name] = value
    return name
