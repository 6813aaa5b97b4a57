"""The style network in PyTorch, for training and for painting on a GPU."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from impasto.jobs.base import Precision
from impasto.networks import noise as noises
from impasto.networks.packs import Pack
from impasto.networks.plan import EPSILON, FADE, LAST, Plan, Reached, paint, shape

Array = NDArray[np.float32]


class StyleNetwork(nn.Module):
    """A trunk and its rows.

    Args:
        plan: architecture of the trunk.
        rows: number of rows, including row 0 for the photo.
        seed: random seed of the initial weights.
    """

    def __init__(self, plan: Plan, *, rows: int, seed: int = 0) -> None:
        super().__init__()
        self.plan, self.shape = plan, shape(plan)
        generator = torch.Generator().manual_seed(seed)
        self.trunk = nn.ParameterDict()
        for name, size in self.shape.kernels.items():
            fan = size[1] * size[2] * size[3]
            gain = 0.3 if name == LAST else 2.0**0.5  # starts near gray, where the logistic is not flat
            self.trunk[name] = nn.Parameter(torch.randn(size, generator=generator) * gain / fan**0.5)
        for name, length in self.shape.biases.items():
            self.trunk[name] = nn.Parameter(torch.zeros(length))
        start = torch.zeros(plan.kinds, sum(self.shape.norms))
        start[0] = 1
        noise = 0.05 * torch.randn((rows, *start.shape), generator=generator)
        self.rows = nn.Parameter(start + noise)

    def forward(
        self,
        photo: Tensor,
        weights: Tensor,
        *,
        statistics: Tensor | None = None,
        noise: Tensor | None = None,
    ) -> Tensor:
        """Paint a batch of images.

        Args:
            photo: ``(B, 3, H, W)``, RGB 0..1; both sides are multiples of ``plan.multiple``.
            weights: weights of the rows, ``(B or 1, rows)``, or ``(B or 1, rows, h, w)`` for regions; sum 1.
            statistics: ``(2, channels)``, mean and standard deviation of every normalized channel, in order;
                default: those of each image.
            noise: octaves ``(B or 1, plan.noise, H / multiple, W / multiple)``; default: those of seed 0.

        Returns:
            ``(B, 3, H, W)``, 0..1.
        """
        engine = _TorchEngine(self, weights, statistics, noise=self._noise(photo, noise))
        painted: Tensor = paint(engine, self.plan, photo)
        return painted

    def _noise(self, photo: Tensor, given: Tensor | None) -> Tensor | None:
        if given is not None or not self.plan.noise:
            return given
        height, width = (side // self.plan.multiple for side in photo.shape[-2:])
        field = noises.field(self.plan, seed=0, size=(height, width))
        return torch.from_numpy(field)[None].to(photo.device)

    def statistics(self, photo: Tensor, weights: Tensor, *, noise: Tensor | None = None) -> Tensor:
        """Return the statistics ``(2, channels)`` of one image ``(1, 3, H, W)``, for :meth:`forward`."""
        engine = _TorchEngine(self, weights, keep=True, noise=self._noise(photo, noise))
        paint(engine, self.plan, photo)
        return torch.cat(engine.found, 1)

    def load(self, weights: Mapping[str, NDArray[Any]], rows: NDArray[Any]) -> None:
        """Load trunk and rows of a pack."""
        with torch.no_grad():
            for name, value in self.trunk.items():
                value.copy_(torch.from_numpy(np.asarray(weights[name], np.float32)))
            self.rows.copy_(torch.from_numpy(np.asarray(rows, np.float32)))


def _instance_norm(x: Tensor, scale: Tensor, shift: Tensor) -> Tensor:
    """Apply instance normalization with a scale and a shift per image, or per position, of the batch."""
    count, channels = x.shape[:2]
    if x.shape[-2:] == (1, 1):
        return 0 * x + shift  # a single position is its own mean
    even = scale.shape[-2:] == shift.shape[-2:] == (1, 1)
    weight, bias = (s.expand(count, -1, 1, 1).reshape(-1) if even else None for s in (scale, shift))
    # As one image of B * C channels, because PyTorch's batch normalization is one fused kernel.
    flat = F.batch_norm(
        x.reshape(1, count * channels, *x.shape[2:]), None, None, weight, bias, training=True, eps=EPSILON
    ).view(x.shape)
    return flat if even else flat * scale + shift


class _TorchEngine:
    """Engine for PyTorch.

    With ``keep``, it collects the statistics of a single image in ``found``. It stops at the input of
    normalization number ``until``, with :class:`Reached`.
    """

    def __init__(
        self,
        network: StyleNetwork,
        weights: Tensor,
        given: Tensor | None = None,
        *,
        keep: bool = False,
        noise: Tensor | None = None,
        until: int | None = None,
    ) -> None:
        self.network, self.given, self.keep, self.noise, self.until = network, given, keep, noise, until
        self.weights = weights if weights.ndim == 4 else weights[:, :, None, None]
        self.splits = list(network.shape.norms)
        self.index = 0
        self.found: list[Tensor] = []

    def fold(self, x: Tensor, factor: int, /) -> Tensor:
        return F.pixel_unshuffle(x, factor)

    def convolve(self, x: Tensor, name: str, /, *, channels: int, kernel: int, stride: int = 1) -> Tensor:
        bias = f"{name}_bias"
        x = F.pad(x, (kernel // 2,) * 4, mode="reflect")
        trunk = self.network.trunk
        return F.conv2d(x, trunk[name], trunk.get(bias), stride=stride)

    def normalize(self, x: Tensor, /, *, noisy: bool = False) -> Tensor:
        if self.index == self.until:
            raise Reached(x)
        start = sum(self.splits[: self.index])
        part = slice(start, start + x.shape[1])
        self.index += 1
        scale, shift, *octaves = self._blend_regions(part, (x.shape[-2], x.shape[-1]))
        if noisy and self.noise is not None:
            for number, octave in enumerate(octaves):
                shift = shift + octave * self.noise[:, number : number + 1]
        return self._normalize_part(x, part, scale, shift)

    def _normalize_part(self, x: Tensor, part: slice, scale: Tensor, shift: Tensor) -> Tensor:
        if self.given is not None:
            mean, deviation = (s[part].view(1, -1, 1, 1) for s in self.given)
            whitened: Tensor = (x - mean) / deviation
            return whitened * scale + shift
        if self.keep:
            variance, mean = torch.var_mean(x, (0, 2, 3), correction=0)
            self.found.append(torch.stack([mean, (variance + EPSILON).sqrt()]))
        return _instance_norm(x, scale, shift)

    def _blend_regions(self, part: slice, size: tuple[int, int]) -> list[Tensor]:
        weights = self._resize_weights(size)
        rows = self.network.rows[:, :, part]
        return [torch.einsum("brhw,rc->bchw", weights, rows[:, kind]) for kind in range(rows.shape[1])]

    def _resize_weights(self, size: tuple[int, int]) -> Tensor:
        if self.weights.shape[-2:] == (1, 1) or self.weights.shape[-2:] == size:
            return self.weights
        return F.interpolate(self.weights, size, mode="bilinear", align_corners=False)

    def relu(self, x: Tensor, /) -> Tensor:
        return F.relu(x)

    def add(self, x: Tensor, y: Tensor, /) -> Tensor:
        return x + y

    def enlarge(self, x: Tensor, /) -> Tensor:
        return F.interpolate(x, scale_factor=2, mode="bilinear", align_corners=False)

    def squash(self, x: Tensor, /) -> Tensor:
        return torch.sigmoid(x)

    def fade(self, photo: Tensor, painted: Tensor, /) -> Tensor:
        amount = (1 - self.weights[:, :1]) / FADE
        amount = amount.clamp(0, 1)
        if amount.shape[-2:] != (1, 1):
            amount = F.interpolate(amount, photo.shape[-2:], mode="bilinear", align_corners=False)
        return photo + amount * (painted - photo)


class OnGpu:
    """The network on a PyTorch device."""

    def __init__(self, pack: Pack, *, device: str, precision: Precision = "auto") -> None:
        self.device = torch.device(device.removeprefix("torch:"))
        self.short = precision == "bfloat16"
        network = StyleNetwork(pack.plan, rows=len(pack.rows))
        network.load(pack.trunk, pack.rows)
        self.model = network.to(self.device).eval()

    def paint(self, photo: Array, weights: Array, statistics: Array | None, noise: Array | None) -> Array:
        """Paint ``(H, W, 3)``, 0..1, with sides that are multiples of ``plan.multiple``.

        The noise is ``(plan.noise, h, w)`` at the photo's position; None if the plan has none.
        """
        given = None if statistics is None else torch.from_numpy(statistics).to(self.device)
        # Statistics stay in float32: they are computed once and used for a whole video or all tiles.
        with torch.inference_mode(), torch.autocast(self.device.type, torch.bfloat16, enabled=self.short):
            painted = self.model(
                self._planes(photo), self._weights(weights), statistics=given, noise=self._noise(noise)
            )
        result: Array = painted[0].permute(1, 2, 0).float().cpu().numpy()
        return result

    def statistics(self, photo: Array, weights: Array, noise: Array | None) -> Array:
        """Return mean and deviation of each normalized channel, ``(2, channels)``, in float32."""
        with torch.inference_mode():
            found = self.model.statistics(
                self._planes(photo), self._weights(weights), noise=self._noise(noise)
            )
        result: Array = found.cpu().numpy()
        return result

    def features(
        self, photo: Array, weights: Array, statistics: Array, norm: int, noise: Array | None
    ) -> Array:
        """Return the input of normalization number ``norm``, ``(C, h, w)``."""
        given = torch.from_numpy(statistics).to(self.device)
        engine = _TorchEngine(self.model, self._weights(weights), given, noise=self._noise(noise), until=norm)
        try:
            with torch.inference_mode():
                paint(engine, self.model.plan, self._planes(photo))
        except Reached as reached:
            result: Array = reached.features[0].float().cpu().numpy()
            return result
        raise IndexError(f"the network has no normalization {norm}")

    def _planes(self, photo: Array) -> Tensor:
        return torch.from_numpy(np.ascontiguousarray(photo)).permute(2, 0, 1)[None].to(self.device)

    def _noise(self, noise: Array | None) -> Tensor | None:
        return None if noise is None else torch.from_numpy(noise)[None].to(self.device)

    def _weights(self, weights: Array) -> Tensor:
        return torch.from_numpy(np.ascontiguousarray(weights))[None].to(self.device)
