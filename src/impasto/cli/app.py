"""The web page: ``impasto app``, and ``impasto live`` without an output."""

from __future__ import annotations

import json
from typing import Annotated, Any

import typer

from impasto.cli.options import Reporting, expand_dataclasses
from impasto.cli.say import say, tell
from impasto.errors import InputError
from impasto.jobs import LiveJob, base
from impasto.verbs.run import Outcome


@expand_dataclasses
def studio(
    *,
    host: Annotated[str, typer.Option(help="Address to bind; 0.0.0.0 for the whole network.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port.")] = 7860,
    max_size: Annotated[int, typer.Option(help="Maximum long side of a result, in pixels.")] = 2048,
    max_megabytes: Annotated[int, typer.Option(help="Maximum size of an upload, in MB.")] = 200,
    max_pixels: Annotated[int, typer.Option(help=base.MAX_PIXELS)] = 60_000_000,
    max_uploads: Annotated[int, typer.Option(help="Maximum of stored files across all sessions.")] = 500,
    max_film: Annotated[float, typer.Option(help="Maximum length of a video, in seconds.")] = 120.0,
    max_minutes: Annotated[
        float, typer.Option(help="Time limit of a job, in minutes; its result so far is kept.")
    ] = 30.0,
    max_away: Annotated[
        float, typer.Option(help="Minutes a job runs on after its page is closed; a reload shows it again.")
    ] = 2.0,
    showing: Reporting,
) -> None:
    """Serve a web page on this machine to use impasto in a browser."""
    if not 1 <= port <= 65535:
        raise InputError(f"--port {port} is not between 1 and 65535")
    most: dict[str, float] = {
        "size": max_size,
        "megabytes": max_megabytes,
        "uploads": max_uploads,
        "pixels": max_pixels,
    }
    most |= {"film": max_film, "minutes": max_minutes, "away": max_away}
    for name, value in most.items():
        if not 0 < value < float("inf"):
            raise InputError(f"--max-{name} {value:g} must be above 0")
    from impasto.app.limits import Limits
    from impasto.app.serving import serve

    limits = Limits(
        megabytes=max_megabytes,
        uploads=max_uploads,
        pixels=max_pixels,
        side=max_size,
        film_seconds=max_film,
        run_seconds=max_minutes * 60,
        away_seconds=max_away * 60,
    )

    def ready(address: str) -> None:
        said = json.dumps({"address": address})
        say(said if showing.json else f"the page will be at {address} in a moment; press Ctrl-C to stop")

    serve(host, port, limits, ready=ready)


def watch(job: LiveJob) -> Outcome:
    """Show a live source on the page, until it ends or is interrupted."""
    from impasto import live
    from impasto.app.broadcast import Broadcast
    from impasto.app.serving import serve_during
    from impasto.verbs.live import outcome_of

    broadcast, found = Broadcast(job.styles), dict[str, Any]()

    def play(address: str) -> None:
        def announce() -> Broadcast:
            tell(f"live on {address}; press Ctrl-C to stop")
            return broadcast

        found.update(live.play(job, announce))

    serve_during(play, job.port, broadcast)
    return outcome_of(found, None)
