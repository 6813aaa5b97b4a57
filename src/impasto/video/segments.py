"""Writing of a video in parts, so that a killed run loses no more than its current part.

Each part is a video file of its own beside the target; the last step joins their packets with those of the
sound. Parts are deleted only after the finished video is in place: a run that is killed while joining joins
again. An uninterrupted run writes the same parts, so the results are equal.
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
PICTURES = (".gif", ".webp", "")  # targets of images; "" is a folder
LOSSLESS = "libx264rgb"
PLACING = "placing"  # file with the key of the run that is moving its video into place
STATE = "state"  # file with the number of finished frames and the state for the next one


def parts_of(target: Path) -> Path:
    """Return the folder for the parts of a video."""
    return target.with_name(target.name + ".parts")


def check_target(target: Path, *, overwrite: bool, key: str | None = None) -> None:
    """Check before long work that a video can be written to ``target``.

    An output of a run that was killed before it deleted its parts may be replaced by a run with the same
    ``key``, or if ``key`` is None.

    Raises:
        OutputError: the suffix is not supported, the target exists, or its folder cannot be written to.
    """
    suffix, sign = target.suffix.lower(), parts_of(target) / PLACING
    if sign.is_file() and key in (None, sign.read_text(encoding="utf-8")):
        overwrite = True
    if suffix not in CODECS and suffix not in PICTURES:
        names = ", ".join([*CODECS, ".gif", ".webp"])
        raise OutputError(
            f"cannot write {target}: its suffix must be one of {names}, or none for a folder of images"
        )
    if suffix or not target.is_dir():
        files.check_output(target, overwrite=overwrite)
    elif any(target.iterdir()) and not overwrite:
        raise OutputError(f"{target} is not empty: choose another folder, or allow --overwrite")


@dataclass
class Segments:
    """Parts of a video in progress.

    Args:
        target: the output video; without a suffix, a folder of numbered images.
        key: identity of the run: it resumes from parts with the same key, and refuses others.
        size: (height, width) of the frames.
        restart: discard existing parts.
        length: frames per part.
        rate: mean frame rate.

    Raises:
        InputError: there are parts of another run, or parts are missing.
    """

    target: Path
    key: str
    size: tuple[int, int]
    restart: bool = False
    length: int = PART_FRAMES
    rate: Fraction = USUAL
    frames: int = 0  # in finished parts
    bytes: int = 0  # size of finished parts
    _writer: FilmWriter | None = field(default=None, repr=False)
    _state: dict[str, NDArray[Any]] = field(default_factory=dict, repr=False)
    _ends: Fraction = field(default=Fraction(0), repr=False)  # end time of the newest frame

    def __post_init__(self) -> None:
        record = self.folder / STATE
        if self.restart or not record.exists():
            forget(self.folder)  # parts without a state are unusable
            return
        tensors, meta = files.load_arrays(record)
        if meta.get("key") != self.key:
            raise InputError(
                f"{self.folder} holds partial work of a run with other settings: repeat those to resume, or "
                f"discard it with --restart"
            )
        self.frames, self.bytes = int(meta["frames"]), int(meta["bytes"])
        self._state = dict(tensors)
        if sum(path.stat().st_size for path in self.parts) != self.bytes:
            raise InputError(
                f"{self.folder} lacks a part, or has a changed one: discard its work with --restart"
            )

    @property
    def folder(self) -> Path:
        """Folder of the parts."""
        return parts_of(self.target)

    @property
    def state(self) -> dict[str, NDArray[Any]]:
        """State given with the last finished part."""
        return {k: v for k, v in self._state.items() if k != "none"}

    @property
    def waiting(self) -> int:
        """Number of frames in the unfinished part."""
        return 0 if self._writer is None else self._writer.frames

    @property
    def full(self) -> bool:
        """Whether :meth:`finish_part` is due."""
        return self.waiting >= self.length

    def write(self, rgb: Bytes, time: Fraction, duration: Fraction) -> None:
        """Write a frame that is shown for ``duration`` seconds.

        Raises:
            OutputError: the disk is full or unavailable.
        """
        if self._writer is None:
            codec = CODECS.get(self.target.suffix.lower(), LOSSLESS)
            self.folder.mkdir(parents=True, exist_ok=True)  # not before there is a frame
            path = self._part(self.frames)
            self._writer = FilmWriter(path, self.size, suffix=PARTS, codec=codec, rate=self.rate)
        self._writer.write(rgb, time, duration)
        self._ends = time + duration

    def finish_part(self, state: State) -> None:
        """End the part, and save it with the state for the next frame."""
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
        """Close a part that will not be finished."""
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
        """Write the video with the sound of ``source``, and delete the parts.

        Raises:
            OutputError: it cannot be written; the parts are kept.
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
        """Paths of finished parts, without one that a kill left unfinished."""
        found = sorted(self.folder.glob(f"*{PARTS}"))
        return [path for path in found if int(path.stem) < self.frames]

    def _part(self, first: int) -> Path:
        return self.folder / f"{first:09d}{PARTS}"


@dataclass(frozen=True)
class Whole:
    """A video to join from parts.

    Args:
        target: the output video; without a suffix, a folder of numbered images.
        size: (height, width) of the frames.
        spans: spans of the source that the parts show.
        recipe: recipe for the metadata.
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
        """Join the parts, in this order, with the sound of ``source``.

        ``placing`` is called when everything is written, before it is moved to the target.

        Raises:
            OutputError: the video cannot be written; the parts are kept.
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
        """Return the stems of the source images, if the source is a folder and one span of it is used."""
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
        """Yield all frames of lossless parts."""
        for path in parts:
            with av.open(str(path)) as part:
                for frame in part.decode(video=0):
                    assert frame.pts is not None and frame.time_base is not None
                    rgb = frame.to_ndarray(format="rgb24")[: self.size[0], : self.size[1]]
                    yield np.ascontiguousarray(rgb, np.uint8), frame.pts * Fraction(frame.time_base)


def forget(folder: Path) -> None:
    """Delete parts, the state first, so that a kill in between leaves nothing to resume from."""
    (folder / STATE).unlink(missing_ok=True)
    if folder.exists():
        shutil.rmtree(folder)


def _pictures(parts: Sequence[Path], wait: Fraction) -> Iterator[Any]:
    """Yield the packets of all parts, each with a duration until the next, the last with ``wait`` seconds."""
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
    """Return the duration of the last frame in seconds, from the state of the parts."""
    _, meta = files.load_arrays(parts[-1].parent / STATE)
    last = Fraction(0)
    for packet in _packets(parts[-1:]):
        last = packet.pts * packet.time_base
    return max(Fraction(1, CLOCK), Fraction(str(meta["ends"])) - last)


def _forget_after(written: set[str], folder: Path) -> None:
    """Delete numbered images that a longer video left in a folder; keep files with other names."""
    alike = {re.sub(r"\d", "#", name) for name in written}  # a date differs in its number of digits
    last = max(map(_numbers, written))
    for path in folder.iterdir():
        other = re.sub(r"\d", "#", path.name) not in alike
        if path.name not in written and not other and _numbers(path.name) > last:
            path.unlink()


def _numbers(name: str) -> list[int]:
    return [int(digits) for digits in re.findall(r"\d+", name)]
