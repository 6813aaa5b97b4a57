"""Photoreal transfer: grids, refinement, classes without masks, projection, the verb."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch

import impasto
from benchmarks.regions import region_style_distance
from conftest import Run
from impasto import backbones, image, looks, losses, methods, metrics, samples
from impasto.cli.options import expand_options
from impasto.errors import InputError, OutputError
from impasto.jobs import PhotorealJob
from impasto.looks import Grade, Look, Mattes, Regions
from impasto.looks.contours import posterior
from impasto.looks.grading import MOST_CHROMA, Subject, signal
from impasto.looks.look import statistics
from impasto.losses import BindContext, RegionMoments
from impasto.methods.projection import project
from impasto.optim import evaluate
from impasto.painters.photoreal_refine import initial_grids, render
from impasto.painters.subjects import say_classes
from impasto.parametrizations import BilateralGrid
from impasto.tiles import Window, split
from support.graded_films import write as write_film
from support.looks import night, painted, towers

Array = np.ndarray


def grid_of(seed: int = 0, *, classes: int = 2, size: tuple[int, int] = (48, 64)) -> BilateralGrid:
    """Grids with a little of everything in them, over noise."""
    draw = torch.Generator().manual_seed(seed)
    photo = torch.rand((1, 3, *size), generator=draw)
    alphas = torch.rand((classes, *size), generator=draw).softmax(0)
    grid = BilateralGrid(photo, alphas, torch.eye(3, 4).expand(classes, 3, 4).clone(), cells=(3, 4, 5))
    with torch.no_grad():
        grid.grid.add_(0.1 * torch.randn(grid.grid.shape, generator=draw))
    return grid


# The grid


def test_an_identity_grid_shows_the_photo() -> None:
    photo, alphas = torch.rand((1, 3, 20, 30)), torch.ones((1, 20, 30))
    grid = BilateralGrid(photo, alphas, torch.eye(3, 4)[None])
    torch.testing.assert_close(grid(), photo, atol=1e-6, rtol=0)
    assert float(grid.penalty().detach()) == pytest.approx(0, abs=1e-6)


def test_slicing_is_trilinear_interpolation() -> None:
    grid = grid_of(classes=1)
    found = grid()[0].detach().numpy()
    photo = grid.photo[0].numpy().astype(float)
    cells = grid.grid[0].detach().numpy().astype(float)
    for y, x in ((0, 0), (5, 60), (47, 63), (23, 31)):
        colour = photo[:, y, x]
        place = [
            np.clip((y + 0.5) * 3 / 48 - 0.5, 0, 2),
            np.clip((x + 0.5) * 4 / 64 - 0.5, 0, 3),
            colour @ [0.2126, 0.7152, 0.0722] * 4,
        ]
        total = np.zeros(12)
        for corner in np.ndindex(2, 2, 2):
            index = [min(int(p) + c, n - 1) for p, c, n in zip(place, corner, (3, 4, 5), strict=True)]
            weight = np.prod(
                [c * (p % 1) + (1 - c) * (1 - p % 1) for p, c in zip(place, corner, strict=True)]
            )
            total += weight * cells[tuple(index)]
        wanted = total.reshape(3, 4) @ [*colour, 1]
        np.testing.assert_allclose(found[:, y, x], wanted, atol=1e-5)


def test_the_gradient_is_that_of_finite_differences() -> None:
    grid = grid_of(size=(12, 16)).double()
    grid.resize((12, 16))
    weights = torch.rand((1, 3, 12, 16), dtype=torch.float64)
    value = (grid() * weights).sum() + grid.penalty()
    gradient = torch.autograd.grad(value, grid.grid)[0].flatten()
    x = grid.vector()
    for index in (0, 77, 401, 911):
        sides = []
        for step in (1e-5, -1e-5):
            moved = x.clone()
            moved[index] += step
            grid.assign(moved)
            with torch.no_grad():
                sides.append(float((grid() * weights).sum() + grid.penalty()))
        assert float(gradient[index]) == pytest.approx((sides[0] - sides[1]) / 2e-5, rel=1e-4, abs=1e-6)


def test_strips_are_the_whole_and_repeat_bit_for_bit(monkeypatch: pytest.MonkeyPatch) -> None:
    grid = grid_of()
    whole = grid().clamp(0, 1)
    one = grid.slice(grid.photo, grid.alphas)
    monkeypatch.setattr("impasto.parametrizations.bilateral_grid.STRIP", 64 * 5)
    strips = grid.slice(grid.photo, grid.alphas)
    torch.testing.assert_close(strips, whole.detach(), atol=1e-6, rtol=0)
    assert torch.equal(strips, grid.slice(grid.photo, grid.alphas))
    torch.testing.assert_close(one, strips, atol=1e-6, rtol=0)


def test_frames_that_share_grids_are_sliced_as_each_alone() -> None:
    draw = torch.Generator().manual_seed(5)
    photos, alphas = torch.rand((2, 3, 24, 40), generator=draw), torch.rand((2, 2, 24, 40), generator=draw)
    start = torch.eye(3, 4).expand(2, 3, 4).clone()
    one = BilateralGrid(photos[:1], alphas[0], start, cells=(3, 4, 5))
    both = BilateralGrid(
        torch.cat(list(photos), 1)[None], torch.cat(list(alphas), 1), start, cells=(3, 4, 5), frames=2
    )
    with torch.no_grad():
        one.grid.add_(0.05 * torch.randn(one.grid.shape, generator=draw))
        both.grid.copy_(one.grid)
        torch.testing.assert_close(both()[..., :24, :], one(), atol=1e-6, rtol=0)
        torch.testing.assert_close(
            both()[..., 24:, :].clamp(0, 1), one.slice(photos[1:], alphas[1]), atol=1e-6, rtol=0
        )


def test_contrast_beyond_the_start_costs_where_it_is_asked_to() -> None:
    photo = torch.rand((1, 3, 24, 24), generator=torch.Generator().manual_seed(6))
    start = 1.5 * torch.eye(3, 4)[None]
    free, held = (BilateralGrid(photo, torch.ones((1, 24, 24)), start, steep=s) for s in (0.0, 100.0))
    with torch.no_grad():
        for change, costs in ((-0.2, False), (0.2, True)):
            for grid in (free, held):
                grid.grid.copy_(grid.start)
                grid.grid[..., [0, 5, 10]] += change
            more = float((held.penalty() - free.penalty()).detach())
            assert more == pytest.approx(100 * 0.2**2 if costs else 0, abs=1e-4)


def test_slicing_at_two_sizes_agrees() -> None:
    rgb, labels = towers((192, 320))
    smooth = image.resize(image.resize(rgb, (48, 80)), (192, 320))
    photo = torch.from_numpy(smooth.transpose(2, 0, 1)[None].copy())
    alphas = torch.from_numpy(np.stack([labels == 0, labels == 1]).astype(np.float32))
    grid = BilateralGrid(photo, alphas, torch.eye(3, 4).expand(2, 3, 4).clone(), cells=(3, 4, 5))
    with torch.no_grad():
        grid.grid.add_(0.05 * torch.randn(grid.grid.shape, generator=torch.Generator().manual_seed(1)))
    large = grid.slice(photo, alphas)
    grid.resize((96, 160))
    small = grid().detach().clamp(0, 1)
    shrunk = torch.nn.functional.interpolate(large, (96, 160), mode="bicubic", antialias=True)
    assert float((shrunk - small).abs().mean()) < 2 / 255


def test_an_edge_stays_where_it_is() -> None:
    """The result is an affine map of the pixel's own color: where the photo is flat, so is the result."""
    photo = torch.full((1, 3, 32, 48), 0.2)
    photo[..., 24:] = 0.7
    grid = BilateralGrid(photo, torch.ones((1, 32, 48)), torch.eye(3, 4)[None], cells=(2, 2, 8))
    with torch.no_grad():
        grid.grid.add_(0.3 * torch.randn(grid.grid.shape, generator=torch.Generator().manual_seed(2)))
    across = grid()[0].detach().diff(dim=-1).abs().sum(0)
    assert float(across[:, 23].min()) > 10 * float(torch.cat([across[:, :23], across[:, 24:]], 1).max())


@pytest.mark.parametrize("what", ["rough", "bent", "stray", "falling", "outside"])
def test_every_penalty_is_felt(what: str) -> None:
    photo = torch.rand((1, 3, 24, 24), generator=torch.Generator().manual_seed(3))
    grid = BilateralGrid(photo, torch.ones((1, 24, 24)), torch.eye(3, 4)[None], cells=(2, 2, 4))
    with torch.no_grad():
        if what == "rough":
            grid.grid[:, 0] += 0.2
        elif what == "bent":
            grid.grid[:, :, :, 1, 3] += 0.2
        elif what == "stray":
            grid.grid.add_(0.05)
        elif what == "falling":
            grid.grid[..., [0, 5, 10]] = -1.0
        else:
            grid.grid[..., [3, 7, 11]] += 2.0
    assert float(grid.penalty().detach()) > 1e-5


# The loss


def test_region_moments_are_those_of_an_independent_formula() -> None:
    tiny = backbones.Tiny()
    draw = torch.Generator().manual_seed(4)
    picture = torch.rand((1, 3, 32, 40), generator=draw)
    alphas = torch.zeros((2, 32, 40))
    alphas[0, :16], alphas[1, 16:] = 1, 1
    targets = [
        {"relu1_1": torch.rand((2, 8), generator=draw)},
        {"relu1_1": torch.rand((2, 8), generator=draw)},
    ]
    bound = RegionMoments(targets, alphas, {"relu1_1": 1.0}).bind(BindContext(tiny, (32, 40)))
    features = tiny.features(picture, {"relu1_1"})
    found = float(bound.value(bound.measure(features, Window.full((32, 40)))))
    values = features["relu1_1"][0].double().numpy()
    wanted = 0.0
    for target, rows in zip(targets, (slice(0, 16), slice(16, 32)), strict=True):
        own = values[:, rows].reshape(8, -1)
        mean, deviation = (t.double().numpy() for t in target["relu1_1"])
        miss = np.square(own.mean(1) - mean).sum() + np.square(own.std(1) - deviation).sum()
        wanted += 0.5 * miss / (np.square(mean).sum() + np.square(deviation).sum())
    assert found == pytest.approx(wanted, rel=1e-4)


def test_region_moments_in_tiles_are_exact() -> None:
    tiny = backbones.Tiny()
    draw = torch.Generator().manual_seed(5)
    picture, alphas = torch.rand((1, 3, 44, 60), generator=draw), torch.rand((2, 44, 60), generator=draw)
    layers = {"relu1_1": 1.0, "relu2_1": 0.5}
    targets = methods.region_statistics(
        torch.rand((1, 3, 30, 30)), torch.ones((2, 30, 30)), backbone=tiny, layers=tuple(layers)
    )
    bound = RegionMoments([targets[0], None], alphas, layers).bind(BindContext(tiny, (44, 60)))
    whole = evaluate(bound, picture, backbone=tiny, windows=[Window.full((44, 60))])
    tiled = evaluate(bound, picture, backbone=tiny, windows=split((44, 60), tile=16, halo=16, stride=4))
    assert tiled.value == pytest.approx(whole.value, rel=1e-5)
    torch.testing.assert_close(tiled.gradient, whole.gradient, atol=1e-6, rtol=1e-3)


def test_region_moments_want_a_target_a_region() -> None:
    with pytest.raises(InputError, match="give one for each region"):
        losses.RegionMoments([None], torch.ones((1, 8, 8)), {"relu1_1": 1.0})


# The whole, with the real network


def _pictures() -> tuple[Array, list[Array], Array]:
    rgb, labels = towers()
    style, where = night()
    return rgb, [painted(labels, ("blue", "white")), painted(where, ("blue", "white"))], style


def test_refining_comes_nearer_to_the_style_and_keeps_the_edges(vgg19: backbones.Vgg) -> None:
    rgb, style = (image.resize(samples.photo(name), (120, 160)) for name in ("coffee", "astronaut"))
    masks = [np.ones((120, 160), np.uint8)] * 2
    regions = looks.read_masks(masks, [rgb.shape[:2], style.shape[:2]])
    fast = impasto.photoreal(rgb, style, masks=masks, fast=True, precision="float32")
    full = impasto.photoreal(rgb, style, masks=masks, precision="float32")
    found = [
        region_style_distance(
            result.picture,
            style,
            output_labels=regions[0].labels,
            style_labels=regions[1].labels,
            backbone=vgg19,
            layers=("relu1_1", "relu2_1", "relu3_1"),
        )
        for result in (fast, full)
    ]
    assert sum(found[1].values()) < 0.7 * sum(found[0].values())
    assert metrics.edge_ssim(full.picture, rgb) > 0.85


def test_a_style_without_texture_does_not_flatten_the_photo() -> None:
    photo = image.resize(samples.photo("coffee"), (120, 160))
    ramp = np.linspace(0.1, 0.4, 120, dtype=np.float32)[:, None, None]
    fog = np.tile(ramp * np.array([0.6, 0.8, 1], np.float32), (1, 160, 1))
    masks = [np.ones((120, 160), np.uint8)] * 2
    fast, full = (
        impasto.photoreal(photo, fog, masks=masks, fast=fast, precision="float32").picture
        for fast in (True, False)
    )
    details = [float((picture - cv2.GaussianBlur(picture, (0, 0), 3)).std()) for picture in (fast, full)]
    assert details[1] > 0.4 * details[0]  # 0.1 of it when deviations are matched without limits


def test_in_the_dark_only_the_tone_is_refined() -> None:
    photo = np.full((24, 48, 3), 0.5, np.float32)
    photo[:, 24:] = (0.02, 0.015, 0.01)
    alphas = np.zeros((2, 24, 48), np.float32)
    alphas[0, :, :24] = alphas[1, :, 24:] = 1
    assert signal(photo, alphas).tolist() == [1, 0]
    identity = np.tile(np.eye(3, 4, dtype=np.float32), (2, 1, 1))
    given = Grade(identity, np.tile(np.array([0, 1], np.float32), (2, 1)), np.ones(2, np.float32))
    mattes = Mattes(alphas, photo)
    grid = initial_grids(PhotorealJob("photo", ("style",)), [photo], [mattes], given)
    assert np.allclose(render(grid, photo, mattes, given), photo, atol=1e-5)
    with torch.no_grad():
        grid.grid[..., 3] += 0.2  # more red: the offset of the first row of (3, 4)
    result = render(grid, photo, mattes, given)
    assert np.allclose(result[:, :20], (0.7, 0.5, 0.5), atol=0.02)
    dark = result[12, 36]
    assert dark.mean() > 0.04  # the tone follows
    assert abs((dark[0] - dark[2]) - MOST_CHROMA * 0.01) < 1e-3  # the color does not: 0.2 of red would show


def test_the_photo_as_its_own_style_comes_back() -> None:
    rgb, masks, _ = _pictures()
    for fast in (True, False):
        result = impasto.photoreal(rgb, rgb, masks=[masks[0], masks[0]], fast=fast, precision="float32")
        assert np.abs(result.picture - rgb).max() < 1 / 255


def test_classes_are_found_and_matter(caplog: pytest.LogCaptureFixture) -> None:
    rgb, _, style = _pictures()
    rgb, style = image.resize(rgb, (192, 320)), image.resize(style, (200, 300))
    with caplog.at_level("INFO", logger="impasto"):
        found = impasto.photoreal(rgb, style, fast=True, classes=3)
    assert "class 1" in caplog.text and "%" in caplog.text
    whole = impasto.photoreal(rgb, style, fast=True, classes=1)
    assert np.abs(found.picture - whole.picture).mean() > 0.02
    again = impasto.photoreal(rgb, style, fast=True, classes=3)
    assert np.array_equal(found.picture, again.picture)


def test_the_classes_that_were_found_can_be_seen_and_given_back(tmp_path: Path) -> None:
    rgb, _, style = _pictures()
    job: dict[str, Any] = {"fast": True, "classes": 3}
    found = impasto.photoreal(rgb, style, save_masks=tmp_path / "classes", **job)
    masks = [tmp_path / "classes" / f"{name}.png" for name in ("photo", "style")]
    again = impasto.photoreal(rgb, style, fast=True, masks=masks)
    # Drawn classes meet in a narrow band, found ones fade: elsewhere they are the same.
    assert np.median(np.abs(again.picture - found.picture)) < 1 / 255
    with pytest.raises(OutputError, match="exists"):
        impasto.photoreal(rgb, style, save_masks=tmp_path / "classes", **job)


def test_classes_end_where_things_end() -> None:
    rgb, labels = towers((192, 320), sky=0.6)
    rough = np.stack([labels == 0, labels == 1], -1).astype(np.float32)
    rough[..., 1] = cv2.dilate(rough[..., 1], np.ones((17, 17)))  # what a network sees: near a tower
    away = np.asarray(1 - cv2.GaussianBlur(rough, (0, 0), 4), np.float32)
    before, after = away.argmin(-1), posterior(rgb, away).argmax(-1)
    assert (before != labels).mean() > 0.03
    assert (after != labels).mean() < 0.3 * (before != labels).mean()


def test_a_look_does_what_its_picture_does(tmp_path: Path) -> None:
    rgb, _, style = _pictures()
    path = tmp_path / "night.look"
    direct = impasto.photoreal(rgb, style, fast=True, save_look=path)
    assert path.stat().st_size < 30_000
    again = impasto.photoreal(rgb, str(path), fast=True)
    assert np.abs(again.picture - direct.picture).mean() < 2 / 255
    other = impasto.photoreal(image.resize(style, (90, 140)), str(path), fast=True)
    assert other.picture.shape == (90, 140, 3)
    with pytest.raises(InputError, match="add --backbone vgg19"):
        impasto.photoreal(rgb, str(path), fast=True, backbone="vgg16-torchvision")


# Projection


def test_projection_finds_an_affine_map_and_drops_strokes() -> None:
    rgb, _ = towers((192, 320))
    light = (rgb * [0.5, 0.6, 0.8] + [0.02, 0.05, 0.1]).astype(np.float32)
    assert np.abs(project(rgb, light) - light).mean() < 0.01
    draw = np.random.default_rng(0)
    strokes = (light + 0.3 * (draw.random((192, 320, 1)) - 0.5)).clip(0, 1).astype(np.float32)
    kept = project(rgb, strokes)
    assert metrics.edge_ssim(kept, rgb) > 0.8 > metrics.edge_ssim(strokes, rgb)
    assert np.abs(kept.mean((0, 1)) - strokes.mean((0, 1))).max() < 0.02
    with pytest.raises(InputError, match="resize one to the other"):
        project(rgb, strokes[:50])


def test_stylize_can_stay_a_photograph(narrow_vgg19: None) -> None:
    rgb, _, style = _pictures()
    settings: dict[str, Any] = {"size": 96, "preset": "draft", "precision": "float32"}
    plain = impasto.stylize(rgb, style, **settings)
    kept = impasto.stylize(rgb, style, photoreal=True, **settings)
    content = image.resize(rgb, plain.picture.shape[:2])
    # At 96 px a stroke is as large as a window; benchmarks/photoreal.py measures real sizes.
    assert metrics.edge_ssim(kept.picture, content) > 0.5 > 1.3 * metrics.edge_ssim(plain.picture, content)
    assert kept.recipe.job["photoreal"] is True
    stiff = impasto.stylize(rgb, style, photoreal=True, realism=100.0, **settings)
    assert np.abs(stiff.picture - kept.picture).mean() > 0.002
    with pytest.raises(InputError, match="needs --photoreal"):
        impasto.stylize(rgb, style, realism=3.0)


# The verb


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    rgb, masks, style = _pictures()
    for name, picture in (("day", rgb), ("night", style), ("day-mask", masks[0]), ("night-mask", masks[1])):
        image.write(tmp_path / f"{name}.png", picture)
    return tmp_path


MASKS = ("--masks", "day-mask.png", "night-mask.png")


def test_the_verb_paints_says_its_classes_and_replays(run: Run, here: Path) -> None:
    code, said, told = run("photoreal", "day.png", "night.png", "--fast", *MASKS, "-o", "out.png", "--json")
    assert code == 0, told
    assert json.loads(said)["size"] == [160, 96]
    assert "blue" in told and "white" in told and "%" in told
    assert run("replay", "out.png", "-o", "again.png")[0] == 0
    assert np.array_equal(image.read("out.png").rgb, image.read("again.png").rgb)


def test_a_refined_picture_replays_and_resumes(
    run: Run, here: Path, narrow_vgg19: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    base = ("photoreal", "day.png", "night.png", *MASKS, "--precision", "float32")
    assert run(*base, "-o", "whole.png")[0] == 0
    assert run("replay", "whole.png", "-o", "again.png")[0] == 0
    assert np.array_equal(image.read("whole.png").rgb, image.read("again.png").rgb)
    real, count = BilateralGrid.penalty, []

    def penalty(self: BilateralGrid) -> torch.Tensor:
        count.append(1)
        if len(count) == 33:
            raise RuntimeError("killed")
        return real(self)

    monkeypatch.setattr(BilateralGrid, "penalty", penalty)
    assert run(*base, "-o", "out.png", "--save-every", "10")[0] == 1
    assert Path("out.png.checkpoint").exists() and not Path("out.png").exists()
    assert run(*base, "-o", "out.png", "--save-every", "10", "--resume")[0] == 0
    assert np.array_equal(image.read("whole.png").rgb, image.read("out.png").rgb)


def test_ctrl_c_keeps_what_there_is() -> None:
    rgb, masks, style = _pictures()

    def watch(progress: impasto.Progress) -> None:
        assert progress.picture().shape == (1, 3, 96, 160)
        if progress.step == 5:
            raise KeyboardInterrupt

    result = impasto.photoreal(rgb, style, masks=masks, watch=watch)
    assert result.stopped and len(result.history) == 5 and result.picture.shape == rgb.shape


def test_a_saved_look_needs_no_style(run: Run, here: Path) -> None:
    code, _, told = run(
        "photoreal", "day.png", "night.png", "--fast", *MASKS, "--save-look", "n.look", "-o", "a.png"
    )
    assert code == 0, told
    Path("night.png").unlink()
    one = ("photoreal", "day.png", "n.look", "--masks", "day-mask.png")
    assert run(*one, "--fast", "-o", "b.png")[0] == 0
    assert np.abs(image.read("a.png").rgb - image.read("b.png").rgb).max() < 3 / 255
    code, _, told = run("photoreal", "day.png", "n.look", "--fast", "-o", "c.png")
    assert code == 0 and "they are detected automatically, as there is no mask of day.png" in told
    assert "blue" in told and "white" in told
    write_film(here / "film.mp4", [(image.read("day.png").rgb * 255).astype(np.uint8)] * 2)
    code, _, told = run("photoreal", "film.mp4", "n.look", "--fast", "-o", "film-n.mp4")
    assert code == 0 and "they are detected" in told, told


def test_a_folder_of_frames_is_a_film(run: Run, here: Path) -> None:
    Path("frames").mkdir()
    for number in range(3):
        image.write(f"frames/{number:03}.png", image.read("day.png").rgb)
    code, _, told = run("photoreal", "frames", "night.png", "--fast", "--classes", "1", "-o", "out")
    assert code == 0, told
    assert [path.suffix for path in sorted(Path("out").iterdir())] == [".png"] * 3


def test_classes_that_are_not_found_are_told(caplog: pytest.LogCaptureFixture) -> None:
    rgb, _, style = _pictures()
    said: list[str] = []
    job = PhotorealJob.parse({"content": "a", "styles": ["b"]})
    whole = Regions(np.zeros(rgb.shape[:2], np.int16), ("class 1",))
    *classes, all_of_it = statistics(style, Regions(np.zeros(style.shape[:2], np.int16), ("class 1",)))
    assert all_of_it is not None
    scene = Subject(rgb, rgb, whole, Look(("class 1",), tuple(classes), all_of_it))
    say_classes(job, scene, classes, log=said.append)
    assert "only one class in common" in said[0]
    say_classes(job, scene, classes, log=None)
    assert "only one class in common" in caplog.text
    found = PhotorealJob.parse({"content": "a", "styles": ["b"], "classes": 1})
    say_classes(found, scene, classes, log=said.append)
    assert "warning" not in said[1]
    two = replace(scene, look=Look(("class 1", "class 2"), (*classes, None), all_of_it))
    say_classes(job, two, [*classes, None], log=said.append)
    assert "4 classes requested, 2 found" in said[2]


def test_classes_do_not_change_with_the_size() -> None:
    photo, style = (samples.photo(name) for name in ("coffee", "astronaut"))
    said: list[str] = []
    for size in (96, 200):
        impasto.photoreal(photo, style, fast=True, size=size, log=said.append)
    large, small = ([line.split()[:4] for line in text.splitlines()[1:]] for text in said[:2])
    assert len(small) == len(large) > 1
    for one, other in zip(small, large, strict=True):
        assert abs(float(one[2].rstrip("%")) - float(other[2].rstrip("%"))) < 1.0


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("day.png", "none.png"), "no such file"),
        (("day.png", "night.png", "--masks", "day-mask.png"), "needs 2"),
        (("day.png", "night.png", "--masks", "day-mask.png", "none.png"), "none.png"),
        (("day.png", "night.png", "--masks", "day-mask.png", "day.png"), "the aspect ratio"),
        (("day.png", "night.png", "--masks", "day.png", "night-mask.png"), "is none of"),
        (("day.png", "none.look", "--fast"), "no such file"),
        (("day.png", "bad.look", "--fast"), "damaged"),
        (("day.png", "bad.look", "night.png"), "as the only style"),
        (("day.png", "night.png", "--strength", "7"), "strength 7"),
        (("day.png", "night.png", "--realism", "0"), "realism 0"),
        (("day.png", "night.png", "--classes", "0"), "classes 0"),
        (("day.png", "night.png", "--weights", "1,2"), "give one per style"),
        (("day.png", "night.png", "-o", "day.png", "--overwrite"), "is an input"),
        (("day.png", "night.png", "-o", "out.txt"), "suffix"),
        (("day.png", "night.png", "-o", "out.mp4"), "suffix"),
        (("day.png", "night.png", "--save-look", "night.txt"), "end in .look"),
        (("day.png", "night.png", "--every", "2"), "are for videos"),
        (("day.png", "night.png", "--fast", "--realism", "3"), "no effect with --fast"),
        (("day.png", "night.png", *MASKS, "--classes", "3"), "with --masks, which defines the classes"),
        (("day.png", "bad.look", "--classes", "3"), "with bad.look, which defines the classes"),
        (("day.png", "night.png", *MASKS, "day-mask.png"), "has 3 images and needs 2"),
    ],
)
def test_what_cannot_be_used_is_told_in_one_line(
    run: Run, here: Path, arguments: tuple[str, ...], words: str
) -> None:
    Path("bad.look").write_bytes(b"no look at all")
    out = () if "-o" in arguments else ("-o", "out.png")
    code, _, told = run("photoreal", *arguments, *out)
    assert code == 2 and words in told and told.count("\n") == 1
    assert not Path("out.png").exists()


def test_masks_may_follow_one_option() -> None:
    assert expand_options(["photoreal", "a", "b", "--masks", "c", "d", "--fast"])[3:] == [
        "--masks",
        "c",
        "--masks",
        "d",
        "--fast",
    ]
    more = ["--masks", "c", "--masks", "d", "--masks", "e"]
    assert expand_options(["photoreal", "a", "b1", "b2", "--masks", "c", "d", "e"]) == [
        "photoreal",
        "a",
        "b1",
        "b2",
        *more,
    ]
    assert expand_options(["photoreal", "--masks", "c", "d", "a", "b"]) == [
        "photoreal",
        *more[:4],
        "a",
        "b",
    ]
    assert expand_options(["photoreal", "--masks", "c,d", "a", "b"]) == [
        "photoreal",
        "--masks",
        "c,d",
        "a",
        "b",
    ]
    assert expand_options(["stylize", "--masks", "c", "d"]) == ["stylize", "--masks", "c", "d"]


def test_a_job_keeps_its_settings() -> None:
    job = PhotorealJob.parse({"content": "a", "styles": ["b"], "realism": 2.0, "strength": 0.5})
    assert PhotorealJob.parse(job.settings()) == job
