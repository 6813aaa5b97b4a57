"""Expand folders of style images, and merge duplicate styles."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import TypeVar

from impasto import files, image
from impasto.errors import InputError
from impasto.image import Source
from impasto.jobs import StylizeJob, VideoJob
from impasto.networks import library

AnyJob = TypeVar("AnyJob", StylizeJob, VideoJob)


def expand_folders(job: AnyJob, pictures: Mapping[str, Source] | None = None) -> AnyJob:
    """Replace each folder among the styles by its images, and merge duplicate styles.

    The weight of a folder is divided among its images, which share its mask and scale. The weights of
    duplicates add up; duplicates with different masks or scales are kept separate.

    Args:
        job: the job.
        pictures: styles in memory, by name.

    Raises:
        InputError: a folder contains no images.
    """
    count = len(job.styles)
    scales: tuple[float | None, ...] = job.style_scale or (None,)
    rows = []
    for name, weight, scale, mask in zip(
        job.styles,
        job.weights or (1.0,) * count,
        scales * count if len(scales) == 1 else scales,  # one is for all
        job.mask or (None,) * count,
        strict=True,
    ):
        names = _paintings(name, job, pictures or {})
        share = weight / len(names) if job.weights else weight
        rows += [(one, share, scale, mask) for one in names]
    merged: dict[tuple[str, float | None, str | None], tuple[str, float]] = {}
    for name, weight, scale, mask in rows:
        key = (_content(name, pictures or {}), scale, mask)
        first, before = merged.get(key, (name, 0.0))
        merged[key] = (first, before + weight)
    if [name for name, _ in merged.values()] == list(job.styles):
        return job
    return dataclasses.replace(
        job,
        styles=tuple(name for name, _ in merged.values()),
        weights=tuple(weight for _, weight in merged.values()) if job.weights else None,
        style_scale=tuple(scale for _, scale, _ in merged if scale is not None) or None,
        mask=tuple(mask for _, _, mask in merged if mask is not None) or None,
    )


def _paintings(name: str, job: StylizeJob | VideoJob, pictures: Mapping[str, Source]) -> list[str]:
    """Return the image files of a style: those in a folder, else the style itself."""
    if name in pictures or not Path(name).is_dir() or library.find(name, network=job.network) is not None:
        return [name]
    found = [str(path) for path in image.pictures_among(Path(name).iterdir()).pictures]
    if not found:
        raise InputError(f"style {name} is a folder without pictures: give a painting, or a folder of some")
    return found


def _content(name: str, pictures: Mapping[str, Source]) -> str:
    """Return the identity of a style: the hash of a file, else the name."""
    return files.sha256(name) if name not in pictures and Path(name).is_file() else name
