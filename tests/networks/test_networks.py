"""Style networks: one plan and several engines; damaged packs are refused."""

from __future__ import annotations

import dataclasses
import json
import struct
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import torch

from impasto.errors import InputError
from impasto.networks import PLANS, LearnedStyle, Pack, Plan, library, noise, onnx_export, packs, shape
from impasto.networks import painter as painting
from impasto.networks.painter import Painter, _resize_weights
from impasto.networks.plan import parse
from support.networks import LATE, SMALL, Array, network_of, pack_of, photo_of

FLAT = Plan("flat", fold=1, widths=(6, 8), blocks=(0, 1), ends=5, finish=0, skips=False)


def planes(photo: Array) -> torch.Tensor:
    return torch.from_numpy(photo).permute(2, 0, 1)[None]


@pytest.mark.parametrize("name", list(PLANS))
def test_the_shape_is_that_of_the_paper_or_smaller(name: str) -> None:
    found = shape(PLANS[name])
    kernels = sum(int(np.prod(size)) for size in found.kernels.values())
    # Johnson: 32, 64, 128, five blocks, back up; no biases but the last, which normalization makes needless.
    expected = {"johnson": 1_674_432, "quality": 107_568, "tiny": 113_928}
    assert kernels == expected[name]


@pytest.mark.parametrize("plan", [SMALL, FLAT, LATE], ids=lambda plan: plan.name)
def test_the_radius_is_how_far_a_pixel_reaches(plan: Plan) -> None:
    network = network_of(plan)
    side = 8 * plan.multiple * 4
    photo = planes(photo_of(side, side)).requires_grad_()
    weights = torch.tensor([[0.0, 1.0, 0.0]])
    given = network.statistics(photo.detach(), weights)
    middle = side // 2
    painted = network(photo, weights, statistics=given)
    reach = 0
    for place in range(middle, middle + plan.multiple):  # each place within the folded cell
        gradient = torch.autograd.grad(painted[0, :, place, place].sum(), photo, retain_graph=True)[0]
        touched = gradient.abs().sum((0, 1)).nonzero()
        reach = max(reach, int((touched - place).abs().max()))
    assert reach <= shape(plan).radius <= reach + plan.multiple


@pytest.mark.parametrize("plan", [SMALL, FLAT, LATE], ids=lambda plan: plan.name)
@pytest.mark.parametrize("size", [(64, 48), (33, 57), (1, 1), (5, 90)])
def test_openvino_paints_what_torch_paints(plan: Plan, size: tuple[int, int]) -> None:
    pack = pack_of(plan)
    photo, weights = photo_of(*size), pack.weights({"style1": 0.3, "style2": 0.7}, strength=0.9)
    ours, theirs = (
        Painter(pack, device=device, precision="float32", threads=1).paint(photo, weights)
        for device in ("cpu", "torch:cpu")
    )
    assert ours.shape == photo.shape
    # Of a single pixel only rounding is left for the normalizations to enlarge.
    assert np.abs(ours - theirs).max() < (1e-2 if size == (1, 1) else 2e-4)
    assert theirs.std() > 0.01


@pytest.mark.parametrize("plan", [SMALL, LATE], ids=lambda plan: plan.name)
def test_regions_agree_between_engines_and_do_not_leak(plan: Plan) -> None:
    pack = pack_of(plan)
    photo = photo_of(64, 128)
    one, other = (pack.weights({name: 1.0}) for name in ("style1", "style2"))
    maps = np.repeat(one[:, None, None], 8, 1).repeat(16, 2)
    maps[:, :, 8:] = other[:, None, None]
    ours, theirs = (
        Painter(pack, device=device, precision="float32", threads=1).paint(photo, maps)
        for device in ("cpu", "torch:cpu")
    )
    assert np.abs(ours - theirs).max() < 5e-4
    painter = Painter(pack, device="torch:cpu")
    same = painter.paint(photo, np.repeat(one[:, None, None], 8, 1).repeat(16, 2))
    assert np.abs(same - painter.paint(photo, one)).max() < 1e-4


def test_noise_is_the_same_wherever_a_part_begins_and_even() -> None:
    plan = PLANS["quality"]
    whole = noise.field(plan, seed=7, size=(300, 200))
    part = noise.field(plan, seed=7, size=(50, 60), at=(400, 80))
    assert whole.shape == (3, 300, 200) and (whole[:, 100:150, 20:80] == part).all()
    assert np.abs(whole.mean((1, 2))).max() < 0.15 and np.abs(whole.std((1, 2)) - 1).max() < 0.15
    assert np.abs(np.asarray(np.corrcoef(whole.reshape(3, -1)))[0, 1:]).max() < 0.1
    other = noise.field(plan, seed=8, size=(300, 200))
    assert abs(np.corrcoef(whole[0].ravel(), other[0].ravel())[0, 1]) < 0.05
    # Over and between the numbers it varies alike: at each place within the pitch of the grid.
    many = np.stack([noise.field(plan, seed=seed, size=(1, 64))[2, 0] for seed in range(800)])
    assert many.std(0).min() > 0.8 and many.std(0).max() < 1.2


def test_another_seed_is_another_painting() -> None:
    pack, photo = pack_of(LATE), photo_of(48, 48)
    weights = pack.weights({"style1": 1.0})
    one, other, again = (Painter(pack, seed=seed, threads=1).paint(photo, weights) for seed in (1, 2, 1))
    assert np.abs(one - other).mean() > 0.01 and (one == again).all()


def test_a_pack_that_paints_with_noise_comes_back_from_its_file(tmp_path: Path) -> None:
    pack = pack_of(LATE)
    again = packs.load(packs.save(pack, tmp_path / "late.safetensors"))
    assert again.plan == LATE and (again.rows == pack.rows).all() and again.hash() == pack.hash()
    assert set(again.trunk) == {*shape(LATE).kernels, "down0_bias", "down1_bias", "down2_bias"}


def test_the_hash_of_a_plan_without_noise_stays() -> None:
    # .style files name their trunk by it, so those of older packs must still find theirs.
    sizes = {**shape(SMALL).kernels, "last_bias": (3,)}
    trunk = {name: np.full(size, 0.5, np.float32) for name, size in sizes.items()}
    pack = Pack(SMALL, trunk, np.ones((1, 2, sum(shape(SMALL).norms)), np.float32))
    assert pack.hash() == "90bc4283aa8fa32c592f1611251e293871449ee5fa05f72288561477bac34fb8"


def test_at_strength_zero_the_photo_comes_back() -> None:
    pack, photo = pack_of(), photo_of(40, 24)
    painted = Painter(pack, threads=1).paint(photo, pack.weights({"style1": 1.0}, strength=0))
    assert np.abs(painted - photo).max() < 1e-6


def test_given_its_own_statistics_a_picture_is_the_same() -> None:
    pack, photo = pack_of(), photo_of(64, 48)
    weights = pack.weights({"style2": 1.0})
    for device in ("cpu", "torch:cpu"):
        painter = Painter(pack, device=device, precision="float32", threads=1)
        given = painter.statistics(photo, weights)
        again = painter.paint(photo, weights, statistics=given)
        assert np.abs(again - painter.paint(photo, weights)).max() < 2e-4


@pytest.mark.parametrize(("size", "tile"), [((152, 200), 48), ((97, 131), 40), ((64, 64), 64)])
@pytest.mark.parametrize("device", ["cpu", "torch:cpu"])
@pytest.mark.parametrize("plan", [SMALL, LATE], ids=lambda plan: plan.name)
def test_exact_tiles_equal_the_whole(plan: Plan, size: tuple[int, int], tile: int, device: str) -> None:
    pack, photo = pack_of(plan), photo_of(*size)
    weights = pack.weights({"style1": 1.0})
    painter = Painter(pack, device=device, precision="float32", threads=1)
    whole = painter.paint(photo, weights)
    tiled = painter.paint_large(photo, weights, mode="exact", tile=tile)
    assert np.abs(tiled.astype(np.float32) / 255 - whole).max() < 1.01 / 255


@pytest.mark.parametrize("device", ["cpu", "torch:cpu"])
@pytest.mark.parametrize("places", [(19, 25), (40, 31)])  # as many as the network has, and others
def test_tiles_with_regions_equal_the_whole(device: str, places: tuple[int, int]) -> None:
    pack, photo = pack_of(), photo_of(150, 198)
    shares = np.random.default_rng(2).random((3, *places), np.float32)
    weights = (1.6 * shares / shares.sum(0)).astype(np.float32)
    weights[0] += 1 - weights.sum(0)  # some below 0, as with a strength above 1
    painter = Painter(pack, device=device, precision="float32", threads=1)
    fitting = weights if places == (19, 25) else _resize_weights(weights, (19, 25))
    whole = painter.paint(photo, fitting)
    tiled = painter.paint_large(photo, weights, mode="exact", tile=48)
    assert np.abs(tiled.astype(np.float32) / 255 - whole).max() < 1.01 / 255
    whole = painter.paint(photo, fitting, statistics=painter.statistics(photo, fitting))
    tiled = painter.paint_large(photo, weights, tile=48)
    assert np.abs(tiled.astype(np.float32) / 255 - whole).max() < 1.01 / 255


def test_statistics_of_regions_come_from_a_small_picture(monkeypatch: pytest.MonkeyPatch) -> None:
    pack, photo = pack_of(), photo_of(160, 160)
    maps = np.zeros((3, 20, 20), np.float32)
    maps[1, :, :10] = maps[2, :, 10:] = 1
    painter = Painter(pack, precision="float32", threads=1)
    small = np.repeat(np.repeat(photo[::16, ::16], 8, 0), 8, 1)
    monkeypatch.setattr(painting, "thumbnail", lambda _: small)
    tiled = painter.paint_large(photo, maps, tile=48)
    given = painter.statistics(small, _resize_weights(maps, (10, 10)))
    whole = painter.paint(photo, maps, statistics=given)
    assert np.abs(tiled.astype(np.float32) / 255 - whole).max() < 1.01 / 255


def test_bfloat16_is_used_where_it_is_asked_for() -> None:
    pack, photo = pack_of(), photo_of(64, 64)
    weights = pack.weights({"style1": 1.0})
    painted = [
        Painter(pack, device="torch:cpu", precision=precision).paint(photo, weights)
        for precision in ("auto", "float32", "bfloat16")
    ]
    assert (painted[0] == painted[1]).all()
    assert 0 < np.abs(painted[2] - painted[1]).max() < 0.1


def test_thumbnail_tiles_have_no_seams() -> None:
    pack, photo = pack_of(), photo_of(150, 150)
    weights = pack.weights({"style1": 1.0})
    painter = Painter(pack, precision="float32", threads=1)
    bytes_ = (photo * 255).astype(np.uint8)
    photo = np.asarray(bytes_ / 255, np.float32)
    tiled = painter.paint_large(bytes_, weights, tile=48)
    whole = painter.paint(photo, weights, statistics=painter.statistics(photo, weights))
    assert np.abs(tiled.astype(np.float32) / 255 - whole).max() < 2.01 / 255


def test_a_row_is_a_style_and_weights_mix_them() -> None:
    pack = pack_of(rows=5)
    fine = dataclasses.replace(pack.styles[0], name="two", scales=(0.5, 1.0))
    pack = pack.add_style(fine, pack.rows[1:3])
    assert pack.weights({"style1": 2, "style2": 2}).tolist() == [0, 0.5, 0.5, 0, 0, 0, 0]
    assert pack.weights({"style1": 1}, strength=0.25).tolist() == [0.75, 0.25, 0, 0, 0, 0, 0]
    with pytest.raises(InputError, match=r"strength 1\.6 is not between"):
        pack.weights({"style1": 1}, strength=1.6)
    half = pack.weights({"two": 1}, scale=0.5**0.5)
    assert np.allclose(half[-2:], 0.5)
    assert pack.weights({"two": 1}, scale=0.1)[-2] == 1
    assert pack.weights({"two": 1}, scale=9)[-1] == 1
    with pytest.raises(InputError, match=r"no style 'stile1'.*style1"):
        pack.weights({"stile1": 1})


def test_a_pack_survives_the_disk_bit_for_bit(tmp_path: Path) -> None:
    pack = pack_of()
    path = packs.save(pack, tmp_path / "a.safetensors")
    again = packs.load(path)
    assert again.plan == pack.plan and again.styles == pack.styles
    assert all((again.trunk[name] == pack.trunk[name]).all() for name in pack.trunk)
    assert (again.rows == pack.rows).all() and again.hash() == pack.hash()


def test_adding_and_removing_leaves_the_rest_untouched() -> None:
    pack = pack_of(rows=4)
    more = pack.add_style(LearnedStyle("new", rows=(), scales=(0.5, 1.0)), pack.rows[1:3] * 2)
    assert (more.rows[:4] == pack.rows).all() and more.styles[:3] == pack.styles
    assert more.hash() == pack.hash()
    less = more.remove_style("style1")
    assert less.names == ["style2", "style3", "new"]
    for name in less.names:
        rows = [p.rows[list(p.style(name).rows)] for p in (less, more)]
        assert (rows[0] == rows[1]).all()
    with pytest.raises(InputError, match="already"):
        pack.add_style(LearnedStyle("style1", rows=(), scales=(1.0,)), pack.rows[:1])


def test_a_style_travels_alone_to_its_own_trunk_only(tmp_path: Path) -> None:
    pack = pack_of()
    path = packs.save_style(pack, "style2", tmp_path / "style2.style")
    assert path.stat().st_size < 8000
    style, rows = packs.load_style(path, pack)
    assert style.name == "style2" and (rows == pack.rows[2:3]).all()
    with pytest.raises(InputError, match="a different trunk"):
        packs.load_style(path, pack_of(FLAT))
    with pytest.raises(InputError, match="not a style pack"):
        packs.load(path)


def test_styles_are_found_by_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(library.HOME, str(tmp_path))
    monkeypatch.setattr(library, "SHIPPED", tmp_path / "none")
    pack = pack_of()
    packs.save(pack.remove_style("style2"), tmp_path / "mine.safetensors")
    packs.save_style(pack, "style2", tmp_path / "style2.style")
    assert {k.name for k in library.list_styles()} == {"style1", "style2"}
    found = library.find("style2")
    assert found is not None and (found.pack.rows[found.style.rows[0]] == pack.rows[2]).all()
    assert library.find("nothing") is None
    one = library.find(f"{tmp_path}/mine.safetensors#style1")
    assert one is not None and one.name == "style1"
    with pytest.raises(InputError, match="no style 'x'"):
        library.find(f"{tmp_path}/mine.safetensors#x")
    assert "style1" in str(library.unknown_style_error("stile1"))


def _tampered(path: Path, change: object) -> None:
    """Rewrites the header of a safetensors file."""
    data = path.read_bytes()
    length = struct.unpack("<Q", data[:8])[0]
    header = json.loads(data[8 : 8 + length])
    told = json.loads(header["__metadata__"]["impasto"])
    change(told["meta"], header)  # type: ignore[operator]
    header["__metadata__"]["impasto"] = json.dumps(told)
    text = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + data[8 + length :])


def _set(*keys: object, value: object) -> object:
    def change(meta: dict[str, object], _: object) -> None:
        place: object = meta
        for key in keys[:-1]:
            place = place[key]  # type: ignore[index]
        place[keys[-1]] = value  # type: ignore[index]

    return change


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (_set("kind", value="checkpoint"), "not a style pack"),
        (_set("version", value=99), "newer impasto"),
        (_set("plan", "widths", value=[6, 8]), "do not match"),
        (_set("plan", "widths", 0, value=7), "should be"),
        (_set("plan", "widths", 0, value=10**9), "out of range"),
        (_set("plan", "fold", value="2"), "out of range"),
        (_set("styles", 0, "rows", value=[7]), "out of range"),
        (_set("styles", 0, "rows", value=[]), "no rows"),
        (_set("styles", 0, "name", value="../../etc"), "not a style name"),
        (_set("styles", 0, "name", value="style2"), "one name"),
        (lambda meta, _: meta.pop("plan"), "'plan' is missing"),
        (lambda meta, _: meta["styles"][0].pop("scales"), "'scales' is missing"),
    ],
)
def test_a_pack_with_a_lying_header_is_refused(tmp_path: Path, change: object, words: str) -> None:
    path = packs.save(pack_of(), tmp_path / "a.safetensors")
    _tampered(path, change)
    with pytest.raises(InputError, match=words):
        packs.load(path)


def test_a_damaged_pack_is_refused(tmp_path: Path) -> None:
    path = packs.save(pack_of(), tmp_path / "a.safetensors")
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2])
    with pytest.raises(InputError, match="damaged"):
        packs.load(path)
    pack = pack_of()
    pack.rows[1, 0, 0] = np.nan
    packs.save(pack, path, overwrite=True)
    with pytest.raises(InputError, match="finite"):
        packs.load(path)


def test_a_plan_survives_its_description() -> None:
    for plan in PLANS.values():
        assert parse(json.loads(json.dumps(dataclasses.asdict(plan)))) == plan


def test_an_exported_pack_paints_the_same_in_onnx_runtime(tmp_path: Path) -> None:
    pack = pack_of()
    path = onnx_export.export(pack, tmp_path / "pack.onnx")
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    painter = Painter(pack, device="torch:cpu")
    for height, width, strength in ((64, 48, 1.0), (32, 72, 0.2), (61, 75, 1.0), (3, 9, 1.0)):
        photo, weights = (
            photo_of(height, width),
            pack.weights({"style1": 0.3, "style2": 0.7}, strength=strength),
        )
        inputs = {
            "photo": photo.transpose(2, 0, 1)[None],
            "weights": weights[None],
            "statistics": np.zeros((2, pack.rows.shape[2]), np.float32),
            "given": np.zeros(1, np.float32),
        }
        painted, found = session.run(None, inputs)
        assert np.abs(painted[0].transpose(1, 2, 0) - painter.paint(photo, weights)).max() < 1e-4
        statistics = painter.statistics(photo, weights)
        assert np.abs(found - statistics).max() < 1e-4
        given = 1.5 * statistics
        told = {**inputs, "statistics": given, "given": np.ones(1, np.float32)}
        painted = session.run(None, told)[0]
        expected = painter.paint(photo, weights, statistics=given)
        assert np.abs(painted[0].transpose(1, 2, 0) - expected).max() < 1e-4
    assert "style1" in session.get_modelmeta().custom_metadata_map["styles"]
