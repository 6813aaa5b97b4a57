"""Style packs: one trunk and one or more rows per style, in one safetensors file.

A ``.style`` file (under 20 kB) holds a single style: its rows and the hash of their trunk.
This module does not need PyTorch.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from impasto import files, image, pages
from impasto.errors import InputError
from impasto.networks.plan import Plan, describe, parse, shape

Array = NDArray[np.float32]

PACK, STYLE = "style pack", "style"
VERSION = 1
MOST_STRENGTH = 1.5  # above it a network produces noise
_MOST_ROWS = 4096
_THUMBNAIL = 128  # long side, pixels


@dataclass(frozen=True)
class LearnedStyle:
    """A style of a pack.

    Args:
        name: name, the stem of the style image's file name.
        rows: indices of its rows in the pack.
        scales: stroke size of each row, relative to the style image at the size of the output.
        title, credit, license: texts on the style image.
        picture: SHA-256 of the style image's file.
        recipe: training settings.
        thumbnail: small JPEG of the style image.
    """

    name: str
    rows: tuple[int, ...]
    scales: tuple[float, ...]
    title: str = ""
    credit: str = ""
    licence: str = ""
    picture: str = ""
    recipe: Mapping[str, Any] = field(default_factory=dict)
    thumbnail: bytes = b""

    @property
    def credits(self) -> str:
        """Title, credit and license of the style image, as far as they are known, in one line."""
        parts = (self.title, self.credit, self.licence or "license not known")
        told = ", ".join(text for text in parts if text)
        return "".join(letter if letter.isprintable() else " " for letter in told)

    def shares(self, scale: float) -> dict[int, float]:
        """Return rows and their shares for a stroke size, interpolated between scales logarithmically."""
        pairs = sorted(zip(self.scales, self.rows, strict=True))
        if scale <= pairs[0][0]:
            return {pairs[0][1]: 1.0}
        for (small, one), (large, other) in pairwise(pairs):
            if scale <= large:
                part = math.log(scale / small) / math.log(large / small)
                return {one: 1 - part, other: part}
        return {pairs[-1][1]: 1.0}


@dataclass(frozen=True)
class Pack:
    """A trunk and its styles.

    Args:
        plan: architecture of the network.
        trunk: its weights by name.
        rows: ``(R, plan.kinds, channels)``: scales, shifts, noise weights; row 0 reproduces the photo.
        styles: the styles of the other rows.
    """

    plan: Plan
    trunk: Mapping[str, Array]
    rows: Array
    styles: tuple[LearnedStyle, ...] = ()

    @property
    def names(self) -> list[str]:
        """Names of the styles, in order."""
        return [style.name for style in self.styles]

    def style(self, name: str) -> LearnedStyle:
        """Return the style of that name.

        Raises:
            InputError: there is none; the message suggests similar names.
        """
        for style in self.styles:
            if style.name == name:
                return style
        near = get_close_matches(name, self.names, n=3) or self.names
        raise InputError(f"this pack has no style '{name}': it has {', '.join(near) or 'none'}")

    def weights(self, parts: Mapping[str, float], *, strength: float = 1.0, scale: float = 1.0) -> Array:
        """Return the weights ``(R,)`` of the rows for a blend of styles at a strength.

        Args:
            parts: share of each style; normalized to sum 1.
            strength: 0 returns the photo, 1 is a full transfer; at most 1.5.
            scale: size of the strokes.

        Raises:
            InputError: there is no such style, or ``strength`` is out of range.
        """
        if not 0 <= strength <= MOST_STRENGTH:
            raise InputError(
                f"strength {strength:g} is not between 0 and {MOST_STRENGTH:g}, the range of learned styles "
                f"and --instant: for more, give a style image without --instant"
            )
        result = np.zeros(len(self.rows), np.float32)
        total = sum(parts.values())
        for name, share in parts.items():
            for row, part in self.style(name).shares(scale).items():
                result[row] += strength * part * share / total
        result[0] = 1 - strength
        return result

    def hash(self) -> str:
        """Return the SHA-256 of plan, trunk and the photo's row; the rows of a style fit one such hash."""
        digest = hashlib.sha256(json.dumps(describe(self.plan), sort_keys=True).encode())
        for name in sorted(self.trunk):
            digest.update(name.encode() + np.ascontiguousarray(self.trunk[name], np.float32).tobytes())
        digest.update(np.ascontiguousarray(self.rows[0], np.float32).tobytes())
        return digest.hexdigest()

    def add_style(self, style: LearnedStyle, rows: Array) -> Pack:
        """Return this pack with one more style; trunk and existing rows are unchanged, bit for bit.

        Raises:
            InputError: the pack already has a style of that name.
        """
        if style.name in self.names:
            raise InputError(f"the pack already has a style '{style.name}': give the new one another name")
        start = len(self.rows)
        placed = dataclasses.replace(style, rows=tuple(range(start, start + len(rows))))
        joined = np.concatenate([self.rows, rows.astype(np.float32)])
        return dataclasses.replace(self, rows=joined, styles=(*self.styles, placed))

    def remove_style(self, name: str) -> Pack:
        """Return this pack without a style."""
        gone = set(self.style(name).rows)
        kept = [i for i in range(len(self.rows)) if i not in gone]
        place = {old: new for new, old in enumerate(kept)}
        styles = tuple(
            dataclasses.replace(s, rows=tuple(place[r] for r in s.rows))
            for s in self.styles
            if s.name != name
        )
        return dataclasses.replace(self, rows=self.rows[kept], styles=styles)

    def replace_credits(self, name: str, texts: Mapping[str, str]) -> Pack:
        """Return this pack with a style's ``title``, ``credit`` and ``licence`` replaced by ``texts``."""
        told = {key: texts[key] for key in ("title", "credit", "licence") if key in texts}
        style = dataclasses.replace(self.style(name), **told)  # type: ignore[arg-type]
        return dataclasses.replace(self, styles=tuple(style if s.name == name else s for s in self.styles))


def save(pack: Pack, path: str | Path, *, overwrite: bool = False) -> Path:
    """Write a pack.

    Raises:
        OutputError: the file cannot be written, or exists and ``overwrite`` is not set.
    """
    tensors: dict[str, NDArray[Any]] = {f"trunk.{name}": value for name, value in pack.trunk.items()}
    tensors["rows"] = pack.rows
    tensors |= {f"thumbnail.{s.name}": _bytes(s.thumbnail) for s in pack.styles}
    meta: dict[str, Any] = {
        "kind": PACK,
        "version": VERSION,
        "plan": describe(pack.plan),
        "styles": [_style_entry(style) for style in pack.styles],
    }
    files.save_checkpoint(path, tensors, meta, overwrite=overwrite)
    return Path(path)


def load(path: str | Path) -> Pack:
    """Read a pack.

    Raises:
        InputError: the file is missing, damaged, not a pack, or from a newer impasto.
    """
    tensors, meta = files.load_arrays(path)
    _check_kind(path, meta, PACK)
    try:
        plan = parse(meta["plan"])
        wanted = shape(plan)
        trunk = {name: _floats(tensors[f"trunk.{name}"], size) for name, size in wanted.kernels.items()}
        trunk |= {name: _floats(tensors[f"trunk.{name}"], (size,)) for name, size in wanted.biases.items()}
        rows = _rows(tensors["rows"], (plan.kinds, sum(wanted.norms)))
        styles = tuple(_style(entry, tensors, count=len(rows)) for entry in meta["styles"])
        if len({s.name for s in styles}) < len(styles):
            raise ValueError("two styles have one name")
    except (KeyError, TypeError, ValueError, InputError) as error:
        raise InputError(f"{path} is damaged: {_reason(error)}") from error
    return Pack(plan, trunk, rows, styles)


def save_style(pack: Pack, name: str, path: str | Path, *, overwrite: bool = False) -> Path:
    """Write one style of a pack as a ``.style`` file.

    Raises:
        InputError: the pack has no such style.
        OutputError: the file cannot be written, or exists and ``overwrite`` is not set.
    """
    style = pack.style(name)
    meta: dict[str, Any] = {
        "kind": STYLE,
        "version": VERSION,
        "trunk": pack.hash(),
        "style": _style_entry(style),
    }
    tensors: dict[str, NDArray[Any]] = {
        "rows": pack.rows[list(style.rows)],
        f"thumbnail.{name}": _bytes(style.thumbnail),
    }
    files.save_checkpoint(path, tensors, meta, overwrite=overwrite)
    return Path(path)


def load_style(path: str | Path, pack: Pack) -> tuple[LearnedStyle, Array]:
    """Read a style and its rows from a ``.style`` file.

    Raises:
        InputError: the file is missing, damaged, not a style, from a newer impasto, or for
            another trunk than that of ``pack``.
    """
    tensors, meta = files.load_arrays(path)
    _check_kind(path, meta, STYLE)
    if meta.get("trunk") != pack.hash():
        raise InputError(
            f"{path} was learned with a different trunk than this pack's: learn the style again "
            f"(impasto learn IMAGE --into PACK)"
        )
    try:
        rows = _rows(tensors["rows"], (pack.rows.shape[1], pack.rows.shape[2]))
        style = _style({**meta["style"], "rows": list(range(len(rows)))}, tensors, count=len(rows))
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(f"{path} is damaged: {_reason(error)}") from error
    return style, rows


def trunk_of(path: str | Path) -> str:
    """Return the hash of the trunk that a ``.style`` file belongs to."""
    _, meta = files.load_arrays(path)
    _check_kind(path, meta, STYLE)
    return str(meta.get("trunk"))


def clean_name(text: str) -> str:
    """Return ``text`` as a valid style name: runs of other characters than ``A-Za-z0-9_-`` become ``_``."""
    return re.sub(r"[^A-Za-z0-9_-]+", "_", text)


def _check_kind(path: str | Path, meta: Mapping[str, Any], kind: str) -> None:
    if meta.get("kind") != kind:
        raise InputError(f"{path} is not a {kind} but another kind of impasto file: choose another file")
    version = meta.get("version")
    if not isinstance(version, int) or version > VERSION:
        raise InputError(f"{path} was written by a newer impasto: upgrade impasto")


def _style_entry(style: LearnedStyle) -> dict[str, Any]:
    entry = dataclasses.asdict(style)
    del entry["thumbnail"]
    return {**entry, "rows": list(style.rows), "scales": list(style.scales), "recipe": dict(style.recipe)}


def _style(entry: Mapping[str, Any], tensors: Mapping[str, NDArray[Any]], *, count: int) -> LearnedStyle:
    rows, scales = entry["rows"], entry["scales"]
    if not rows or len(rows) != len(scales):
        raise ValueError("a style has no rows, or not as many as scales")
    if not all(type(r) is int and 0 <= r < count for r in rows) or not all(0 < s < 100 for s in scales):
        raise ValueError("the rows or scales of a style are out of range")
    texts = {key: str(entry[key]) for key in ("title", "credit", "licence", "picture")}
    name = _name(entry["name"])
    return LearnedStyle(
        name,
        tuple(rows),
        tuple(float(s) for s in scales),
        **texts,
        recipe=dict(entry["recipe"]),
        thumbnail=tensors[f"thumbnail.{name}"].astype(np.uint8).tobytes(),
    )


def _name(value: Any) -> str:
    name = str(value)
    if not name or name != clean_name(name):
        raise ValueError(f"{name!r} is not a style name: use only letters, digits, '_' and '-'")
    return name


def _rows(value: NDArray[Any], size: tuple[int, int]) -> Array:
    if value.ndim != 3 or not 1 <= len(value) <= _MOST_ROWS:
        raise ValueError(f"rows have the invalid shape {value.shape}")
    return _floats(value, (len(value), *size))


def _floats(value: NDArray[Any], size: tuple[int, ...]) -> Array:
    if value.shape != size:
        raise ValueError(f"an array of shape {value.shape} should be {size}")
    result = value.astype(np.float32)
    if not np.isfinite(result).all():
        raise ValueError("a weight is not a finite number")
    return result


def _bytes(data: bytes) -> NDArray[np.uint8]:
    array: NDArray[np.uint8] = np.frombuffer(data, np.uint8).copy()
    return array


def _reason(error: Exception) -> str:
    return f"{error} is missing" if isinstance(error, KeyError) else str(error)


def thumbnail(rgb: Array) -> bytes:
    """Return a small JPEG of a style image ``(H, W, 3)``, RGB 0..1."""
    small = image.resize(rgb, image.fit((rgb.shape[0], rgb.shape[1]), _THUMBNAIL))
    return pages.jpeg((small.clip(0, 1) * 255 + 0.5).astype(np.uint8), quality=85)
