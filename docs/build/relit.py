"""Relight the photos and videos of docs/photoreal.md, from ``photos`` and ``video`` of a folder."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np

import impasto
from impasto import image
from impasto.films.photoreal import grade_film
from impasto.jobs import PhotorealJob
from impasto.looks.beam import Road
from impasto.looks.lamps import palette, read_lamps
from impasto.looks.lights import Draws
from impasto.looks.night import NIGHTS, Lit, render_night, settings_of
from impasto.media import FilmReader
from impasto.verbs.demo import sheet


def _lit(photo: str, style: str, data: Path) -> np.ndarray:
    """Return photo, style image, closed-form result and refined result."""
    sources = [data / "photos" / f"debian_{name}.jpg" for name in (photo, style)]
    read = [image.read(path).flat() for path in sources]
    fast, full = (impasto.photoreal(*sources, size=LIT_SIDE, fast=fast).picture for fast in (True, False))
    return sheet([read, [fast, full]], height=320)


def autumn(data: Path) -> np.ndarray:
    """Relight a mountain in autumn as a summer night in the north."""
    return _lit("lomiri_aitzgorri_by_Aitzol_Berasategi", "plasma_summer_1am", data)


def bridge(data: Path) -> np.ndarray:
    """Relight a clear day by the water as a summer night in the north."""
    return _lit("lomiri_Bridge_by_Sander_Klootwijk", "plasma_summer_1am", data)


def dashcam(data: Path) -> np.ndarray:
    """Relight a frame of a drive by day as night."""
    folder = Path(tempfile.mkdtemp())
    film, style = data / "video" / "dashcam_720p.mp4", data / "photos" / "debian_plasma_DarkestHour.jpg"
    job = PhotorealJob(str(film), (str(style),), size=640, end=0.4)
    frames = []
    for path in (film, grade_film(job, out=folder / "night.mp4").path):
        with FilmReader(path) as reader:
            frames.append(next(iter(reader.frames())).rgb.astype(np.float32) / 255)
    return sheet([[frames[0], image.read(style).flat(), frames[1]]], height=240)


# Rear lamps of two cars in the frame after 0.4 s: rows and columns.
REARS = ((440, 449, 846, 871), (437, 446, 927, 937), (438, 450, 1102, 1137), (438, 450, 1190, 1206))


def drive(data: Path) -> tuple[np.ndarray, dict[str, Lit]]:
    """Return a frame of a drive by day, and its nights by kind, with the lamps of two cars lit."""
    with FilmReader(data / "video" / "dashcam_720p.mp4") as reader:
        frames = reader.frames()
        day = next(frame for number, frame in enumerate(frames) if number == 10).rgb.astype(np.float32) / 255
    lamps = np.zeros(day.shape, np.uint8)
    for top, bottom, left, right in REARS:
        lamps[top:bottom, left:right] = palette()["rear"]
    road = Road.of(day)
    labels = read_lamps(lamps, day).lamps
    nights = {kind: settings_of(kind, lamps=False) for kind in NIGHTS}
    return day, {
        kind: render_night(day, labels, night, Draws.of(day, 0), road=road) for kind, night in nights.items()
    }


def pair(data: Path) -> np.ndarray:
    """Place a drive by day beside the same at night."""
    day, made = drive(data)
    return sheet([[day, made["country"].rgb]], height=288)


def night(data: Path) -> np.ndarray:
    """Light the lamps of a frame by day; then kinds of night, and a photo of which no road is seen."""
    day, made = drive(data)
    photo = data / "photos" / "debian_lomiri_Bridge_by_Sander_Klootwijk.jpg"
    failed = [image.read(photo).flat(), impasto.photoreal(photo, night="city").picture]
    rows = [
        [day, made["country"].graded],
        [made["country"].rgb, made["city"].rgb],
        [made["wet"].rgb, made["dusk"].rgb],
        failed,
    ]
    names = [
        ["by day", "country, without lamps and beam"],
        ["country", "city"],
        ["wet", "dusk"],
        ["by day: no road shows the horizon", "city: a failure"],
    ]
    return sheet(rows, height=230, names=names)


def night_drive(data: Path) -> np.ndarray:
    """Place three frames of a drive by day above the same frames of the video relit as night."""
    film = data / "video" / "dashcam_720p.mp4"
    out = Path(tempfile.mkdtemp()) / "night.mkv"
    rows = []
    for path in (film, grade_film(PhotorealJob(str(film), night="city", size=640), out=out).path):
        with FilmReader(path) as reader:
            frames = [frame.rgb.astype(np.float32) / 255 for frame in reader.frames()]
        rows.append(frames[:: len(frames) // 3][:3])
    return sheet(rows, height=190)


LIT_SIDE = 512  # long side of a relit photo, pixels
LIT: dict[str, Callable[[Path], np.ndarray]] = {
    "autumn": autumn,
    "bridge": bridge,
    "dashcam": dashcam,
    "night": night,
    "drive": pair,
    "night-drive": night_drive,
}
