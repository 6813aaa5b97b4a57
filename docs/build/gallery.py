"""Write the page of the gallery, and paint the named sheets: ``gallery.py [NAME ...]``.

Most sheets use sample photos, sample styles and shipped styles with fixed random seeds, so they are
reproducible. Others need the files that docs/credits.md and docs/photoreal.md name, in ``styles``, ``photos``
and ``video`` of DIR: ``--data DIR evening bridge dashcam night night-drive drive paintings dreams``.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable
from pathlib import Path

import dreams
import numpy as np

import impasto
from impasto import films, image, samples
from impasto.films.photoreal import grade_film
from impasto.jobs import PhotorealJob, VideoJob
from impasto.looks.beam import Road
from impasto.looks.lamps import palette, read_lamps
from impasto.looks.lights import Draws
from impasto.looks.night import NIGHTS, Lit, render_night, settings_of
from impasto.media import FilmReader
from impasto.verbs import demo
from impasto.verbs.demo import sheet

DOCS = Path(__file__).resolve().parents[1]
SIDE = 320  # long side of a panel, pixels


def main() -> None:
    """Paint the named sheets, and write the page."""
    options = argparse.ArgumentParser()
    options.add_argument("names", nargs="*")
    options.add_argument("--data", type=Path, default=Path("data"))
    given = options.parse_args()
    if unknown := set(given.names) - {"paintings", "dreams", *PAINTED, *LIT}:
        options.error(f"there is no {', '.join(sorted(unknown))}")
    for name in given.names:
        if name == "paintings":
            paintings(given.data)
        elif name == "dreams":
            dreams.paint(given.data / "photos")
        elif name in PAINTED:
            image.write(DOCS / "images" / f"gallery-{name}.jpg", PAINTED[name](), overwrite=True)
        else:
            picture = LIT[name](given.data)
            quality = 78 if name in ("night", "drive", "night-drive") else 95  # grain
            place = DOCS / "pictures" / f"photoreal-{name}.jpg"
            image.write(place, picture, quality=quality, overwrite=True)
    (DOCS / "gallery.md").write_text(page(), encoding="utf-8")


def _painted(photo: str, styles: list[str], **settings: object) -> np.ndarray:
    paintings = [samples.style(style, 384) for style in styles]
    return impasto.stylize(
        samples.photo(photo), paintings, size=SIDE, preset="good", seed=0, **settings
    ).picture


def paintings(data: Path) -> None:
    """Paint the images at the head of the README: photos in several media."""
    for name, (_, given, preset) in PAINTINGS.items():
        photo, style = name.split("-")
        content = data / "photos" / f"debian_{given}.jpg" if given else samples.photo(photo)
        done = impasto.stylize(content, data / "styles" / f"{style}.jpg", preset=preset, seed=0)
        quality = 90 if preset == "print" else 95
        image.write(DOCS / "pictures" / f"{name}.jpg", done.picture, quality=quality, overwrite=True)


def mixtures() -> np.ndarray:
    """Paint two styles: the first, both side by side, the blend, the second."""
    pair = ["stained_glass", "waves"]
    cells = [
        _painted("coffee", pair[:1]),
        _painted("coffee", pair),
        _painted("coffee", pair, loss="mixed", blend="barycenter"),
        _painted("coffee", pair[1:]),
    ]
    return sheet([cells], height=180)


def regions() -> np.ndarray:
    """Paint the cup in one style and the table in another: photo, mask, result."""
    photo = image.resize(samples.photo("coffee"), (400, 600))
    rows, columns = np.mgrid[:400, :600]
    inside = ((columns - 285) / 204) ** 2 + ((rows - 196) / 184) ** 2
    cup = 1 / (1 + np.exp((inside - 1) * 14))
    mask = np.repeat(cup[..., None], 3, 2).astype(np.float32)
    paintings = [samples.style("mosaic", 384), samples.style("watercolor", 384)]
    done = impasto.stylize(
        photo, paintings, mask=[_saved(mask, "cup"), _saved(1 - mask, "table")], size=384, preset="good"
    )
    return sheet([[photo, mask, done.picture]], height=220)


def _saved(mask: np.ndarray, name: str) -> str:
    path = Path(tempfile.mkdtemp()) / f"{name}.png"
    return str(image.write(path, mask))


def learned() -> np.ndarray:
    """Paint one photo in eight of the shipped learned styles."""
    names = ("starry_night", "the_scream", "udnie", "wave_crop")
    names += ("watercolor", "hatching", "stained_glass", "woodcut")
    photo = samples.photo("astronaut")
    cells = [impasto.stylize(photo, name).picture for name in names]
    return sheet([cells[:4], cells[4:]], height=240)


def film() -> np.ndarray:
    """Paint a frame of the sample video with and without consistency; below, one row of pixels over time."""
    folder = Path(tempfile.mkdtemp())
    source = demo.write_film(folder / "drive.mp4", size=(216, 384), fps=25, seconds=4.0)
    rows: list[list[np.ndarray]] = [[], []]
    for consistency in (None, 0.0, 0.85):
        path = source
        if consistency is not None:
            job = VideoJob(film=str(source), styles=("the_scream",), consistency=consistency)
            path = films.paint_film(job, out=folder / f"{consistency}.mp4").path
        with FilmReader(path) as reader:
            frames = [frame.rgb.astype(np.float32) / 255 for frame in reader.frames()]
        rows[0].append(frames[30])
        rows[1].append(np.repeat(np.stack([frame[108] for frame in frames]), 2, 0))
    return sheet(rows, height=190)


def _lit(photo: str, style: str, data: Path) -> np.ndarray:
    """Return photo, style image, closed-form result and refined result."""
    sources = [data / "photos" / f"debian_{name}.jpg" for name in (photo, style)]
    read = [image.read(path).flat() for path in sources]
    fast, full = (impasto.photoreal(*sources, size=LIT_SIDE, fast=fast).picture for fast in (True, False))
    return sheet([read, [fast, full]], height=320)


def evening(data: Path) -> np.ndarray:
    """Relight an evening photo as the hour after sunset."""
    return _lit("plasma_EveningGlow", "plasma_DarkestHour", data)


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
    return sheet(
        [
            [day, made["country"].graded, made["country"].rgb],
            [made["city"].rgb, made["wet"].rgb, made["dusk"].rgb],
            failed,
        ],
        height=190,
    )


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
    "evening": evening,
    "bridge": bridge,
    "dashcam": dashcam,
    "night": night,
    "drive": pair,
    "night-drive": night_drive,
}

PAINTED: dict[str, Callable[[], np.ndarray]] = {
    "mixtures": mixtures,
    "regions": regions,
    "learned": learned,
    "film": film,
}

DREAMT = {
    "mountain": "wolves come out of a mountain",
    "towers": "towers grow from the same mountain",
    "stream": "Deep Dream on a stream",
    "boats": "Deep Dream on boats",
}

# Photo and style: caption, file of the photo (None: a sample photo) and preset.
PAINTINGS: dict[str, tuple[str, str | None, str]] = {
    "boats-starry_night": (
        "oil: *The Starry Night* (Van Gogh, 1889), 1024 px",
        "plasma_EveningGlow",
        "print",
    ),
    "rocket-starry_night": ("the same painting on a rocket", None, "good"),
    "chelsea-the_scream": ("tempera: *The Scream* (Munch, 1893)", None, "good"),
    "autumn-vg_wheat_field": (
        "oil: *Wheat Field with Cypresses* (Van Gogh, 1889)",
        "lomiri_aitzgorri_by_Aitzol_Berasategi",
        "good",
    ),
    "mountains-wave_crop": (
        "woodcut: *The Great Wave off Kanagawa* (Hokusai, 1831)",
        "lomiri_picosdeeuropa_by_Aitzol_Berasategi",
        "good",
    ),
}

# (image, caption, command)
ENTRIES = (
    *(
        (
            f"pictures/{name}.jpg",
            shows,
            "impasto stylize {0}.{2} {1}.jpg{3}".format(
                *name.split("-"), "jpg" if given else "png", " --preset print" if preset == "print" else ""
            ),
        )
        for name, (shows, given, preset) in PAINTINGS.items()
    ),
    (
        "images/gallery-mixtures.jpg",
        "stained glass; both, side by side; both with `--loss mixed --blend barycenter`; waves",
        "impasto stylize coffee.png stained_glass.png waves.png --size 320 --loss mixed --blend barycenter",
    ),
    (
        "images/gallery-regions.jpg",
        "one style for each region: photo, mask, result",
        "impasto stylize coffee.png mosaic.png watercolor.png --mask cup.png,table.png --size 384",
    ),
    (
        "images/gallery-learned.jpg",
        "learned styles that are included, one pass each",
        "impasto stylize astronaut.png starry_night",
    ),
    (
        "images/gallery-film.jpg",
        "a video: input, frame by frame, with temporal consistency; below, one row of pixels over time",
        "impasto video drive.mp4 the_scream --consistency 0.85",
    ),
    (
        "pictures/photoreal-evening.jpg",
        "a photo in the light of another: photo, style, result by `--fast`, refined",
        "impasto photoreal evening.jpg night.jpg --size 512",
    ),
    (
        "pictures/photoreal-bridge.jpg",
        "a clear day by the water in the light of a summer night",
        "impasto photoreal bridge.jpg summer.jpg --size 512",
    ),
    (
        "pictures/photoreal-dashcam.jpg",
        "a drive by day, a night sky, the drive in its light",
        "impasto photoreal drive.mp4 night.jpg --size 640 --end 0.4",
    ),
    *((f"images/dream-{name}.jpg", shows, dreams.command(name)) for name, shows in DREAMT.items()),
    (
        "images/dream-guided.jpg",
        "a stream, the guide (a cat), and the result",
        "impasto dream stream.jpg --guide cat.png --steps 20,4 --size 384",
    ),
)


def page() -> str:
    """Return the page of the gallery."""
    parts = [
        "# Gallery\n\n"
        "Each image with the command that made it; for a sheet, the command of one of its images.\n"
        "The sample photos and styles come with `impasto styles samples`. The others are credited in\n"
        "[credits](credits.md), [photoreal](photoreal.md) and [dream](dream.md).\n\n"
        "To make the images again:\n\n"
        "- `python docs/build/gallery.py mixtures regions learned film` makes four sheets.\n"
        "- `--data DIR` with `paintings evening bridge dashcam night drive dreams` makes the others. DIR\n"
        "  has the folders `styles`, `photos` and `video`, with files named as in the credits.\n"
    ]
    for picture, shows, command in ENTRIES:
        plain = shows.replace("*", "").replace("`", "")
        parts.append(f"![{plain}]({picture})\n\n{shows[0].upper() + shows[1:]}.\n\n```sh\n{command}\n```\n")
    return "\n".join(parts)


if __name__ == "__main__":
    main()
