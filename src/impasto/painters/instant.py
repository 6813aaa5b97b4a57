"""Styles predicted from an image, without training."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from impasto.errors import InputError
from impasto.networks import LearnedStyle, library, packs, predictor
from impasto.networks.library import Known
from impasto.networks.packs import Pack


@dataclass(frozen=True)
class Predicted(Known):
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
    row = predictor.predict(picture)
    base = predictor.FILE.with_suffix(library.PACK_SUFFIX)
    # The hash distinguishes images of the same name from different folders.
    own = f"{packs.clean_name(Path(name).stem)}_{hashlib.sha256(row.tobytes()).hexdigest()[:12]}"
    style = LearnedStyle(own, rows=(), scales=(1.0,))
    return Predicted(own, base, shipped=True, predicted=library.open_pack(base).added(style, row[None]))
