"""The functions that make an image or a video."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Unpack, cast, overload

from impasto.api.running import run_verb
from impasto.image import Source
from impasto.keywords import (
    DreamSettings,
    File,
    PhotorealSettings,
    StylizeSettings,
    VideoSettings,
    VisualizeSettings,
)
from impasto.record import Result

if TYPE_CHECKING:
    from impasto.films import FilmResult


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
    return cast("Result", run_verb("stylize", out, settings, content=content, styles=styles))


@overload
def photoreal(
    content: Source,
    styles: Source | Sequence[Source] = (),
    *,
    out: None = None,
    **settings: Unpack[PhotorealSettings],
) -> Result: ...
@overload
def photoreal(
    content: Source,
    styles: Source | Sequence[Source] = (),
    *,
    out: File,
    **settings: Unpack[PhotorealSettings],
) -> Result | FilmResult: ...
def photoreal(
    content: Source,
    styles: Source | Sequence[Source] = (),
    *,
    out: File | None = None,
    **settings: Unpack[PhotorealSettings],
) -> Result | FilmResult:
    """Transfer light and color of other photographs by semantic class, with a photorealistic result.

    Args:
        content: content image: a path, PIL image, array ``(H, W, 3)`` or tensor ``(1, 3, H, W)``, 0..1; or
            the path of a video.
        styles: a photograph or a list of them, likewise; or the path of a saved ``.look``. None with
            ``night``.
        out: file to write; a video needs one.
        **settings: fields of :class:`impasto.jobs.PhotorealJob` and of :class:`impasto.keywords.Running`.
            ``masks`` is one mask of the content image, then one of each style image: the nine flat colors of
            ``impasto.looks.masks.COLORS``, or ids in a gray image. ``lamps`` are labels for ``night``, see
            :func:`impasto.looks.lamps.read_lamps`. Further outputs: ``save_look`` is a file for the
            statistics of the styles, which can be used as a style later, ``save_masks`` a folder for the
            class masks of content and style images, in the format of ``masks``, and ``save_lamps`` a file for
            the lamps that are on, in the format of ``lamps``.

    Returns:
        The image with the recipe of the run; ``.save(path)`` writes it.

    Raises:
        InputError: an image, a mask, a look or a setting is not valid.
    """
    found = run_verb("photoreal", out, settings, content=content, styles=styles)
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
    return cast("Result | FilmResult", run_verb("dream", out, settings, content=content))


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
    return cast("Result", run_verb("visualize", out, settings, layer=layer))


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
    return cast("FilmResult", run_verb("video", out, settings, film=film, styles=styles))
