"""Pictures: read from anything, write to files with their recipe, resize. Needs no torch."""

from impasto.image.coverage import ALIKE, as_mask, coverage, over_black
from impasto.image.picture import Picture, fit, floats, resize
from impasto.image.reading import MAX_PIXELS, READABLE, Source, read, read_bytes, read_recipe
from impasto.image.writing import SUFFIXES, write

__all__ = [
    "ALIKE",
    "MAX_PIXELS",
    "READABLE",
    "SUFFIXES",
    "Picture",
    "Source",
    "as_mask",
    "coverage",
    "fit",
    "floats",
    "over_black",
    "read",
    "read_bytes",
    "read_recipe",
    "resize",
    "write",
]
