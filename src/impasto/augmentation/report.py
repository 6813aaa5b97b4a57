"""HTML report of the worst images of an augmented data set, each beside its photo."""

from __future__ import annotations

import base64
import html
import io
from pathlib import Path
from typing import Any

from PIL import Image

from impasto import files, image
from impasto.augmentation.gate import LEAST_KEPT, MOST_CLIPPED, MOST_HALO, REJECTED
from impasto.batching.manifest import NAME, Row, read
from impasto.errors import ImpastoError

PAGE = "report.html"
WORST = 8  # images shown per metric
_WIDE = 320  # long side of a thumbnail in pixels

# Metrics of the report: name, description, limit, and whether more is worse.
_FIGURES = (
    (
        "kept",
        "Correlation of edges in labeled boxes (the box with the lowest one is shown)",
        LEAST_KEPT,
        False,
    ),
    ("halo", "Halo along the skyline, relative to elsewhere", MOST_HALO, True),
    ("clipped", "Share of pixels that became black or white", MOST_CLIPPED, True),
)


def write(source: Path, target: Path) -> Path:
    """Write ``report.html`` into an augmented data set: one file with all images embedded.

    Args:
        source: the data set.
        target: the augmented data set, with the results of the gate in its manifest.

    Raises:
        OutputError: the page cannot be written.
    """
    rows = {row["output"]: row for row in read(target / NAME) if row.get("gate")}
    rejected = [row for row in rows.values() if row.get("rejected")]
    parts = [f"<p>{len(rows)} images judged, {len(rejected)} rejected and replaced by their photos.</p>"]
    for name, title, limit, more in _FIGURES:
        known = [row for row in rows.values() if row["gate"].get(name) is not None]
        worst = sorted(known, key=lambda row: (row["gate"][name], row["output"]), reverse=more)[:WORST]
        if worst:
            sign = "at most" if more else "at least"
            parts.append(f"<h2>{html.escape(title)}: {sign} {limit:g}</h2>")
            parts += [_figure(source, target, row, name) for row in worst]
    page = target / PAGE
    files.check_output(page, overwrite=True)
    files.write_text(page, _HTML.format(body="\n".join(parts)))
    return page


def _figure(source: Path, target: Path, row: Row, name: str) -> str:
    output = row["output"]
    painted = target / REJECTED / output if row.get("rejected") else target / output
    drawn = "".join(_thumbnail(path, row["gate"]) for path in (source / output, painted))
    look = f"{row.get('look', '')}, strength {row['settings'].get('strength', 1):g}"
    said = f"<b>rejected: {html.escape(row['rejected'])}</b>" if row.get("rejected") else "accepted"
    words = (
        f"{row['gate'][name]:.3g} &middot; {html.escape(output)} &middot; {html.escape(look)} &middot; {said}"
    )
    return f"<figure>{drawn}<figcaption>{words}</figcaption></figure>"


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
    stream = io.BytesIO()
    Image.fromarray(small).save(stream, "JPEG", quality=80)
    data = base64.b64encode(stream.getvalue()).decode()
    return f'<img src="data:image/jpeg;base64,{data}" width="{size[1]}" height="{size[0]}" alt="">'


_HTML = """<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>The worst images</title>
<style>
body {{ font: 15px/1.5 sans-serif; margin: 2em auto; max-width: 700px; padding: 0 1em; color: #222 }}
figure {{ margin: 0 0 1.2em }} img {{ margin-right: 6px; max-width: 48%; height: auto }}
figcaption {{ font-size: 13px; color: #555 }} b {{ color: #b00 }}
</style>
<h1>The worst images</h1>
{body}
</html>
"""
