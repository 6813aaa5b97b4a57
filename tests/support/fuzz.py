"""Seeded generator of damaged and hostile files: images, packs, style files, looks, videos, recipes, jobs.

Most are valid files with one fault behind a valid header, because those are parsed furthest. The same seed
gives the same files.
"""

from __future__ import annotations

import functools
import io
import json
import random
import struct
import tempfile
import zlib
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np
from PIL import Image

from impasto import image, looks
from impasto.looks import Look, Statistics
from impasto.media.writing import FilmWriter
from impasto.networks import packs
from support.networks import pack_of

KINDS = ("picture", "pack", "style", "film", "job", "look", "recipe")


@dataclass(frozen=True)
class Hostile:
    """A hostile file: its kind, a name with the claimed suffix, its bytes, and its fault."""

    kind: str
    name: str
    data: bytes
    harm: str


def hostile(seed: int, count: int) -> Iterator[Hostile]:
    """``count`` files drawn from ``seed``, the kinds in turn."""
    rng = random.Random(seed)
    for number in range(count):
        kind = KINDS[number % len(KINDS)]
        if kind == "job":
            data, harm = job(rng), "line"
            yield Hostile(kind, f"{number}.jsonl", data, harm)
            continue
        if kind == "recipe":
            suffix = rng.choice((".png", ".jpg", ".tif", ".webp"))
            yield Hostile(kind, f"{number}{suffix}", *recipe(rng, suffix))
            continue
        suffix, good = rng.choice(good_files(kind))
        data, harm = harmed(good, suffix, rng)
        yield Hostile(kind, f"{number}{suffix}", data, harm)


@functools.cache
def good_files(kind: str) -> tuple[tuple[str, bytes], ...]:
    """Small good files of a kind, with their suffixes."""
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        if kind == "pack":
            return ((".safetensors", packs.save(pack_of(), place / "a.safetensors").read_bytes()),)
        if kind == "style":
            return ((".style", packs.save_style(pack_of(), "style1", place / "a.style").read_bytes()),)
        if kind == "look":
            colors = Statistics(1.0, np.full(3, 0.4, np.float32), 0.01 * np.eye(3, dtype=np.float32))
            made = Look(("whole",), (colors,), colors)
            return ((".look", looks.save(made, place / "a.look").read_bytes()),)
        if kind == "film":
            return tuple((suffix, _film(place / f"a{suffix}")) for suffix in (".mkv", ".mp4", ".mkv"))
    rng = np.random.default_rng(1)
    rgb = rng.integers(0, 255, (40, 48, 3), np.uint8)
    kinds = {".png": "PNG", ".jpg": "JPEG", ".tif": "TIFF", ".webp": "WEBP", ".gif": "GIF", ".bmp": "BMP"}
    return tuple((suffix, _encoded(rgb, name)) for suffix, name in kinds.items())


def _film(path: Path) -> bytes:
    with closing(FilmWriter(path, (48, 64))) as writer:
        for number in range(6):
            frame = np.random.default_rng(number).integers(0, 255, (48, 64, 3), np.uint8)
            writer.write(frame, Fraction(number, 10))
    return path.read_bytes()


def _encoded(rgb: np.ndarray, name: str) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(rgb).save(stream, name)
    return stream.getvalue()


def harmed(good: bytes, suffix: str, rng: random.Random) -> tuple[bytes, str]:
    """A good file with one thing wrong."""
    if suffix in (".safetensors", ".style") and rng.random() < 0.9:
        return _harmed_tensors(good, rng)
    if suffix == ".look" and rng.random() < 0.9:
        return _harmed_look(good, rng)
    if suffix == ".png" and rng.random() < 0.5:
        return _harmed_png(good, rng)
    if rng.random() < 0.1:
        way = rng.choice(("head", "empty", "foreign"))
        data = {"head": rng.randbytes(16) + good[16:], "empty": b"", "foreign": rng.randbytes(2000)}
        return data[way], way
    return _harmed_bytes(good, rng)


def _harmed_bytes(good: bytes, rng: random.Random) -> tuple[bytes, str]:
    """Damage behind most headers."""
    start = len(good) // 8 + 64
    way = rng.choice(("cut", "cut", "cut late", "cut late", "zeros", "noise", "noise", "flips", "twice"))
    if way == "cut":
        return good[: rng.randrange(start, len(good) * 3 // 4)], way
    if way == "cut late":
        return good[: rng.randrange(len(good) * 3 // 4, len(good) - 16)], way
    if way == "twice":
        return good[: len(good) // 2] + good, way
    if way == "flips":
        data = bytearray(good)
        for _ in range(rng.randrange(1, 60)):
            data[rng.randrange(start, len(data))] ^= 1 << rng.randrange(8)
        return bytes(data), way
    begin = rng.randrange(start, len(good) - 1)
    length = min(len(good) - begin, rng.randrange(64, 1024))
    filling = bytes(length) if way == "zeros" else rng.randbytes(length)
    return good[:begin] + filling + good[begin + length :], way


def _harmed_png(good: bytes, rng: random.Random) -> tuple[bytes, str]:
    """Another size than the data have, up to a bomb, with a right checksum, or data that end early."""
    if rng.random() < 0.5:
        size = rng.choice(
            ((60000, 60000), (0, 48), (48, 4000), (4000, 48), (2**31 - 1, 1), (49, 41), (64, 64))
        )
        head = b"IHDR" + struct.pack(">II", *size) + good[24:29]
        return good[:12] + head + struct.pack(">I", zlib.crc32(head)) + good[33:], f"size {size}"
    chunk = b"IDAT" + zlib.compress(rng.randbytes(200))[: rng.randrange(20, 200)]
    body = struct.pack(">I", len(chunk) - 4) + chunk + struct.pack(">I", zlib.crc32(chunk))
    end = b"IEND"
    return good[:33] + body + struct.pack(">I", 0) + end + struct.pack(">I", zlib.crc32(end)), "short data"


def _harmed_tensors(good: bytes, rng: random.Random) -> tuple[bytes, str]:
    """A header that reads well and says what is not so."""
    length = struct.unpack("<Q", good[:8])[0]
    header, body = json.loads(good[8 : 8 + length]), good[8 + length :]
    table = json.loads(header["__metadata__"]["impasto"])
    tensors = [name for name in header if name != "__metadata__"]
    ways = ("nan", "meta", "lost", "version", "kind", "name", "rows") * 3 + ("shape", "huge length", "nest")
    way = rng.choice(ways)
    if way == "nan":
        begin, end = header["rows"]["data_offsets"]
        filling = struct.pack("<f", rng.choice((float("nan"), float("inf")))) * ((end - begin) // 4)
        body = body[:begin] + filling + body[end:]
    elif way == "meta":
        table["meta"] = rng.choice((None, [], "text", {}, {"kind": "style pack", "version": 1}, 7))
    elif way == "lost":
        name = rng.choice(tensors)
        header["other." + name] = header.pop(name)
    elif way == "shape":
        entry = header[rng.choice(tensors)]
        entry["shape"] = [1, *entry["shape"]]
    elif way == "version":
        table["version"] = rng.choice((99, "1", None, -1, [1]))
    elif way == "kind":
        table["meta"]["kind"] = rng.choice(("", "pack of cards", None, 3))
    elif way == "huge length":
        return struct.pack("<Q", rng.choice((2**63, 2**40, length * 2))) + good[8:], way
    elif way == "nest":
        header["__metadata__"]["impasto"] = "[" * 5000
        return _tensors(header, body), way
    else:
        styles = table["meta"].get("styles") or [table["meta"].get("style")]
        harm = {"name": rng.choice(("../../x", "/x", "", "a b", None)), "rows": [10**6]}[way]
        styles[0][way] = harm
        if way == "rows":
            styles[0]["scales"] = [float("nan")]
    header["__metadata__"]["impasto"] = json.dumps(table)
    return _tensors(header, body), way


def _harmed_look(good: bytes, rng: random.Random) -> tuple[bytes, str]:
    """A look that reads well and holds what no light is."""
    length = struct.unpack("<Q", good[:8])[0]
    header, body = json.loads(good[8 : 8 + length]), good[8 + length :]
    table = json.loads(header["__metadata__"]["impasto"])
    way = rng.choice(("nan", "huge", "names", "backbone", "kind", "lost", "shape", "version", "nest"))
    if way in ("nan", "huge"):
        number = rng.choice((float("nan"), float("inf"))) if way == "nan" else rng.choice((3e38, -3e38))
        place = 4 * rng.randrange(len(body) // 4)
        body = body[:place] + struct.pack("<f", number) + body[place + 4 :]
    elif way == "names":
        table["meta"]["names"] = rng.choice(([], None, "whole", [None], ["../x"] * 5000, {"a": 1}, 7))
    elif way == "backbone":
        table["meta"]["backbone"] = rng.choice(("vgg", "../x", 7, [], {}))
    elif way == "kind":
        table["meta"]["kind"] = rng.choice(("", "style pack", None, 3))
    elif way == "lost":
        name = rng.choice([name for name in header if name != "__metadata__"])
        header["other." + name] = header.pop(name)
    elif way == "shape":
        header["whole.colour"]["shape"] = rng.choice(([1, 13], [12], [2**40]))
    elif way == "version":
        table["version"] = rng.choice((99, "1", None, -1, [1]))
    header["__metadata__"]["impasto"] = "[" * 50_000 if way == "nest" else json.dumps(table)
    return _tensors(header, body), way


def recipe(rng: random.Random, suffix: str) -> tuple[bytes, str]:
    """A good picture, and a recipe in it that nobody should paint by."""
    settings: dict[str, object] = {"content": "ok.png", "styles": ["mine.safetensors#style1"], "size": 48}
    told: dict[str, object] = {
        "verb": "stylize",
        "job": settings,
        "inputs": {"ok.png": "0" * 64},
        "device": "cpu",
        "threads": 1,
        "versions": {"impasto": "0.1.0"},
        "recipe": 1,
    }
    field = rng.choice((*told, "setting", "other", "nest"))
    strange: tuple[object, ...] = (None, [], {}, -1, 2**62, "", "\0", "../../x", float("inf"), [[]], {"a": 1})
    if field == "setting":
        told["inputs"] = {}
        settings[rng.choice((*settings, "strength", "mask", "init", "__init__"))] = rng.choice(strange)
    elif field == "inputs":
        told[field] = rng.choice((*strange, {"../../x": "0" * 64}, {"/dev/zero": ""}, {"ok.png": "style:"}))
    elif field == "verb":
        told[field] = rng.choice((*strange, "live", "learn", "app", "__class__"))
    elif field != "nest":
        told[field] = rng.choice(strange)
    text = rng.choice(("[", '{"a":')) * 10_000 if field == "nest" else json.dumps(told)
    with tempfile.TemporaryDirectory() as folder:
        rgb = np.full((24, 32, 3), 0.5, np.float32)
        return image.write(Path(folder) / f"a{suffix}", rgb, recipe=text).read_bytes(), field


def _tensors(header: dict[str, object], body: bytes) -> bytes:
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    return struct.pack("<Q", len(text)) + text + body


def job(rng: random.Random) -> bytes:
    """A line of a file of jobs that no batch should carry out."""
    entry: dict[str, object] = {"content": "ok.png", "styles": ["mine.safetensors#style1"], "output": "a.png"}
    way = rng.randrange(10)
    outputs = ("../a.png", "/a.png", "a/../../b.png", "..\\a.png", "C:a.png", ".x.png", "\0.png", "", 5)
    if way == 0:
        entry["output"] = rng.choice(outputs)
    elif way == 1:
        entry["verb"] = rng.choice(("live", "app", "__class__", "", None, 3, ["stylize"], "rm -rf"))
    elif way == 2:
        entry[rng.choice(("strenght", "__init__", "self", "threads"))] = 1
    elif way == 3:
        entry["strength"] = rng.choice(("NaN", 1e400, -5, None, [], {}, "1", True))
    elif way == 4:
        entry["content"] = rng.choice(
            ("gone.png", "", "\0", "x" * 5000, "/dev/zero", ".", "mine.safetensors")
        )
        entry["output"] = f"{rng.randrange(10**6)}.png"
    elif way == 5:
        entry["styles"] = rng.choice(([], "style", [[]], ["../../x"], [None], ["no#style"], {}))
        entry["output"] = f"{rng.randrange(10**6)}.png"
    elif way == 6:
        text = json.dumps(entry)
        return text[: rng.randrange(1, len(text) - 1)].encode() + b"\n"
    elif way == 7:
        return (
            rng.choice((b"[" * 100000, b"{}", b"null", b"\xff\xfe\x00{", b'{"content":' * 50, b"NaN")) + b"\n"
        )
    elif way == 8:
        wrong = {
            "film": ("gone.mp4", "", "\0", "/dev/zero", "mine.safetensors", 7, ["a.mp4"]),
            "every": (0, -1, 1.5, "2"),
            "keys": (0, 3.5, None),
            "fps": (0, 1e400, "fast"),
            "start": ("x", -1, [], "1:2:3:4"),
            "flow": ("../x", "/dev/zero", 3),
            "consistency": (-1, 7, "much"),
            "processed": ("gone.mp4", "", 3),
        }
        field = rng.choice(tuple(wrong))
        styles = entry["styles"]
        entry = {"verb": "video", "film": "gone.mkv", "styles": styles, field: rng.choice(wrong[field])}
        entry["output"] = f"{rng.randrange(10**6)}.mp4"
    else:
        entry["output"] = rng.choice(("a.exe", "a", "a.png/b.png/.", "manifest.jsonl", "a.png "))
    return json.dumps(entry).encode() + b"\n"
