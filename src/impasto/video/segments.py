"""A film written in parts, so that a killed run loses no more than the part it was in.

Each part is a film of its own beside the target; the last step joins their packets, and those of the sound.
The parts go when the film is whole and in its place, and not before: a run that is killed while it joins them
joins them again. A run that was never broken writes the same parts, so both end alike.
"""

from __future__ import annotations

import contextlib
import re
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray

from impasto import files
from impasto.errors import InputError, OutputError
from impasto.video.others import Others
from impasto.video.pictures import PictureReader, write_pictures
from impasto.video.reading import CLOCK, USUAL, FilmReader, exactly
from impasto.video.spans import WHOLE, Film, Span
from impasto.video.writing import CODECS, PARTS, FilmWriter, create, unwritten

Bytes = NDArray[np.uint8]
State = Mapping[str, NDArray[Any]]

PART_FRAMES = 240
PICTURES = (".gif", ".webp", "")  # targets that are pictures; "" is a folder of them
LOSSLESS = "libx264rgb"
PLACING = "placing"  # file that holds the key of the run whose film is being put into its place
STATE = "state"  # file that says which parts are whole, and what the next frame needs to know


def parts_of(target: Path) -> Path:
    """The folder in which the parts of a film lie."""
    return target.with_name(target.name + ".parts")


def check_target(target: Path, *, overwrite: bool, key: str | None = None) -> None:
    """Makes sure before long work that a film can be written at ``target``.

    What a run has put there that was killed before its parts were gone is no hindrance to its own ``key``; as
    long as none is known, to any.

    Raises:
        OutputError: its suffix is of no film, it exists, or its folder cannot be written to.
    """
    suffix, sign = target.suffix.lower(), parts_of(target) / PLACING
    if sign.is_file() and key in (None, sign.read_text(encoding="utf-8")):
        overwrite = True
    if suffix not in CODECS and suffix not in PICTURES:
        names = ", ".join([*CODECS, ".gif", ".webp"])
        raise OutputError(
            f"cannot write {target}: its suffix must be one of {names}, or none for a folder of pictures"
        )
    if suffix or not target.is_dir():
        files.check_output(target, overwrite=overwrite)
    elif any(target.iterdir()) and not overwrite:
        raise OutputError(f"{target} is a folder that is not empty: choose another, or allow --overwrite")


@dataclass
class Segments:
    """The parts of a film that is being painted.

    Args:
        target: the film to be; without a suffix, a folder of numbered pictures.
        key: what makes the run this run: parts that it left are gone on from, those of another refused.
        size: (height, width) of the frames.
        restart: throw parts away that are there.
        length: frames of a part.
        rate: frames a second, on average.

    Raises:
        InputError: there are parts of another run, or not all of this one's.
    """

    target: Path
    key: str
    size: tuple[int, int]
    restart: bool = False
    length: int = PART_FRAMES
    rate: Fraction = USUAL
    frames: int = 0  # in parts that are whole
    bytes: int = 0  # of the parts that are whole
    _writer: FilmWriter | None = field(default=None, repr=False)
    _state: dict[str, NDArray[Any]] = field(default_factory=dict, repr=False)
    _ends: Fraction = field(default=Fraction(0), repr=False)  # when the newest frame is no longer shown

    def __post_init__(self) -> None:
        record = self.folder / STATE
        if self.restart or not record.exists():
            forget(self.folder)  # without a state, nothing says what the parts are of
            return
        tensors, meta = files.load_arrays(record)
        if meta.get("key") != self.key:
            raise InputError(
                f"{self.folder} was left by a run with other settings: repeat those to go on, or throw its "
                f"work away with --restart"
            )
        self.frames, self.bytes = int(meta["frames"]), int(meta["bytes"])
        self._state = dict(tensors)
        if sum(path.stat().st_size for path in self.parts) != self.bytes:
            raise InputError(
                f"{self.folder} lacks a part, or has one changed: throw its work away with --restart"
            )

    @property
    def folder(self) -> Path:
        """Where the parts lie."""
        return parts_of(self.target)

    @property
    def state(self) -> dict[str, NDArray[Any]]:
        """What was given with the last whole part."""
        return {k: v for k, v in self._state.items() if k != "none"}

    @property
    def waiting(self) -> int:
        """Frames in the part that is not whole yet."""
        return 0 if self._writer is None else self._writer.frames

    @property
    def full(self) -> bool:
        """Whether :meth:`finish_part` is due."""
        return self.waiting >= self.length

    def write(self, rgb: Bytes, time: Fraction, duration: Fraction) -> None:
        """Writes a frame that is shown for ``duration`` seconds.

        Raises:
            OutputError: the disk is full, or gone.
        """
        if self._writer is None:
            codec = CODECS.get(self.target.suffix.lower(), LOSSLESS)
            self.folder.mkdir(parents=True, exist_ok=True)  # now that there is something to put in it
            path = self._part(self.frames)
            self._writer = FilmWriter(path, self.size, suffix=PARTS, codec=codec, rate=self.rate)
        self._writer.write(rgb, time, duration)
        self._ends = time + duration

    def finish_part(self, state: State) -> None:
        """Ends the part; with it goes what the next frame needs to know."""
        if self._writer is None:
            return
        writer, self._writer = self._writer, None
        writer.close()
        self.frames += writer.frames
        self.bytes += writer.path.stat().st_size
        kept = dict(state) or {"none": np.zeros(1, np.float32)}
        numbers: dict[str, files.JSON] = {"key": self.key, "frames": self.frames, "bytes": self.bytes}
        numbers["ends"] = str(self._ends)
        files.save_checkpoint(self.folder / STATE, kept, numbers)

    def abandon(self) -> None:
        """Lets go of a part that will not be finished."""
        if self._writer is not None:
            with contextlib.suppress(av.FFmpegError, OSError, OutputError):
                self._writer.container.close()

    def join(
        self,
        source: Film | None,
        *,
        spans: Sequence[Span] = WHOLE,
        overwrite: bool = False,
        recipe: str = "",
    ) -> None:
        """Puts the film together in its place, with the sound of ``source``; the parts go.

        Raises:
            OutputError: it cannot be written; the parts stay.
        """
        whole = Whole(self.target, self.size, spans=spans, recipe=recipe)
        sign = self.folder / PLACING
        known = sign.is_file() and sign.read_text(encoding="utf-8") == self.key

        def placing() -> None:
            check_target(self.target, overwrite=overwrite or known)
            sign.write_text(self.key, encoding="utf-8")

        whole.join(self.parts, source, overwrite=overwrite or known, placing=placing)
        forget(self.folder)

    @property
    def parts(self) -> list[Path]:
        """The whole ones; a part that a kill left unfinished begins where they end."""
        found = sorted(self.folder.glob(f"*{PARTS}"))
        return [path for path in found if int(path.stem) < self.frames]

    def _part(self, first: int) -> Path:
        return self.folder / f"{first:09d}{PARTS}"


@dataclass(frozen=True)
class Whole:
    """A film to be put together from parts.

    Args:
        target: the film; without a suffix, a folder of numbered pictures.
        size: (height, width) of the frames.
        spans: of the source that the parts show.
        recipe: what the film says of itself.
    """

    target: Path
    size: tuple[int, int]
    spans: Sequence[Span] = WHOLE
    recipe: str = ""

    def join(
        self,
        parts: Sequence[Path],
        source: Film | None,
        *,
        overwrite: bool = False,
        placing: Callable[[], None] = lambda: None,
    ) -> None:
        """Puts the parts into their place, in this order, with the sound of ``source``.

        ``placing`` is called when all is written, before any of it comes into its place.

        Raises:
            OutputError: the film cannot be written; the parts stay.
        """
        suffix, decoded = self.target.suffix.lower(), partial(self._decoded, parts)
        wait = _last_wait(parts)
        if suffix:
            with files.atomic(self.target, overwrite=overwrite) as temporary:
                if suffix in CODECS:
                    with unwritten(self.target):
                        self._join_packets(parts, source, temporary, wait)
                else:
                    write_pictures(temporary, suffix, decoded, wait=wait)
                placing()
            return
        made = parts[0].parent / "pictures"
        made.mkdir(exist_ok=True)
        write_pictures(made, suffix, decoded, wait=wait, names=self._names(source, parts))
        placing()
        self.target.mkdir(exist_ok=True)
        pictures = sorted(made.iterdir())
        for path in pictures:
            path.replace(self.target / path.name)
        _forget_after({path.name for path in pictures}, self.target)

    def _names(self, source: Film | None, parts: Sequence[Path]) -> list[str] | None:
        """What the frames of a folder were called, where one part of it was painted."""
        if not isinstance(source, PictureReader) or len(self.spans) > 1:
            return None
        start = exactly(self.spans[0].start)
        return source.names([p.pts * p.time_base + start for p in _packets(parts)])

    def _join_packets(self, parts: Sequence[Path], source: Film | None, place: Path, wait: Fraction) -> None:
        output = create(place, self.target.suffix.lower())
        try:
            with av.open(str(parts[0])) as part:
                stream = output.add_stream_from_template(part.streams.video[0])
            others = Others(source if isinstance(source, FilmReader) else None, output, spans=self.spans)
            if self.recipe:
                own = output.metadata.get("comment", "")
                output.metadata["comment"] = f"{own}\n{self.recipe}" if own else self.recipe
            for packet in _pictures(parts, wait):
                others.copy(until=packet.pts * packet.time_base)
                packet.dts, packet.stream = packet.pts, stream
                output.mux(packet)
            others.copy()
        finally:
            output.close()

    def _decoded(self, parts: Sequence[Path]) -> Iterator[tuple[Bytes, Fraction]]:
        """All frames, from parts in which nothing is lost."""
        for path in parts:
            with av.open(str(path)) as part:
                for frame in part.decode(video=0):
                    assert frame.pts is not None and frame.time_base is not None
                    rgb = frame.to_ndarray(format="rgb24")[: self.size[0], : self.size[1]]
                    yield np.ascontiguousarray(rgb, np.uint8), frame.pts * Fraction(frame.time_base)


def forget(folder: Path) -> None:
    """Removes parts; killed in between, it leaves none that would be gone on from."""
    (folder / STATE).unlink(missing_ok=True)
    if folder.exists():
        shutil.rmtree(folder)


def _pictures(parts: Sequence[Path], wait: Fraction) -> Iterator[Any]:
    """The packets of all parts, in order; each lasts until the next, the last so many seconds."""
    kept = None
    for packet in _packets(parts):
        if kept is not None:
            kept.duration = packet.pts - kept.pts
            yield kept
        kept = packet
    if kept is not None:
        kept.duration = max(1, round(wait / kept.time_base))
        yield kept


def _packets(parts: Sequence[Path]) -> Iterator[Any]:
    for path in parts:
        with av.open(str(path)) as part:
            yield from (packet for packet in part.demux(part.streams.video[0]) if packet.size)


def _last_wait(parts: Sequence[Path]) -> Fraction:
    """How long the last frame is shown, seconds, as the state beside the parts says."""
    _, meta = files.load_arrays(parts[-1].parent / STATE)
    last = Fraction(0)
    for packet in _packets(parts[-1:]):
        last = packet.pts * packet.time_base
    return max(Fraction(1, CLOCK), Fraction(str(meta["ends"])) - last)


def _forget_after(written: set[str], folder: Path) -> None:
    """What a longer film left in a folder of numbered pictures goes; files of other names stay."""
    alike = {re.sub(r"\d", "#", name) for name in written}  # a date has more digits than a number has
    last = max(map(_numbers, written))
    for path in folder.iterdir():
        other = re.sub(r"\d", "#", path.name) not in alike
        if path.name not in written and not other and _numbers(path.name) > last:
            path.unlink()


def _numbers(name: str) -> list[int]:
    return [int(digits) for digits in re.findall(r"\d+", name)]
