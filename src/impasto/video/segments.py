"""A film written in parts, so that a killed run loses no more than the part it was in.

Each part is a film of its own beside the target; the last step joins their packets, copies the sound, and
deletes each part as soon as it is in. A run that was never broken writes the same parts, so both end alike.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray

from impasto import files
from impasto.errors import InputError, OutputError
from impasto.video.reading import FilmReader
from impasto.video.writing import CODECS, PARTS, FilmWriter, Others, create

Bytes = NDArray[np.uint8]
State = Mapping[str, NDArray[Any]]

PART_FRAMES = 240


@dataclass
class Segments:
    """The parts of a film that is being painted.

    Args:
        target: the film to be.
        key: what makes the run this run; parts of another are refused.
        size: (height, width) of the frames.
        resume: whether parts that are there are used; else they are removed.
    """

    target: Path
    key: str
    size: tuple[int, int]
    resume: bool = False
    length: int = PART_FRAMES
    frames: int = 0  # in parts that are whole
    _writer: FilmWriter | None = field(default=None, repr=False)
    _state: dict[str, NDArray[Any]] = field(default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        if self.target.suffix.lower() not in CODECS:
            raise OutputError(f"cannot write {self.target}: its suffix must be one of {', '.join(CODECS)}")
        if self.folder.exists() and not self.resume:
            shutil.rmtree(self.folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        record = self.folder / "state"
        if not record.exists():
            return
        tensors, meta = files.load_arrays(record)
        if meta.get("key") != self.key:
            raise InputError(
                f"{self.folder} was left by a run with other settings: repeat those to go on, "
                f"or leave out --resume"
            )
        self.frames = int(meta["frames"])
        self._state = dict(tensors)

    @property
    def folder(self) -> Path:
        """Where the parts lie."""
        return self.target.with_name(self.target.name + ".parts")

    @property
    def state(self) -> dict[str, NDArray[Any]]:
        """What was given with the last whole part."""
        return {k: v for k, v in self._state.items() if k != "none"}

    def write(self, rgb: Bytes, time: Fraction) -> bool:
        """Writes a frame; True if a part is full, and :meth:`finish_part` is due."""
        if self._writer is None:
            self._writer = FilmWriter(
                self._part(self.frames), self.size, suffix=PARTS, codec=CODECS[self.target.suffix.lower()]
            )
        self._writer.write(rgb, time)
        return self._writer.frames >= self.length

    def finish_part(self, state: State) -> None:
        """Ends the part; with it goes what the next frame needs to know."""
        if self._writer is None:
            return
        self._writer.close()
        self.frames += self._writer.frames
        self._writer = None
        kept = dict(state) or {"none": np.zeros(1, np.float32)}
        files.save_checkpoint(self.folder / "state", kept, {"key": self.key, "frames": self.frames})

    def join(
        self, source: FilmReader | None, target: Path, *, start: float = 0.0, end: float | None = None
    ) -> None:
        """Writes the film from its parts, with the sound of ``source`` if there is one; the parts go."""
        parts = sorted(self.folder.glob(f"*{PARTS}"))
        output = create(target, self.target.suffix.lower())
        stream, others = None, None
        for path in parts:
            with av.open(str(path)) as part:
                if stream is None:
                    stream = output.add_stream_from_template(part.streams.video[0])
                    others = Others(source, output, start=start, end=end)
                for packet in part.demux(part.streams.video[0]):
                    if packet.size:
                        packet.dts, packet.stream = packet.pts, stream
                        output.mux(packet)
            path.unlink()
        if others is not None:
            others.copy()
        output.close()
        shutil.rmtree(self.folder)

    def _part(self, first: int) -> Path:
        return self.folder / f"{first:09d}{PARTS}"
