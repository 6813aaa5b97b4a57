"""Lookup of learned styles by name: the user's own first, then those shipped with impasto."""

from __future__ import annotations

import logging
import os
from dataclasses import dataclass
from difflib import get_close_matches
from functools import lru_cache
from pathlib import Path

from impasto.errors import InputError
from impasto.jobs.base import pluralize
from impasto.networks import packs
from impasto.networks.packs import LearnedStyle, Pack

SHIPPED = Path(__file__).resolve().parent / "shipped"
PACK_SUFFIX, STYLE_SUFFIX = ".safetensors", ".style"
HOME = "IMPASTO_STYLES"  # environment variable that names another folder for the user's styles

_log = logging.getLogger("impasto")


@dataclass(frozen=True)
class InstalledStyle:
    """An installed learned style and the file that holds it."""

    name: str
    path: Path  # the pack or the .style file
    shipped: bool

    @property
    def pack(self) -> Pack:
        """The pack that holds the style."""
        return open_pack(self.path)

    @property
    def reference(self) -> str:
        """A name that identifies exactly this style for :func:`find`."""
        return str(self.path) if self.path.suffix == STYLE_SUFFIX else f"{self.path}#{self.name}"

    @property
    def style(self) -> LearnedStyle:
        """The style's entry in its pack."""
        return self.pack.style(self.name)


def user_folder() -> Path:
    """Return the folder of the user's styles; the environment variable ``IMPASTO_STYLES`` overrides it."""
    import platformdirs

    named = os.environ.get(HOME)
    return Path(named) if named else Path(platformdirs.user_data_dir("impasto")) / "styles"


def list_styles(network: str | None = None) -> list[InstalledStyle]:
    """Return all installed styles, the user's first; only those for ``network`` if it is given.

    Files that cannot be read are skipped with a warning.
    """
    found = []
    for folder, shipped in ((user_folder(), False), (SHIPPED, True)):
        for path in files_in(folder):
            try:
                pack = open_pack(path)
            except InputError as error:
                _log.warning("skipped: %s", error)
                continue
            if network in (None, pack.plan.name):
                names = [path.stem] if path.suffix == STYLE_SUFFIX else pack.names
                found += [InstalledStyle(name, path, shipped) for name in names]
    return found


def find(name: str, *, network: str | None = None) -> InstalledStyle | None:
    """Return the learned style that ``name`` refers to; None if it is not a learned style.

    A name is ``PACK.safetensors#NAME``, a ``.style`` file, a pack with one style, or the name of an installed
    style. The user's styles take precedence over the shipped ones, and ``quality`` over other networks unless
    ``network`` is given.

    Raises:
        InputError: a pack or a style file cannot be read.
    """
    path, mark, part = name.rpartition("#")
    if mark and path.endswith(PACK_SUFFIX):
        open_pack(Path(path)).style(part)
        return InstalledStyle(part, Path(path), shipped=False)
    if name.endswith((STYLE_SUFFIX, PACK_SUFFIX)):
        return InstalledStyle(_only(name), Path(name), shipped=False)
    if Path(name).suffix or Path(name).name != name:
        return None
    fits = [k for k in list_styles(network) if k.name == name]
    fits.sort(key=lambda k: (k.shipped, k.pack.plan.name != "quality"))
    if fits:
        return fits[0]
    for own in files_in(user_folder()):
        if own.stem == name and network is None:
            open_pack(own)  # raises the reason if the file cannot be read
    return None


def pack_file(name: str) -> Path:
    """Return the path of a pack; a bare name such as ``quality`` is the shipped pack of that name."""
    shipped = SHIPPED / f"{name}{PACK_SUFFIX}"
    return shipped if Path(name).name == name and shipped.is_file() else Path(name)


def unknown_style_error(name: str, *, network: str | None = None) -> InputError:
    """Return the error for a name that is neither a file nor a learned style; it suggests similar names."""
    everything = list_styles()
    others = {k.pack.plan.name for k in everything if k.name == name}
    if others:
        return InputError(
            f"{name} was learned for {', '.join(sorted(others))}, not for {network}: leave out --network"
        )
    names = sorted({k.name for k in everything if network in (None, k.pack.plan.name)})
    near = get_close_matches(name, names, n=3) or names
    return InputError(
        f"cannot read {name}: no file and no learned style has this name"
        + (f"; did you mean {', '.join(near)}?" if near else "")
    )


def open_pack(path: Path) -> Pack:
    """Read a pack; for a ``.style`` file, return the pack with its trunk, with the style added.

    Raises:
        InputError: the file is missing, damaged or of another kind, or no pack has the trunk of the style.
    """
    try:
        stamp = path.stat().st_mtime_ns
    except OSError as error:
        raise InputError(f"cannot read {path}: there is no such file") from error
    return _load_pack(path, stamp)


@lru_cache(maxsize=16)
def _load_pack(path: Path, stamp: int) -> Pack:
    if path.suffix != STYLE_SUFFIX:
        return packs.load(path)
    wanted = packs.trunk_of(path)
    for folder in (path.parent, user_folder(), SHIPPED):
        for other in files_in(folder):
            if other.suffix == PACK_SUFFIX and (pack := open_pack(other)).hash() == wanted:
                style, rows = packs.load_style(path, pack)
                if style.name in pack.names:
                    pack = pack.remove_style(style.name)
                return pack.add_style(style, rows)
    raise InputError(
        f"{path} belongs to a pack that was not found: put that pack beside it, or learn the style again "
        f"(impasto learn IMAGE --into quality)"
    )


def _only(name: str) -> str:
    path = Path(name)
    pack = open_pack(path)
    if path.suffix == STYLE_SUFFIX:
        return pack.names[-1]
    if not pack.styles:
        raise InputError(f"{name} holds no style: add one with impasto learn painting.jpg --into {name}")
    if len(pack.styles) != 1:
        raise InputError(
            f"{name} holds {pluralize(len(pack.styles), 'style')}: choose one, e.g. {name}#{pack.names[0]}"
        )
    return pack.names[0]


def files_in(folder: Path) -> list[Path]:
    """Return the packs and style files in a folder; none if it does not exist."""
    if not folder.is_dir():
        return []
    return sorted(p for p in folder.iterdir() if p.suffix in (PACK_SUFFIX, STYLE_SUFFIX))
