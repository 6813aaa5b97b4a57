"""Write the page of the gallery, and paint the named sheets: ``gallery.py [NAME ...]``.

Random seeds are fixed, so the images are reproducible. ``mixtures`` and ``regions`` use sample photos and
styles. The others need the files that docs/credits.md and docs/photoreal.md name, in ``styles``, ``photos``
and ``video`` of DIR: ``--data DIR learned neighbors film animation``, ``night-drive``, and those that the
page names.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import dreams
from relit import LIT
from sheets import LEARNED_SIDE, PAINTED, STILL_STYLE, animation

import impasto
from impasto import image, samples

DOCS = Path(__file__).resolve().parents[1]
# Of JPEG, where it is not 95: many strokes, or grain.
QUALITY = {"learned": 86, "neighbors": 86, "film": 86, "night": 78, "drive": 78, "night-drive": 78}


def main() -> None:
    """Paint the named sheets, and write the page."""
    options = argparse.ArgumentParser()
    options.add_argument("names", nargs="*")
    options.add_argument("--data", type=Path, default=Path("data"))
    given = options.parse_args()
    if unknown := set(given.names) - {"paintings", "dreams", "animation", *PAINTED, *LIT}:
        options.error(f"there is no {', '.join(sorted(unknown))}")
    for name in given.names:
        if name == "paintings":
            paintings(given.data)
        elif name == "dreams":
            dreams.paint(given.data / "photos")
        elif name == "animation":
            animation(given.data)
        else:
            kind, made = ("images/gallery", PAINTED) if name in PAINTED else ("pictures/photoreal", LIT)
            picture, quality = made[name](given.data), QUALITY.get(name, 95)
            image.write(DOCS / f"{kind}-{name}.jpg", picture, quality=quality, overwrite=True)
    (DOCS / "gallery.md").write_text(page(), encoding="utf-8")


def paintings(data: Path) -> None:
    """Paint the images at the head of the README: photos in several media."""
    for name, (_, given, preset) in PAINTINGS.items():
        photo, style = name.split("-")
        content = data / "photos" / f"debian_{given}.jpg" if given else samples.photo(photo)
        done = impasto.stylize(content, data / "styles" / f"{style}.jpg", preset=preset, seed=0)
        quality = 90 if preset == "print" else 95
        image.write(DOCS / "pictures" / f"{name}.jpg", done.picture, quality=quality, overwrite=True)


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
        "images/gallery-neighbors.jpg",
        "photo, style image, by moments, by neighbors",
        "impasto stylize boats.jpg watercolor.png --loss mixed --size 384",
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
        "the twelve learned styles that are included, one pass each, with their style images",
        f"impasto stylize chelsea.png woodcut --size {LEARNED_SIDE}",
    ),
    (
        "images/gallery-film.jpg",
        "a still view with grain: input, frame by frame, with temporal consistency; below, the change from "
        "frame to frame",
        f"impasto video still.mkv {STILL_STYLE}",
    ),
    (
        "pictures/photoreal-autumn.jpg",
        "a photo in the light of another: photo, style, result by `--fast`, refined",
        "impasto photoreal autumn.jpg summer.jpg --size 512",
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
        "- `python docs/build/gallery.py mixtures regions` makes two sheets.\n"
        "- `--data DIR` with `learned neighbors film paintings autumn bridge dashcam night drive dreams`\n"
        "  makes the others. DIR has the folders `styles`, `photos` and `video`, with files named as in the\n"
        "  credits.\n"
    ]
    for picture, shows, command in ENTRIES:
        plain = shows.replace("*", "").replace("`", "")
        parts.append(f"![{plain}]({picture})\n\n{shows[0].upper() + shows[1:]}.\n\n```sh\n{command}\n```\n")
    return "\n".join(parts)


if __name__ == "__main__":
    main()
