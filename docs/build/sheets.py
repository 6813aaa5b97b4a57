"""Paint the sheets of the docs, from sample photos, and photos, paintings and videos of a folder."""

from __future__ import annotations

import functools
import tempfile
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import numpy as np

import impasto
from impasto import films, image, samples
from impasto.jobs import VideoJob
from impasto.media import FilmReader, FilmWriter
from impasto.media.animations import write_webp
from impasto.networks import library
from impasto.verbs.demo import sheet
from impasto.verbs.style_sheet import add_style

IMAGES = Path(__file__).resolve().parents[1] / "images"
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

# Photo, style image, and its name: by moments and by neighbors.
NEIGHBORS = (
    ("lomiri_picosdeeuropa_by_Aitzol_Berasategi", "starry_night", "The Starry Night"),
    ("plasma_EveningGlow", "watercolor", "watercolor"),
    ("chelsea", "vg_self", "Self-Portrait"),
)

# A still view at dusk, with the grain of a camera in little light.
STILL, STILL_STYLE, STILL_FRAMES, FPS = "plasma_EveningGlow", "hatching", 25, 25
GRAIN = 0.04  # standard deviation of values 0..1
AMPLIFIED = 6  # how many times as large the changes between frames are shown
VIEW, LARGE = (128, 60), (225, 400)  # corner of the part that is shown; its size in the animation


def photo(name: str, data: Path) -> np.ndarray:
    """Return a sample photo, or one of the folder."""
    if name in samples.PHOTOS:
        return samples.photo(name)
    return image.read(data / "photos" / f"debian_{name}.jpg").flat()


def cropped(picture: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Return the middle of an image, scaled to a size of another aspect ratio."""
    height, width = picture.shape[:2]
    scale = min(height / size[0], width / size[1])
    inner = (round(size[0] * scale), round(size[1] * scale))
    top, left = (height - inner[0]) // 2, (width - inner[1]) // 2
    return image.resize(picture[top : top + inner[0], left : left + inner[1]], size)


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
        rows.append([add_style(cropped(p, SHOWN), thumbnails[s]) for p, s in zip(done, styles, strict=True)])
    return sheet(rows, height=SHOWN[0], names=[list(styles) for styles in LEARNED.values()])


def neighbors(data: Path) -> np.ndarray:
    """Paint photos by moments and by neighbors: photo, style image, both results."""
    rows, names = [], []
    for name, style, title in NEIGHBORS:
        content = photo(name, data)
        given = samples.style(style, 384) if style in samples.STYLES else data / "styles" / f"{style}.jpg"
        done = [
            impasto.stylize(content, given, size=384, preset="good", loss=loss, seed=0).picture
            for loss in ("mixed", "neighbors")
        ]
        painting = given if isinstance(given, np.ndarray) else image.read(given).flat()
        square = cropped(painting, (SHOWN[0], SHOWN[0]))
        rows.append([cropped(content, SHOWN), square, *(cropped(p, SHOWN) for p in done)])
        names.append(["photo", title, "--loss mixed", "--loss neighbors (default)"])
    return sheet(rows, height=SHOWN[0], names=names)


@functools.cache
def _grainy(data: Path) -> dict[str, np.ndarray]:
    """Return frames of a still view with grain, and of its videos with and without temporal consistency."""
    folder = Path(tempfile.mkdtemp())
    view = image.resize(photo(STILL, data), (400, 640))[40:]
    rng, source = np.random.default_rng(0), folder / "still.mkv"
    writer = FilmWriter(source, (360, 640))
    for number in range(STILL_FRAMES):
        writer.write(image.as_bytes(view + rng.normal(0, GRAIN, view.shape)), Fraction(number, FPS))
    writer.close()
    paths = {"input": source}
    for name, consistency in (("frame by frame", 0.0), ("temporal consistency", 0.9)):
        job = VideoJob(film=str(source), styles=(STILL_STYLE,), consistency=consistency)
        paths[name] = films.paint_film(job, out=folder / f"{consistency}.mkv").path
    found = {}
    for name, path in paths.items():
        with FilmReader(path) as reader:
            found[name] = np.stack([image.floats(frame.rgb) for frame in reader.frames()])
    return found


def film(data: Path) -> np.ndarray:
    """Paint a still view with grain, with and without consistency; below, the change from frame to frame."""
    top, left = VIEW
    parts = {
        name: frames[:, top : top + SHOWN[0], left : left + SHOWN[1]]
        for name, frames in _grainy(data).items()
    }
    changes = [AMPLIFIED * np.abs(np.diff(part, axis=0)).mean((0, 3)) for part in parts.values()]
    maps = [np.repeat(change[..., None], 3, 2).clip(0, 1) for change in changes]
    told = [f"its change from frame to frame, x {AMPLIFIED}"] * len(maps)
    return sheet([[part[0] for part in parts.values()], maps], height=SHOWN[0], names=[list(parts), told])


def animation(data: Path) -> None:
    """Write the video of :func:`film` as an animation, with and without consistency."""
    (top, left), (height, width) = VIEW, LARGE
    names = list(_grainy(data))[1:]
    shots = [_grainy(data)[name][:, top : top + height, left : left + width] for name in names]
    frames = [
        (image.as_bytes(sheet([list(pair)], height=height, names=[names])), Fraction(number, FPS))
        for number, pair in enumerate(zip(*shots, strict=True))
    ]
    write_webp(IMAGES / "film.webp", lambda: iter(frames), wait=Fraction(1, FPS), quality=60)


PAINTED: dict[str, Callable[[Path], np.ndarray]] = {
    "mixtures": mixtures,
    "regions": regions,
    "learned": learned,
    "neighbors": neighbors,
    "film": film,
}
