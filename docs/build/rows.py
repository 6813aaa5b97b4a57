"""Replace rows of a pack by rows that were tuned alone.

``python docs/build/rows.py PACK hatching=FILE.style ...`` takes the row of each ``.style`` file, which
``stylize --instant --tune`` keeps, in place of the row of the style of that name.
"""

from __future__ import annotations

import dataclasses
import sys
from pathlib import Path

from impasto.networks import packs


def main(path: Path, files: dict[str, str]) -> None:
    """Rewrite the pack, and note the tuning in the recipe of each style."""
    pack = packs.load(path)
    rows, styles = pack.rows.copy(), []
    for style in pack.styles:
        if style.name in files:
            tuned, new = packs.load_style(files[style.name], pack)
            rows[list(style.rows)] = new
            recipe = {**style.recipe, **tuned.recipe}
            style = dataclasses.replace(style, recipe=recipe, picture=tuned.picture)  # noqa: PLW2901
        styles.append(style)
    packs.save(dataclasses.replace(pack, rows=rows, styles=tuple(styles)), path, overwrite=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), dict(word.split("=", 1) for word in sys.argv[2:]))
