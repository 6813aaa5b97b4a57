"""The functions that process many images: batches, and the augmentation of data sets."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Unpack, cast, overload

from impasto.api.running import parts
from impasto.errors import InputError
from impasto.jobs import StylizeJob
from impasto.jobs.base import check_names, parse_range, pluralize
from impasto.keywords import AugmentSettings, BatchSettings, File, RunOptions

if TYPE_CHECKING:
    from impasto.batching import BatchResult, Task


def batch(
    source: File | Iterable[Task],
    *,
    out: File,
    style: File | Sequence[File] = (),
    **settings: Unpack[BatchSettings],
) -> BatchResult:
    """Run many jobs in parallel; a repeated call does only what is missing.

    Args:
        source: a folder of photos or a pattern, for ``stylize``; a ``.jsonl`` file of jobs; or tasks, see
            :func:`impasto.batching.task`.
        out: output folder, which gets ``manifest.jsonl``.
        style: style images or names of learned styles, for a folder or a pattern.
        **settings: fields of :class:`impasto.StylizeJob`, for a folder or a pattern, and of
            :class:`impasto.keywords.RunOptions`.

    Returns:
        Numbers of jobs that are done, skipped and failed, and the path of the manifest.

    Raises:
        InputError: there are no jobs, or a setting is not valid.
        OutputError: the folder cannot be written to.

    Examples:
        >>> batch("photos/", out="painted/", style="waves", strength=0.8, workers=4)  # doctest: +SKIP
    """
    from impasto import batching

    given: dict[str, Any] = dict(settings)
    how = cast("RunOptions", {k: given.pop(k) for k in RunOptions.__annotations__ if k in given})
    check_names("batch", given, [*BatchSettings.__annotations__, "style"])
    if style:
        given["styles"] = style
    named = {name: _manifest_value(name, parts(StylizeJob, name, value)) for name, value in given.items()}
    if named and not isinstance(source, (str, Path)):
        raise InputError(f"tasks have their own settings: leave out {next(iter(named))}")
    return batching.run(source, out, settings=named, **how)


def _manifest_value(name: str, value: Any) -> Any:
    """Return a setting as it is written to the manifest, which has names of files and no images."""
    if name not in StylizeJob.reads or value is None:
        return value
    if isinstance(value, (list, tuple)):
        return [_manifest_value(name, one) for one in value]
    if not isinstance(value, (str, Path)):
        raise InputError(f"{name} is an image in memory, and a batch reads files: write it to one")
    return str(value)


@overload
def augment(
    dataset: File, *, looks: File, out: File, reproduce: None = None, **settings: Unpack[AugmentSettings]
) -> BatchResult: ...
@overload
def augment(
    dataset: File, *, looks: File, out: File, reproduce: File, **settings: Unpack[AugmentSettings]
) -> list[str]: ...
def augment(
    dataset: File,
    *,
    looks: File,
    out: File,
    reproduce: File | None = None,
    **settings: Unpack[AugmentSettings],
) -> BatchResult | list[str]:
    """Augment a data set: apply a random look to each image, and keep the labels.

    Args:
        dataset: folder in the layout of COCO, BDD, Cityscapes or KITTI.
        looks: folder of learned styles and saved ``.look`` files.
        out: output folder, with the files of the data set under their names, and ``manifest.jsonl``.
        reproduce: manifest of an earlier run: recreate its images, and compare them bit for bit.
        **settings: see :class:`impasto.keywords.AugmentSettings` and :class:`impasto.keywords.RunOptions`.

    Returns:
        Numbers of images that are done, skipped, failed and rejected, and the path of the manifest. With
        ``reproduce``, the names of the images that differ.

    Raises:
        InputError: the data set, a look or a setting cannot be used; or ``verify`` finds a fault.
        OutputError: the folder cannot be written to, or lies in the data set.

    Examples:
        >>> augment("kitti/", looks="looks/", out="augmented/", verify=True)  # doctest: +SKIP
    """
    from impasto.augmentation import augment as augmenting
    from impasto.augmentation import verify as checks

    check_names("augment", settings, [*AugmentSettings.__annotations__, "looks", "out", "reproduce"])
    if reproduce is not None:
        return checks.reproduce(reproduce, out, on_row=settings.get("on_row"))
    given: dict[str, Any] = dict(settings)
    verify = given.pop("verify", False)
    if "strength" in given:
        given["strength"] = parse_range("strength", given["strength"])
    found = augmenting.augment(dataset, out, looks_in=looks, **given)
    if verify and (faults := checks.verify(dataset, out)):
        raise InputError(f"{pluralize(len(faults), 'fault')} in {out}: {faults[0]}")
    return found
