"""Images of any size within the memory budget: planned ahead, and in tiles with the results of one piece."""

from __future__ import annotations

import logging
import os
import platform
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from impasto import image, jobs, painters, samples, tensors
from impasto.backbones import Tiny, Vgg
from impasto.errors import ImpastoError, InputError
from impasto.losses import LAYERS, BindContext, Wasserstein
from impasto.methods.coarse_to_fine import Style, objective
from impasto.optim import Adam, Lbfgs, Stage, allocator, evaluate, loop, memory, minimize
from impasto.painters import optimize
from impasto.parametrizations import Pixels
from impasto.tiles import Tiling, Window
from support.backbones import narrow
from support.tiles import picture, terms

GB = memory.GB
TINY = ("relu1_1", "relu2_1", "relu3_1")


def planned(size: tuple[int, int], gigabytes: float, vgg19: Vgg, **more: object) -> memory.MemoryPlan:
    settings = {"precision": "float32", **more}
    return memory.plan(size, backbone=vgg19, layers=LAYERS, budget=int(gigabytes * GB), **settings)  # type: ignore[arg-type]


def test_what_fits_is_painted_as_ever(vgg19: Vgg) -> None:
    plan = planned((384, 512), 8, vgg19)
    assert plan.first_choice and plan.precision == "float32"
    assert len(plan.tiling((384, 512))) == 1
    chosen = plan.optimiser()
    assert isinstance(chosen, Lbfgs) and chosen.history == Lbfgs().history


def test_what_a_loss_needs_for_each_pixel_is_planned(vgg19: Vgg) -> None:
    size = (384, 512)
    plain, more = planned(size, 8, vgg19), planned(size, 8, vgg19, more=1344)
    assert more.needs - plain.needs == 1344 * 384 * 512
    assert len(planned((768, 1024), 4.9, vgg19, more=1344).tiling((768, 1024))) > 1
    assert len(planned((768, 1024), 4.9, vgg19).tiling((768, 1024))) == 1


def test_24_megapixels_fit_into_8_gb_and_less_gives_up_more(vgg19: Vgg) -> None:
    size = (4000, 6000)
    plan = planned(size, 8, vgg19)
    assert plan.needs <= plan.budget and not plan.first_choice
    assert len(plan.tiling(size)) > 9
    assert plan.history <= 3
    assert "24" not in str(plan).split(":")[0] and "6000x4000 within 8.0 GB" in str(plan)
    smaller = planned(size, 6, vgg19)
    assert smaller.needs <= smaller.budget and isinstance(smaller.optimiser(), Adam)
    larger = planned(size, 24, vgg19)
    assert larger.history > plan.history and larger.tiling.side > plan.tiling.side
    with pytest.raises(InputError, match=r"--memory \d\.\dGB") as refused:
        planned(size, 2, vgg19)
    least = float(str(refused.value).split("--memory ")[1].split("GB")[0])
    assert planned(size, least + 0.1, vgg19).needs <= (least + 0.1) * GB


@given(
    megapixels=st.floats(0.01, 60), aspect=st.floats(0.2, 5), gigabytes=st.floats(1.2, 40), adam=st.booleans()
)
def test_a_plan_never_needs_more_than_is_allowed(
    vgg19: Vgg, megapixels: float, aspect: float, gigabytes: float, adam: bool
) -> None:
    size = (round((megapixels * 1e6 / aspect) ** 0.5), round((megapixels * 1e6 * aspect) ** 0.5))
    try:
        plan = planned(size, gigabytes, vgg19, adam=adam)
    except InputError:
        return
    assert plan.needs <= plan.budget
    windows = plan.tiling(size)
    read = [(w.rows.read_end - w.rows.read) * (w.columns.read_end - w.columns.read) for w in windows]
    # A last tile takes a rest of less than one stride along.
    assert max(read) <= (plan.tiling.pixels**0.5 + plan.tiling.stride) ** 2


@given(
    size=st.tuples(st.integers(1, 200), st.integers(1, 200)), side=st.integers(1, 6), halo=st.integers(1, 4)
)
def test_tiles_own_every_pixel_once(size: tuple[int, int], side: int, halo: int) -> None:
    tiling = Tiling(8 * side, 8 * halo, 8)
    count = np.zeros(size, int)
    for window in tiling(size):
        window.part(count, 1)[...] += 1
    assert (count == 1).all()
    assert tiling.smaller().pixels <= tiling.pixels


def test_the_halo_is_what_the_deepest_position_sees_beyond_its_cell(vgg19: Vgg) -> None:
    found = memory.tiling(vgg19, LAYERS, pixels=1000**2)
    assert found is not None and found.stride == 16 * vgg19.block
    assert found.halo >= 70 and found.halo % 16 == 0 and found.side % 16 == 0
    assert found.side >= 700 and found.pixels <= 1000**2
    assert memory.tiling(vgg19, LAYERS, pixels=200**2) is None


def evaluated(
    loss: object, network: Vgg | Tiny, now: Tensor, tiling: Tiling | None
) -> tuple[float, Tensor, int]:
    """Value and gradient, the targets bound in the same pieces; and how many pieces."""
    size = (now.shape[-2], now.shape[-1])
    scene = BindContext(network, size, wanted=loss.needs, cut=tiling)  # type: ignore[attr-defined]
    windows = scene.windows(size)
    found = evaluate(loss.bind(scene), now, backbone=network, windows=windows)  # type: ignore[attr-defined]
    return found.value, found.gradient, len(windows)


@pytest.mark.parametrize("name", list(terms((53, 57), TINY)))
def test_targets_bound_in_tiles_are_those_of_the_whole(name: str) -> None:
    size = (53, 57)
    loss, now = terms(size, TINY, torch.float64)[name], picture(9, *size).double()
    value, gradient, _ = evaluated(loss, Tiny(), now, None)
    tiled, slope, count = evaluated(loss, Tiny(), now, Tiling(12, 8, 4))
    assert count > 9
    # The paintings stay float32: their covariance is summed in another order.
    assert tiled == pytest.approx(value, rel=2e-5)
    assert float((slope - gradient).norm() / gradient.norm()) < 2e-4


def test_nine_tiles_are_the_whole() -> None:
    network = narrow()  # of the real one, tests/engine/test_tiles.py has each loss
    size = (293, 299)
    photo = tensors.resize(tensors.from_array(samples.photo("chelsea")), size).clamp(0, 1)
    style = tensors.from_array(samples.style("waves", size=128))
    grain = torch.rand(photo.shape, generator=torch.Generator().manual_seed(0))
    loss = objective(photo, [Style(style)])
    value, gradient, _ = evaluated(loss, network, 0.8 * photo + 0.1 * grain, None)
    tiling = memory.tiling(network, LAYERS, pixels=288**2)  # the smallest tiles
    tiled, slope, count = evaluated(loss, network, 0.8 * photo + 0.1 * grain, tiling)
    assert count == 9
    assert tiled == pytest.approx(value, rel=1e-4)
    assert float((slope - gradient).norm() / gradient.norm()) < 3e-4  # of maxima that are near a tie


@pytest.mark.parametrize("optimiser", [Lbfgs, Adam])
def test_five_steps_in_tiles_paint_the_same_picture(optimiser: type[Lbfgs] | type[Adam]) -> None:
    size = (200, 213)
    # In float64: of forty thousand maxima some are so near a tie that float32 settles them by its last bit.
    photo, style = picture(1, *size).double(), picture(2, 120, 90).double()
    loss = Wasserstein(style, TINY).relative(photo)
    outcomes = [
        minimize(
            loss,
            Pixels(photo),
            schedule=(Stage(size, 6),),
            backbone=Tiny(),
            optimiser=optimiser(),
            tiling=tiling,
        )
        for tiling in (None, Tiling(64, 8, 4))
    ]
    whole, tiled = (outcome.picture for outcome in outcomes)
    assert float((whole - photo).abs().max()) > 5 / 255  # there was something to compare
    assert float((whole - tiled).abs().max()) < 1 / 255
    assert outcomes[1].history[-1].loss == pytest.approx(outcomes[0].history[-1].loss, rel=0.01)


class Failing:
    """`evaluate`, with no memory for pictures that are looked at in large pieces."""

    def __init__(self, most: int) -> None:
        self.most, self.pieces = most, list[int]()

    def __call__(self, bound: object, now: Tensor, *, backbone: Tiny, windows: list[Window]) -> object:
        self.pieces.append(len(windows))
        if any(window.read(now)[0, 0].numel() > self.most for window in windows):
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 1 GiB")
        return evaluate(bound, now, backbone=backbone, windows=windows)  # type: ignore[arg-type]


def painted(most: int, monkeypatch: pytest.MonkeyPatch) -> tuple[Tensor, list[int]]:
    failing = Failing(most)
    monkeypatch.setattr(loop, "evaluate", failing)
    size = (200, 213)
    loss = Wasserstein(picture(2, 120, 90).double(), TINY)
    plan = (Stage(size, 4),)
    # In float64, as above: in float32 rounding, different in every processor, grows from step to step.
    outcome = minimize(loss, Pixels(picture(1, *size).double()), schedule=plan, backbone=Tiny())
    return outcome.picture, failing.pieces


def test_when_memory_runs_out_it_goes_on_in_tiles(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    whole, pieces = painted(10**9, monkeypatch)
    assert set(pieces) == {1}
    with caplog.at_level(logging.WARNING, "impasto"):
        tiled, pieces = painted(120**2, monkeypatch)
    assert pieces[0] == 1 and min(pieces[1:]) > 4
    assert [record.getMessage() for record in caplog.records] == [
        f"memory ran out: continuing in {pieces[-1]} tiles"
    ]
    assert float((whole - tiled).abs().max()) < 1 / 255


def test_when_memory_runs_out_twice_it_says_so_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ImpastoError, match="not enough memory to paint 213x200") as refused:
        painted(100, monkeypatch)
    assert "\n" not in str(refused.value)


def test_other_errors_are_not_taken_for_a_lack_of_memory() -> None:
    assert memory.is_out_of_memory(RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory"))
    assert memory.is_out_of_memory(MemoryError())
    assert not memory.is_out_of_memory(RuntimeError("shapes do not match"))
    assert not memory.is_out_of_memory(ValueError("out of memory"))


@pytest.mark.parametrize("text", ["", "8", "GB", "-1GB", "8TB", "8GB or so", "0.0001MB", "1e9GB"])
def test_an_amount_of_memory_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(InputError, match="8GB or 500MB"):
        jobs.parse_memory(text)


def test_amounts_of_memory() -> None:
    assert jobs.parse_memory("8GB") == 8 * GB == jobs.parse_memory("8g")
    assert jobs.parse_memory(" 512MB ") == GB // 2
    assert jobs.parse_memory(None) is None
    assert GB // 8 < memory.free(torch.device("cpu")) < 2**50


def test_a_picture_painted_in_less_memory_says_so_and_is_painted_again_alike(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(memory, "FIXED", 0.0)
    monkeypatch.setattr(optimize, "schedule", lambda job, size: (Stage(size, 3),))
    image.write(tmp_path / "photo.png", image.resize(samples.photo("coffee"), (64, 64)))
    image.write(tmp_path / "waves.png", samples.style("waves", size=96))
    names = str(tmp_path / "photo.png"), (str(tmp_path / "waves.png"),)
    job = jobs.StylizeJob(*names, loss="mixed", precision="float32", memory="18MB")
    less = painters.run(job)
    assert less.recipe.job["memory"] == "18MB"
    settings = {**less.recipe.job, "content": names[0], "styles": names[1]}
    assert np.array_equal(painters.run(jobs.StylizeJob.parse(settings)).picture, less.picture)
    # Whoever sets a limit is told what was chosen, also where nothing had to be given up; nobody else is.
    caplog.clear()
    assert painters.run(jobs.StylizeJob(*names, precision="float32")).recipe.job["memory"] is None
    assert not caplog.records
    painters.run(jobs.StylizeJob(*names, precision="float32", memory="8GB"))
    assert "64x64 within 8.0 GB: in one piece" in caplog.records[-1].getMessage()


def test_memory_stays_while_it_is_painted_and_goes_afterwards() -> None:
    if platform.libc_ver()[0] != "glibc":
        pytest.skip("only glibc can be told so")

    def resident() -> float:
        return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20

    before = resident()
    with allocator.retain_freed_memory():
        block = torch.ones(2**26)  # 256 MB
        del block
        within = resident()
    assert within > before + 200
    assert resident() < before + 100
    again = torch.ones(2**26)
    del again
    assert resident() < before + 100
