"""Write the tables of the docs, and the plot of the frontier, from the results of the benchmarks.

Run ``python docs/build/figures.py``; tests/docs/test_site.py checks that they are current. A table is between
``<!-- figures "topic" where key=value: column .2f as heading; ... -->`` and ``<!-- end -->``. It has the rows
of that topic from every file in ``benchmarks/results``, filtered by ``key=value`` if given, with the listed
columns in their formats and under their headings.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

DOCS = Path(__file__).parents[1]
RESULTS = DOCS.parent / "benchmarks" / "results"
FRONTIER = DOCS / "images" / "frontier.svg"
_TABLE = re.compile(
    r'(<!-- figures "(?P<topic>[^"]+)"(?: where (?P<key>[^=]+)=(?P<value>[^:]+))?: (?P<columns>[^>]+?) -->\n)'
    r".*?(<!-- end -->)",
    re.DOTALL,
)
_COLUMN = re.compile(r"(?P<name>.+?)(?: (?P<format>\.\d[feg%]))?(?: as (?P<heading>.*))?")
_WIDTH, _HEIGHT, _EDGE = 560, 320, 48  # size and margin of the plot, pixels


def recorded(topic: str) -> list[tuple[str, list[dict[str, Any]]]]:
    """Return the device name and the rows of each results file with this topic."""
    found = []
    for path in sorted(RESULTS.glob("*.json")):
        entry = json.loads(path.read_text(encoding="utf-8")).get(topic)
        if entry is not None:
            found.append((path.stem.replace("-", " "), entry["rows"]))
    if not found:
        raise SystemExit(f"no results of {topic!r}: run its benchmark first")
    return found


def drawn(text: str) -> str:
    """Return a page with its tables updated."""
    return _TABLE.sub(lambda match: match[1] + _table(match) + match[match.lastindex or 0], text)


def _table(match: re.Match[str]) -> str:
    columns = [_COLUMN.fullmatch(part.strip()) for part in match["columns"].split(";")]
    named = [(c["name"], c["format"] or "", c["heading"] or c["name"]) for c in columns if c is not None]
    devices = recorded(match["topic"])
    for name, _, _ in named:
        if not any(row.get(name) is not None for _, rows in devices for row in rows):
            raise SystemExit(f"no row of {match['topic']!r} has {name!r}")
    lines = []
    for device, rows in devices:
        if len(devices) > 1:
            lines.append(f"\n{device}:\n")
        lines.append("| " + " | ".join(heading for _, _, heading in named) + " |")
        lines.append("|" + "---|" * len(named))
        for row in rows:
            if match["key"] is None or str(row[match["key"]]) == match["value"]:
                cells = (_cell(row.get(name), how) for name, how, _ in named)
                lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def _cell(value: Any, how: str) -> str:
    if value is None:
        return ""
    return format(value, how) if how and isinstance(value, (int, float)) else str(value)


def frontier() -> str:
    """Return an SVG plot of content against style distance over strength."""
    rows = recorded("strength")[0][1]
    most = {key: 1.1 * max(row[key] for row in rows) for key in ("content", "style")}

    def place(row: dict[str, Any]) -> tuple[float, float]:
        across = _EDGE + row["content"] / most["content"] * (_WIDTH - 2 * _EDGE)
        return across, _HEIGHT - _EDGE - row["style"] / most["style"] * (_HEIGHT - 2 * _EDGE)

    left, low = _EDGE, _HEIGHT - _EDGE
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in map(place, rows))
    marks = [
        f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4"/>'
        f'<text x="{x + 7:.1f}" y="{y + (18 if number % 2 else -7):.1f}">{row["strength"]:g}</text>'
        for number, (row, (x, y)) in enumerate((row, place(row)) for row in rows)
    ]
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" '
            'font-family="sans-serif" font-size="13" fill="#777" stroke="none">',
            f'<path d="M{left} {_EDGE}V{low}H{_WIDTH - _EDGE}" fill="none" stroke="#999"/>',
            f'<polyline points="{path}" fill="none" stroke="#b5651d" stroke-width="2"/>',
            f'<g fill="#b5651d">{"".join(marks)}</g>',
            f'<text x="{_WIDTH / 2}" y="{_HEIGHT - 14}" text-anchor="middle">content distance</text>',
            f'<text x="16" y="{_HEIGHT / 2}" text-anchor="middle" transform="rotate(-90 16 {_HEIGHT / 2})">'
            "style distance</text>",
            "</svg>\n",
        ]
    )


def main() -> None:
    """Write the tables of every page, and the frontier."""
    for page in sorted(DOCS.glob("*.md")):
        text = page.read_text(encoding="utf-8")
        if drawn(text) != text:
            page.write_text(drawn(text), encoding="utf-8")
    FRONTIER.write_text(frontier(), encoding="utf-8")


if __name__ == "__main__":
    main()
