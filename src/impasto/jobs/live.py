"""Settings of ``live``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from impasto.jobs import base
from impasto.jobs.base import Job, NetworkName, Precision, option, parse_size


@dataclass(frozen=True)
class LiveJob(Job):
    """Stylize a camera, a stream or a video live."""

    verb: ClassVar[str] = "live"

    styles: tuple[str, ...] = option(text="Learned styles, or style images; the page switches between them.")
    source: str = option(
        "0", "Camera index, device, URL of a stream, video file, or folder of numbered images."
    )
    fps: float = option(
        25.0, "Target frame rate, in frames/s; frames are reduced in size to reach it.", least=0.1, most=240
    )
    size: int | str | None = option(None, base.SIZE + " Default: adapted to the frame rate.", flag="-s")
    strength: float = option(1.0, base.STRENGTH)
    consistency: float = option(0.75, base.CONSISTENCY, least=0, most=1)
    network: NetworkName | None = option(None, base.NETWORK)
    port: int = option(
        8765,
        "Port of the web page, on this machine only.",
        least=0,
        most=65535,
    )
    precision: Precision = option("auto", base.PRECISION)
    device: str = option("auto", base.DEVICE, flag="-d")

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "size", parse_size(self.size))
