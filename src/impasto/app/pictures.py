"""Pictures that the page shows and takes: thumbnails of learned styles, masks that were painted."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from impasto import image
from impasto.networks import library


def thumbnails(folder: Path) -> list[tuple[str, str]]:
    """A picture and a name for each learned style."""
    found = {}
    for known in library.known():
        path = folder / f"{known.name}.jpg"
        if known.name not in found and known.style.thumbnail:
            path.write_bytes(known.style.thumbnail)
            found[known.name] = str(path)
    return [(path, name) for name, path in found.items()]


def painted_mask(drawn: Mapping[str, Any] | None, path: Path) -> Path | None:
    """Writes what was painted over a picture as a mask, white where there is paint; None if there is none."""
    layers = [np.asarray(layer) for layer in (drawn or {}).get("layers", [])]
    alphas = [layer[..., 3] for layer in layers if layer.ndim == 3 and layer.shape[2] == 4]
    if not alphas or not any(alpha.any() for alpha in alphas):
        return None
    covered = np.max(np.stack(alphas), axis=0).astype(np.float32) / 255
    image.write(path, covered, grey=True, overwrite=True)
    return path


def turned(mask: Path) -> Path:
    """The mask of all that another leaves."""
    path = mask.with_name(f"not-{mask.name}")
    grey = image.read(mask).flat()[..., 0]
    image.write(path, 1 - grey, grey=True, overwrite=True)
    return path
