"""Sample files, and a demo made from them."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from impasto import files, films, image, painters, samples
from impasto.jobs import StylizeJob, VideoJob
from impasto.record import Array, Watch
from impasto.session import Session

MARGIN = 12  # pixels between the images of a sheet
LIGHT = 0.96  # background of a sheet
LINE, LETTERS = 26, 18  # height of a name below an image, and of its letters, in pixels
PLAN = (("coffee", ("waves",)), ("chelsea", ("brushwork",)), ("rocket", ("stained_glass", "night")))

FILM = "drive.mp4"
FILM_SIZE, FILM_FPS, FILM_SECONDS = (216, 384), 12, 4.0
FILM_STYLE = "waves"  # a learned style


def write_samples(folder: Path, *, size: int = 768, overwrite: bool = False) -> Iterator[Path]:
    """Write the sample photos, style images and video, and yield each path once it is written.

    Args:
        folder: output folder, created if needed; gets ``photos/`` and ``styles/``.
        size: side of the style images, in pixels.
        overwrite: replace existing files; otherwise they are kept and not yielded.
    """
    photos = {f"photos/{name}.png": partial(samples.photo, name) for name in samples.PHOTOS}
    styles = {f"styles/{name}.png": partial(samples.style, name, size) for name in samples.STYLES}
    for name, draw in {**photos, **styles}.items():
        path = folder / name
        if overwrite or not path.exists():
            files.check_output(path, overwrite=overwrite)
            yield image.write(path, draw(), overwrite=overwrite)
    path = folder / FILM
    if overwrite or not path.exists():
        yield write_film(path, overwrite=overwrite)


def write_film(
    path: Path,
    *,
    size: tuple[int, int] = (360, 640),
    fps: int = 25,
    seconds: float = 4.0,
    overwrite: bool = False,
) -> Path:
    """Write the sample video with sound; for the arguments see ``samples.film.drive``."""
    from impasto.media import write_with_sound
    from impasto.samples.film import SOUND_RATE, drive, tune

    files.check_output(path, overwrite=overwrite)
    frames = drive(size, fps=fps, seconds=seconds)
    with files.atomic(path, overwrite=overwrite) as temporary:
        write_with_sound(
            temporary, frames, size=size, fps=fps, sound=tune(seconds), sound_rate=SOUND_RATE, suffix=".mp4"
        )
    return path


def demo(folder: Path, *, size: int = 384, watch: Watch | None = None) -> Iterator[Path]:
    """Stylize two photos with one style each, one with two, and a video; yield their paths and a sheet's.

    Raises:
        OutputError: the folder cannot be written to.
    """
    rows: list[list[Array]] = []
    for photo, styles in PLAN:
        path = folder / f"{photo}-{'-'.join(styles)}.png"
        files.check_output(path, overwrite=True)
        content = samples.photo(photo)
        paintings = [samples.style(style, 640) for style in styles]
        pictures = {"photo": content, **dict(zip(styles, paintings, strict=True))}
        job = StylizeJob("photo", styles, size=size)
        result = painters.run(job, Session(watch=watch, pictures=pictures))
        result.save(path, overwrite=True)
        yield path
        rows.append([content, *paintings, result.picture])
    yield image.write(folder / "sheet.png", sheet(rows), overwrite=True)
    yield from _film(folder, size)


def _film(folder: Path, size: int) -> Iterator[Path]:
    """Write the sample video and its stylized version."""
    height, width = FILM_SIZE
    film = write_film(folder / FILM, size=(height, width), fps=FILM_FPS, seconds=FILM_SECONDS, overwrite=True)
    yield film
    job = VideoJob(film=str(film), styles=(FILM_STYLE,), size=min(size, width))
    out = folder / f"{film.stem}-{FILM_STYLE}.mp4"
    yield films.paint_film(job, out, Session(overwrite=True, restart=True)).path


def sheet(rows: list[list[Array]], *, height: int = 256, names: list[list[str]] | None = None) -> Array:
    """Return images in rows, each ``height`` pixels high, on a light background; ``(H, W, 3)``.

    With ``names``, one for each image, a line below each image has its name.
    """
    strips, half = [], MARGIN // 2
    border = ((half, half), (half, half), (0, 0))
    for number, row in enumerate(rows):
        scaled = [image.resize(p, (height, max(1, round(p.shape[1] * height / p.shape[0])))) for p in row]
        if names:
            scaled = [_add_name(p, name) for p, name in zip(scaled, names[number], strict=True)]
        strips.append(np.concatenate([np.pad(p, border, constant_values=LIGHT) for p in scaled], axis=1))
    width = max(strip.shape[1] for strip in strips)
    fills = [((0, 0), (0, width - strip.shape[1]), (0, 0)) for strip in strips]
    whole = [np.pad(s, fill, constant_values=LIGHT) for s, fill in zip(strips, fills, strict=True)]
    return np.concatenate(whole, axis=0).astype(np.float32)


def _add_name(picture: Array, name: str) -> Array:
    """Return the image with a line of text below, in smaller letters if it is narrow."""
    level = round(LIGHT * 255)
    line = Image.new("RGB", (picture.shape[1], LINE), (level, level, level))
    letters = LETTERS
    while letters > 8 and ImageFont.load_default(size=letters).getlength(name) > picture.shape[1]:
        letters -= 1
    font = ImageFont.load_default(size=letters)
    ImageDraw.Draw(line).text((0, LINE // 2), name, fill=(40, 40, 40), font=font, anchor="lm")
    return np.concatenate([picture, image.floats(np.asarray(line))])
