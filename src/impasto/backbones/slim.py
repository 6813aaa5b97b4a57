"""Low-rank VGG at about half the cost, for training style networks.

The responses of VGG layers lie near subspaces of a third to a half of their channels. A 3x3 convolution to C
channels is replaced by one to the r principal components of its responses and a 1x1 convolution back (Zhang
et al. 2015, arXiv 1505.06798, section 2.1, without its treatment of the ReLU). Training spends most of its
time in the backbone; the optimization of single images uses the exact network.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

from impasto.backbones.vgg import Vgg

ENERGY = 0.99  # fraction of the response variance of a layer to keep
ROUND = 16  # ranks are multiples of this, for efficient vector instructions


class Slim(Vgg):
    """Low-rank approximation of a VGG.

    Args:
        exact: the network to approximate.
        pictures: typical images, ``(N, 3, H, W)``, RGB 0..1, for estimating the principal components.
        deepest: deepest layer to approximate.
        energy: fraction of the response variance of each layer to keep, 0..1.
    """

    def __init__(
        self, exact: Vgg, pictures: Tensor, *, deepest: str = "relu4_1", energy: float = ENERGY
    ) -> None:
        super().__init__(
            exact.blocks,
            {
                f"conv{name}.{part}": getattr(exact, f"{part}{name}").clone()
                for name in exact.names
                for part in ("weight", "bias")
            },
            preprocessing="caffe" if exact.caffe else "torchvision",
            pooling=exact.pooling,
            precision="bfloat16" if exact.dtype == torch.bfloat16 else "float32",
        )
        self.winograd = False  # with few channels the transforms cost more than they save
        self.ranks: dict[str, int] = {}
        used = [layer for layer in exact.layers[: exact.depth([deepest])] if layer.startswith("conv")][1:]
        for layer, (mean, cov) in _responses(exact, used, pictures).items():
            self._split(exact, layer[4:], mean, cov, energy)
        self.to(pictures.device)

    def _split(self, exact: Vgg, name: str, mean: Tensor, cov: Tensor, energy: float) -> None:
        values, vectors = torch.linalg.eigh(cov)
        kept = values.flip(0).cumsum(0) / values.sum()
        needed = int((kept < energy).sum()) + 1
        rank = min(-(-needed // ROUND) * ROUND, len(mean))
        basis = vectors.flip(1)[:, :rank]
        weight = getattr(exact, f"weight{name}").double().cpu()
        bias = getattr(exact, f"bias{name}").double().cpu()
        # y = B B^T (W x + b - m) + m as two convolutions; the second one has the bias.
        inner = torch.einsum("or,oikl->rikl", basis, weight)
        outer = basis[:, :, None, None]
        constant = basis @ (basis.T @ (bias - mean)) + mean
        self.register_buffer(f"weight{name}", inner.to(self.dtype).contiguous())
        self.register_buffer(f"outer{name}", outer.to(self.dtype).contiguous())
        self.register_buffer(f"bias{name}", constant.to(self.dtype))
        self.ranks[name] = rank

    def _convolve(self, x: Tensor, name: str) -> Tensor:
        if name not in self.ranks:
            return super()._convolve(x, name)
        # Replicate padding: with zeros, a trained network would learn to compensate for a gray border.
        inner = F.conv2d(F.pad(x, (1, 1, 1, 1), mode="replicate"), getattr(self, f"weight{name}"))
        return F.conv2d(inner, getattr(self, f"outer{name}"), getattr(self, f"bias{name}"))


def _responses(exact: Vgg, layers: Sequence[str], pictures: Tensor) -> dict[str, tuple[Tensor, Tensor]]:
    """Return the mean and the covariance of each layer's responses to the pictures, by name."""
    sums: dict[str, tuple[Tensor, Tensor]] = {}
    count = dict.fromkeys(layers, 0)
    for index in range(len(pictures)):
        with torch.no_grad():
            found = exact.features(pictures[index : index + 1], frozenset(layers))
        for layer in layers:
            answers = found[layer][0].flatten(1).double().cpu()
            first, second = sums.get(layer, (0.0, 0.0))
            sums[layer] = (first + answers.sum(1), second + answers @ answers.T)
            count[layer] += answers.shape[1]
    means = {layer: first / count[layer] for layer, (first, _) in sums.items()}
    return {
        layer: (means[layer], second / count[layer] - torch.outer(means[layer], means[layer]))
        for layer, (_, second) in sums.items()
    }
