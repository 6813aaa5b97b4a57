"""The functions that train, compare and measure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Unpack, cast, overload

from impasto.api.running import run_verb
from impasto.image import Source
from impasto.keywords import CompareSettings, File, LearnSettings, MeasureSettings

if TYPE_CHECKING:
    from impasto.films import FilmReport
    from impasto.metrics import Measurement
    from impasto.training import LearnResult


def learn(
    pictures: File | Sequence[File] = (), *, out: File | None = None, **settings: Unpack[LearnSettings]
) -> LearnResult:
    """Train a network on style images, for painting with them in one pass.

    Args:
        pictures: one or several style images.
        out: pack or style file to write; default: among the user's styles, or the pack ``into``.
        **settings: fields of :class:`impasto.jobs.LearnJob` and of :class:`impasto.keywords.Running`;
            ``curve`` is a file for the training loss.

    Raises:
        InputError: a style image, a folder, a pack or a setting is not valid.
        OutputError: the output cannot be written.
    """
    return cast("LearnResult", run_verb("learn", out, settings, pictures=pictures))


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
    return cast("list[dict[str, Any]]", run_verb("compare", out, settings, content=content, style=style))


@overload
def measure(
    output: Source, *, original: None = None, out: File | None = None, **settings: Unpack[MeasureSettings]
) -> Measurement: ...
@overload
def measure(
    output: Source, *, original: File, out: File | None = None, **settings: Unpack[MeasureSettings]
) -> FilmReport: ...
def measure(
    output: Source,
    *,
    original: File | None = None,
    out: File | None = None,
    **settings: Unpack[MeasureSettings],
) -> Measurement | FilmReport:
    """Measure a stylized image against its photo and style, or the flicker of a stylized video.

    Args:
        output: stylized image: a path, PIL image, array ``(H, W, 3)`` or tensor ``(1, 3, H, W)``, 0..1; or
            the path of a stylized video.
        original: source of the video.
        out: JSON file to write; for a video, the folder of a page.
        **settings: fields of :class:`impasto.jobs.MeasureJob` and of :class:`impasto.keywords.Running`.
            Images may be in memory.

    Returns:
        The metrics by name, see :class:`impasto.metrics.Measurement`; of a video, see
        :class:`impasto.films.FilmReport`. :func:`impasto.metrics.measure` takes a network and layers.

    Raises:
        InputError: an image, a video or a setting cannot be used.
        OutputError: the output cannot be written.

    Examples:
        >>> measure("out.png", content="photo.jpg", style="starry.jpg").summary()  # doctest: +SKIP
        >>> measure("out.mp4", original="film.mp4", baseline="alone.mp4").verdict()  # doctest: +SKIP
    """
    if original is not None:
        settings = cast("MeasureSettings", {**settings, "original": original})
    return cast("Measurement | FilmReport", run_verb("measure", out, settings, output=output))
