"""Training: batches depend on the seed only; it learns, recovers from faults, and resumes after a kill."""

from __future__ import annotations

import dataclasses
import os
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from lightning_fabric import Fabric

from impasto import image, samples, tensors
from impasto.backbones import Tiny
from impasto.errors import ImpastoError, InputError
from impasto.jobs import LearnJob
from impasto.losses import BindContext, Bound, Features, Gram, Sums
from impasto.networks import Plan, library, packs, predictor
from impasto.networks.torch_engine import StyleNetwork
from impasto.optim import Checkpoint
from impasto.record import Progress
from impasto.tiles import Window
from impasto.training import (
    Distillation,
    FitResult,
    Objective,
    Photos,
    StyleRow,
    TrainingConfig,
    batches,
    fit,
    lattice,
    learn,
    starting,
)
from impasto.training.trainer import SNAPSHOT, leave
from support.networks import pack_of

PLAN = Plan("small", fold=2, widths=(6, 8), blocks=(0, 1), ends=3, finish=4, skips=True)
LAYERS = {"relu1_1": 1.0, "relu2_1": 1.0}
pytestmark = pytest.mark.usefixtures("narrow_vgg19")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three photos, and one file that is none."""
    path = tmp_path_factory.mktemp("photos")
    for name in ("coffee", "chelsea", "rocket"):
        rgb = samples.photo(name)
        image.write(path / f"{name}.jpg", image.resize(rgb, image.fit(rgb.shape[:2], 120)))
    (path / "broken.jpg").write_bytes(b"\xff\xd8 not a picture")
    (path / "notes.txt").write_text("no picture either")
    return path


@pytest.fixture(scope="module")
def photos(folder: Path) -> Photos:
    return Photos(folder)


@pytest.fixture(scope="module")
def objective(photos: Photos) -> Objective:
    seen = batches.calibration(photos, count=3, side=32, seed=0)
    rows = [StyleRow(tensors.from_source(samples.style(name, 64)), 0.1) for name in ("waves", "mosaic")]
    return Objective(
        rows, backbone=Tiny(), photos=seen, style_weight=3.0, layers=LAYERS, content_layer="relu2_1"
    )


def course(steps: int, **more: object) -> TrainingConfig:
    return TrainingConfig(steps=steps, **{"rows": range(1, 3), "batch": 2, "side": 32, **more})  # type: ignore[arg-type]


def train(
    objective: Objective,
    photos: Photos,
    steps: int,
    *,
    watch: Callable[[Progress], None] | None = None,
    checkpoint: Checkpoint | None = None,
    **more: object,
) -> tuple[StyleNetwork, FitResult]:
    network = StyleNetwork(PLAN, rows=3, seed=1)
    done = fit(network, objective, photos, course=course(steps, **more), watch=watch, checkpoint=checkpoint)
    return network, done


def same(one: StyleNetwork, other: StyleNetwork) -> bool:
    return all(torch.equal(a, b) for a, b in zip(one.parameters(), other.parameters(), strict=True))


def test_what_a_step_sees_is_drawn_from_seed_and_step_alone(photos: Photos) -> None:
    def drawn(step: int, indices: range, seed: int = 0) -> batches.Batch:
        return batches.draw(photos, step=step, indices=indices, rows=range(1, 4), total=4, side=24, seed=seed)

    whole, part = drawn(7, range(4)), drawn(7, range(2, 4))
    assert torch.equal(whole.photos[2:], part.photos) and torch.equal(whole.weights[2:], part.weights)
    assert torch.equal(whole.again[2:], part.again) and whole.shift == part.shift
    assert not torch.equal(drawn(8, range(4)).photos, whole.photos)
    assert not torch.equal(drawn(7, range(4), seed=1).photos, whole.photos)
    assert torch.allclose(whole.weights.sum(1), torch.ones(4))


def test_the_second_view_is_the_first_one_moved(photos: Photos) -> None:
    batch = batches.draw(photos, step=3, indices=range(2), rows=range(1, 2), total=2, side=40, seed=0)
    down, right = batch.shift
    assert (down, right) != (0, 0)
    inner = batch.photos[..., 8 + down : 32 + down, 8 + right : 32 + right]
    assert (inner - batch.again[..., 8:32, 8:32]).abs().mean() < 0.03
    assert (inner - batch.photos[..., 8:32, 8:32]).abs().mean() > 0.0


def test_the_second_view_has_the_noise_of_its_place(photos: Photos) -> None:
    plan = dataclasses.replace(PLAN, noise=2)

    def drawn(step: int) -> batches.CropPosition:
        return batches.draw(
            photos, step=step, indices=range(1), rows=range(1, 3), total=3, side=64, seed=5
        ).place

    one, other = drawn(0), drawn(1)
    assert one.field(PLAN, (64, 64)) is None and one == drawn(0)
    first, second = (place.field(plan, (64, 64)) for place in (one, other))
    assert first is not None and second is not None and first.shape == (1, 2, 16, 16)
    assert (first - second).abs().mean() > 0.5
    again = one.shift_by((4, 8)).field(plan, (64, 64))
    assert again is not None
    # The noise moves with the scene. Positions of this plan are four pixels apart.
    assert torch.allclose(first[..., 1:, 2:], again[..., :-1, :-2], atol=1e-5)


def test_a_lattice_stands_out_and_grain_does_not() -> None:
    grain = torch.rand((2, 3, 192, 192), generator=torch.Generator().manual_seed(1))
    weave = torch.zeros(192, 192)
    weave[::8, ::8] = 1
    flat = torch.full_like(grain, 0.5)
    quiet, woven = (0.5 + 0.1 * (grain - 0.5) + amount * weave for amount in (0.0, 0.2))
    assert float(lattice.excess(quiet, flat + 0.01 * grain)) < 0.1
    assert float(lattice.excess(woven, flat + 0.01 * grain)) > 1.0
    # What the photo shows itself is no fault, and a picture too small for a spectrum has none.
    assert float(lattice.excess(woven, woven)) == 0
    assert float(lattice.excess(woven[..., :48, :48], quiet[..., :48, :48])) == 0
    woven.requires_grad_()
    lattice.excess(woven, quiet).backward()
    assert woven.grad is not None and torch.isfinite(woven.grad).all() and woven.grad.abs().max() > 0


def test_rows_that_are_rehearsed_are_painted_and_stay(objective: Objective, photos: Photos) -> None:
    network = StyleNetwork(PLAN, rows=3, seed=0)
    before = network.rows.detach().clone()
    drawn = [
        batches.draw(
            photos,
            step=step,
            indices=range(2),
            rows=range(1, 2),
            rehearsed=range(2, 3),
            total=3,
            side=32,
            seed=0,
        )
        for step in range(40)
    ]
    share = float(torch.cat([b.weights[:, 2] > 0 for b in drawn]).float().mean())
    assert 0.1 < share < 0.45
    fit(network, objective, photos, course=course(6, rows=range(1, 2), rehearsed=1, rate=0.05))
    assert torch.equal(network.rows[2], before[2])
    assert not torch.equal(network.rows[1], before[1])


def test_bad_photos_are_told_and_left_out(folder: Path, tmp_path: Path) -> None:
    lines: list[str] = []
    found = Photos(folder, log=lines.append)
    generator = torch.Generator().manual_seed(0)
    for _ in range(40):
        assert found.crop(16, generator=generator).shape == (3, 16, 16)
    assert len(found) == 4 and len(lines) == 1 and "broken.jpg" in lines[0]
    with pytest.raises(InputError, match="not a folder"):
        Photos(tmp_path / "none")
    with pytest.raises(InputError, match="no photo"):
        Photos(tmp_path)
    (tmp_path / "a.jpg").write_bytes(b"x")
    with pytest.raises(InputError, match="of 1 file given as photos, none can be read"):
        Photos(tmp_path)


def test_a_batch_of_targets_is_each_target_by_itself(objective: Objective, photos: Photos) -> None:
    seen = batches.calibration(photos, count=3, side=32, seed=4)
    weights = torch.tensor([[0.0, 1.0, 0.0], [0.5, 0.2, 0.3], [-0.2, 0.0, 1.2]])
    painted = seen.flip(-1)
    window = Window.full((32, 32))

    def each(photos: torch.Tensor, weights: torch.Tensor, painted: torch.Tensor) -> torch.Tensor:
        bound = objective.bind(photos, weights)
        return bound.each(bound.measure(objective.backbone.features(painted, bound.layers), window))

    together = each(seen, weights, painted)
    alone = [each(seen[i : i + 1], weights[i : i + 1], painted[i : i + 1]) for i in range(3)]
    assert torch.allclose(together, torch.cat(alone), rtol=1e-4)


def test_a_paintings_weight_is_its_share_of_the_style_weight(photos: Photos) -> None:
    seen = batches.calibration(photos, count=3, side=32, seed=0)
    picture = tensors.from_source(samples.style("waves", 64))
    rows = [StyleRow(picture, 0.1, weight) for weight in (1.0, 0.25)]
    settings = {"backbone": Tiny(), "photos": seen, "layers": LAYERS, "content_layer": "relu2_1"}
    objective = Objective(rows, style_weight=3.0, **settings)  # type: ignore[arg-type]
    bound = objective.bind(seen[:1].expand(2, -1, -1, -1), torch.tensor([[0.0, 1.0, 0.0], [0.0, 0.0, 1.0]]))
    features = objective.backbone.features(seen[:1].expand(2, -1, -1, -1), bound.layers)
    full, quarter = bound.each(bound.measure(features, Window.full((32, 32))))
    assert torch.allclose(quarter, 0.25 * full, rtol=1e-4)  # nothing is painted: there is no content term


def test_a_mixture_of_rows_aims_at_the_mixture_of_gram_matrices(objective: Objective, photos: Photos) -> None:
    seen = batches.calibration(photos, count=1, side=32, seed=4)
    scene = BindContext(objective.backbone, (32, 32), wanted=objective.wanted)
    loss, _ = next((k, s) for k, s in objective.kinds if isinstance(k, Gram))
    shares = torch.tensor([[0.25, 0.75]])
    bound = objective._styles(scene, shares)[[type(k) for k, _ in objective.kinds].index(type(loss))]
    mixed = 0.25 * objective.second["relu1_1"][0] + 0.75 * objective.second["relu1_1"][1]
    features = objective.backbone.features(seen, bound.layers)["relu1_1"].flatten(2)
    gram = (features @ features.mT / features.shape[-1])[0]
    expected = (gram - mixed).square().sum() / mixed.square().sum()
    sums = bound.measure(objective.backbone.features(seen, bound.layers), Window.full((32, 32)))
    got = bound.layer_values("relu1_1", sums)  # type: ignore[attr-defined]
    assert torch.allclose(got, expected.reshape(1), rtol=1e-4)


def test_training_lowers_the_loss_and_every_row_learns(objective: Objective, photos: Photos) -> None:
    start = StyleNetwork(PLAN, rows=3, seed=1)
    network, done = train(objective, photos, 80, rate=1e-2)
    seen = batches.calibration(photos, count=2, side=32, seed=9)
    weights = torch.eye(3)[1:]
    bound = objective.bind(seen, weights)

    def each(network: StyleNetwork) -> torch.Tensor:
        with torch.no_grad():
            features = objective.backbone.features(network(seen, weights), bound.layers)
        return bound.each(bound.measure(features, Window.full((32, 32))))

    assert done.steps == 80 and (each(network) < 0.7 * each(start)).all()
    assert all((network.rows[i] - start.rows[i]).abs().max() > 1e-3 for i in range(3))


def test_a_killed_training_ends_at_the_same_weights(
    objective: Objective, photos: Photos, tmp_path: Path
) -> None:
    unbroken, _ = train(objective, photos, 12)
    steps: list[int] = []

    def kill(progress: Progress) -> None:
        steps.append(progress.step)
        if progress.step == 7:
            raise RuntimeError("killed")

    def keeper(*, resume: bool) -> Checkpoint:
        return Checkpoint(tmp_path / "state", every=5, key="k", resume=resume)

    with pytest.raises(RuntimeError, match="killed"):
        train(objective, photos, 12, watch=kill, checkpoint=keeper(resume=False))
    resumed, done = train(
        objective, photos, 12, watch=lambda p: steps.append(p.step), checkpoint=keeper(resume=True)
    )
    assert same(unbroken, resumed)
    assert steps == [1, 2, 3, 4, 5, 6, 7, 6, 7, 8, 9, 10, 11, 12] and done.steps == 12


def test_an_interrupt_keeps_what_there_is_and_can_be_taken_up(
    objective: Objective, photos: Photos, tmp_path: Path
) -> None:
    def stop(progress: Progress) -> None:
        if progress.step == 4:
            raise KeyboardInterrupt

    checkpoint = Checkpoint(tmp_path / "state", every=100, key="k", resume=True)
    _, done = train(objective, photos, 9, watch=stop, checkpoint=checkpoint)
    assert done.stopped and done.steps == 4
    resumed, done = train(objective, photos, 9, checkpoint=checkpoint)
    assert not done.stopped and done.steps == 9
    assert same(resumed, train(objective, photos, 9)[0])


def test_a_checkpoint_of_another_training_is_refused(
    objective: Objective, photos: Photos, tmp_path: Path
) -> None:
    path = tmp_path / "state"
    train(objective, photos, 2, checkpoint=Checkpoint(path, every=1, key="one"))
    with pytest.raises(InputError, match="other settings"):
        train(objective, photos, 2, checkpoint=Checkpoint(path, every=1, key="two", resume=True))


class Faulty(Objective):
    """An objective whose loss is no number at chosen calls."""

    def __init__(self, good: Objective, bad: set[int]) -> None:
        self.__dict__.update(good.__dict__)
        self.bad, self.calls = bad, 0

    def bind(
        self, photos: torch.Tensor, weights: torch.Tensor, *, place: batches.CropPosition | None = None
    ) -> Bound:
        self.calls += 1
        bound = super().bind(photos, weights)
        return _Spoilt(bound) if self.calls in self.bad else bound


class _Spoilt(Bound):
    def __init__(self, bound: Bound) -> None:
        self.bound, self.layers, self.name = bound, bound.layers, "spoilt"

    def measure(self, features: Features, window: Window) -> Sums:
        return self.bound.measure(features, window)

    def each(self, sums: Sums) -> torch.Tensor:
        return self.bound.each(sums) * float("nan")


def test_a_loss_that_is_no_number_is_rolled_back(objective: Objective, photos: Photos) -> None:
    faulty = Faulty(objective, {SNAPSHOT + 3, SNAPSHOT + 4})
    network, done = train(faulty, photos, SNAPSHOT + 8)
    assert all(p.isfinite().all() for p in network.parameters())
    assert all(np.isfinite(p.loss) for p in done.history)
    with pytest.raises(ImpastoError, match="rollbacks"):
        train(Faulty(objective, set(range(2, 50))), photos, 10)


def _shared(fabric: Fabric, arguments: tuple[Objective, Photos, Path]) -> None:
    objective, photos, path = arguments
    torch.set_num_threads(1)
    network = StyleNetwork(PLAN, rows=3, seed=1)
    done = fit(network, objective, photos, course=course(4, batch=4), fabric=fabric)
    if fabric.is_global_zero:
        torch.save([p.loss for p in done.history], path)
    fabric.barrier()
    leave()


def test_two_processes_take_the_steps_that_one_would(
    objective: Objective, photos: Photos, tmp_path: Path
) -> None:
    _, alone = train(objective, photos, 4, batch=4)
    path = tmp_path / "losses"
    fabric = Fabric(accelerator="cpu", devices=2, strategy="ddp_spawn")
    fabric.launch(partial(_shared, arguments=(objective, photos, path)))
    losses = torch.load(path, weights_only=True)
    assert losses == pytest.approx([p.loss for p in alone.history], rel=1e-4)


def _job(folder: Path, **more: object) -> LearnJob:
    return LearnJob.parse(
        {
            "photos": str(folder),
            "steps": 2,
            "batch": 1,
            "side": 64,
            "scales": (0.5,),
            "network": "tiny",
            **more,
        }
    )


def test_learning_writes_a_pack_and_adding_to_it_leaves_the_old_alone(folder: Path, tmp_path: Path) -> None:
    for name in ("waves", "mosaic"):
        image.write(tmp_path / f"{name}.png", samples.style(name, 96))
    first = learn(_job(folder, pictures=(str(tmp_path / "waves.png"),)))
    path = packs.save(first.pack, tmp_path / "pack.safetensors")
    style = packs.load(path).style("waves")
    assert first.names == ("waves",) and style.recipe["steps"] == 2 and style.thumbnail[:2] == b"\xff\xd8"
    job = _job(folder, pictures=(str(tmp_path / "mosaic.png"),), into=str(path))
    second = learn(job)
    assert second.pack.names == ["waves", "mosaic"]
    assert second.pack.hash() == first.pack.hash()
    assert (second.pack.rows[: len(first.pack.rows)] == first.pack.rows).all()
    assert not (second.pack.rows[-1] == first.pack.rows[-1]).all()
    with pytest.raises(InputError, match="already has a style 'waves'"):
        learn(dataclasses.replace(job, pictures=(str(tmp_path / "waves.png"),)))


def test_a_new_pack_may_begin_from_an_old_one(folder: Path, tmp_path: Path) -> None:
    for name in ("waves", "mosaic"):
        image.write(tmp_path / f"{name}.png", samples.style(name, 96))
    one, both = ((str(tmp_path / f"{n}.png") for n in names) for names in (["waves"], ["mosaic", "waves"]))
    path = packs.save(learn(_job(folder, pictures=tuple(one))).pack, tmp_path / "pack.safetensors")
    old = packs.load(path)
    still = {"pictures": tuple(both), "steps": 1, "rate": 1e-9, "begin_from": str(path)}
    begun = learn(_job(folder, **still)).pack
    for name, value in old.trunk.items():
        np.testing.assert_allclose(begun.trunk[name], value, atol=1e-6)
    np.testing.assert_allclose(begun.rows[begun.style("waves").rows[0]], old.rows[1], atol=1e-6)
    moved = learn(_job(folder, **still | {"rate": None, "steps": 2})).pack
    assert moved.hash() != old.hash()
    with pytest.raises(InputError, match="holds a 'tiny' network: give --network tiny"):
        learn(_job(folder, **still | {"network": "quality"}))
    with pytest.raises(InputError, match="--begin-from applies only to a new pack"):
        _job(folder, **still | {"into": str(path)})


def test_a_row_of_the_shipped_network_begins_as_it_is_predicted(folder: Path, tmp_path: Path) -> None:
    painting = image.write(tmp_path / "cove.png", samples.style("waves", 64))
    still = {"steps": 1, "rate": 1e-9, "side": 64, "batch": 1, "scales": (1.0,)}
    learned = learn(_job(folder, pictures=(str(painting),), into="quality", **still))
    begun = predictor.predict(image.read(painting).flat())
    assert learned.names == ("cove",) and np.abs(learned.pack.rows[-1] - begun).max() < 1e-5
    assert np.abs(begun[2:, :64]).max() > 0 and (begun[2:, 64:] == 0).all()


def test_rows_for_the_shipped_network_have_a_time_of_their_own(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert starting.PREDICTED_MINUTES == 1 and starting.ROW_MINUTES == 8
    monkeypatch.setattr(starting, "PREDICTED_MINUTES", 1e-5)
    painting = image.write(tmp_path / "cove.png", samples.style("waves", 64))
    learned = learn(_job(folder, pictures=(str(painting),), into="quality", steps=None))
    assert learned.trained.steps == 1  # the time is over after the first


def test_bad_settings_of_learning_are_told(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="needs a painting"):
        learn(_job(folder))
    with pytest.raises(InputError, match="not a folder"):
        learn(_job(folder, styles=str(tmp_path / "none")))
    with pytest.raises(InputError, match="side 8 is too small"):
        _job(folder, side=8)
    with pytest.raises(InputError, match="scales"):
        _job(folder, scales=(1.0, 1.0))
    painting = image.write(tmp_path / "waves.png", samples.style("waves", 64))
    with pytest.raises(InputError, match="2 weights for 1 painting"):
        learn(_job(folder, pictures=(str(painting),), weights=(1.0, 0.5)))
    assert library.SHIPPED.name == "shipped"


def test_the_command_line_trains_in_several_processes(folder: Path, tmp_path: Path) -> None:
    image.write(tmp_path / "waves.png", samples.style("waves", 64))
    command = [str(Path(sys.executable).with_name("impasto")), "learn", str(tmp_path / "waves.png")]
    options = ["--photos", str(folder), "--steps", "2", "--batch", "2", "--side", "64", "--scales", "0.5"]
    more = ["--network", "tiny", "--processes", "2", "--device", "cpu", "-o", str(tmp_path / "p.safetensors")]
    done = subprocess.run(
        [*command, *options, *more], capture_output=True, text=True, check=False, env=_ENVIRONMENT
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("waves, 2 steps") == 1
    assert packs.load(tmp_path / "p.safetensors").names == ["waves"]


_ENVIRONMENT = {**os.environ, "OMP_NUM_THREADS": "1"}


def test_a_small_network_learns_from_a_large_one(folder: Path, photos: Photos, tmp_path: Path) -> None:
    teacher = pack_of(rows=3)
    seen = batches.calibration(photos, count=2, side=32, seed=9)
    aim = Distillation(teacher, backbone=Tiny(), photos=seen)
    network = StyleNetwork(PLAN, rows=3, seed=1)
    weights = torch.eye(3)[1:]

    def loss() -> float:
        bound = aim.bind(seen, weights)
        with torch.no_grad():
            features = aim.backbone.features(network(seen, weights), bound.layers)
        return float(bound.value(bound.measure(features, Window.full((32, 32)))))

    before = loss()
    fit(network, aim, photos, course=course(60, rate=1e-2))
    assert loss() < 0.7 * before
    with pytest.raises(InputError, match="teacher"):
        _job(folder, teacher="a", styles="b")


def test_a_pack_is_distilled_with_all_its_styles(folder: Path, tmp_path: Path) -> None:
    path = packs.save(pack_of(rows=3), tmp_path / "teacher.safetensors")
    learned = learn(_job(folder, teacher=str(path)))
    pack = packs.load(packs.save(learned.pack, tmp_path / "student.safetensors"))
    assert pack.names == ["style1", "style2"] and pack.plan.name == "tiny"
    assert pack.styles[0].recipe["distilled"]["steps"] == 2 and pack.styles[0].rows == (1,)
    begun = str(packs.save(learned.pack, tmp_path / "begun.safetensors"))
    again = learn(_job(folder, teacher=str(path), begin_from=begun, steps=1, rate=1e-9)).pack
    np.testing.assert_allclose(again.rows, pack.rows, atol=1e-6)
    for name, value in pack.trunk.items():
        np.testing.assert_allclose(again.trunk[name], value, atol=1e-6)
