"""A picture as its spectrum, with colours that do not correlate: for pictures made from nothing.

After C. Olah, A. Mordvintsev and L. Schubert, *Feature Visualization* (Distill 2017), "Preconditioning and
parameterization": steepest descent in these coordinates takes equal strides at all frequencies, where in
pixels high frequencies run ahead and make noise.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from impasto.parametrizations.base import Parametrization
from impasto.tiles import Size

START = 0.01  # deviation of the spectrum to begin with
STRENGTH = 0.4  # of the picture, before the sigmoid, for a unit of spectrum

# The principal axes of red, green and blue, taken back through the sigmoid, over 75 photographs of the
# Berkeley segmentation set, their mean variance scaled to 1: lightness varies most, blue against red less,
# green against magenta least.
AXES = (
    (0.976, -0.412, -0.111),
    (0.871, -0.021, 0.218),
    (0.915, 0.460, -0.089),
)


class Fourier(Parametrization):
    """A picture from its spectrum; frequencies are scaled by ``1 / f``, colours decorrelated.

    Args:
        size: (height, width), pixels.
        seed: of the noise to begin with.
        decay: power of the frequency that amplitudes are divided by.
    """

    def __init__(self, size: Size, *, seed: int = 0, decay: float = 1.0) -> None:
        super().__init__()
        self.size, self.decay = size, decay
        self.colours: Tensor
        self.register_buffer("colours", torch.tensor(AXES), persistent=False)
        generator = torch.Generator().manual_seed(seed)
        height, width = size
        noise = torch.randn((1, 3, height, width // 2 + 1, 2), generator=generator)
        self.spectrum = nn.Parameter(START * noise)

    def forward(self) -> Tensor:
        """The picture, ``(1, 3, H, W)``, within 0..1."""
        height, width = self.size
        amplitudes = torch.view_as_complex(self.spectrum) * self._scale(self.size)
        planes = torch.fft.irfft2(amplitudes, s=(height, width), norm="ortho") * STRENGTH
        return torch.sigmoid(torch.einsum("oc,bchw->bohw", self.colours, planes))

    @torch.no_grad()
    def resize(self, size: Size) -> None:
        """See :meth:`Parametrization.resize`: low frequencies are kept, new ones are zero."""
        if size == self.size:
            return
        # Orthonormal transforms of a larger picture hold larger numbers; the scale has its own share in it.
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
    """The same frequencies in a spectrum of another size; what it has beyond them is zero."""
    moved = spectrum.new_zeros((*spectrum.shape[:2], new[0], new[1] // 2 + 1))
    rows, columns = min(old[0], new[0]), min(old[1], new[1]) // 2 + 1
    low, high = (rows + 1) // 2, rows // 2
    moved[..., :low, :columns] = spectrum[..., :low, :columns]
    if high:
        moved[..., -high:, :columns] = spectrum[..., -high:, :columns]
    return moved
