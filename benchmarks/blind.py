"""Blind comparison of two sets of settings: sheets with random sides, votes, and distances as a check.

    python benchmarks/blind.py paint PAIRS.json OUT --a loss=neighbors --b loss=mixed --size 320
    python benchmarks/blind.py sheets PAIRS.json OUT --seed 7      # page-1.jpg ... and key.json
    python benchmarks/blind.py count OUT votes-1.json votes-2.json votes-3.json
    python benchmarks/blind.py measure PAIRS.json OUT

PAIRS.json is a list of ``{"name": ..., "photo": ..., "painting": ...}``. A page shows the photo, the style
image and the results ``left`` and ``right`` of each pair. A file of votes is ``{"name": "left" or "right",
...}``, by someone who has not seen the key.
"""

from __future__ import annotations

import argparse
import json
import random
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image, ImageDraw
from torch import Tensor
from torch.nn import functional as F

import impasto
from impasto import backbones, tensors
from impasto.jobs import StylizeJob

ROWS = 3  # pairs per page
SIDE = 420  # long side of an image on a page, pixels
HELD_OUT = ("relu3_4", "relu4_4", "relu5_2")  # layers that no loss of `stylize` optimizes
SIMILARITY = "relu4_2"


def paint(pairs: list[dict[str, str]], out: Path, ways: dict[str, dict[str, Any]], size: int) -> None:
    """Paint every pair both ways; skip existing files."""
    for pair in pairs:
        for side, settings in ways.items():
            path = out / side / f"{pair['name']}.png"
            if not path.exists():
                path.parent.mkdir(parents=True, exist_ok=True)
                impasto.stylize(pair["photo"], [pair["painting"]], size=size, **settings).save(path)
                print(path, flush=True)


def sheets(pairs: list[dict[str, str]], out: Path, seed: int) -> None:
    """Write pages of photo, style image, left and right; a sheet of the results alone; and the key."""
    drawn = random.Random(seed)
    key = {pair["name"]: drawn.choice(("a", "b")) for pair in pairs}
    rows = []
    for pair in pairs:
        left = key[pair["name"]]
        right = "b" if left == "a" else "a"
        files = [out / side / f"{pair['name']}.png" for side in (left, right)]
        rows.append((pair["name"], [pair["photo"], pair["painting"], *map(str, files)]))
    for start in range(0, len(rows), ROWS):
        page(rows[start : start + ROWS], first=0).save(out / f"page-{start // ROWS + 1}.jpg", quality=92)
    page([(name, files[2:]) for name, files in rows], first=2, side=256).save(out / "sheet.jpg", quality=82)
    (out / "key.json").write_text(json.dumps({"seed": seed, "left": key}, indent=1) + "\n")


def page(rows: list[tuple[str, list[str]]], *, first: int, side: int = SIDE) -> Image.Image:
    """Return a sheet with one row of images per name."""
    titles = ("photo", "painting", "left", "right")[first:]
    sheet = Image.new("RGB", (side * len(titles), (side + 18) * len(rows)), "white")
    pen = ImageDraw.Draw(sheet)
    for index, (name, files) in enumerate(rows):
        top = index * (side + 18)
        for column, (title, file) in enumerate(zip(titles, files, strict=True)):
            picture = Image.open(file).convert("RGB")
            scale = side / max(picture.size)
            picture = picture.resize(
                (round(picture.width * scale), round(picture.height * scale)), Image.Resampling.LANCZOS
            )
            pen.text((column * side + 4, top + 3), f"{name}: {title}", fill="black")
            sheet.paste(picture, (column * side, top + 18))
    return sheet


def count(out: Path, votes: list[Path]) -> dict[str, Any]:
    """Return the share of votes for each way, and the votes by pair."""
    key = json.loads((out / "key.json").read_text())["left"]
    won: dict[str, list[str]] = {name: [] for name in key}
    for file in votes:
        for name, side in json.loads(file.read_text()).items():
            other = "b" if key[name] == "a" else "a"
            won[name].append(key[name] if side == "left" else other)
    every = [way for ways in won.values() for way in ways]
    shares = {way: every.count(way) / len(every) for way in ("a", "b")}
    return {"votes": len(every), "share": shares, "pairs": won}


def nearest_distance(picture: Tensor, painting: Tensor, network: backbones.Backbone) -> float:
    """Return the mean centered-cosine distance to the nearest style feature, in held-out layers."""
    size = tensors.same_area((painting.shape[-2], painting.shape[-1]), (picture.shape[-2], picture.shape[-1]))
    found = network.features(picture, HELD_OUT)
    keys = network.features(tensors.resize(painting, size), HELD_OUT)
    distances = []
    for layer in HELD_OUT:
        f, k = (
            F.normalize(v - v.mean(1, keepdim=True), dim=0)
            for v in (x[layer][0].flatten(1) for x in (found, keys))
        )
        distances.append(1 - float((f.T @ k).max(1).values.mean()))
    return float(np.mean(distances))


def self_similarity_distance(picture: Tensor, photo: Tensor, network: backbones.Backbone) -> float:
    """Return the change of self-similarity (Kolkin et al. 2019, arXiv 1904.12785, equation 7)."""
    tables = []
    for each in (picture, photo):
        f = F.normalize(network.features(each, [SIMILARITY])[SIMILARITY][0].flatten(1), dim=0)
        table = 1 - f.T @ f
        tables.append(table / table.sum(0, keepdim=True).clamp_min(1e-8))
    return float((tables[0] - tables[1]).abs().sum(0).mean())


@torch.no_grad()
def measure(pairs: list[dict[str, str]], out: Path) -> list[dict[str, Any]]:
    """Return style and content distance of every result."""
    network, rows = backbones.load("vgg19", precision="float32"), []
    for pair in pairs:
        painting = tensors.from_source(pair["painting"])
        row: dict[str, Any] = {"name": pair["name"]}
        for side in ("a", "b"):
            picture = tensors.from_source(out / side / f"{pair['name']}.png")
            photo = tensors.resize(tensors.from_source(pair["photo"]), (picture.shape[-2], picture.shape[-1]))
            row[side] = {
                "style": round(nearest_distance(picture, painting, network), 4),
                "content": round(self_similarity_distance(picture, photo, network), 4),
            }
        rows.append(row)
    means = {
        s: {k: round(float(np.mean([r[s][k] for r in rows])), 4) for k in ("style", "content")}
        for s in ("a", "b")
    }
    return [*rows, {"name": "mean", **means}]


def settings_of(text: str) -> dict[str, Any]:
    """Parse ``loss=mixed,preset=draft`` as settings of ``stylize``."""
    found = dict(item.split("=", 1) for item in text.split(","))
    StylizeJob.parse({"content": "photo", "styles": ["painting"], **found})
    return found


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    verbs = parser.add_subparsers(dest="verb", required=True)
    for verb in ("paint", "sheets", "count", "measure"):
        sub = verbs.add_parser(verb)
        if verb != "count":
            sub.add_argument("pairs", type=Path)
        sub.add_argument("out", type=Path)
        if verb == "paint":
            sub.add_argument("--a", type=settings_of, default={"loss": "neighbors"})
            sub.add_argument("--b", type=settings_of, default={"loss": "mixed"})
            sub.add_argument("--size", type=int, default=320)
        if verb == "sheets":
            sub.add_argument("--seed", type=int, default=0)
        if verb == "count":
            sub.add_argument("votes", type=Path, nargs="+")
    given = parser.parse_args()
    pairs = json.loads(given.pairs.read_text()) if "pairs" in given else []
    if given.verb == "paint":
        paint(pairs, given.out, {"a": given.a, "b": given.b}, given.size)
    elif given.verb == "sheets":
        sheets(pairs, given.out, given.seed)
    else:
        found = measure(pairs, given.out) if given.verb == "measure" else count(given.out, given.votes)
        print(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
