"""Images from noise, the atlas of layers, and GoogLeNet from a local file."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

import impasto
from impasto import backbones, image, weights
from impasto.backbones import GoogLeNet, Tiny, Vgg
from impasto.backbones.googlenet import convolutions
from impasto.errors import InputError, WeightsError
from impasto.jobs import LayersJob
from impasto.losses import Activation, BindContext
from impasto.methods import visualize
from impasto.optim import evaluate
from impasto.parametrizations import Fourier
from impasto.session import Session
from impasto.tiles import Window, split
from impasto.verbs import layers as atlas
from support.backbones import narrow, noise, seen
from support.tiles import picture
from support.visualize import state

# Fourier


def test_a_spectrum_is_a_picture_within_its_range() -> None:
    with torch.no_grad():
        shown = Fourier((31, 44), seed=1)()
    assert shown.shape == (1, 3, 31, 44)
    assert 0 < float(shown.min()) < float(shown.max()) < 1
    assert not torch.equal(shown, Fourier((31, 44), seed=2)().detach())


@pytest.mark.parametrize("sizes", [((24, 32), (48, 64)), ((25, 31), (40, 50))])
def test_a_larger_spectrum_shows_the_same_picture(sizes: tuple[tuple[int, int], tuple[int, int]]) -> None:
    small, large = sizes
    fourier = Fourier(small, seed=3)
    with torch.no_grad():
        fourier.spectrum[:, :, 4:-3] = 0  # smooth enough to be compared after a common resampling
        fourier.spectrum[:, :, :, 4:] = 0
        before = fourier()
        state = fourier.resize_state(fourier.vector().abs(), large)
        fourier.resize(large)
        after = F.interpolate(fourier(), small, mode="bicubic", antialias=True, align_corners=False)
    assert state.numel() == fourier.vector().numel()
    assert float(state.min()) >= 0
    inner = (..., slice(4, -4), slice(4, -4))
    assert float((before - after)[inner].abs().mean()) < 0.2 * float(before.std())


def test_a_channel_answers_more_to_its_picture(vgg19: Vgg) -> None:
    found = visualize("relu3_1[7]", size=(48, 48), steps=24, backbone=vgg19)

    def answer(x: Tensor) -> float:
        bound = Activation("relu3_1[7]").bind(BindContext(vgg19, (48, 48)))
        return evaluate(bound, x, backbone=vgg19, windows=[Window.full((48, 48))]).value

    assert answer(found.picture) > 2 * abs(answer(Fourier((48, 48))().detach()))


def test_a_visualisation_is_replayed(tmp_path: Path) -> None:
    path = tmp_path / "channel.png"
    impasto.visualize("relu2_1[3]", size=32, steps=3).save(path)
    again = impasto.replay(path)
    assert np.abs(again.picture - image.read(path).rgb).max() <= 0.5 / 255 + 1e-6


# Atlas


def test_an_atlas_shows_layers_and_their_strongest_channels(tmp_path: Path) -> None:
    job = LayersJob(layers=("relu1_2", "relu2_1"), channels=2, size=32, steps=2)
    entries = atlas.draw(job, folder=tmp_path / "atlas")
    page = (tmp_path / "atlas" / "index.html").read_text()
    assert len(entries) == 6
    assert entries[0].name == "relu1_2"
    for entry in entries:
        assert image.read(tmp_path / "atlas" / entry.file).size == (32, 32)
        assert f">{entry.name}</button>" in page
        impasto.losses.Target.parse(entry.name)
    again = impasto.replay(tmp_path / "atlas" / entries[1].file).picture
    assert np.abs(again - image.read(tmp_path / "atlas" / entries[1].file).rgb).max() <= 0.5 / 255 + 1e-6


def test_an_atlas_draws_channels_by_the_names_it_prints(tmp_path: Path) -> None:
    job = LayersJob(layers=("relu1_2[5]", "relu2_1", "relu1_2[7]"), channels=1, size=32, steps=1)
    names = [entry.name for entry in atlas.draw(job, folder=tmp_path)]
    assert names[:2] == ["relu1_2[5]", "relu2_1"] and names[2].startswith("relu2_1[")
    assert names[3:] == ["relu1_2[7]"]
    page = (tmp_path / "index.html").read_text()
    assert page.count("<section>") == 2 and all(f">{name}</button>" in page for name in names)
    for wrong, word in (("relu1_2[64]", "channels 0 to 63"), ("relu1_2:0.5", "weights do not apply")):
        with pytest.raises(InputError, match=word):
            atlas.draw(LayersJob(layers=(wrong,), size=32, steps=1), folder=tmp_path / "other")
    assert not list((tmp_path / "other").iterdir())


def test_an_atlas_that_was_broken_off_goes_on_and_another_begins_anew(tmp_path: Path) -> None:
    job = LayersJob(layers=("relu1_2",), channels=1, size=32, steps=2)
    first, second = (tmp_path / entry.file for entry in atlas.draw(job, folder=tmp_path))
    stamp = first.stat().st_mtime_ns
    second.unlink()
    (tmp_path / "index.html").unlink()
    atlas.draw(job, folder=tmp_path)
    assert second.is_file() and first.stat().st_mtime_ns == stamp
    atlas.draw(LayersJob(**{**job.__dict__, "steps": 3}), folder=tmp_path, session=Session(overwrite=True))
    assert first.stat().st_mtime_ns != stamp


def test_the_strongest_channels_are_in_order() -> None:
    found = atlas.strongest(Tiny(), ["relu2_1"], count=5)["relu2_1"]
    assert len(set(found)) == 5
    assert atlas.strongest(Tiny(), ["relu2_1"], count=2)["relu2_1"] == found[:2]


# GoogLeNet


@pytest.fixture(scope="module")
def googlenet() -> GoogLeNet:
    return GoogLeNet(state())


def test_a_first_layer_is_convolution_normalisation_and_relu(googlenet: GoogLeNet) -> None:
    x, given = noise(0, 1, 3, 40, 48), state()
    plain = F.conv2d(2 * x - 1, given["conv1.conv.weight"], stride=2, padding=3)
    normal = F.batch_norm(
        plain,
        given["conv1.bn.running_mean"],
        given["conv1.bn.running_var"],
        given["conv1.bn.weight"],
        given["conv1.bn.bias"],
        eps=1e-3,
    )
    torch.testing.assert_close(googlenet.features(x, ["conv1"])["conv1"], normal.relu(), rtol=1e-4, atol=1e-4)


def test_its_preprocessing_is_the_published_one() -> None:
    # torchvision standardizes, and the network turns that into the unit of TensorFlow.
    x = noise(0, 1, 3, 4, 4)
    mean, std = (torch.tensor(v)[:, None, None] for v in ([0.485, 0.456, 0.406], [0.229, 0.224, 0.225]))
    standard = (x - mean) / std
    torch.testing.assert_close(standard * (std / 0.5) + (mean - 0.5) / 0.5, 2 * x - 1, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("size", [(64, 64), (67, 93), (96, 50)])
def test_every_layer_has_the_grid_of_its_stride(googlenet: GoogLeNet, size: tuple[int, int]) -> None:
    found = googlenet.features(noise(0, 1, 3, *size), googlenet.layers)
    for layer, answer in found.items():
        stride = googlenet.stride(layer)
        assert answer.shape[-2:] == (size[0] // stride, size[1] // stride)
    assert [googlenet.stride(f"inception{n}") for n in ("3b", "4e", "5b")] == [8, 16, 32]
    assert found["inception4c"].shape[1] == 512


def test_a_position_sees_no_further_than_its_field(googlenet: GoogLeNet) -> None:
    for layer in ("conv1", "conv3"):
        stride, field = googlenet.stride(layer), googlenet.field(layer)
        position = 40 // stride
        first, last = seen(googlenet, layer, position, 88)
        reach = (field - stride) // 2
        assert position * stride - reach <= first
        assert last <= position * stride + stride - 1 + reach


def test_its_gradient_in_tiles_is_that_of_the_whole(googlenet: GoogLeNet) -> None:
    network = GoogLeNet(state()).double()
    network.dtype = torch.float64
    now, loss = picture(9, 85, 91).double(), Activation("inception3a")
    bound = loss.bind(BindContext(network, (85, 91)))
    windows = split((85, 91), tile=32, halo=-(-network.field("inception3a") // 2), stride=8)
    assert len(windows) == 9
    whole = evaluate(bound, now, backbone=network, windows=[Window.full((85, 91))]).gradient
    tiled = evaluate(bound, now, backbone=network, windows=windows).gradient
    assert float((tiled - whole).norm() / whole.norm()) < 1e-4


def test_it_is_loaded_from_a_local_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    entry = weights.ENTRIES["googlenet-torchvision"]
    path = tmp_path / entry.file
    torch.save(state(), path)
    monkeypatch.setenv("IMPASTO_WEIGHTS", str(tmp_path))
    with pytest.raises(WeightsError, match="not the file expected"):
        backbones.load(entry.name, precision="float32")
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    monkeypatch.setitem(
        weights.ENTRIES, entry.name, weights.WeightsFile(**{**entry.__dict__, "sha256": digest})
    )
    network = backbones.load(entry.name, precision="float32")
    assert isinstance(network, GoogLeNet)
    assert not any("fc" in name for name, _ in network.named_buffers())
    photo = picture(1, 72, 80)
    dreamed = impasto.dream(
        photo, backbone="googlenet-torchvision", octaves=1, steps=[2], size="original", precision="float32"
    )
    assert float(np.abs(dreamed.picture - tensors_array(photo)).mean()) > 0.002
    with pytest.raises(InputError, match="its own pooling"):
        backbones.load(entry.name, pooling="avg")


def tensors_array(x: Tensor) -> np.ndarray:
    return x[0].permute(1, 2, 0).numpy()


def test_it_has_all_its_convolutions() -> None:
    assert len(convolutions()) == 57
    broken = state()
    del broken["inception4c.branch2.1.conv.weight"]
    with pytest.raises(KeyError):
        GoogLeNet(broken)


# Padding of a VGG


def test_replicate_padding_sees_a_plain_picture_as_plain_everywhere() -> None:
    plain = torch.full((1, 3, 40, 40), 0.3)
    for padding, same in (("replicate", True), ("zeros", False)):
        found = narrow(padding=padding).features(plain, ["conv3_2"])["conv3_2"]
        spread = float((found - found[..., 5:6, 5:6]).abs().max())
        assert (spread < 1e-4 * float(found.abs().max())) == same
