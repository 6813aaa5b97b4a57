"""Where learned styles are found by name: the user's own first, then those that came with impasto."""

from __future__ import annotations

import logging
import os
from dataclasses import dataclass
from difflib import get_close_matches
from functools import lru_cache
from pathlib import Path

from impasto.errors import InputError
from impasto.networks import packs
from impasto.networks.packs import LearnedStyle, Pack

SHIPPED = Path(__file__).resolve().parent / "shipped"
PACK_SUFFIX, STYLE_SUFFIX = ".safetensors", ".style"
HOME = "IMPASTO_STYLES"  # environment variable that names another folder for the user's styles

_log = logging.getLogger("impasto")


@dataclass(frozen=True)
class Known:
    """A style that can be painted with, and where it is."""

    name: str
    path: Path  # of its pack, or of its .style file
    shipped: bool

    @property
    def pack(self) -> Pack:
        """The pack that holds the style."""
        return open_pack(self.path)

    @property
    def reference(self) -> str:
        """A name that finds just this style."""
        return str(self.path) if self.path.suffix == STYLE_SUFFIX else f"{self.path}#{self.name}"

    @property
    def style(self) -> LearnedStyle:
        """What is known of it."""
        return self.pack.style(self.name)


def user_folder() -> Path:
    """Where the user's styles lie."""
    import platformdirs

    named = os.environ.get(HOME)
    return Path(named) if named else Path(platformdirs.user_data_dir("impasto")) / "styles"


def known(network: str | None = None) -> list[Known]:
    """All styles, the user's first; those of one kind of network (``quality``, ``tiny``) if it is named.

    A file that cannot be used is left out with a warning: it must not stand in the way of all others.
    """
    found = []
    for folder, shipped in ((user_folder(), False), (SHIPPED, True)):
        for path in files_in(folder):
            try:
                pack = open_pack(path)
            except InputError as error:
                _log.warning("left out: %s", error)
                continue
            if network in (None, pack.plan.name):
                names = [path.stem] if path.suffix == STYLE_SUFFIX else pack.names
                found += [Known(name, path, shipped) for name in names]
    return found


def find(name: str, *, network: str | None = None) -> Known | None:
    """The style that a name stands for; None if it is not a learned style.

    A name is ``PACK.safetensors#NAME``, a ``.style`` file, a pack with one style, or the name of a known
    style: the user's before the shipped, and ``quality`` before other networks unless one is named.

    Raises:
        InputError: a pack or a style file that cannot be used.
    """
    path, mark, part = name.rpartition("#")
    if mark and path.endswith(PACK_SUFFIX):
        open_pack(Path(path)).style(part)
        return Known(part, Path(path), shipped=False)
    if name.endswith(STYLE_SUFFIX):
        return Known(_only(name), Path(name), shipped=False)
    if name.endswith(PACK_SUFFIX):
        return Known(_only(name), Path(name), shipped=False)
    if Path(name).suffix or Path(name).name != name:
        return None
    fits = [k for k in known(network) if k.name == name]
    fits.sort(key=lambda k: (k.shipped, k.pack.plan.name != "quality"))
    if fits:
        return fits[0]
    for own in files_in(user_folder()):
        if own.stem == name and network is None:
            open_pack(own)  # one that cannot be used says why
    return None


def pack_file(name: str) -> Path:
    """The file of a pack; ``quality``, without a suffix, is the pack of that name that came with impasto."""
    shipped = SHIPPED / f"{name}{PACK_SUFFIX}"
    return shipped if Path(name).name == name and shipped.is_file() else Path(name)


def unknown(name: str, *, network: str | None = None) -> InputError:
    """The error for a style that is neither a file nor a learned style; names near ones."""
    everything = known()
    others = {k.pack.plan.name for k in everything if k.name == name}
    if others:
        return InputError(
            f"{name} was learned for {', '.join(sorted(others))}, not {network}: leave out --network"
        )
    names = sorted({k.name for k in everything if network in (None, k.pack.plan.name)})
    near = get_close_matches(name, names, n=3) or names
    return InputError(
        f"cannot read {name}: there is no such file, and no learned style of that name"
        + (f"; there is {', '.join(near)}" if near else "")
    )


def open_pack(path: Path) -> Pack:
    """A pack, or the pack that a ``.style`` file's trunk belongs to with that style in it.

    Raises:
        InputError: damaged, of another kind, or a style without its trunk.
    """
    try:
        stamp = path.stat().st_mtime_ns
    except OSError as error:
        raise InputError(f"cannot read {path}: there is no such file") from error
    return _opened(path, stamp)


@lru_cache(maxsize=16)
def _opened(path: Path, stamp: int) -> Pack:
    if path.suffix != STYLE_SUFFIX:
        return packs.load(path)
    wanted = packs.trunk_of(path)
    for folder in (path.parent, user_folder(), SHIPPED):
        for other in files_in(folder):
            if other.suffix == PACK_SUFFIX and (pack := open_pack(other)).hash() == wanted:
                style, rows = packs.load_style(path, pack)
                if style.name in pack.names:
                    pack = pack.removed(style.name)
                return pack.added(style, rows)
    raise InputError(f"{path} needs the pack it was learned into, which is not here: put it beside the file")


def _only(name: str) -> str:
    path = Path(name)
    pack = open_pack(path)
    if path.suffix == STYLE_SUFFIX:
        return pack.names[-1]
    if len(pack.styles) != 1:
        raise InputError(f"{name} holds {len(pack.styles)} styles: say which, as {name}#{pack.names[0]}")
    return pack.names[0]


def files_in(folder: Path) -> list[Path]:
    """The packs and style files of a folder; none if it is not there."""
    if not folder.is_dir():
        return []
    return sorted(p for p in folder.iterdir() if p.suffix in (PACK_SUFFIX, STYLE_SUFFIX))
