"""Image input and output: read from files and arrays, write with a recipe, resize. Does not need torch."""

from impasto.image.alpha import ALIKE, as_mask, coverage, over_black
from impasto.image.decoding import stored_as
from impasto.image.kinds import READABLE, Found, is_film, is_picture, pictures_among
from impasto.image.metadata import Metadata, read_metadata
from impasto.image.picture import Picture, as_bytes, fit, floats, resize
from impasto.image.reading import MAX_PIXELS, Source, read, read_bytes, read_recipe
from impasto.image.writing import SUFFIXES, write

__all__ = [
    "ALIKE",
    "MAX_PIXELS",
    "READABLE",
    "SUFFIXES",
    "Found",
    "Metadata",
    "Picture",
    "Source",
    "as_bytes",
    "as_mask",
    "coverage",
    "fit",
    "floats",
    "is_film",
    "is_picture",
    "over_black",
    "pictures_among",
    "read",
    "read_bytes",
    "read_metadata",
    "read_recipe",
    "resize",
    "stored_as",
    "write",
]
