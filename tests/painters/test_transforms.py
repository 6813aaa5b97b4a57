"""Styles and light in training pipelines: alone, in Albumentations, and in the workers of a DataLoader."""

from __future__ import annotations

import importlib.util
import json
import pickle
import random
import sys
import time
from pathlib import Path
from typing import Any

import albumentations as A
import cv2
import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch.utils.data import DataLoader, Dataset

import impasto
from impasto import InputError, image, looks, samples, transforms
from impasto.looks.look import of_night
from impasto.networks import library, packs
from impasto.transforms import NightLook, PhotorealLook, Stylize

Bytes = NDArray[np.uint8]
STYLES = ("waves", "woodcut")


def day(size: tuple[int, int] = (48, 64)) -> Bytes:
    """A photo by day."""
    photo = image.resize(samples.photo("rocket"), size).clip(0, 1)
    return np.asarray(np.rint(photo * 255), np.uint8)


def always(**more: Any) -> Stylize:
    return Stylize(STYLES, p=1, network="tiny", **more)


@pytest.fixture
def dusk(tmp_path: Path) -> Path:
    """A photo to take the light from."""
    return image.write(tmp_path / "dusk.png", image.resize(samples.photo("coffee"), (40, 60)))


def test_the_same_picture_in_every_form() -> None:
    stylize, photo = always(), day()
    painted = stylize(photo, seed=4)
    for same in (np.int64(4), torch.tensor(4)):
        assert np.array_equal(stylize(photo, seed=same), painted)
    drawn = [stylize(photo, seed=np.random.RandomState(2)) for _ in range(2)]
    assert np.array_equal(*drawn)
    assert painted.dtype == np.uint8 and painted.shape == photo.shape
    assert np.abs(painted.astype(int) - photo).mean() > 15
    floats = stylize(photo / np.float32(255), seed=4)
    assert floats.dtype == np.float32
    assert np.array_equal(np.rint(floats * 255), painted)
    planes = torch.from_numpy(photo).permute(2, 0, 1)
    tensor = stylize(planes, seed=4)
    assert tensor.dtype == torch.uint8
    assert np.array_equal(tensor.permute(1, 2, 0).numpy(), painted)
    batch = stylize((planes / 255).bfloat16().expand(2, -1, -1, -1), seed=4)
    assert batch.shape == (2, 3, 48, 64) and batch.dtype == torch.bfloat16
    assert float((batch[0].float() - tensor / 255).abs().max()) < 0.03
    assert not torch.equal(batch[0], batch[1])  # each has its own draws


def test_gray_stays_gray_and_alpha_stays() -> None:
    stylize, photo = always(), day()
    gray = photo[..., 1]
    painted = stylize(gray, seed=1)
    assert painted.shape == gray.shape and not np.array_equal(painted, gray)
    assert np.array_equal(stylize(gray[..., None], seed=1)[..., 0], painted)
    alpha = np.random.default_rng(0).integers(0, 256, (48, 64, 1), np.uint8)
    clear = stylize(np.concatenate([photo, alpha], 2), seed=1)
    assert np.array_equal(clear[..., 3:], alpha)
    assert np.array_equal(clear[..., :3], stylize(photo, seed=1))


def test_a_style_is_that_of_the_command() -> None:
    photo = image.floats(day())
    wanted = impasto.stylize(photo, "waves", network="tiny", size="original", threads=1).picture
    found = always().transform_rgb(photo, style="waves", strength=1.0, at=(0, 0))
    assert np.abs(found - wanted).max() < 0.02
    same = always().transform_rgb(photo, style="waves", strength=0.0, at=(0, 0))
    assert np.abs(same - photo).max() < 1e-5


def test_a_night_is_that_of_the_command_without_labels() -> None:
    photo = image.floats(day((96, 128)))
    wanted = impasto.photoreal(photo, night="country", seed=7).picture
    found = NightLook("country", p=1).transform_rgb(photo, kind="country", seed=7)
    assert np.array_equal(found, wanted)
    assert found.mean() < 0.6 * photo.mean()


def test_a_look_is_that_of_the_command_in_one_class(dusk: Path, tmp_path: Path) -> None:
    photo, saved = image.floats(day()), tmp_path / "dusk.look"
    wanted = impasto.photoreal(photo, str(dusk), fast=True, classes=1, save_look=saved).picture
    for name in (dusk, saved):
        found = PhotorealLook([str(name)], p=1).transform_rgb(photo, look=str(name), strength=1.0)
        assert np.abs(found - wanted).max() < 1e-3
    half = PhotorealLook(str(dusk), strength=0.5, p=1)(photo, seed=0)
    assert np.abs(half - (photo + wanted) / 2).max() < 1e-3


def test_labels_stay_and_a_replay_is_the_same(dusk: Path) -> None:
    photo = day()
    every = [always(), NightLook(p=1), PhotorealLook(str(dusk), p=1)]
    boxes, points = [[3.0, 4.0, 20.0, 10.0]], [[5.0, 6.0]]
    pipeline = A.ReplayCompose(
        [*every, A.HorizontalFlip(p=0)],  # of the flip, Albumentations knows that it treats boxes
        bbox_params=A.BboxParams("coco", label_fields=["names"]),
        keypoint_params=A.KeypointParams("xy"),
    )
    pipeline.set_random_seed(5)
    mask = photo[..., 0].copy()
    found = pipeline(image=photo, mask=mask, bboxes=boxes, names=["car"], keypoints=points)
    assert np.abs(found["image"].astype(int) - photo).mean() > 15
    assert np.array_equal(found["mask"], mask)
    assert np.allclose(found["bboxes"], boxes) and np.allclose(found["keypoints"], points)
    stored = json.loads(json.dumps(found["replay"]))
    again = A.ReplayCompose.replay(stored, image=photo, bboxes=boxes, names=["car"], keypoints=points)
    assert np.array_equal(again["image"], found["image"])


def test_a_pipeline_survives_json_and_pickle(dusk: Path) -> None:
    photo = day()
    pipeline = A.Compose([Stylize(STYLES, network="tiny"), NightLook(("wet",)), PhotorealLook(str(dusk))])
    text = json.dumps(A.to_dict(pipeline))
    assert "impasto.transforms.Stylize" in text
    for other in (A.from_dict(json.loads(text)), pickle.loads(pickle.dumps(pipeline))):
        for seed in range(4):
            pipeline.set_random_seed(seed)
            other.set_random_seed(seed)
            assert np.array_equal(other(image=photo)["image"], pipeline(image=photo)["image"])


def test_draws_come_from_the_generator_that_is_given() -> None:
    stylize, photo = always(), day()
    first = stylize(photo, seed=1)
    assert not np.array_equal(first, stylize(photo, seed=2))
    for make in (random.Random, np.random.default_rng, torch.Generator().manual_seed):
        one, other = (stylize(photo, seed=make(1)) for _ in range(2))
        assert np.array_equal(one, other)
    runs = []
    for _ in range(2):
        torch.manual_seed(3)
        runs.append(stylize(photo))
    assert np.array_equal(*runs) and not np.array_equal(runs[0], stylize(photo))
    two = A.Compose([always()], seed=1), A.Compose([always()], seed=1)
    assert np.array_equal(*(pipeline(image=photo)["image"] for pipeline in two))


def test_it_is_applied_with_its_probability() -> None:
    photo = day((16, 16))
    stylize = Stylize("waves", p=0.25, network="tiny")
    changed = sum(not np.array_equal(stylize(photo, seed=seed), photo) for seed in range(200))
    assert 35 <= changed <= 65
    assert np.array_equal(Stylize("waves", p=0, network="tiny")(photo, seed=0), photo)


def test_a_set_of_styles_loads_one_network_for_all_strengths(tmp_path: Path) -> None:
    photo = day()
    pack = library.open_pack(library.SHIPPED / "tiny.safetensors")
    mine = packs.save_style(pack, "watercolor", tmp_path / "mine.style")
    stylize = Stylize(["waves", str(mine)], p=1, network="tiny")
    before = transforms._painter.cache_info().misses
    pictures = [stylize(photo, seed=seed) for seed in range(6)]
    assert transforms._painter.cache_info().misses == before + 1
    assert len({picture.tobytes() for picture in pictures}) == 6
    own = stylize.transform_rgb(image.floats(photo), style=str(mine), strength=1.0, at=(0, 0))
    shipped = Stylize("watercolor", network="tiny").transform_rgb(
        image.floats(photo), style="watercolor", strength=1.0, at=(0, 0)
    )
    assert np.abs(own - shipped).max() < 1e-4


class Photos(Dataset[torch.Tensor]):
    """Pictures that draw from a seed of their own, as the docs advise."""

    def __init__(self, look: str) -> None:
        plain: list[Any] = [always(), NightLook(p=1), PhotorealLook(look, p=1)]
        self.pipeline, self.photo = A.Compose([A.OneOf(plain, p=1), always()]), day()

    def __len__(self) -> int:
        return 6

    def __getitem__(self, index: int) -> torch.Tensor:
        self.pipeline.set_random_seed(index)
        return torch.from_numpy(self.pipeline(image=self.photo)["image"])


@pytest.mark.filterwarnings("ignore:This DataLoader will create")
def test_workers_make_the_same_pictures(dusk: Path) -> None:
    photos = Photos(str(dusk))
    # The parent has threads of OpenVINO and, waiting for work, of OpenCV: a fork lacks them.
    impasto.stylize(day(), "waves", network="tiny", threads=2)
    cv2.setNumThreads(2)
    cv2.GaussianBlur(np.zeros((1000, 1000, 3), np.float32), (21, 21), 3)
    time.sleep(1)
    wanted = torch.stack([photos[index] for index in range(len(photos))])
    assert len({picture.numpy().tobytes() for picture in wanted}) == 6
    for workers, context in ((2, "fork"), (1, "spawn")):
        loader = DataLoader(
            photos, batch_size=2, num_workers=workers, multiprocessing_context=context, timeout=900
        )
        assert torch.equal(torch.cat(list(loader)), wanted), (workers, context)


def test_without_albumentations_pictures_alone_still_work(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "albumentations.core.transforms_interface", None)
    spec = importlib.util.spec_from_file_location("alone", transforms.__file__)
    assert spec is not None and spec.loader is not None
    alone = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(alone)
    photo = day()
    stylize = alone.Stylize(STYLES, p=1, network="tiny")
    assert not isinstance(stylize, A.ImageOnlyTransform)
    assert np.array_equal(stylize(photo, seed=4), always()(photo, seed=4))
    with pytest.raises(InputError) as told:
        stylize(image=photo)
    assert str(told.value) == (
        "Stylize(image=...) is for Albumentations, which is not installed: "
        "pip install 'impasto[albumentations]', or call Stylize(...)(picture)"
    )


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: Stylize("wavs", network="tiny"), "cannot read wavs.*did you mean waves"),
        (lambda: Stylize([]), "needs a style: give at least one"),
        (
            lambda: Stylize("waves", strength=(0.9, 0.3)),
            "strength 0.9, 0.3 must be two numbers",
        ),
        (lambda: Stylize("waves", p=2), "p 2 is not a probability"),
        (lambda: NightLook("noon"), "no night 'noon': choose of city, country, dusk, wet"),
        (lambda: PhotorealLook("nowhere.jpg"), "nowhere.jpg"),
        (lambda: always()(np.zeros((8, 8, 2), np.uint8)), r"shape \(8, 8, 2\) and type uint8"),
        (lambda: always()(np.zeros((8, 8, 3), np.uint16)), "type uint16 cannot be used"),
        (lambda: always()(np.full((8, 8, 3), 200.0)), "floats of a picture must be 0..1"),
        (lambda: always()(np.full((8, 8, 3), np.nan)), "floats of a picture must be 0..1"),
        (lambda: always()(torch.zeros(8, 8)), r"shape \(8, 8\)"),
        (lambda: always()(torch.zeros(3, 8, 8, dtype=torch.int64)), "type torch.int64"),
    ],
)
def test_what_cannot_be_used_is_told_in_one_line(make: Any, words: str) -> None:
    with pytest.raises(InputError, match=words) as told:
        make()
    assert "\n" not in str(told.value)


def test_a_night_without_colors_is_no_look(tmp_path: Path) -> None:
    night = looks.save(of_night("city"), tmp_path / "night.look")
    with pytest.raises(InputError, match="is a night without colors: use NightLook"):
        PhotorealLook(str(night))
