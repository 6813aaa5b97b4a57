"""``impasto app``: the page."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from impasto.cli.options import AsJson, Debug
from impasto.cli.say import say
from impasto.errors import InputError
from impasto.jobs import base


def studio(
    *,
    host: Annotated[
        str, typer.Option(help="Whom to listen to: this machine alone, or 0.0.0.0 for the whole network.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Of the page.")] = 7860,
    max_size: Annotated[int, typer.Option(help="Long side of what may be painted, pixels.")] = 2048,
    max_megabytes: Annotated[int, typer.Option(help="Of one upload.")] = 200,
    max_pixels: Annotated[int, typer.Option(help=base.MAX_PIXELS)] = 60_000_000,
    max_uploads: Annotated[int, typer.Option(help="Files that are kept at once, of all visits.")] = 500,
    max_film: Annotated[float, typer.Option(help="Length of a film, seconds.")] = 120.0,
    max_minutes: Annotated[float, typer.Option(help="For one painting; then what there is is kept.")] = 30.0,
    as_json: AsJson = False,
    debug: Debug = False,
) -> None:
    """Serve a page on this machine to paint with, in a browser."""
    if not 1 <= port <= 65535:
        raise InputError(f"--port {port} is not between 1 and 65535")
    most: dict[str, float] = {
        "size": max_size,
        "megabytes": max_megabytes,
        "uploads": max_uploads,
        "pixels": max_pixels,
    }
    most |= {"film": max_film, "minutes": max_minutes}
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
    )

    def ready(address: str) -> None:
        said = json.dumps({"address": address})
        say(said if as_json else f"the page will be at {address} in a moment; Ctrl-C ends it")

    serve(host, port, limits, ready=ready)
