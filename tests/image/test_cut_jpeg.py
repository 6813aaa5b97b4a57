"""A JPEG without its end marker is painted with a warning; one with missing pixels is refused."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from impasto import image
from impasto.errors import InputError

ROWS, COLUMNS = np.mgrid[:50, :70] / 16
SOFT = np.stack([np.sin(ROWS + c) * np.cos(COLUMNS - c) for c in range(3)], 2)
PHOTO = (
    (0.5 + 0.3 * SOFT + 0.05 * np.random.default_rng(1).standard_normal((50, 70, 3))).clip(0, 1) * 255
).astype(np.uint8)

KINDS: dict[str, tuple[str, dict[str, Any]]] = {
    "usual": ("RGB", {}),
    "grey": ("L", {}),
    "inks": ("CMYK", {}),
    "progressive": ("RGB", {"progressive": True}),
    "optimised": ("RGB", {"optimize": True, "subsampling": 0}),
    "restarts": ("RGB", {"restart_marker_blocks": 3}),
}


@pytest.mark.parametrize("kind", KINDS)
def test_a_jpeg_without_its_end(tmp_path: Path, kind: str, caplog: pytest.LogCaptureFixture) -> None:
    mode, options = KINDS[kind]
    path = tmp_path / "a.jpg"
    made = Image.fromarray(PHOTO).convert(mode)
    made.save(path, quality=90, **options)
    body, whole = path.read_bytes(), image.read(path).rgb
    assert body[-2:] == b"\xff\xd9" and not caplog.text
    for cut in (1, 2):
        path.write_bytes(body[:-cut])
        caplog.clear()
        with caplog.at_level(logging.WARNING):
            assert np.array_equal(image.read(path).rgb, whole)
        assert f"{path}: the end of this JPEG is missing" in caplog.text
        found = image.read_bytes(path)
        assert found is not None and np.array_equal(found, np.rint(whole * 255))
    # Some of the last bytes may be the filling of a byte; a pixel that is missing is none of those.
    refused = 0
    for cut in (5, 8, 12, 40, len(body) // 3, len(body) // 2):
        path.write_bytes(body[:-cut])
        try:
            assert np.array_equal(image.read(path).rgb, whole)
        except InputError as fault:
            assert "damaged or cut off" in str(fault)
            refused += 1
    assert refused >= 4


def test_a_scan_that_never_began_is_missed(tmp_path: Path) -> None:
    path = tmp_path / "a.jpg"
    made = Image.fromarray(PHOTO)
    made.save(path, quality=90, progressive=True)
    body = path.read_bytes()
    # Cut before the tables of the last scan: all before it is whole, and yet the picture is not.
    path.write_bytes(body[: body.rindex(b"\xff\xda")])
    with pytest.raises(InputError, match="damaged or cut off"):
        image.read(path)
