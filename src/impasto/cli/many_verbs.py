"""``impasto batch`` and ``impasto augment``: many pictures, and a line at the end that says how it went."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from impasto.cli.options import AsJson, Debug, Quiet
from impasto.cli.say import clock, say, tell
from impasto.errors import InputError
from impasto.jobs.base import SEED

Engine = Literal["local", "ray"]
Layout = Literal["coco", "bdd", "cityscapes", "kitti"]
_Workers = Annotated[int | None, typer.Option(help="Jobs at a time. Default: by cores and memory.")]
_Retry = Annotated[bool, typer.Option("--retry-errors", help="Try again what failed the last time.")]
_Overwrite = Annotated[
    bool, typer.Option("--overwrite", help="Replace files of other settings, or that are not of this batch.")
]
_Address = Annotated[str | None, typer.Option(help="Of a Ray cluster: 'auto', or HOST:PORT.")]
_EngineOption = Annotated[Engine, typer.Option(help="'local' is processes on this machine, 'ray' a cluster.")]


def batch(
    source: Annotated[
        str,
        typer.Argument(
            help="A folder, a quoted pattern, or a .jsonl file of jobs: stylize, photoreal, dream, video, "
            "learn, compare, measure, layers.",
            show_default=False,
        ),
    ],
    *,
    out: Annotated[Path, typer.Option("--out", "-o", help="The folder to write into.")],
    style: Annotated[
        list[str] | None, typer.Option(help="Of a folder: a painting or a learned style; may be repeated.")
    ] = None,
    option: Annotated[
        list[str] | None,
        typer.Option("--set", help="Of a folder: a setting of stylize, as strength=0.5; may be repeated."),
    ] = None,
    engine: _EngineOption = "local",
    address: _Address = None,
    workers: _Workers = None,
    retry_errors: _Retry = False,
    overwrite: _Overwrite = False,
    quiet: Quiet = False,
    json_: AsJson = False,
    debug: Debug = False,
) -> None:
    """Do many jobs: what is done is skipped, what cannot be done is a row of the manifest."""
    from impasto.batch import passed_over, run

    settings: dict[str, Any] = dict(_setting(text) for text in option or ())
    if style:
        settings["styles"] = style
    if passed := passed_over(source):
        tell(passed)
    with _stopping():
        outcome = run(
            source,
            out,
            settings=settings,
            engine=engine,
            workers=workers,
            address=address,
            retry_errors=retry_errors,
            overwrite=overwrite,
            told=None if quiet else _Teller(),
        )
    _end(outcome, as_json=json_)


def augment(
    dataset: Annotated[
        Path, typer.Argument(help="A data set in the layout of COCO, BDD, Cityscapes or KITTI.")
    ],
    *,
    looks: Annotated[Path, typer.Option(help="A folder of learned styles and saved .look files.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="The folder to write into.")],
    layout: Annotated[Layout | None, typer.Option(help="Default: by the folders that are there.")] = None,
    seed: Annotated[int, typer.Option(help=SEED)] = 0,
    strength: Annotated[str, typer.Option(help="Between which two it is drawn.")] = "0.4,1",
    verify: Annotated[
        bool, typer.Option("--verify", help="Prove that no picture moved and no label changed.")
    ] = False,
    reproduce: Annotated[
        Path | None,
        typer.Option(help="Paint the pictures of this manifest again, and compare them bit for bit."),
    ] = None,
    no_gate: Annotated[
        bool, typer.Option("--no-gate", help="Let in also what clips, has halos, or hides what is labelled.")
    ] = False,
    engine: _EngineOption = "local",
    address: _Address = None,
    workers: _Workers = None,
    retry_errors: _Retry = False,
    overwrite: _Overwrite = False,
    quiet: Quiet = False,
    json_: AsJson = False,
    debug: Debug = False,
) -> None:
    """Paint a data set in other looks, each picture in one of its own; labels stay as they are."""
    from impasto.batch import augmenting, verifying

    told = None if quiet else _Teller()
    if reproduce is not None:
        different = verifying.reproduce(reproduce, out, told=told)
        if different:
            raise InputError(f"{len(different)} pictures came out differently: {', '.join(different[:5])}")
        say(json.dumps({"different": []}) if json_ else "every picture came out the same, bit for bit")
        return
    between = _two(strength)
    with _stopping():
        outcome = augmenting.augment(
            dataset,
            out,
            looks_in=looks,
            layout=layout,
            seed=seed,
            strength=between,
            engine=engine,
            workers=workers,
            address=address,
            retry_errors=retry_errors,
            gate=not no_gate,
            overwrite=overwrite,
            told=told,
        )
    if outcome.turned and not quiet:
        tell(
            f"{outcome.turned} photos are stored turned (EXIF): they are painted upright, and turned again "
            f"with the same mark, so that labels fit as before"
        )
    if verify:
        _verify(dataset, out, quiet=quiet)
    _end(outcome, as_json=json_)


def _two(strength: str) -> tuple[float, float]:
    low, _, high = strength.partition(",")
    try:
        return float(low), float(high or low)
    except ValueError:
        raise InputError(f"--strength {strength} is not two numbers: write them as 0.4,1") from None


def _verify(dataset: Path, out: Path, *, quiet: bool) -> None:
    """Says that geometry and labels are unchanged, or what is wrong."""
    from impasto.batch import verifying

    if faults := verifying.verify(dataset, out):
        for fault in faults[:-1]:
            tell(f"impasto: {fault}")
        raise InputError(faults[-1])
    if not quiet:
        tell("verified: no picture moved, and everything else is a copy, byte for byte")


@contextmanager
def _stopping() -> Iterator[None]:
    """Ctrl-C ends the batch, what is done stays done; what an engine prints by itself is no result."""
    try:
        with redirect_stdout(sys.stderr):  # Ray tells there of a worker that died
            yield
    except KeyboardInterrupt:
        tell("stopped: what is done stays; repeat the command to go on")
        raise typer.Exit(130) from None


def _setting(text: str) -> tuple[str, Any]:
    name, mark, value = text.partition("=")
    if not mark:
        raise InputError(f"--set {text} is not a setting: write it as strength=0.5")
    try:
        return name.replace("-", "_"), json.loads(value)
    except ValueError:
        return name.replace("-", "_"), value


class _Teller:
    """Says a line a job: how many of all have ended, what came of it, and the time left."""

    def __init__(self) -> None:
        self.begun, self.carried_out = time.monotonic(), 0

    def __call__(self, row: dict[str, Any], count: int, total: int | None) -> None:
        """One row; see :func:`impasto.batch.run`."""
        what = row.get("error") or f"{row.get('seconds', 0):.1f} s"
        self.carried_out += "seconds" in row  # what was skipped or refused took no time
        left = ""
        if total is not None and count < total and self.carried_out:
            pace = (time.monotonic() - self.begun) / self.carried_out
            left = f"; {clock(pace * (total - count))} left"
        whole = "" if total is None else f" of {total}"
        tell(f"{count}{whole}: {row['output'] or row['origin']}: {what}{left}")


def _end(outcome: Any, *, as_json: bool) -> None:
    told = {
        "done": outcome.done,
        "skipped": outcome.skipped,
        "failed": outcome.failed,
        "rejected": outcome.rejected,
        "manifest": str(outcome.manifest),
    }
    if as_json:
        say(json.dumps(told))
    else:
        rejected = f", {outcome.rejected} rejected (report.html shows them)" if outcome.rejected else ""
        say(f"{outcome.done} done, {outcome.skipped} skipped, {outcome.failed} failed{rejected}")
    if outcome.failed:
        again = "; --retry-errors tries again" if outcome.failed > outcome.unusable else ""
        raise InputError(f"{outcome.failed} jobs failed: {outcome.manifest} says why{again}")
