"""Paint the sheets of the docs, from sample photos, and photos, paintings and videos of a folder."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np

import impasto
from impasto import films, image, samples
from impasto.jobs import VideoJob
from impasto.media import FilmReader
from impasto.networks import library
from impasto.verbs import demo
from impasto.verbs.demo import sheet
from impasto.verbs.style_sheet import add_style

SIDE = 320  # long side of a panel, pixels

# Sample photo, or photo of the folder: learned styles that suit it.
LEARNED = {
    "plasma_EveningGlow": ("starry_night", "the_scream", "watercolor"),
    "chelsea": ("hatching", "woodcut", "composition_vii"),
    "lomiri_picosdeeuropa_by_Aitzol_Berasategi": ("wave_crop", "waves", "udnie"),
    "coffee": ("birches", "night_cafe", "stained_glass"),
}
LEARNED_SIDE = 400  # long side of a photo in a learned style: its strokes are still seen at ``SHOWN``
SHOWN = (213, 320)  # height and width at which results are shown side by side, pixels


def photo(name: str, data: Path) -> np.ndarray:
    """Return a sample photo, or one of the folder."""
    if name in samples.PHOTOS:
        return samples.photo(name)
    return image.read(data / "photos" / f"debian_{name}.jpg").flat()


def shown(picture: np.ndarray) -> np.ndarray:
    """Return the middle of an image in the size and aspect ratio of ``SHOWN``."""
    height, width = picture.shape[:2]
    part = min(height / SHOWN[0], width / SHOWN[1])
    size = (round(SHOWN[0] * part), round(SHOWN[1] * part))
    top, left = (height - size[0]) // 2, (width - size[1]) // 2
    return image.resize(picture[top : top + size[0], left : left + size[1]], SHOWN)


def _painted(photo: str, styles: list[str], **settings: object) -> np.ndarray:
    paintings = [samples.style(style, 384) for style in styles]
    return impasto.stylize(
        samples.photo(photo), paintings, size=SIDE, preset="good", seed=0, **settings
    ).picture


def mixtures(_: Path) -> np.ndarray:
    """Paint two styles: the first, both side by side, the blend, the second."""
    pair = ["stained_glass", "waves"]
    cells = [
        _painted("coffee", pair[:1]),
        _painted("coffee", pair),
        _painted("coffee", pair, loss="mixed", blend="barycenter"),
        _painted("coffee", pair[1:]),
    ]
    return sheet([cells], height=180)


def regions(_: Path) -> np.ndarray:
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


def learned(data: Path) -> np.ndarray:
    """Paint four photos in three learned styles each, with the style images in a corner."""
    thumbnails = {known.name: known.style.thumbnail for known in library.list_styles("quality")}
    rows = []
    for name, styles in LEARNED.items():
        content = photo(name, data)
        done = [impasto.stylize(content, style, size=LEARNED_SIDE).picture for style in styles]
        rows.append([add_style(shown(p), thumbnails[s]) for p, s in zip(done, styles, strict=True)])
    return sheet(rows, height=SHOWN[0], names=[list(styles) for styles in LEARNED.values()])


def film(_: Path) -> np.ndarray:
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


PAINTED: dict[str, Callable[[Path], np.ndarray]] = {
    "mixtures": mixtures,
    "regions": regions,
    "learned": learned,
    "film": film,
}
