"""Streets at night: nearness to real nights, invented lights, color of signals, seconds.

    python benchmarks/night.py --data DIR
    python benchmarks/night.py --data DIR --bdd BDD100K --detector "python my_detector.py {train} {test}"

DIR holds ``driving/`` with ``streetN_day.jpg``, ``streetN_lamps.jpg`` (the same, darkened, with lamps painted
in) and, for some, ``streetN_night.jpg``, the same place at night. Only numbers are published, because those
photos may not be shown. A street with a real night is compared with it; methods that need a style get the
night of the *other* street. The settings of ``--night city`` were chosen with both nights in view; those of
the others have no settings to choose.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage

import driving
import harness
import night_films

Array = NDArray[np.float32]

LAYERS = ("relu3_1", "relu4_1")
PATCH = 32  # side of a patch in pixels
# A result of these that is in OUT is used again: nothing that --night does changes them.
SLOW = ("Fourier swap", "photoreal --fast", "photoreal")
LOW = 0.01  # half-width of the swapped frequencies, relative to the short side: beta of Yang and Soatto
WINDOW, CAR, STREET_LAMP, GREEN = (185, 238), (15, 48), (330, 375), (48, 185)  # hues of the painted lamps


def read(path: Path) -> Array:
    return np.asarray(Image.open(path).convert("RGB"), np.float32) / 255


def labels(day: Array, painted: Array, *, signals: bool) -> NDArray[np.uint8]:
    """Convert the lamps that people painted into a labels image ``(H, W, 3)``.

    Args:
        day: photo by day.
        painted: the same, darkened, with lamps in colors.
        signals: whether green means signals; otherwise headlights.
    """
    from impasto.looks.lamps import palette

    darker = float(np.median(painted.sum(2) / day.sum(2).clip(0.12)))
    rest = (painted - darker * day) * 255
    marks = ndimage.binary_closing(
        ndimage.binary_opening(np.abs(rest).max(2) > 45, np.ones((2, 2))), np.ones((3, 3))
    )
    parts, _ = ndimage.label(marks)
    drawn = np.zeros(day.shape, np.uint8)
    for index, box in enumerate(ndimage.find_objects(parts), 1):
        inside = parts[box] == index
        hue = _hue(np.median(rest[box][inside], 0)) if inside.sum() >= 6 else -1.0
        high = box[0].start < 0.58 * len(day)
        kind = None
        if WINDOW[0] <= hue < WINDOW[1]:
            kind = "window"
        elif WINDOW[1] <= hue < STREET_LAMP[0]:
            kind = "lamp" if box[0].stop < 0.48 * len(day) else "rear"
        elif GREEN[0] <= hue < GREEN[1] or (CAR[0] <= hue < CAR[1] and signals and high):
            # A signal is round or an arrow; what is broad is the front of a shop.
            broad = box[1].stop - box[1].start > 1.6 * (box[0].stop - box[0].start)
            kind = ("lit" if broad else "signal") if signals else "headlight"
        elif hue >= STREET_LAMP[0] or 0 <= hue < CAR[0]:
            kind = "lamp" if box[0].stop < 0.48 * len(day) else "rear"
        if kind is not None:
            drawn[box][inside] = palette()[kind]  # type: ignore[index]
    return drawn


def _hue(color: NDArray[Any]) -> float:
    import colorsys

    rgb = (color - min(float(color.min()), 0.0)) / 255
    return 360 * colorsys.rgb_to_hsv(*(float(c) for c in rgb))[0]


def fourier(photo: Array, style: Array) -> Array:
    """Swap the amplitudes of the lowest frequencies (Yang and Soatto 2020, "FDA", equations 1 to 3)."""
    from impasto import image

    other = image.resize(style, (photo.shape[0], photo.shape[1]))
    one, two = (np.fft.fftshift(np.fft.fft2(p, axes=(0, 1)), axes=(0, 1)) for p in (photo, other))
    amplitude, phase = np.abs(one), np.angle(one)
    half = int(LOW * min(photo.shape[:2]))
    rows, columns = (slice(n // 2 - half, n // 2 + half + 1) for n in photo.shape[:2])
    amplitude[rows, columns] = np.abs(two)[rows, columns]
    mixed = np.fft.ifftshift(amplitude * np.exp(1j * phase), axes=(0, 1))
    return np.real(np.fft.ifft2(mixed, axes=(0, 1))).clip(0, 1).astype(np.float32)


class Eyes:
    """Features of patches, by VGG-19."""

    def __init__(self) -> None:
        from impasto import backbones

        self.backbone = backbones.load("vgg19")

    def patches(self, rgb: Array) -> NDArray[np.float64]:
        """Return the mean features of each patch of ``PATCH`` pixels, ``(N, C)``."""
        import torch
        from torch.nn import functional as F

        from impasto import tensors

        size = (rgb.shape[0] // PATCH, rgb.shape[1] // PATCH)
        with torch.no_grad():
            found = self.backbone.features(tensors.from_array(rgb), LAYERS)
            means = [F.adaptive_avg_pool2d(found[layer].float(), size)[0].flatten(1).T for layer in LAYERS]
        return torch.cat([m / m.norm(dim=1).mean() for m in means], 1).double().numpy()


def kernel_distance(one: NDArray[np.float64], other: NDArray[np.float64]) -> float:
    """Compute the squared MMD of two sets, unbiased, with the kernel of Binkowski et al. 2018.

    ``k(x, y) = (x . y / d + 1)^3``, over features scaled to a mean square of 1 in ``other``.
    """
    scale = float(np.sqrt(np.square(other).mean()))
    a, b = one / scale, other / scale
    width, m, n = a.shape[1], len(a), len(b)
    kernels = [(x @ y.T / width + 1) ** 3 for x, y in ((a, a), (b, b), (a, b))]
    within = [(k.sum() - np.trace(k)) / (size * (size - 1)) for k, size in zip(kernels, (m, n), strict=False)]
    return float(sum(within) - 2 * kernels[2].mean())


def ways(
    day: Array, drawn: NDArray[np.uint8], style: Array, kept: Callable[[str], Path]
) -> dict[str, tuple[Array, float | None]]:
    """Return the results of each way with their seconds; None for one of an earlier run, in its file."""
    import impasto

    found: dict[str, tuple[Array, float | None]] = {"by day": (day, 0.0)}
    for name, work in {
        "Fourier swap": lambda: fourier(day, style),
        "photoreal --fast": lambda: impasto.photoreal(day, style, fast=True).picture,
        "photoreal": lambda: impasto.photoreal(day, style).picture,
        "--night, no labels": lambda: impasto.photoreal(day, night="city").picture,
        "--night": lambda: impasto.photoreal(day, night="city", lamps=drawn).picture,
        "--night --fast, style": lambda: (
            impasto.photoreal(day, style, fast=True, night="city", lamps=drawn).picture
        ),
    }.items():
        if name in SLOW and kept(name).exists():
            found[name] = (read(kept(name)), None)
            continue
        begun = time.perf_counter()
        result = np.asarray(work(), np.float32)
        found[name] = (result, time.perf_counter() - begun)
    return found


def proof(day: Array, drawn: NDArray[np.uint8]) -> dict[str, float]:
    """Return the pixels without an explanation in the night of a street, and the worst signal."""
    from impasto.looks.beam import Road
    from impasto.looks.lamps import read_lamps
    from impasto.looks.lights import Draws
    from impasto.looks.night import NIGHTS, render_night
    from impasto.looks.proof import find_excess_light, light_bound, signals_of

    lamps, road = read_lamps(drawn, day).lamps, Road.of(day)
    made = render_night(day, lamps, NIGHTS["city"], Draws.of(day, 0), road=road)
    most = light_bound(lamps, road, NIGHTS["city"])
    signals = signals_of(made.rgb, day, lamps)
    return {
        "invented pixels": int(find_excess_light(made.rgb, made.graded, most).sum()),
        "signals": len(signals),
        "largest change of hue, degrees": max((s.hue for s in signals), default=0.0),
        "signals with less contrast": sum(not s.kept for s in signals),
    }


def _path(out: Path, number: int, name: str) -> Path:
    return out / f"street{number}-{name.strip('-').replace(' ', '-').replace(',', '')}.png"


def main() -> None:
    """Run the benchmark."""
    parser = harness.parser(__doc__ or "")
    parser.add_argument("--streets", type=int, nargs="+", default=[1, 2, 3, 4])
    parser.add_argument("--frames", type=int, default=12, help="frames of the film to measure; 0: none")
    parser.add_argument("--bdd", type=Path, help="BDD100K: write the protocol of detectors at night instead")
    parser.add_argument("--detector", help="its command, with {train}, {test} and {name}")
    parser.add_argument("--limit", type=int, help="most photos of each split of BDD100K")
    arguments = parser.parse_args()
    if arguments.bdd is not None:
        driving.protocol(arguments.bdd, arguments.out, detector=arguments.detector, limit=arguments.limit)
        return
    data, out = arguments.data / "driving", arguments.out
    out.mkdir(parents=True, exist_ok=True)
    from impasto.looks.lamps import read_lamps
    from spots import spots

    eyes, rows, proofs = Eyes(), list[dict[str, Any]](), list[dict[str, Any]]()
    nights = {n: read(data / f"street{n}_night.jpg") for n in (1, 2)}
    for number in (1, 2, 3, 4):
        day = read(data / f"street{number}_day.jpg")
        drawn = labels(day, read(data / f"street{number}_lamps.jpg"), signals=number in (1, 4))
        proofs.append({"street": number, **proof(day, drawn)})
        if number not in arguments.streets:
            continue
        lamps = read_lamps(drawn, day).lamps
        path_of = partial(_path, out, number)
        for name, (result, seconds) in ways(day, drawn, nights[2 if number == 1 else 1], path_of).items():
            path = path_of(name)
            Image.fromarray(np.rint(result * 255).astype(np.uint8)).save(path)
            row = {"street": number, "way": name, "spots": spots(result, day, lamps), "seconds": seconds}
            if number in nights:
                row["kernel distance"] = kernel_distance(eyes.patches(result), eyes.patches(nights[number]))
            print(row, flush=True)
            rows.append(row)
    means = []
    for name in dict.fromkeys(row["way"] for row in rows):
        own = [row for row in rows if row["way"] == name]
        timed = [row["seconds"] for row in own if row["seconds"] is not None]
        near = [row["kernel distance"] for row in own if "kernel distance" in row]
        means.append(
            {
                "way": name,
                "kernel distance": float(np.mean(near)) if near else None,
                "spots": sum(row["spots"] for row in own),
                "seconds": harness.median(timed) if timed else None,
            }
        )
    harness.table(rows)
    harness.table(means)
    harness.table(proofs)
    harness.record("night", means)
    harness.record("night proof", proofs)
    if arguments.frames:
        measured = night_films.film(arguments.data / "video" / "dashcam_720p.mp4", arguments.frames)
        harness.table([measured])
        harness.record("night film", [measured])


if __name__ == "__main__":
    main()
