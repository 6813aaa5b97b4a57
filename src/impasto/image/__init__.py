"""Pictures: read from anything, write to files with their recipe, resize. Needs no torch."""

from impasto.image.picture import Picture, fit, floats, resize
from impasto.image.reading import MAX_PIXELS, READABLE, Source, read, read_bytes, read_recipe
from impasto.image.writing import SUFFIXES, write

__all__ = [
    "MAX_PIXELS",
    "READABLE",
    "SUFFIXES",
    "Picture",
    "Source",
    "fit",
    "floats",
    "read",
    "read_bytes",
    "read_recipe",
    "resize",
    "write",
]
