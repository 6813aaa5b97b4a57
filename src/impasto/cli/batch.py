"""``impasto batch`` and ``impasto augment``: many images, with a summary at the end."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, redirect_stdout
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from impasto.cli.options import CommonOptions, Showing, Watching, expand_dataclasses
from impasto.cli.say import say, tell
from impasto.errors import InputError, OutputError
from impasto.jobs import Job, StylizeJob, VideoJob
from impasto.jobs.base import SEED, EngineName, LayoutName, key_of, option, parse_range, pluralize
from impasto.session import clock
from impasto.verbs.run import stems, suffix_of

if TYPE_CHECKING:
    from impasto.batching import Task

TURNED = (
    "{} with an EXIF orientation: processed upright and stored with the same orientation, so that labels "
    "still fit"
)


@dataclass(frozen=True)
class Spreading:
    """How the jobs of a batch are run; the names are those of :class:`impasto.keywords.RunOptions`."""

    engine: EngineName = option("local", "'local': processes on this machine, 'ray': a cluster.")
    address: str | None = option(None, "Address of a Ray cluster: 'auto' or HOST:PORT.")
    workers: int | None = option(None, "Number of parallel jobs. Default: by cores and memory.")
    retry_errors: bool = option(False, "Retry jobs that failed in an earlier run.")
    overwrite: bool = option(False, "Replace files made with other settings or not by this batch.")


@expand_dataclasses
def batch(
    source: Annotated[
        str,
        typer.Argument(
            help="Folder, quoted pattern, or .jsonl file of jobs: stylize, photoreal, dream, video, "
            "learn, compare, measure, layers.",
            show_default=False,
        ),
    ],
    *,
    out: Annotated[Path, typer.Option("--out", "-o", help="Output folder.")],
    style: Annotated[
        list[str] | None, typer.Option(help="Style image or learned style for a folder; may be repeated.")
    ] = None,
    given: Annotated[
        list[str] | None,
        typer.Option("--set", help="Setting of stylize for a folder, e.g. strength=0.5; may be repeated."),
    ] = None,
    how: Spreading,
    showing: Showing,
) -> None:
    """Run many jobs: finished ones are skipped, failed ones are recorded in the manifest."""
    settings: dict[str, Any] = dict(_setting(text) for text in given or ())
    if style:
        settings["styles"] = style
    _batch(source, out, settings, how, showing)


def is_several(job: Job) -> bool:
    """Return whether a job is given a folder or pattern of photos, or a folder of videos."""
    if isinstance(job, VideoJob):
        from impasto.batching import clips

        return bool(clips(job.film))
    if not isinstance(job, StylizeJob):
        return False
    path = Path(job.content)
    return path.is_dir() or (any(sign in job.content for sign in "*?[") and not path.exists())


def run_several(job: Job, given: CommonOptions) -> None:
    """Stylize a folder of photos or videos, as ``batch`` does with the same settings.

    Raises:
        InputError: there are no photos, an option is for a single photo, or a photo cannot be used.
        OutputError: the output folder cannot be written to.
    """
    if given.watching != Watching() or given.again.restart:
        raise InputError(
            "--preview, --save-every, --resume and --restart are for one photo or video: repeat the command "
            "to resume"
        )
    source, out = job.inputs()[0], given.place.out
    if out is None and not Path(source).is_dir():
        raise InputError(f"{source} matches several photos: give a folder for the results with --out")
    usual = {key_of(item): item.default for item in fields(job)}
    own = {k: v for k, v in job.settings().items() if v != usual[k] and v != source}
    folder = Path(source) if Path(source).name not in ("", "..") else Path(source).resolve()
    out = out or folder.with_name(f"{folder.name}-{stems(own.get('styles', ()))}")
    if out.is_file() or (not out.exists() and out.suffix):
        raise OutputError(f"{out} is the name of a file: for several results, --out must be a folder")
    how = Spreading(overwrite=given.place.overwrite)
    if isinstance(job, VideoJob):
        _batch(_of_clips(job, own), out, {}, how, given.showing)
    else:
        _batch(source, out, own, how, given.showing)


def _of_clips(job: VideoJob, settings: dict[str, Any]) -> list[Task]:
    """Return a task for each video of a folder."""
    from impasto import batching

    if job.processed:
        raise InputError(f"{job.film} is a folder of videos, and --processed is for one: give one video")
    found = batching.stems(batching.clips(job.film))
    tasks = []
    for clip, name in found.items():
        suffix = suffix_of(replace(job, film=str(clip)))
        one = {**settings, "film": str(clip)}
        tasks.append(batching.task("video", one, f"{name}{suffix}", origin=str(clip)))
    return tasks


def _batch(
    source: str | list[Task],
    out: Path,
    settings: dict[str, Any],
    how: Spreading,
    showing: Showing,
) -> None:
    """Run a batch and print its summary."""
    from impasto.batching import non_image_message, run

    if isinstance(source, str) and (passed := non_image_message(source)):
        tell(passed)
    total = None if isinstance(source, str) else len(source)
    on_row = _Teller(quiet=showing.quiet)
    with _stopping():
        outcome = run(source, out, settings=settings, total=total, on_row=on_row, **asdict(how))
    _end(outcome, as_json=showing.json)


@expand_dataclasses
def augment(
    dataset: Annotated[
        Path, typer.Argument(help="Data set in the layout of COCO, BDD, Cityscapes or KITTI.")
    ],
    *,
    looks: Annotated[Path, typer.Option(help="Folder of learned styles and saved .look files.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="Output folder.")],
    layout: Annotated[LayoutName | None, typer.Option(help="Default: detected from the folders.")] = None,
    seed: Annotated[int, typer.Option(help=SEED)] = 0,
    strength: Annotated[str, typer.Option(help="Range from which the strength is drawn.")] = "0.4,1",
    verify: Annotated[
        bool, typer.Option("--verify", help="Verify that no image moved and no label changed.")
    ] = False,
    reproduce: Annotated[
        Path | None,
        typer.Option(help="Recreate the images of this manifest, and compare them bit for bit."),
    ] = None,
    no_gate: Annotated[
        bool, typer.Option("--no-gate", help="Accept results that clip, have halos or hide labeled objects.")
    ] = False,
    how: Spreading,
    showing: Showing,
) -> None:
    """Augment a data set: apply a random look to each image, and keep the labels."""
    from impasto.augmentation import augment
    from impasto.augmentation import verify as checks

    on_row = _Teller(quiet=showing.quiet)
    if reproduce is not None:
        _end_reproduction(checks.reproduce(reproduce, out, on_row=on_row), as_json=showing.json)
        return
    settings: dict[str, Any] = {"looks_in": looks, "layout": layout, "seed": seed, "gate": not no_gate}
    settings |= {"strength": parse_range("--strength", strength), "on_row": on_row, **asdict(how)}
    with _stopping():
        outcome = augment.augment(dataset, out, **settings)
    if outcome.turned and not showing.quiet:
        tell(TURNED.format(pluralize(outcome.turned, "photo")))
    if verify:
        _verify(dataset, out, quiet=showing.quiet)
    _end(outcome, as_json=showing.json)


def _end_reproduction(different: Sequence[str], *, as_json: bool) -> None:
    if different:
        raise InputError(
            f"{pluralize(len(different), 'image')} not as in the manifest: {', '.join(different[:5])}"
        )
    say(json.dumps({"different": []}) if as_json else "all images are identical, bit for bit")


def _verify(dataset: Path, out: Path, *, quiet: bool) -> None:
    """Print that geometry and labels are unchanged, or raise an error that says what is wrong."""
    from impasto.augmentation import verify

    if faults := verify.verify(dataset, out):
        for fault in faults[:-1]:
            tell(f"impasto: {fault}")
        raise InputError(faults[-1])
    if not quiet:
        tell("verified: no image moved, and all other files are identical, byte for byte")


@contextmanager
def _stopping() -> Iterator[None]:
    """Exit with status 130 on Ctrl-C; redirect what the engine prints to standard error."""
    try:
        with redirect_stdout(sys.stderr):  # Ray reports dead workers on stdout
            yield
    except KeyboardInterrupt:
        tell("stopped: finished jobs are kept; repeat the command to resume")
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
    """Progress output: one line per job with the count, its result and the time left; or only the errors."""

    def __init__(self, *, quiet: bool) -> None:
        self.begun, self.carried_out, self.quiet = time.monotonic(), 0, quiet

    def __call__(self, row: dict[str, Any], count: int, total: int | None) -> None:
        """Print one row; see :func:`impasto.batching.run`."""
        what = row.get("error") or f"{row.get('seconds', 0):.1f} s"
        self.carried_out += "seconds" in row  # skipped and refused jobs take no time
        if self.quiet and "error" not in row:
            return
        left = ""
        if total is not None and count < total and self.carried_out:
            pace = (time.monotonic() - self.begun) / self.carried_out
            left = f"; {clock(pace * (total - count))} left"
        whole = "" if total is None else f" of {total}"
        tell(f"{count}{whole}: {row['output'] or row['origin']}: {what}{left}")


def _end(outcome: Any, *, as_json: bool) -> None:
    summary = {
        "done": outcome.done,
        "skipped": outcome.skipped,
        "failed": outcome.failed,
        "rejected": outcome.rejected,
        "manifest": str(outcome.manifest),
    }
    if as_json:
        say(json.dumps(summary))
    else:
        rejected = f", {outcome.rejected} rejected (report.html shows them)" if outcome.rejected else ""
        say(f"{outcome.done} done, {outcome.skipped} skipped, {outcome.failed} failed{rejected}")
    if outcome.failed:
        again = "; --retry-errors retries them" if outcome.failed > outcome.unusable else ""
        failed = pluralize(outcome.failed, "job")
        raise InputError(f"{failed} failed: see {outcome.manifest} for the reasons{again}")
