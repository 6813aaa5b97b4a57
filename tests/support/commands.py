"""The script ``docs/build/commands.py`` as a module."""

from __future__ import annotations

import importlib.util
from pathlib import Path

ROOT = Path(__file__).parents[2]
_spec = importlib.util.spec_from_file_location("commands", ROOT / "docs" / "build" / "commands.py")
assert _spec and _spec.loader
commands = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(commands)
