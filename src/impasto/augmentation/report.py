"""HTML report of the worst images of an augmented data set, each beside its photo."""

from __future__ import annotations

import html
from pathlib import Path
from typing import Any

from impasto import files, image, pages
from impasto.augmentation.gate import LEAST_KEPT, MOST_CLIPPED, MOST_HALO, REJECTED
from impasto.augmentation.lighting import MOST
from impasto.batching.manifest import NAME, Row, read
from impasto.errors import ImpastoError
from impasto.jobs.base import pluralize
from impasto.looks.lights import HUES

PAGE = "report.html"
WORST = 8  # images shown per metric
_WIDE = 320  # long side of a thumbnail in pixels

# Metrics of the report: name, description, limit (None: there is none), and whether more is worse.
_FIGURES: tuple[tuple[str, str, float | None, bool], ...] = (
    (
        "kept",
        "Correlation of edges in labeled boxes (the box with the lowest one is shown)",
        LEAST_KEPT,
        False,
    ),
    ("halo", "Halo along the skyline, relative to elsewhere", MOST_HALO, True),
    ("clipped", "Share of pixels that became black or white", MOST_CLIPPED, True),
    ("invented", "Nights: share of pixels that are brighter than their lamps explain", MOST, True),
    ("hue", "Nights: largest change of the hue of a signal, in degrees", HUES, True),
    ("edges", "Nights: SSIM of edges in labeled boxes (the lowest)", None, False),
)


def write(source: Path, target: Path) -> Path:
    """Write ``report.html`` into an augmented data set that was judged: one file with all images embedded.

    Raises:
        OutputError: the page cannot be written.
    """
    rows = {row["output"]: row for row in read(target / NAME) if row.get("gate")}
    rejected = [row for row in rows.values() if row.get("rejected")]
    judged = pluralize(len(rows), "image")
    parts = [f"<p>{judged} judged, {len(rejected)} rejected and replaced by their photos.</p>"]
    for name, title, limit, more in _FIGURES:
        known = [row for row in rows.values() if row["gate"].get(name) is not None]
        worst = sorted(known, key=lambda row: (row["gate"][name], row["output"]), reverse=more)[:WORST]
        if worst:
            allowed = "" if limit is None else f": {'at most' if more else 'at least'} {limit:g}"
            parts.append(f"<h2>{html.escape(title)}{allowed}</h2>")
            parts += [_figure(source, target, row, name) for row in worst]
    page = target / PAGE
    files.check_output(page, overwrite=True)
    files.write_text(page, pages.page("The worst images", "\n".join(parts), css=_CSS))
    return page


def _figure(source: Path, target: Path, row: Row, name: str) -> str:
    output = row["output"]
    painted = target / REJECTED / output if row.get("rejected") else target / output
    drawn = "".join(_thumbnail(path, row["gate"]) for path in (source / output, painted))
    look = f"{row.get('look', '')}, strength {row['settings'].get('strength', 1):g}"
    said = f"<b>rejected: {html.escape(row['rejected'])}</b>" if row.get("rejected") else "accepted"
    words = (f"{row['gate'][name]:.3g}", html.escape(output), html.escape(look), said)
    return f"<figure>{drawn}<figcaption>{' &middot; '.join(words)}</figcaption></figure>"


def _thumbnail(path: Path, gate: dict[str, Any]) -> str:
    """Return a thumbnail with the judged box as HTML; empty if the file cannot be read."""
    try:
        rgb = image.read(path).flat()
    except ImpastoError:
        return ""
    size = image.fit((rgb.shape[0], rgb.shape[1]), _WIDE)
    scale = size[0] / rgb.shape[0]
    small = image.as_bytes(image.resize(rgb, size))
    if gate.get("box"):
        left, top, right, bottom = (max(0, round(value * scale)) for value in gate["box"])
        small[top : bottom + 1, [left, min(right, size[1] - 1)]] = (255, 200, 0)
        small[[top, min(bottom, size[0] - 1)], left : right + 1] = (255, 200, 0)
    url = pages.data_url(pages.jpeg(small, quality=80))
    return f'<img src="{url}" width="{size[1]}" height="{size[0]}" alt="">'


_CSS = """body { max-width: 700px } figure { margin: 0 0 1.2em } b { color: #b00 }
img { margin-right: 6px; max-width: 48%; height: auto }"""
