"""Styles predicted from an image, without training; or tuned for seconds, and then kept."""

from __future__ import annotations

import contextlib
import hashlib
import logging
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from impasto import image, samples
from impasto.errors import InputError, OutputError
from impasto.image import Source
from impasto.jobs import StylizeJob
from impasto.networks import LearnedStyle, library, packs, predictor
from impasto.networks.library import InstalledStyle
from impasto.networks.packs import Pack
from impasto.painters.inputs import FLAT
from impasto.painters.inputs import digest as digest_of

TUNED_ON = (("astronaut", 0, 100), ("rocket", 60, 200))  # sample photos, and the corners of their crops
SIDE = 256  # of the crops, pixels
LEAST_SCALE = 0.2  # smallest size of strokes, relative to those of the style image

_log = logging.getLogger("impasto")


@dataclass(frozen=True)
class Predicted(InstalledStyle):
    """A style predicted from an image, without training."""

    predicted: Pack

    @property
    def pack(self) -> Pack:
        """The shipped pack with the predicted row added."""
        return self.predicted


def predict(name: str, picture: NDArray[np.float32], *, network: str | None = None) -> Predicted:
    """Predict the style of an image ``(H, W, 3)``, RGB 0..1.

    Raises:
        InputError: rows of ``network`` cannot be predicted.
    """
    if network not in (None, predictor.NETWORK):
        raise InputError(
            f"--instant works only with the network '{predictor.NETWORK}', not {network}: leave out --network"
        )
    if np.ptp(picture, (0, 1)).max() < FLAT:
        _log.warning("style %s has only one color, and so will the output", name)
    row = predictor.predict(picture)
    base = predictor.FILE.with_suffix(library.PACK_SUFFIX)
    # The hash distinguishes images of the same name from different folders.
    own = f"{packs.clean_name(Path(name).stem)}_{hashlib.sha256(row.tobytes()).hexdigest()[:12]}"
    style = LearnedStyle(own, rows=(), scales=(1.0,))
    return Predicted(own, base, shipped=True, predicted=library.open_pack(base).add_style(style, row[None]))


@dataclass(frozen=True)
class _Wanted:
    """A style to be tuned: its image ``(H, W, 3)`` with file name and hash, own name, and size of strokes."""

    name: str
    picture: NDArray[np.float32]
    digest: str
    own: str
    scale: float

    @property
    def path(self) -> Path:
        return library.user_folder() / f"{self.own}{library.STYLE_SUFFIX}"


def tune_styles(job: StylizeJob, pictures: Mapping[str, Source]) -> StylizeJob:
    """Return a job with learned styles in place of its images: the styles are trained once, and kept.

    Raises:
        InputError: a style of the name of an image is shipped, or was made of another image; or an image is
            too small for the size of its strokes.
    """
    assert job.tune is not None
    wanted = []
    for name, scale in zip(job.styles, job.style_scale or (1.0,) * len(job.styles), strict=True):
        source = pictures.get(name, name)
        picture = image.read(source, max_pixels=job.max_pixels)
        digest = digest_of(source, source if source is name else picture)
        own = packs.clean_name(Path(name).stem) if source is name else f"style_{digest[:12]}"
        own = own if scale == 1 else packs.clean_name(f"{own}_{scale:g}")
        wanted.append(_Wanted(name, picture.flat(), digest, own, scale))
    new = [style for style in wanted if not _is_kept(style, job.tune)]
    for style in new:
        _check(style)
    for style in new:
        _keep(style, job)
    return replace(
        job, styles=tuple(style.own for style in wanted), style_scale=None, instant=False, tune=None
    )


def _is_kept(wanted: _Wanted, seconds: float) -> bool:
    """Return whether the user's styles hold a style; say so if it was tuned for another time.

    Raises:
        InputError: they hold one of that name, but of another image.
    """
    if not wanted.path.exists():
        return False
    kept = library.open_pack(wanted.path).style(wanted.own)
    if kept.picture != wanted.digest:
        raise InputError(
            f"{wanted.path} holds the style of another image: rename {wanted.name}, or remove that style "
            f"(impasto styles remove {wanted.own})"
        )
    if (before := kept.recipe.get("tuned")) != seconds:
        tuned = f"was tuned for {before:g} s" if before else "was learned"
        text = "%s: the style '%s' %s and is used as it is; to retune it, first run impasto styles remove %s"
        _log.warning(text, wanted.name, wanted.own, tuned, wanted.own)
    return True


def _check(wanted: _Wanted) -> None:
    """Check the name of a new style and the size of its strokes.

    Raises:
        InputError: a shipped style has the name, or the image is too small for the size.
    """
    from impasto.training.objective import REFERENCE

    name, scale = wanted.name, wanted.scale
    if wanted.own in library.open_pack(predictor.FILE.with_suffix(library.PACK_SUFFIX)).names:
        raise InputError(f"{name}: '{wanted.own}' is the name of a shipped style: rename the image")
    height, width = wanted.picture.shape[:2]
    most = max(1.0, float((height * width) ** 0.5) / REFERENCE)
    if not LEAST_SCALE <= scale <= most:
        raise InputError(
            f"--style-scale {scale:g} is not between {LEAST_SCALE:g} and {most:.2f}, the range of {name}"
        )


def _keep(wanted: _Wanted, job: StylizeJob) -> None:
    """Train a style, and write it into the user's styles."""
    found = predict(wanted.name, wanted.picture, network=job.network)
    base = found.predicted.remove_style(found.name)
    row = _train_row(base, found.predicted.rows[-1], wanted, job)
    _log.warning("%s: trained for %g s, and kept as the style '%s'", wanted.name, job.tune, wanted.own)
    wanted.path.parent.mkdir(parents=True, exist_ok=True)
    style = LearnedStyle(
        wanted.own,
        rows=(),
        scales=(wanted.scale,),
        picture=wanted.digest,
        recipe={"tuned": job.tune},
        thumbnail=packs.thumbnail(wanted.picture),
    )
    with contextlib.suppress(OutputError):  # of two processes, the first one's style is kept
        packs.save_style(base.add_style(style, row[None]), wanted.own, wanted.path)
    library.open_pack(wanted.path)  # raises if the file could not be written


def _train_row(base: Pack, row: NDArray[np.float32], wanted: _Wanted, job: StylizeJob) -> NDArray[np.float32]:
    import torch

    from impasto import backbones, tensors
    from impasto.backbones.devices import choose_device
    from impasto.training import tune
    from impasto.training.objective import StyleRow

    assert job.tune is not None
    crops = [samples.photo(photo)[top : top + SIDE, left : left + SIDE] for photo, top, left in TUNED_ON]
    return tune(
        base,
        row,
        StyleRow(tensors.from_array(wanted.picture), wanted.scale),
        torch.cat([tensors.from_array(crop) for crop in crops]),
        backbone=backbones.load(device=choose_device(job.device), precision=job.precision),
        seconds=job.tune,
    )
