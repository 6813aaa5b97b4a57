"""Fourier parametrization with decorrelated colors, for images optimized from noise.

After C. Olah, A. Mordvintsev and L. Schubert, *Feature Visualization* (Distill 2017), "Preconditioning and
parameterization": steepest descent in these coordinates progresses equally at all frequencies, whereas in
pixels high frequencies dominate and produce noise.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from impasto.parametrizations.base import Parametrization
from impasto.tiles import Size

START = 0.01  # standard deviation of the initial spectrum
STRENGTH = 0.4  # gain before the sigmoid for a unit of spectrum

# Principal axes of the RGB logits of 75 photographs of the Berkeley segmentation data set, scaled to mean
# variance 1: lightness varies most, blue against red less, green against magenta least.
AXES = (
    (0.976, -0.412, -0.111),
    (0.871, -0.021, 0.218),
    (0.915, 0.460, -0.089),
)


class Fourier(Parametrization):
    """Image from its spectrum, with frequencies scaled by ``1 / f`` and decorrelated colors.

    Args:
        size: (height, width) in pixels.
        seed: random seed of the initial noise.
        decay: amplitudes are divided by the frequency to this power.
    """

    def __init__(self, size: Size, *, seed: int = 0, decay: float = 1.0) -> None:
        super().__init__()
        self.size, self.decay = size, decay
        self.colors: Tensor
        self.register_buffer("colors", torch.tensor(AXES), persistent=False)
        generator = torch.Generator().manual_seed(seed)
        height, width = size
        noise = torch.randn((1, 3, height, width // 2 + 1, 2), generator=generator)
        self.spectrum = nn.Parameter(START * noise)

    def forward(self) -> Tensor:
        """Return the image, ``(1, 3, H, W)``, 0..1."""
        height, width = self.size
        amplitudes = torch.view_as_complex(self.spectrum) * self._scale(self.size)
        planes = torch.fft.irfft2(amplitudes, s=(height, width), norm="ortho") * STRENGTH
        return torch.sigmoid(torch.einsum("oc,bchw->bohw", self.colors, planes))

    @torch.no_grad()
    def resize(self, size: Size) -> None:
        """See :meth:`Parametrization.resize`; low frequencies are kept, new ones are zero."""
        if size == self.size:
            return
        # The coefficients of an orthonormal transform grow with the size, and the scale depends on it too.
        old = torch.view_as_complex(self.spectrum) * self._scale(self.size)
        ratio = (size[0] * size[1] / (self.size[0] * self.size[1])) ** 0.5
        moved = _cut(old, self.size, size) * ratio / self._scale(size)
        self.spectrum = nn.Parameter(torch.view_as_real(moved).contiguous())
        self.size = size

    def resize_state(self, state: Tensor, size: Size) -> Tensor:
        """See :meth:`Parametrization.resize_state`."""
        spectrum = torch.view_as_complex(state.view_as(self.spectrum).contiguous())
        return torch.view_as_real(_cut(spectrum, self.size, size)).flatten()

    def _scale(self, size: Size) -> Tensor:
        height, width = size
        device = self.spectrum.device
        down = torch.fft.fftfreq(height, device=device)[:, None]
        across = torch.fft.rfftfreq(width, device=device)[None]
        frequency = (down.square() + across.square()).sqrt().clamp_min(1 / max(size))
        scale: Tensor = frequency**-self.decay
        return scale


def _cut(spectrum: Tensor, old: Size, new: Size) -> Tensor:
    """Crop or zero-pad a spectrum to the frequencies of another size."""
    moved = spectrum.new_zeros((*spectrum.shape[:2], new[0], new[1] // 2 + 1))
    rows, columns = min(old[0], new[0]), min(old[1], new[1]) // 2 + 1
    low, high = (rows + 1) // 2, rows // 2
    moved[..., :low, :columns] = spectrum[..., :low, :columns]
    if high:
        moved[..., -high:, :columns] = spectrum[..., -high:, :columns]
    return moved
