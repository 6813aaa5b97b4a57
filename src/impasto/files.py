"""Files that are whole or absent: atomic writes, checks before long work, hashes, checkpoints."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import os
import secrets
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from impasto.errors import ImpastoError, InputError, OutputError

if TYPE_CHECKING:
    import numpy as np
    import torch
    from numpy.typing import NDArray

JSON: TypeAlias = "bool | int | float | str | list[JSON] | dict[str, JSON] | None"

CHECKPOINT_KEY = "impasto"
CHECKPOINT_VERSION = 1

_MENDS = {
    errno.ENOSPC: "the disk is full: free some space, or write to another disk",
    errno.EDQUOT: "the disk quota is used up: free some space, or write to another disk",
    errno.EROFS: "the disk is read-only: choose another folder",
    errno.EACCES: "permission denied: choose another folder, or change its permissions",
    errno.EPERM: "permission denied: choose another folder, or change its permissions",
    errno.ENOENT: "there is no such folder: create it, or choose another",
    errno.ENOTDIR: "a part of the path is a file, not a folder: choose another folder",
    errno.ENAMETOOLONG: "the name is too long: choose a shorter one",
}


_SHOWN = 80  # characters of a name that may be thousands long


def mend(fault: OSError) -> str | None:
    """One line for what the system refused, and the mend; None where that is not known."""
    reason, name = _MENDS.get(fault.errno or 0), fault.filename
    if reason is None or not isinstance(name, str):
        return None
    return f"cannot use {name if len(name) <= _SHOWN else name[:_SHOWN] + '...'}: {reason}"


def _unwritable(path: Path, fault: OSError) -> OutputError:
    """One line for what went wrong at ``path``, and the mend."""
    reason = _MENDS.get(fault.errno or 0) or fault.strerror or str(fault) or type(fault).__name__
    return OutputError(f"cannot write {path}: {reason}")


def _taken(path: Path) -> OutputError:
    return OutputError(f"{path} already exists: choose another name, or allow it with --overwrite")


def _refuse_unless_file(path: Path) -> None:
    """Refuse a folder, a device or a pipe: ``os.replace`` would put a file in a device's place."""
    if path.is_dir():
        raise OutputError(f"cannot write {path}: it is a folder; give the name of a file")
    if path.exists() and not path.is_file():
        raise OutputError(f"cannot write {path}: it is not a regular file; choose another name")


def _move(temporary: Path, target: Path, *, overwrite: bool) -> None:
    """Put the finished file in its place in one step, and, if asked, never over another."""
    if overwrite:
        temporary.replace(target)
        return
    try:
        # Unlike a look before the replace, a hard link leaves no gap for a second run to fill.
        os.link(temporary, target)
    except FileExistsError:
        raise _taken(target) from None
    except OSError:
        # Some file systems (FAT, many network shares) have no hard links.
        if target.exists():
            raise _taken(target) from None
        temporary.replace(target)
    else:
        temporary.unlink()


@contextlib.contextmanager
def atomic(path: str | os.PathLike[str], *, overwrite: bool = True) -> Iterator[Path]:
    """Give a hidden temporary path beside ``path``, and move what was written there into place.

    The file at ``path`` is at every moment either the old one or the whole new one. When the body
    fails, or is interrupted, the temporary file goes and ``path`` is as it was.

    Args:
        path: where the file shall be. A symbolic link is followed.
        overwrite: False refuses to replace a file, even one that appears during the work.

    Yields:
        A path in the same folder with the same suffix; it does not exist yet.

    Raises:
        OutputError: for every ``OSError`` of the body and of the move: no such folder, read-only,
            disk full, ``path`` is a folder or exists.

    Examples:
        >>> with atomic("notes.txt") as temporary:
        ...     _ = temporary.write_text("whole or absent")
    """
    named = Path(path)
    temporary = None
    try:
        target = named.resolve() if named.is_symlink() else named
        _refuse_unless_file(target)
        if not overwrite and target.exists():
            raise _taken(named)
        # The suffix stays last because encoders choose their format by it; the stem is cut so that
        # a name as long as the file system allows still has room for the process and the token.
        token = f"{os.getpid()}-{secrets.token_hex(3)}"
        temporary = target.with_name(f".{target.stem[:32]}.{token}.part{target.suffix[:16]}")
        yield temporary
        with temporary.open("rb+") as written:
            os.fsync(written.fileno())
        _move(temporary, target, overwrite=overwrite)
    except OSError as fault:
        raise _unwritable(named, fault) from fault
    finally:
        if temporary is not None:
            # The first fault is the one to tell; a folder that is gone has nothing left to clean.
            with contextlib.suppress(OSError):
                temporary.unlink(missing_ok=True)


def spare(target: str | os.PathLike[str] | None, inputs: Iterable[str | os.PathLike[str] | None]) -> None:
    """Make sure that a file to be written is none of those that are read.

    Raises:
        OutputError: it is one of them, by whatever name.
    """
    if target is None or not Path(target).exists():
        return
    for name in inputs:
        if name is not None and Path(name).exists() and Path(target).samefile(name):
            raise OutputError(f"{target} is an input, which would be lost: choose another name")


def check_output(path: str | os.PathLike[str], *, overwrite: bool) -> None:
    """Make sure before long work that a file can be written at ``path``; create its folder.

    Args:
        path: where the file shall be.
        overwrite: whether a file that is there may be replaced.

    Raises:
        OutputError: the folder cannot be made or written to, ``path`` is a folder, or it exists and
            ``overwrite`` is False (the message names ``--overwrite``).

    Examples:
        >>> check_output("out/painting.png", overwrite=False)
    """
    target = Path(path)
    try:
        _refuse_unless_file(target)
        if target.exists() and not overwrite:
            raise _taken(target)
        target.parent.mkdir(parents=True, exist_ok=True)
        # Only an attempt tells the truth: permission bits know nothing of read-only mounts or root.
        probe = target.with_name(f".{target.stem[:32]}.{os.getpid()}-{secrets.token_hex(3)}.probe")
        probe.touch(exist_ok=False)
        probe.unlink()
    except FileExistsError as fault:
        raise OutputError(f"cannot write {target}: its folder is the name of a file") from fault
    except OSError as fault:
        raise _unwritable(target, fault) from fault
    except ValueError as fault:  # a name no file system has, such as one with a zero byte
        raise OutputError(f"cannot write {str(target)!r}: {fault}") from fault


def sha256(path: str | os.PathLike[str]) -> str:
    """Return the SHA-256 of a file as 64 hexadecimal digits, read in pieces.

    Raises:
        InputError: the file cannot be read.

    Examples:
        >>> _ = Path("empty").write_bytes(b"")
        >>> sha256("empty")[:16]
        'e3b0c44298fc1c14'
    """
    digest = hashlib.sha256()
    try:
        with Path(path).open("rb") as stream:
            while piece := stream.read(1 << 20):
                digest.update(piece)
    except OSError as fault:
        raise InputError(f"cannot read {path}: {fault.strerror or fault}") from fault
    return digest.hexdigest()


def save_checkpoint(
    path: str | os.PathLike[str],
    tensors: Mapping[str, NDArray[Any] | torch.Tensor],
    meta: Mapping[str, JSON],
    *,
    overwrite: bool = True,
) -> None:
    """Write named tensors and their description as one safetensors file, atomically.

    Args:
        path: where the file shall be.
        tensors: arrays or tensors of any shape and device; they are copied to the CPU.
        meta: anything JSON can hold; it travels in the file's header.
        overwrite: whether a file that is there may be replaced.

    Raises:
        OutputError: the file cannot be written.

    Examples:
        >>> import numpy as np
        >>> save_checkpoint("style.safetensors", {"weight": np.zeros(3)}, {"name": "waves"})
        >>> load_checkpoint("style.safetensors")[1]
        {'name': 'waves'}
    """
    # One entry, because safetensors writes several in a random order: equal content, equal file.
    header = {CHECKPOINT_KEY: json.dumps({"version": CHECKPOINT_VERSION, "meta": dict(meta)}, sort_keys=True)}
    body = _packed(tensors, header)
    with atomic(path, overwrite=overwrite) as temporary:
        temporary.write_bytes(body)


def _packed(tensors: Mapping[str, NDArray[Any] | torch.Tensor], header: dict[str, str]) -> bytes:
    """The bytes of a safetensors file; of arrays alone without PyTorch, which takes its time to load."""
    import numpy as np

    # Copies, because safetensors refuses tensors that share memory or are not contiguous.
    arrays = {n: np.array(value, order="C") for n, value in tensors.items() if isinstance(value, np.ndarray)}
    if len(arrays) == len(tensors):
        from safetensors.numpy import save as save_arrays

        return save_arrays(arrays, header)
    import torch
    from safetensors.torch import save

    others = {
        name: value.detach().to("cpu", copy=True).contiguous()
        for name, value in tensors.items()
        if isinstance(value, torch.Tensor)
    }
    return save({name: torch.from_numpy(value) for name, value in arrays.items()} | others, header)


def load_checkpoint(path: str | os.PathLike[str]) -> tuple[dict[str, torch.Tensor], dict[str, Any]]:
    """Read what ``save_checkpoint`` wrote: tensors on the CPU, and the description.

    Raises:
        InputError: no such file; a damaged or truncated file; a file of another program; a file of
            a newer impasto.

    Examples:
        >>> import numpy as np
        >>> save_checkpoint("style.safetensors", {"weight": np.zeros(3)}, {"name": "waves"})
        >>> load_checkpoint("style.safetensors")[0]["weight"].shape
        torch.Size([3])
    """
    return _load(path, framework="pt")


def load_arrays(path: str | os.PathLike[str]) -> tuple[dict[str, NDArray[np.generic]], dict[str, Any]]:
    """Read a checkpoint as NumPy arrays, without torch; errors as in ``load_checkpoint``."""
    return _load(path, framework="np")


def describe_checkpoint(path: str | os.PathLike[str]) -> dict[str, Any]:
    """Read the description alone, without the tensors; errors as in ``load_checkpoint``."""
    return _load(path, framework="np", tensors=False)[1]


def _load(
    path: str | os.PathLike[str], *, framework: Literal["pt", "np"], tensors: bool = True
) -> tuple[dict[str, Any], dict[str, Any]]:
    from safetensors import safe_open

    if not Path(path).is_file():
        raise InputError(f"cannot read {path}: there is no such file")
    try:
        with safe_open(path, framework=framework) as archive:
            meta = _described(path, archive.metadata() or {})
            names = archive.keys() if tensors else []
            return {name: archive.get_tensor(name) for name in names}, meta
    except ImpastoError:
        raise
    # safetensors and torch raise many kinds of errors on foreign bytes, none with a common base.
    except Exception as fault:
        raise InputError(f"{path} is damaged or not a safetensors file: {_one_line(fault)}") from fault


def _described(path: str | os.PathLike[str], header: Mapping[str, str]) -> dict[str, Any]:
    """Check that the header is ours and of a version we know; return the description in it."""
    if CHECKPOINT_KEY not in header:
        raise InputError(f"{path} is a safetensors file, but was not written by impasto")
    told = json.loads(header[CHECKPOINT_KEY])
    version, meta = told["version"], told.get("meta")
    if version > CHECKPOINT_VERSION:
        raise InputError(
            f"{path} was written by a newer impasto (format {version}, this one reads up to "
            f"{CHECKPOINT_VERSION}): fetch the newest impasto"
        )
    if not isinstance(meta, dict):
        raise InputError(f"{path} is damaged: its description is not a table")
    return meta


def _one_line(fault: Exception) -> str:
    return " ".join(str(fault).split()) or type(fault).__name__
