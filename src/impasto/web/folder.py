"""The folder of the page: its own files, the network, a sample photo and the runtime."""

from __future__ import annotations

import hashlib
import html
import json
import re
import tempfile
from collections.abc import Mapping, Sequence
from importlib import resources
from pathlib import Path

from impasto import files, image, pages, samples
from impasto.errors import OutputError
from impasto.networks import onnx_export
from impasto.networks.packs import MOST_STRENGTH, LearnedStyle, Pack
from impasto.networks.plan import shape
from impasto.samples.photos import CREDITS
from impasto.web import runtime

LARGEST = 1024  # long side of a picture in pixels, at most
SAMPLE = "coffee"
OWN = ("index.html", "page.css", "page.js", "worker.js", "service.js", "onnxruntime-license.txt")
# Nothing is loaded from, or sent to, another host.
POLICY = (
    "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; worker-src 'self'; connect-src 'self'; "
    "style-src 'self'; img-src 'self' data:; base-uri 'none'; form-action 'none'"
)
LAST = ("index.html", "service.js")  # written last: they name the others


def check_folder(folder: str | Path, *, overwrite: bool) -> None:
    """Check before long work that the page can be written to a folder.

    Raises:
        OutputError: the folder holds something and ``overwrite`` is False, it is a file, or it cannot be
            written to.
    """
    target = Path(folder)
    if target.is_dir() and any(target.iterdir()) and not overwrite:
        raise OutputError(f"{target} is not empty: choose another folder, or add --overwrite")
    if target.exists() and not target.is_dir():
        raise OutputError(f"{target} is a file: choose another folder")
    files.check_output(target / LAST[0] if target.is_dir() else target, overwrite=True)


def write(pack: Pack, names: Sequence[str], folder: str | Path, *, overwrite: bool = False) -> Path:
    """Write a page that paints with styles of a pack to a folder.

    The folder is complete or, if it did not exist, not there. Other files in an existing folder stay.

    Args:
        pack: the pack, which is written as a whole.
        names: the styles that the page offers, the first chosen.
        folder: where to write it.
        overwrite: replace the files of an earlier page.

    Raises:
        OutputError: the runtime cannot be downloaded, the folder is not empty, or it cannot be written.
    """
    target = Path(folder)
    with files.tidy(target):
        check_folder(target, overwrite=overwrite)
        contents = _contents(pack, names)
        try:
            with tempfile.TemporaryDirectory(prefix=f".{target.name[:32]}.", dir=target.parent) as there:
                made = Path(there) / "page"
                made.mkdir()
                for name, data in contents.items():
                    (made / name).write_bytes(data)
                _place(made, target, list(contents))
        except OSError as error:
            raise OutputError(f"cannot write {target}: {error.strerror or error}") from error
    return target


def _place(made: Path, target: Path, names: list[str]) -> None:
    """Move the finished page into place."""
    if not target.exists():
        made.rename(target)
        return
    for name in sorted(names, key=LAST.__contains__):
        (made / name).replace(target / name)


def _contents(pack: Pack, names: Sequence[str]) -> dict[str, bytes]:
    """Return every file of the page by name."""
    own = resources.files("impasto.web") / "page"
    found = {name: (own / name).read_bytes() for name in OWN} | runtime.fetch_runtime()
    found["network.onnx"] = _network(pack)
    found["sample.jpg"] = pages.jpeg(image.as_bytes(samples.photo(SAMPLE)), quality=88)
    styles = [pack.style(name) for name in names]
    found["icon.jpg"] = styles[0].thumbnail
    found["index.html"] = _fill_template(found["index.html"], _parts(pack, styles))
    digest = hashlib.sha256(b"".join(hashlib.sha256(data).digest() for data in found.values())).hexdigest()
    found["service.js"] = _fill_template(found["service.js"], {"VERSION": digest[:16], "POLICY": POLICY})
    return found


def _network(pack: Pack) -> bytes:
    # The noise covers the largest picture, so that it is the one that Python paints with.
    with tempfile.TemporaryDirectory() as there:
        path = Path(there) / "network.onnx"
        return onnx_export.export(pack, path, noise_side=-(-LARGEST // pack.plan.multiple)).read_bytes()


def _fill_template(text: bytes, parts: Mapping[str, str]) -> bytes:
    """Replace each ``{{NAME}}`` by the part of that name."""
    return re.sub(r"\{\{(\w+)\}\}", lambda found: parts[found[1]], text.decode()).encode()


def _parts(pack: Pack, styles: Sequence[LearnedStyle]) -> dict[str, str]:
    """Return the parts of the page that depend on the styles, as HTML."""
    credit = CREDITS[SAMPLE]
    settings = {
        "styles": [
            {
                "name": style.name,
                "credits": style.credits,
                "weights": pack.weights({style.name: 1.0}).tolist(),
            }
            for style in styles
        ],
        "channels": sum(shape(pack.plan).norms),
    }
    return {
        "POLICY": POLICY,
        "TITLE": html.escape(_title(styles[0])) if len(styles) == 1 else "Learned styles",
        "STYLES": _chooser(styles),
        "MOST": f"{MOST_STRENGTH * 100:.0f}",
        "SAMPLE": html.escape(f"{credit.shows}, {credit.author}, {credit.licence}"),
        "SETTINGS": json.dumps(settings).replace("<", "\\u003c"),
    }


def _chooser(styles: Sequence[LearnedStyle]) -> str:
    """Return the buttons of the styles; of one alone, the style image."""
    if len(styles) == 1:
        told = html.escape(styles[0].credits)
        return (
            f'<figure class="painting"><img src="icon.jpg" alt="">'
            f'<figcaption id="credits">{told}</figcaption></figure>'
        )
    labels = (
        f'<label><input type="radio" name="style" value="{number}"{"" if number else " checked"}>'
        f'<img src="{pages.data_url(style.thumbnail)}" alt="">'
        f"<span>{html.escape(_title(style))}</span></label>"
        for number, style in enumerate(styles)
    )
    head, foot = (
        '<fieldset><legend>Style</legend><div class="styles">',
        '</div><p id="credits"></p></fieldset>',
    )
    return "\n".join((head, *labels, foot))


def _title(style: LearnedStyle) -> str:
    return style.title or style.name.replace("_", " ")
