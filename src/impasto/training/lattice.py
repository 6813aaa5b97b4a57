"""Penalty on periodic patterns: peaks in the spectrum of the output at the period of the network's strides.

A network that downsamples ``n`` times by 2 treats pixels ``2**n`` apart alike, so its output in flat areas
repeats with that period: peaks in the spectrum at integer multiples of ``2**-n`` cycles per pixel. Losses on
moments reward such a pattern, because it is a texture of the right contrast; this term removes it.
"""

from __future__ import annotations

import torch
from torch import Tensor

WINDOW = 64  # side of the pieces whose spectra are averaged, pixels
PERIOD = 8  # pixels; its peaks include those of a period of 4
LINES = 3  # multiples of the frequency, up and down; brush strokes have no power beyond them
NEAR, FAR = 3, 4  # distance to the frequencies a peak is compared with, in steps of the spectrum
ALLOWED = 0.2  # natural logarithm of the ratio that a peak has by chance


def excess(painted: Tensor, photos: Tensor) -> Tensor:
    """Return the mean excess of log peak ratios in ``painted (B, 3, H, W)`` over those in the photos.

    0 if there is no excess, and for images smaller than ``WINDOW``.
    """
    if min(painted.shape[-2:]) < WINDOW:
        return painted.new_zeros(())
    with torch.no_grad():
        own = _stand_out(photos)
    return (_stand_out(painted) - own.clamp_min(ALLOWED)).clamp_min(0).mean()


def _stand_out(pictures: Tensor) -> Tensor:
    """Return the log ratio of each peak's power to that of nearby frequencies, ``(B, peaks)``."""
    gray = pictures.float().mean(1)
    pieces = gray.unfold(1, WINDOW, WINDOW // 2).unfold(2, WINDOW, WINDOW // 2)
    hann = torch.hann_window(WINDOW, device=gray.device)
    pieces = (pieces - pieces.mean((-2, -1), keepdim=True)) * hann[:, None] * hann
    power = torch.fft.fft2(pieces).abs().square()
    power = (power / power.mean((-2, -1), keepdim=True).clamp_min(1e-8)).mean((1, 2))
    reach = range(-FAR, FAR + 1)
    ring = [(i, j) for i in reach for j in reach if max(abs(i), abs(j)) >= NEAR]
    around = torch.stack([torch.roll(power, shift, (-2, -1)) for shift in ring]).log().mean(0)
    step = WINDOW // PERIOD
    lines = [(i, j) for i in range(LINES + 1) for j in range(-LINES, LINES + 1) if i > 0 or j > 0]
    rows, columns = torch.tensor(lines, device=gray.device).T * step % WINDOW
    ratio: Tensor = power[:, rows, columns].log() - around[:, rows, columns]
    return ratio
