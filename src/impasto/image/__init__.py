"""Image input and output: read from files and arrays, write with a recipe, resize. Does not need torch."""

from impasto.image.alpha import ALIKE as ALIKE
from impasto.image.alpha import as_mask as as_mask
from impasto.image.alpha import coverage as coverage
from impasto.image.alpha import over_black as over_black
from impasto.image.decoding import read_layout as read_layout
from impasto.image.kinds import READABLE as READABLE
from impasto.image.kinds import is_film as is_film
from impasto.image.kinds import is_picture as is_picture
from impasto.image.kinds import pictures_among as pictures_among
from impasto.image.metadata import Metadata as Metadata
from impasto.image.metadata import read_metadata as read_metadata
from impasto.image.picture import Picture as Picture
from impasto.image.picture import as_bytes as as_bytes
from impasto.image.picture import fit as fit
from impasto.image.picture import floats as floats
from impasto.image.picture import resize as resize
from impasto.image.picture import shrink as shrink
from impasto.image.reading import MAX_PIXELS as MAX_PIXELS
from impasto.image.reading import Source as Source
from impasto.image.reading import read as read
from impasto.image.reading import read_bytes as read_bytes
from impasto.image.reading import read_recipe as read_recipe
from impasto.image.writing import SUFFIXES as SUFFIXES
from impasto.image.writing import write as write
