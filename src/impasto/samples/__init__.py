"""Sample photos and sample styles, for trying and testing.

>>> from impasto.samples import photo, style
>>> photo("chelsea").shape
(300, 451, 3)
>>> style("waves", size=256).shape
(256, 256, 3)
"""

from impasto.samples.paintings import STYLES as STYLES
from impasto.samples.paintings import style as style
from impasto.samples.photos import PHOTOS as PHOTOS
from impasto.samples.photos import photo as photo
