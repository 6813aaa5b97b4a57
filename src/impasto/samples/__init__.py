"""Sample photos and sample styles, for trying and testing.

>>> from impasto.samples import photo, style
>>> photo("chelsea").shape
(300, 451, 3)
>>> style("waves", size=256).shape
(256, 256, 3)
"""

from impasto.samples.paintings import STYLES, style
from impasto.samples.photos import PHOTOS, photo

__all__ = ["PHOTOS", "STYLES", "photo", "style"]
