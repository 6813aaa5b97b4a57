"""Live stylization of a camera, a stream or a video."""

from __future__ import annotations

from impasto.live.player import VideoFile, play

__all__ = ["VideoFile", "play"]
