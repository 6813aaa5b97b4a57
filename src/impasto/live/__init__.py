"""Live stylization of a camera, a stream or a video."""

from __future__ import annotations

from impasto.live.player import VideoFile as VideoFile
from impasto.live.player import play as play
