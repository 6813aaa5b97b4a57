"""Results stay where their photo is: the measure of benchmarks/proof.py, and the styles that ship."""

from __future__ import annotations

import importlib
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from scipy import ndimage

from impasto import color, samples
from impasto.networks import library, packs
from impasto.networks.painter import Painter

ROOT = Path(__file__).parents[2]


@pytest.fixture
def proof(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(ROOT / "benchmarks")
    return importlib.import_module("proof")


def test_a_known_shift_is_found_through_noise_and_inverted_contrast(proof: ModuleType) -> None:
    photo = color.luma(samples.photo("coffee").astype(np.float64))
    noise = np.random.default_rng(0).normal(0, 0.1, photo.shape)
    for shift in ((0.0, 0.0), (0.3, -0.7), (-2.6, 1.2)):
        result = 0.9 - 0.6 * ndimage.shift(photo, shift, order=5, mode="mirror") + noise
        found = proof.registration([(photo, result)])
        assert (found["down"], found["right"]) == pytest.approx(shift, abs=0.04), shift
        assert found["confident"] > 50


def test_blocks_without_content_do_not_count(proof: ModuleType) -> None:
    photo = color.luma(samples.photo("coffee").astype(np.float64))
    empty = np.full((256, photo.shape[1]), 0.5)
    alone = proof.registration([(photo, photo)])
    found = proof.registration([(photo, photo), (empty, empty)])
    assert (found["confident"], found["shift"]) == (alone["confident"], alone["shift"])
    other = color.luma(samples.photo("astronaut").astype(np.float64))[:400]
    told = proof.peaks(proof.spectra(*map(proof.orientation, (photo[:, :512], other))))
    assert (told[:, 2] >= proof.CONFIDENT).mean() < 0.02  # unrelated photos


@pytest.mark.parametrize("network", ["quality", "tiny"])
def test_shipped_styles_do_not_shift_a_photo(proof: ModuleType, network: str) -> None:
    pack = library.open_pack(library.pack_file(network))
    painter, found = Painter(pack, precision="float32", threads=1), []
    photos = [samples.photo(name) for name in ("coffee", "astronaut", "rocket")]
    photos[1] = np.ascontiguousarray(photos[1][::-1, ::-1])  # what depends on a photo turns with it
    for name in ("starry_night", "the_scream", "udnie", "watercolor", "wave_crop", "waves"):
        painted = [painter.paint(rgb, pack.weights({name: 1.0})) for rgb in photos]
        pairs = zip(photos, painted, strict=True)
        told = proof.registration([tuple(color.luma(p.astype(np.float64)) for p in pair) for pair in pairs])
        found.append((told["down"], told["right"]))
    assert np.abs(np.mean(found, 0)).max() < 0.1, found


def test_kernels_move_by_a_fraction_of_a_pixel(proof: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(ROOT / "docs" / "build")
    registered = importlib.import_module("registered")
    pack = packs.load(library.pack_file("tiny"))
    folded = pack.trunk["down0"].astype(np.float64)
    kernels = registered.unfolded(folded, 2)
    assert (registered.folded(kernels, 2) == folded).all()
    photo = color.luma(samples.photo("coffee").astype(np.float64))
    kernel, inner = kernels[0].sum(0), np.s_[16:-16, 16:-16]
    moved = registered.moved(kernel, 0.4, -0.3)
    one, other = (ndimage.correlate(photo, k, mode="mirror") for k in (kernel, moved))
    wanted = ndimage.shift(one, (-0.4, 0.3), order=5, mode="mirror")
    left, before = ((found - wanted)[inner].std() for found in (other, one))
    assert left < 0.45 * before, (left, before)
