"""Licenses of what an installation contains: ``impasto doctor --licenses``."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from impasto import samples, weights
from impasto.networks import library
from impasto.samples.photos import CREDITS

Tier = Literal["free", "non-commercial research", "unknown"]

_RESTRICTED = re.compile(r"\bNC\b|non-?commercial|research", re.IGNORECASE)
_FREE = re.compile(r"\b(public domain|CC0|CC BY|MIT|BSD|Apache|[AL]?GPL|ISC|MPL)\b", re.IGNORECASE)
_OWN = "painted by impasto"
_NETWORKS = {
    "quality": ("Apache-2.0", "Magenta's arbitrary image stylization, Google LLC; trained further"),
    "quality.predictor": ("Apache-2.0", "Magenta's arbitrary image stylization, Google LLC"),
    "tiny": ("MIT", "impasto, distilled from quality"),
}
# Libraries in the wheels of PyAV and pillow-heif that decode and encode.
_CODECS = {
    "H.264, encoder x264": ("GPL-2.0-or-later", "in PyAV"),
    "VP8 and VP9, libvpx": ("BSD-3-Clause", "in PyAV"),
    "Opus, libopus": ("BSD-3-Clause", "in PyAV"),
    "AAC, ProRes, FFV1, GIF and decoders, FFmpeg": ("LGPL-3.0-or-later", "in PyAV"),
    "HEIC, libheif and decoder libde265": ("LGPL-3.0-or-later", "in pillow-heif"),
    "HEIC, encoder x265": ("GPL-2.0-or-later", "in pillow-heif"),
}


@dataclass(frozen=True)
class Licensed:
    """License, its tier, and the author or origin; empty if not known."""

    license: str
    tier: Tier
    credit: str


def tier(license_text: str) -> Tier:
    """Return the tier of a license by its name; ``unknown`` unless the name says it."""
    if _RESTRICTED.search(license_text):
        return "non-commercial research"
    return "free" if _FREE.search(license_text) else "unknown"


def licenses() -> dict[str, dict[str, Licensed]]:
    """Return the license of each thing by topic and name."""

    def table(entries: dict[str, tuple[str, str]]) -> dict[str, Licensed]:
        return {name: Licensed(text, tier(text), credit) for name, (text, credit) in entries.items()}

    installed = library.list_styles()
    return {
        "weights": table({name: (e.licence, e.credit) for name, e in weights.ENTRIES.items()} | _NETWORKS),
        "styles": table(
            {
                f"{known.name}, {known.pack.plan.name}": (
                    known.style.licence,
                    ", ".join(text for text in (known.style.title, known.style.credit) if text),
                )
                for known in installed
            }
        ),
        "photos": table({name: (c.licence, f"{c.author}: {c.shows}") for name, c in CREDITS.items()}),
        "style images": table(dict.fromkeys(samples.STYLES, ("MIT", _OWN))),
        "video": table({"drive.mp4": ("MIT", "made by impasto from the photos and style images")}),
        "codecs": table(_CODECS),
        "web page": table({"ONNX Runtime Web": ("MIT", "Microsoft; fetched by export --web")}),
    }
