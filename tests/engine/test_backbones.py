"""Backbones: named layers, receptive fields, depth, and convolutions compared to PyTorch's."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from impasto import backbones, weights
from impasto.backbones import CONVOLUTIONS, PIXELS, Tiny, Vgg, winograd
from impasto.errors import InputError, WeightsError
from support.backbones import narrow, noise, seen

# Convolutions


@pytest.mark.parametrize("size", [(32, 32), (33, 47), (64, 40)])
def test_winograd_is_the_convolution_and_its_gradient(size: tuple[int, int]) -> None:
    if not winograd.available():
        assert not narrow().winograd  # where it cannot run, nobody calls it
        return
    weight, bias = noise(1, 24, 16, 3, 3) - 0.5, noise(2, 24) - 0.5
    outer = noise(3, 1, 24, *size) - 0.5
    results = []
    for fast in (True, False):
        x = (noise(0, 1, 16, *size) - 0.5).requires_grad_()
        if fast:
            y = winograd.convolve(x, weight, bias, winograd.turn(weight))
            assert "_Convolve" in type(y.grad_fn).__name__  # large enough to take the fast way
        else:
            y = F.conv2d(x, weight, bias, padding=1)
        results.append((y.detach(), torch.autograd.grad(y, x, outer)[0]))
    for ours, theirs in zip(*results, strict=True):
        assert float((ours - theirs).norm() / theirs.norm()) < 1e-5


def test_small_maps_and_batches_take_the_direct_way() -> None:
    weight, bias = noise(1, 4, 4, 3, 3), noise(2, 4)
    for shape in ((1, 4, 8, 8), (2, 4, 40, 40)):
        x = noise(0, *shape)
        y = winograd.convolve(x, weight, bias, winograd.turn(weight))
        assert torch.equal(y, F.conv2d(x, weight, bias, padding=1))


def test_vgg_with_and_without_winograd_agree(vgg19: Vgg) -> None:
    layers = ["relu1_1", "relu2_2", "relu3_1"]
    plain = Vgg(CONVOLUTIONS["vgg19"], weights.load("vgg19"))
    plain.winograd = False
    results = []
    for network in (vgg19, plain):
        x = noise(0, 1, 3, 96, 80).requires_grad_()
        found = network.features(x, layers)
        (gradient,) = torch.autograd.grad(torch.stack([f.square().mean() for f in found.values()]).sum(), x)
        results.append([*(f.detach() for f in found.values()), gradient])
    *errors, last = [float((a - b).norm() / b.norm()) for a, b in zip(*results, strict=True)]
    assert max(errors) < 1e-5
    assert last < 1e-2  # in the gradient, a ReLU that rounding has turned over counts whole


# Layers


def test_layers_are_named_from_shallow_to_deep() -> None:
    for name, blocks in CONVOLUTIONS.items():
        network = narrow(name)
        wanted = [
            f"{kind}{block}_{conv}"
            for block, count in enumerate(blocks, 1)
            for conv in range(1, count + 1)
            for kind in ("conv", "relu")
        ]
        assert list(network.layers) == wanted
        assert network.stride("relu1_2") == network.stride(PIXELS) == 1
        assert [network.stride(f"relu{block}_1") for block in range(1, 6)] == [1, 2, 4, 8, 16]


@pytest.mark.parametrize("size", [(48, 48), (50, 67), (16, 31)])
def test_every_layer_has_the_grid_of_its_stride(size: tuple[int, int]) -> None:
    for network in (Tiny(), narrow(), narrow("vgg16", pooling="avg")):
        found = network.features(noise(0, 2, 3, *size), [PIXELS, *network.layers])
        assert set(found) == {PIXELS, *network.layers}
        for layer, f in found.items():
            stride = network.stride(layer)
            assert f.shape[0] == 2
            assert f.shape[-2:] == (size[0] // stride, size[1] // stride)


def test_a_relu_is_the_positive_part_of_its_convolution() -> None:
    network, x = narrow(), noise(0, 1, 3, 40, 40)
    both = network.features(x, network.layers)
    for layer in network.layers:
        if layer.startswith("relu"):
            assert torch.equal(both[layer], both["conv" + layer[4:]].clamp_min(0))
            # Asked for alone it is computed in place, and must come out the same.
            torch.testing.assert_close(network.features(x, [layer])[layer], both[layer])
    assert any(float(both[layer].min()) < 0 for layer in network.layers if layer.startswith("conv"))


def test_first_layer_is_the_published_preprocessing_and_filter(vgg19: Vgg) -> None:
    x = noise(0, 1, 3, 6, 7)
    state = weights.load("vgg19")
    # By hand at one inner position: 0..255, blue first, minus the mean.
    bgr = 255 * x[0].flip(0) - torch.tensor([103.939, 116.779, 123.68])[:, None, None]
    patch = bgr[:, 2:5, 3:6]
    wanted = (state["conv1_1.weight"] * patch).sum((1, 2, 3)) + state["conv1_1.bias"]
    found = vgg19.features(x, ["conv1_1", "relu1_1"])
    torch.testing.assert_close(found["conv1_1"][0, :, 3, 4], wanted, rtol=1e-4, atol=1e-2)
    torch.testing.assert_close(found["relu1_1"][0, :, 3, 4], wanted.clamp_min(0), rtol=1e-4, atol=1e-2)


def test_torchvision_preprocessing_is_standardization() -> None:
    network, x = narrow(preprocessing="torchvision"), noise(0, 1, 3, 4, 4)
    mean, std = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])
    wanted = (x - mean[:, None, None]) / std[:, None, None]
    torch.testing.assert_close(network.normalize(x), wanted)


def test_a_plain_picture_has_a_plain_first_layer(vgg19: Vgg) -> None:
    for value in (0.0, 0.3, 1.0):
        f = vgg19.features(torch.full((1, 3, 20, 24), value), ["relu1_1"])["relu1_1"]
        torch.testing.assert_close(f, f[..., 10:11, 10:11].expand_as(f), rtol=1e-5, atol=1e-3)


def test_pooling_is_the_one_asked_for() -> None:
    x = noise(0, 1, 3, 8, 8)
    for pooling, pool in (("max", F.max_pool2d), ("avg", F.avg_pool2d)):
        network = narrow(pooling=pooling)
        before = network.features(x, ["relu1_2"])["relu1_2"]
        weight, bias = network.get_buffer("weight2_1"), network.get_buffer("bias2_1")
        wanted = F.conv2d(pool(before, 2), weight, bias, padding=1)
        torch.testing.assert_close(network.features(x, ["conv2_1"])["conv2_1"], wanted)


def test_bfloat16_is_close_to_float32(vgg19: Vgg) -> None:
    half = backbones.load("vgg19", precision="bfloat16")
    x = noise(0, 1, 3, 48, 48)
    for layer in ("relu1_1", "relu3_1", "relu4_1"):
        ours, theirs = half.features(x, [layer])[layer], vgg19.features(x, [layer])[layer]
        assert ours.dtype == torch.bfloat16
        assert ours.is_contiguous(memory_format=half.memory_format)
        assert float((ours.float() - theirs).norm() / theirs.norm()) < 0.03
        assert float((ours.float() - theirs).norm()) > 0


def test_auto_precision_is_one_the_device_has() -> None:
    assert backbones.load("vgg19").dtype in (torch.float32, torch.bfloat16)
    with pytest.raises(WeightsError, match="vgg19-torchvision"):
        backbones.load("alexnet")


# Depth


@pytest.mark.parametrize(
    ("layers", "runs"),
    [(["relu1_1"], 1), (["conv1_1", "relu2_1"], 3), (["relu4_2"], 10), ([PIXELS], 0), (["relu5_4"], 16)],
)
def test_the_network_runs_no_deeper_than_asked(
    layers: list[str], runs: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    network, calls = narrow(), list[str]()
    plain = network._convolve

    def counted(x: Tensor, name: str) -> Tensor:
        calls.append(name)
        return plain(x, name)

    monkeypatch.setattr(network, "_convolve", counted)
    network.features(noise(0, 1, 3, 32, 32), layers)
    assert len(calls) == runs


# Fields


@pytest.mark.parametrize("layer", ["relu1_1", "relu2_1", "relu3_1"])
@pytest.mark.parametrize("pooling", ["max", "avg", "tiny"])
def test_a_position_sees_exactly_its_field(layer: str, pooling: str) -> None:
    # Average pooling passes every pixel on; with the maximum, most but not all, so the field is a bound.
    network = Tiny(width=32) if pooling == "tiny" else narrow(pooling=pooling)
    network.winograd = False  # its rounding reaches a little further
    stride, field = network.stride(layer), network.field(layer)
    position = 24 // stride
    reach = (field - stride) // 2
    first, last = position * stride - reach, position * stride + stride - 1 + reach
    assert last - first + 1 == field
    found = seen(network, layer, position, 48)
    if pooling == "avg" or layer == "relu1_1":
        assert found == (first, last)
    assert first <= found[0] <= first + 2
    assert last - 2 <= found[1] <= last


def test_the_field_of_vgg_relu3_1_is_exact(vgg19: Vgg) -> None:
    assert vgg19.field("relu3_1") == 24
    x, position = noise(0, 1, 3, 64, 64), 8
    before = vgg19.features(x, ["relu3_1"])["relu3_1"][0, :, position, position]
    for column, inside in ((21, False), (22, True), (45, True), (46, False)):
        nudged = x.clone()
        nudged[..., :, column] = 1 - nudged[..., :, column]
        after = vgg19.features(nudged, ["relu3_1"])["relu3_1"][0, :, position, position]
        changed = float((after - before).abs().max() / before.abs().max())
        assert changed > 1e-4 if inside else changed < 1e-5


# Refusals


def test_an_unknown_layer_lists_the_known() -> None:
    with pytest.raises(InputError, match=r"'relu9_1'.*relu1_1, relu2_1, relu3_1"):
        Tiny().features(noise(0, 1, 3, 16, 16), ["relu1_1", "relu9_1"])


@pytest.mark.parametrize("size", [(3, 40), (40, 3), (1, 1)])
def test_a_picture_too_small_for_a_layer_is_refused_in_one_line(size: tuple[int, int]) -> None:
    with pytest.raises(InputError, match="too small for layer 'relu3_1', which needs 4") as caught:
        Tiny().features(noise(0, 1, 3, *size), ["relu1_1", "relu3_1"])
    assert "\n" not in str(caught.value)
    assert f"{size[1]}x{size[0]} pixels" in str(caught.value)
    assert Tiny().features(noise(0, 1, 3, *size), ["relu1_1"])["relu1_1"].shape[-2:] == size


def test_tiny_is_one_network_a_seed() -> None:
    x = noise(0, 1, 3, 16, 16)
    one, same, other = (Tiny(seed=s).features(x, ["relu3_1"])["relu3_1"] for s in (1, 1, 2))
    assert torch.equal(one, same)
    assert not torch.equal(one, other)
