"""``impasto replay``, ``demo`` and ``doctor``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from impasto.cli.options import OUT, Overwrite, Reporting, Showing, expand_dataclasses
from impasto.cli.say import USAGE, say, say_paths
from impasto.session import Session

Size = Annotated[int, typer.Option("--size", "-s", help="Long side in pixels.")]


@expand_dataclasses
def replay(
    picture: Annotated[Path, typer.Argument(help="Image or video written by impasto.", show_default=False)],
    *,
    out: Annotated[Path | None, typer.Option("--out", "-o", help=OUT)] = None,
    search: Annotated[
        list[Path] | None, typer.Option(help="Folder to search for the inputs; may be repeated.")
    ] = None,
    overwrite: Overwrite = False,
    showing: Showing,
) -> None:
    """Recreate an image or video from the recipe in its metadata."""
    from impasto import files
    from impasto.cli import progress
    from impasto.verbs.replay import run_again

    search = [
        Path(part) for name in search or () for part in ([name] if name.exists() else str(name).split(","))
    ]
    target = out or picture.parent / f"{picture.stem}-replay{picture.suffix}"
    files.protect_inputs(target, (picture,))
    files.check_output(target, overwrite=overwrite)
    with progress.progress_bar(target.name, quiet=showing.quiet) as bar:
        session = Session(watch=bar.watch, on_progress=bar.film, overwrite=overwrite)
        outcome = run_again(picture, target, search=search, session=session)
    if showing.json or not showing.quiet:
        say(json.dumps(outcome.facts) if showing.json else outcome.text)


@expand_dataclasses
def demo(
    *,
    out: Annotated[Path, typer.Option("--out", "-o", help=OUT)] = Path("demo"),
    size: Size = 384,
    showing: Showing,
) -> None:
    """Stylize two sample photos, one also with two styles at once, and a video; combine them on one sheet."""
    from impasto.cli import progress
    from impasto.verbs import demo

    with progress.progress_bar("demo", quiet=showing.quiet) as bar:
        say_paths(demo.demo(out, size=size, watch=bar.watch), as_json=showing.json)


@expand_dataclasses
def doctor(
    *,
    licenses: Annotated[
        bool, typer.Option("--licenses", help="List weights, styles, samples and codecs with their licenses.")
    ] = False,
    showing: Reporting,
) -> None:
    """Report memory, devices, weights, styles and extras, and what to fix."""
    from impasto.verbs import doctor

    if licenses:
        _say_licenses(as_json=showing.json)
        return
    found = doctor.examine()
    if showing.json:
        say(json.dumps({**found.facts, "mend": list(found.mend)}))
    else:
        for topic, facts in found.facts.items():
            say(topic)
            for name, fact in facts.items():
                shown = ("yes" if fact else "no") if isinstance(fact, bool) else fact
                say(f"  {name.replace('_', ' '):28} {shown}")
        say("\n".join(["to fix", *(f"  {line}" for line in found.mend)] if found.mend else ["all is well"]))
    if found.mend:
        raise typer.Exit(USAGE)


def _say_licenses(*, as_json: bool) -> None:
    from dataclasses import asdict

    from impasto.verbs.licenses import licenses

    found = licenses()
    if as_json:
        say(
            json.dumps(
                {topic: {n: asdict(e) for n, e in entries.items()} for topic, entries in found.items()}
            )
        )
        return
    for topic, entries in found.items():
        say(topic)
        for name, entry in entries.items():
            told = ", ".join(text for text in (entry.license, entry.credit) if text)
            say(f"  {name:44} {entry.tier:24} {told}".rstrip())
