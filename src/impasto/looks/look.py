"""Looks: color and feature statistics of styles by class, stored in a file of a few kB."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, get_args

import numpy as np
from numpy.typing import NDArray

from impasto import color, files
from impasto.errors import InputError
from impasto.jobs.base import NightName
from impasto.looks.clustering import Classifier
from impasto.looks.masks import Regions
from impasto.looks.planes import Array

KIND = "look"
FEATURE_LAYERS = {"relu1_1": 64, "relu2_1": 128, "relu3_1": 256}  # layer: channels
"""Layers of the feature statistics: color, contrast and grain; deeper layers are semantic."""
_SEEN = 512 + 2  # dimension of the classifier: channels of relu4_1, vertical position, sky feature
LEAST_SHARE = 0.0007  # least share of an image for a class to have statistics


@dataclass(frozen=True, eq=False)
class Statistics:
    """Statistics of one class in a style, or of a whole image.

    ``share`` is the share of the image, 0..1; ``mean (3,)`` and ``cov (3, 3)`` are those of the sRGB colors;
    ``features`` holds channel means and standard deviations ``(2, C)`` by layer, and is empty if they were
    not computed.
    """

    share: float
    mean: Array
    cov: Array
    features: Mapping[str, Array] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Look:
    """Look of one or several styles.

    Args:
        names: class names.
        classes: statistics of each class; None: not present in the styles.
        whole: statistics of the whole images.
        classifier: finds the same classes in other images; None for classes from masks without features.
        backbone: name of the backbone of features and classifier; None without both.
        drawn: whether the classes came from masks.
        night: kind of night whose lamps are lit; None: no night.
    """

    names: tuple[str, ...]
    classes: tuple[Statistics | None, ...]
    whole: Statistics
    classifier: Classifier | None = None
    backbone: str | None = None
    drawn: bool = False
    night: NightName | None = None

    @property
    def has_colors(self) -> bool:
        """Whether the look has statistics of styles; one of a night alone has none."""
        return self.whole.share > 0

    @property
    def has_features(self) -> bool:
        """Whether the look has feature statistics, which the refinement needs."""
        return bool(self.whole.features)


def statistics(rgb: Array, regions: Regions) -> list[Statistics | None]:
    """Compute color statistics of ``rgb (H, W, 3)`` for each class and, last, for the whole image."""
    flat, labels = rgb.reshape(-1, 3).astype(np.float64), regions.labels.ravel()
    found: list[Statistics | None] = []
    for index in range(len(regions.names)):
        own = flat[labels == index]
        share = len(own) / len(flat)
        found.append(None if share < LEAST_SHARE else _statistics(own, share))
    return [*found, _statistics(flat, 1.0)]


def _statistics(colors: NDArray[np.float64], share: float) -> Statistics:
    mean, cov = color.gaussian(colors)
    return Statistics(share, mean.astype(np.float32), cov.astype(np.float32))


def blend(parts: Sequence[Statistics | None], shares: Sequence[float]) -> Statistics | None:
    """Interpolate the statistics of several styles; styles without the class are skipped."""
    used = [(p, s) for p, s in zip(parts, shares, strict=True) if p is not None and s > 0]
    if not used:
        return None
    total = sum(share for _, share in used)
    weights = [share / total for _, share in used]
    colors = [(p.mean.astype(np.float64), p.cov.astype(np.float64)) for p, _ in used]
    mean, cov = color.barycenter(colors, weights)
    # For uncorrelated Gaussians the barycenter has the mean of the means and of the deviations.
    layers = {
        layer: np.sum([w * p.features[layer] for (p, _), w in zip(used, weights, strict=True)], axis=0)
        for layer in used[0][0].features
    }
    share = sum(w * p.share for (p, _), w in zip(used, weights, strict=True))
    return Statistics(share, mean.astype(np.float32), cov.astype(np.float32), layers)


def save(look: Look, path: str | Path, *, overwrite: bool = False) -> Path:
    """Write a look to a safetensors file.

    Raises:
        OutputError: the file cannot be written, or it exists and ``overwrite`` is False.
    """
    from safetensors.numpy import save as serialize

    arrays: dict[str, NDArray[Any]] = {}
    for name, one in [
        *zip(map(str, range(len(look.names))), look.classes, strict=True),
        ("whole", look.whole),
    ]:
        if one is not None:
            arrays[f"{name}.colour"] = np.concatenate([[one.share], one.mean, one.cov.ravel()]).astype("<f4")
            # Half precision is enough for feature statistics.
            arrays |= {f"{name}.{k}": np.ascontiguousarray(v, "<f2") for k, v in one.features.items()}
    meta: dict[str, Any] = {
        "kind": KIND,
        "names": list(look.names),
        "backbone": look.backbone,
        "drawn": look.drawn,
    }
    if look.night is not None:
        meta["night"] = look.night
    if look.classifier is not None:
        arrays["centres"] = np.ascontiguousarray(look.classifier.centers, "<f2")
        meta["skies"] = look.classifier.skies
    header = {"version": files.CHECKPOINT_VERSION, "meta": meta}
    body = serialize(arrays, {files.CHECKPOINT_KEY: json.dumps(header, sort_keys=True)})
    with files.atomic(path, overwrite=overwrite) as temporary:
        temporary.write_bytes(body)
    return Path(path)


def load(path: str | Path) -> Look:
    """Read a look.

    Raises:
        InputError: the file does not exist, is damaged, or is not a look.
    """
    arrays, meta = files.load_arrays(path)
    if meta.get("kind") != KIND:
        raise InputError(f"{path} is not a look: looks are written by impasto photoreal with --save-look")
    try:
        names = tuple(str(name) for name in meta["names"])
        classes = tuple(_load_statistics(arrays, str(index)) for index in range(len(names)))
        whole = _load_statistics(arrays, "whole")
        centers = arrays["centres"].astype(np.float32) if "centres" in arrays else None
        if centers is not None and (centers.shape != (len(names), _SEEN) or not np.isfinite(centers).all()):
            raise ValueError("centers of the classes")
        backbone = meta.get("backbone")
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(f"{path} is damaged: it lacks parts of a look ({error})") from error
    if not names or whole is None or any(c and c.features.keys() != whole.features.keys() for c in classes):
        raise InputError(f"{path} is damaged: it lacks parts of a look")
    classifier = None if centers is None else Classifier(centers, bool(meta.get("skies")))
    night = meta.get("night")
    if night is not None and night not in get_args(NightName):
        raise InputError(f"{path} has a night that this version does not know: update impasto")
    return Look(names, classes, whole, classifier, backbone, drawn=bool(meta.get("drawn")), night=night)


def of_night(night: NightName) -> Look:
    """Return a look that is a night alone, without statistics of styles."""
    none = Statistics(0.0, np.zeros(3, np.float32), np.zeros((3, 3), np.float32))
    return Look(("whole",), (None,), none, night=night)


def _load_statistics(arrays: Mapping[str, NDArray[Any]], name: str) -> Statistics | None:
    if f"{name}.colour" not in arrays:
        return None
    numbers = arrays[f"{name}.colour"].astype(np.float32)
    # Shares and means are in 0..1, covariances in -1..1; NaN compares as false.
    least, most = np.array([-0.01] * 4 + [-1] * 9), np.array([1.01] * 4 + [1] * 9)
    if numbers.shape != (13,) or not ((least <= numbers) & (numbers <= most)).all():
        raise ValueError(f"colors of class {name}")
    found = {layer: arrays[f"{name}.{layer}"] for layer in FEATURE_LAYERS if f"{name}.{layer}" in arrays}
    for layer, values in found.items():
        if values.shape != (2, FEATURE_LAYERS[layer]) or not np.isfinite(values).all():
            raise ValueError(f"{layer} of class {name}")
    features = {layer: values.astype(np.float32) for layer, values in found.items()}
    return Statistics(float(numbers[0]), numbers[1:4], numbers[4:].reshape(3, 3), features)
