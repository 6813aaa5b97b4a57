"""Chromium, for the tests of web pages."""

from __future__ import annotations

import importlib
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
REQUIRED = os.environ.get("IMPASTO_BROWSER") == "required"
# Where a browser is required, its absence is an error and no skip.
playwright = (importlib.import_module if REQUIRED else pytest.importorskip)("playwright.sync_api")
MARKS = [
    pytest.mark.skipif(BROWSER is None and not REQUIRED, reason="no Chromium here to try the page in"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]
WAIT = 240_000  # milliseconds
CAMERA = ("--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream")


@contextmanager
def chromium(*arguments: str) -> Iterator[Any]:
    """Start Chromium with a camera that shows a test pattern."""
    assert BROWSER is not None, "Chromium is required here, and was not found"
    with playwright.sync_playwright() as play:
        opened = play.chromium.launch(executable_path=BROWSER, args=["--no-sandbox", *CAMERA, *arguments])
        yield opened
        opened.close()
