"""Filters of FFmpeg."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from typing import Any

import av
import av.filter


class Filter:
    """A filter with an input for frames of the size and format of each of the examples."""

    def __init__(self, name: str, options: str, *examples: av.VideoFrame) -> None:
        self._graph: Any = av.filter.Graph()
        made = self._graph.add(name, options)
        self._inputs = []
        for place, example in enumerate(examples):
            source = self._graph.add_buffer(
                width=example.width,
                height=example.height,
                format=example.format,
                time_base=example.time_base or Fraction(1, 25),
            )
            source.link_to(made, 0, place)
            self._inputs.append(source)
        made.link_to(self._graph.add("buffersink"))
        self._graph.configure()

    def push(self, frame: av.VideoFrame | None, *, place: int = 0) -> None:
        """Push a frame, or None at the end, into an input."""
        self._inputs[place].push(frame)

    def pull(self) -> Iterator[Any]:
        """Yield the frames that are ready."""
        while True:
            try:
                yield self._graph.vpull()
            except (av.BlockingIOError, av.EOFError):
                return
