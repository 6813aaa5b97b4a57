"""A VGG whose convolutions cost half as much: each split into two of low rank, fitted to what it answers.

The answers of VGG's layers lie near subspaces of a third to a half of their channels. So a 3x3 convolution to
C channels becomes one to the r principal components of its answers, and a 1x1 convolution back (Zhang et al.
2015, arXiv 1505.06798, section 2.1, without its treatment of the ReLU). Training a style network looks at
thousands of pictures and spends most of its time here; painting a single picture keeps to the exact network.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from impasto.backbones.vgg import Vgg

ENERGY = 0.99  # of a layer's answers that its components hold
ROUND = 16  # ranks are multiples of this, which processors like


class Slim(Vgg):
    """A network that answers nearly as another does.

    Args:
        exact: the network to follow.
        pictures: ``(N, 3, H, W)``, RGB 0..1, of the kind it will look at.
        deepest: the last layer that will be asked for.
        energy: share of the variance of each layer's answers that is kept, 0..1.
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
        self.winograd = False  # few channels: its transforms would cost more than they save
        self.ranks: dict[str, int] = {}
        used = [layer for layer in exact.layers[: exact.depth([deepest])] if layer.startswith("conv")]
        for layer in used[1:]:
            self._split(exact, layer[4:], pictures, energy)
        self.to(pictures.device)

    def _split(self, exact: Vgg, name: str, pictures: Tensor, energy: float) -> None:
        count, total, products = 0, torch.zeros(()), torch.zeros(())
        with torch.no_grad():
            for index in range(len(pictures)):
                picture = pictures[index : index + 1]
                found = exact.features(picture, {f"conv{name}"})[f"conv{name}"]
                answers = found[0].flatten(1).double().cpu()
                count += answers.shape[1]
                total = total + answers.sum(1)
                products = products + answers @ answers.T
        mean = total / count
        values, vectors = torch.linalg.eigh(products / count - torch.outer(mean, mean))
        kept = values.flip(0).cumsum(0) / values.sum()
        needed = int((kept < energy).sum()) + 1
        rank = min(-(-needed // ROUND) * ROUND, len(mean))
        basis = vectors.flip(1)[:, :rank]
        weight = getattr(exact, f"weight{name}").double().cpu()
        bias = getattr(exact, f"bias{name}").double().cpu()
        # y = B B^T (W x + b - m) + m, as two convolutions, the second with all that is constant.
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
        # Not zeros: what is painted at the border would learn to make up for a grey frame.
        inner = F.conv2d(F.pad(x, (1, 1, 1, 1), mode="replicate"), getattr(self, f"weight{name}"))
        return F.conv2d(inner, getattr(self, f"outer{name}"), getattr(self, f"bias{name}"))
