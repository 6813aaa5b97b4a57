"""Killed and interrupted runs resume from their checkpoint and end with the same image, bit for bit."""

from __future__ import annotations

import math
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from impasto import files, optim
from impasto.errors import InputError
from impasto.optim import Checkpoint, OptimizationResult, Stage
from impasto.parametrizations import Pixels
from impasto.record import Progress
from support.optim import OPTIMIZERS, TWO, Watched, objective, paint


@pytest.mark.parametrize("call", [1, 2])
@pytest.mark.parametrize("after", [False, True])
def test_an_interrupt_between_two_sizes_gives_a_picture(
    call: int, after: bool, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    resize, calls = Pixels.resize, []

    def interrupted(self: Pixels, size: tuple[int, int]) -> None:
        calls.append(size)
        if len(calls) == call and not after:
            raise KeyboardInterrupt
        resize(self, size)
        if len(calls) == call:
            raise KeyboardInterrupt

    monkeypatch.setattr(Pixels, "resize", interrupted)
    saving = Checkpoint(tmp_path / "run", every=5, key="a")
    found = paint(checkpoint=saving)
    assert found.stopped
    assert found.picture.shape[-2:] == TWO[-1].size
    monkeypatch.undo()
    assert torch.equal(
        paint(checkpoint=Checkpoint(saving.path, every=5, key="a", resume=True)).picture, paint().picture
    )


class Killed(BaseException):
    """What no handler catches, like a signal that cannot be caught."""


def kill_at(evaluation: int) -> Callable[[Progress], None]:
    """Dies in the first step that ends at this evaluation of the whole run or later."""

    def watch(progress: Progress) -> None:
        before = sum(stage.steps for stage in TWO[: progress.stage - 1])
        if before + progress.step >= evaluation:
            raise Killed

    return watch


def resume(path: Path, optimiser: str, *, every: int = 5, **options: Any) -> tuple[OptimizationResult, int]:
    """The run taken up with nothing in memory, and the evaluations it still did."""
    loss = Watched(objective())
    found = paint(
        loss,
        optimiser=OPTIMIZERS[optimiser](),
        checkpoint=Checkpoint(path, every=every, key="a", resume=True),
        **options,
    )
    return found, loss.count


def saved_evaluations(path: Path) -> int:
    return int(files.load_checkpoint(path)[1]["evaluations"]) if path.exists() else 0


@pytest.mark.parametrize("optimiser", OPTIMIZERS)
@pytest.mark.parametrize("evaluation", [2, 8, 13, 15, 22, 24])
def test_a_killed_run_goes_on_and_ends_at_the_same_picture(
    optimiser: str, evaluation: int, tmp_path: Path
) -> None:
    path = tmp_path / "run.safetensors"
    unbroken = paint(Watched(objective()), optimiser=OPTIMIZERS[optimiser]())
    with pytest.raises(Killed):
        paint(
            Watched(objective()),
            optimiser=OPTIMIZERS[optimiser](),
            checkpoint=Checkpoint(path, every=5, key="a"),
            watch=kill_at(evaluation),
        )
    assert path.exists() == (evaluation > 5)
    already = saved_evaluations(path)
    found, count = resume(path, optimiser)
    assert torch.equal(found.picture, unbroken.picture)
    assert found.evaluations == unbroken.evaluations
    assert count == unbroken.evaluations - already
    assert [(p.stage, p.loss, dict(p.terms)) for p in found.history] == [
        (p.stage, p.loss, dict(p.terms)) for p in unbroken.history
    ]
    seconds = [p.seconds for p in found.history]
    assert seconds == sorted(seconds)


@pytest.mark.parametrize("optimiser", OPTIMIZERS)
def test_a_run_may_be_killed_again_and_again(optimiser: str, tmp_path: Path) -> None:
    path = tmp_path / "run.safetensors"
    for evaluation in (4, 9, 14, 19):
        with pytest.raises(Killed):
            resume(path, optimiser, every=3, watch=kill_at(evaluation))
    found, _ = resume(path, optimiser, every=3)
    assert torch.equal(found.picture, paint(Watched(objective()), optimiser=OPTIMIZERS[optimiser]()).picture)


@pytest.mark.parametrize("optimiser", OPTIMIZERS)
@pytest.mark.parametrize("interrupt", [1, 2, 9, 14, 23])
def test_an_interrupted_run_goes_on_without_a_lost_step(
    optimiser: str, interrupt: int, tmp_path: Path
) -> None:
    # Ctrl-C nearly always falls into an evaluation: the half step must leave no trace.
    path = tmp_path / "run.safetensors"
    unbroken = paint(Watched(objective()), optimiser=OPTIMIZERS[optimiser]())
    found = paint(
        Watched(objective(), interrupt=interrupt),
        optimiser=OPTIMIZERS[optimiser](),
        checkpoint=Checkpoint(path, every=1000, key="a"),
    )
    assert found.stopped
    already = saved_evaluations(path)
    # L-BFGS may have been in the second or third trial of a step, which begins anew.
    assert interrupt - 4 <= already <= interrupt - 1
    again, count = resume(path, optimiser)
    assert torch.equal(again.picture, unbroken.picture)
    assert again.evaluations == unbroken.evaluations
    assert count == unbroken.evaluations - already


def test_an_interrupt_in_a_second_trial_is_saved_from_before_the_first(tmp_path: Path) -> None:
    path = tmp_path / "run.safetensors"
    paint(
        Watched(objective(), factors={9: math.nan}, interrupt=10),
        checkpoint=Checkpoint(path, every=1000, key="a"),
    )
    assert saved_evaluations(path) == 8


@pytest.mark.parametrize("place", ["writing", "moving"])
def test_a_kill_while_a_checkpoint_is_written_leaves_the_one_before(
    place: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, calls = tmp_path / "run.safetensors", []
    write, move = Path.write_bytes, files._move

    def dying_write(self: Path, body: bytes) -> int:
        calls.append(1)
        if len(calls) == 2:
            write(self, body[: len(body) // 2])
            raise Killed
        return write(self, body)

    def dying_move(*args: object, **options: object) -> None:
        calls.append(1)
        if len(calls) == 2:
            raise Killed
        move(*args, **options)  # type: ignore[arg-type]

    if place == "writing":
        monkeypatch.setattr(Path, "write_bytes", dying_write)
    else:
        monkeypatch.setattr(files, "_move", dying_move)
    with pytest.raises(Killed):
        paint(Watched(objective()), checkpoint=Checkpoint(path, every=5, key="a"))
    monkeypatch.undo()
    already = saved_evaluations(path)
    assert 5 <= already < 10
    assert [p.name for p in tmp_path.iterdir()] == [path.name]
    found, count = resume(path, "lbfgs")
    unbroken = paint(Watched(objective()))
    assert torch.equal(found.picture, unbroken.picture)
    assert count == unbroken.evaluations - already


SCRIPT = """
import os, signal, sys
from pathlib import Path
import torch
torch.set_num_threads(1)
sys.path.insert(0, sys.argv[1])
from support.optim import OPTIMIZERS, Watched, objective, paint
from impasto.optim import Checkpoint

def watch(progress):
    if progress.stage == 2 and progress.step >= 6:
        os.kill(os.getpid(), signal.SIGKILL)

paint(Watched(objective()), optimiser=OPTIMIZERS[sys.argv[3]](), watch=watch,
      checkpoint=Checkpoint(Path(sys.argv[2]), every=4, key="a"))
"""


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="this system has no SIGKILL")
@pytest.mark.parametrize("optimiser", OPTIMIZERS)
def test_a_process_that_is_killed_goes_on_in_another(optimiser: str, tmp_path: Path) -> None:
    path = tmp_path / "run.safetensors"
    here = str(Path(__file__).parents[1])
    source = str(Path(optim.__file__).parents[2])
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, here, str(path), optimiser],
        env={**os.environ, "PYTHONPATH": source, "OMP_NUM_THREADS": "1"},
        check=False,
        capture_output=True,
        text=True,
    )
    assert done.returncode == -signal.SIGKILL, done.stderr
    already = saved_evaluations(path)
    assert already >= 12
    found, count = resume(path, optimiser)
    unbroken = paint(Watched(objective()), optimiser=OPTIMIZERS[optimiser]())
    assert torch.equal(found.picture, unbroken.picture)
    assert count == unbroken.evaluations - already


def left_over(path: Path, key: str = "a") -> None:
    """A checkpoint of a run that was killed."""
    with pytest.raises(Killed):
        paint(Watched(objective()), checkpoint=Checkpoint(path, every=5, key=key), watch=kill_at(22))
    assert files.load_checkpoint(path)[1]["stage"] == 1


def refusal(act: Callable[[], object]) -> str:
    with pytest.raises(InputError) as caught:
        act()
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_a_checkpoint_of_another_run_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "run.safetensors"
    left_over(path, key="b")
    message = refusal(lambda: resume(path, "lbfgs"))
    assert str(path) in message
    assert "other settings" in message


def test_a_damaged_checkpoint_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "run.safetensors"
    left_over(path)
    whole = path.read_bytes()
    for damaged in (b"", whole[:100], whole[: len(whole) // 2], whole[:-1], b"\0" * 64):
        path.write_bytes(damaged)
        assert str(path) in refusal(lambda: resume(path, "lbfgs"))


def test_a_checkpoint_that_does_not_fit_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "run.safetensors"
    left_over(path)
    assert "does not fit" in refusal(lambda: resume(path, "adam"))
    assert "does not fit" in refusal(lambda: resume(path, "lbfgs", schedule=(TWO[0],)))
    other = (TWO[0], Stage((24, 29), 12))
    assert "does not fit" in refusal(lambda: resume(path, "lbfgs", schedule=other))


def test_without_resume_a_checkpoint_is_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "run.safetensors"
    left_over(path, key="b")
    checkpoint = Checkpoint(path, every=5, key="a")
    found = paint(checkpoint=checkpoint)
    assert torch.equal(found.picture, paint().picture)
    assert files.load_checkpoint(path)[1]["key"] == "a"


def test_a_finished_run_taken_up_again_is_finished_at_once(tmp_path: Path) -> None:
    path = tmp_path / "run.safetensors"
    unbroken = paint(checkpoint=Checkpoint(path, every=1, key="a"))
    found, count = resume(path, "lbfgs")
    assert count == 0
    assert torch.equal(found.picture, unbroken.picture)
