"""The functions that train and compare."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Unpack, cast

from impasto.api.running import run_verb
from impasto.keywords import (
    CompareSettings,
    File,
    LearnSettings,
)

if TYPE_CHECKING:
    from impasto.training import LearnResult


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
    return cast("LearnResult", run_verb("learn", out, settings, also={"curve": curve}, pictures=pictures))


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
