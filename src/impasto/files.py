"""Atomic writes, output checks, hashes and checkpoint files."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import os
import secrets
import shutil
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
_SHOWN = 80  # most characters of a file name in messages


def explain_os_error(fault: OSError) -> str | None:
    """Explain an OSError in one line with a remedy; None for unknown errors."""
    reason, name = _MENDS.get(fault.errno or 0), fault.filename
    if reason is None or not isinstance(name, str):
        return None
    return f"cannot use {name if len(name) <= _SHOWN else name[:_SHOWN] + '...'}: {reason}"


def _unwritable(path: Path, fault: OSError) -> OutputError:
    """Return an OutputError that explains an OSError at ``path``."""
    reason = _MENDS.get(fault.errno or 0) or fault.strerror or str(fault) or type(fault).__name__
    return OutputError(f"cannot write {path}: {reason}")


def _exists_error(path: Path) -> OutputError:
    return OutputError(f"{path} already exists: choose another name, or add --overwrite")


def _refuse_unless_file(path: Path) -> None:
    """Raise OutputError for a folder, a device or a pipe; ``os.replace`` would replace a device."""
    if path.is_dir():
        raise OutputError(f"cannot write {path}: it is a folder; give a file name")
    if path.exists() and not path.is_file():
        raise OutputError(f"cannot write {path}: it is not a regular file; choose another name")


def _move(temporary: Path, target: Path, *, overwrite: bool) -> None:
    """Move a finished file into place atomically, optionally without overwriting."""
    if overwrite:
        temporary.replace(target)
        return
    try:
        # A hard link fails if the target exists, without the race of a check before the replace.
        os.link(temporary, target)
    except FileExistsError:
        raise _exists_error(target) from None
    except OSError:
        # Some file systems (FAT, many network shares) have no hard links.
        if target.exists():
            raise _exists_error(target) from None
        temporary.replace(target)
    else:
        temporary.unlink()


@contextlib.contextmanager
def atomic(path: str | os.PathLike[str], *, overwrite: bool = True) -> Iterator[Path]:
    """Provide a hidden temporary path beside ``path``, and move the file written there into place.

    The file at ``path`` is always either the old one or the complete new one. If the body fails or is
    interrupted, the temporary file is deleted and ``path`` is unchanged. A symbolic link is followed. Without
    ``overwrite``, no file is replaced, even one created in the meantime. The temporary path has the suffix of
    ``path``, and does not exist yet.

    Raises:
        OutputError: any ``OSError`` of the body or the move: no such folder, read-only, disk full, ``path``
            is a folder or exists.

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
            raise _exists_error(named)
        # Keep the suffix, by which encoders choose the format. Cut the stem, so that the longest allowed
        # name still has room for the process id and the token.
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
            # Do not hide the first error; a deleted folder needs no clean-up.
            with contextlib.suppress(OSError):
                temporary.unlink(missing_ok=True)


def write_text(path: str | os.PathLike[str], text: str, *, overwrite: bool = True) -> None:
    """Write a text file atomically, in UTF-8; errors as in :func:`atomic`."""
    with atomic(path, overwrite=overwrite) as temporary:
        temporary.write_text(text, encoding="utf-8")


def copy(source: Path, target: Path, *, overwrite: bool = True) -> None:
    """Copy a file atomically, byte for byte; create the folder of ``target``. Errors as in :func:`atomic`."""
    check_output(target, overwrite=overwrite)
    with atomic(target, overwrite=overwrite) as temporary:
        shutil.copyfile(source, temporary)


def protect_inputs(
    target: str | os.PathLike[str] | None, inputs: Iterable[str | os.PathLike[str] | None]
) -> None:
    """Check that an output file is not one of the inputs.

    Raises:
        OutputError: it is one of them, possibly under another name.
    """
    if target is None or not Path(target).exists():
        return
    for name in inputs:
        if name is not None and Path(name).exists() and Path(target).samefile(name):
            raise OutputError(f"{target} is an input, which would be lost: choose another name")


def check_output(path: str | os.PathLike[str], *, overwrite: bool) -> None:
    """Check before a long run that a file can be written at ``path``; create its folder.

    Raises:
        OutputError: the folder cannot be created or written to, ``path`` is a folder, or it exists and
            ``overwrite`` is False (the message names ``--overwrite``).

    Examples:
        >>> check_output("out/painting.png", overwrite=False)
    """
    target = Path(path)
    try:
        _refuse_unless_file(target)
        if target.exists() and not overwrite:
            raise _exists_error(target)
        target.parent.mkdir(parents=True, exist_ok=True)
        # Try to write: permission bits do not reflect read-only mounts or root.
        probe = target.with_name(f".{target.stem[:32]}.{os.getpid()}-{secrets.token_hex(3)}.probe")
        probe.touch(exist_ok=False)
        probe.unlink()
    except FileExistsError as fault:
        raise OutputError(f"cannot write {target}: its folder is a file; choose another folder") from fault
    except OSError as fault:
        raise _unwritable(target, fault) from fault
    except ValueError as fault:  # an invalid name, such as one with a zero byte
        raise OutputError(f"cannot write {str(target)!r}: {fault}") from fault


@contextlib.contextmanager
def tidy(target: str | os.PathLike[str] | None) -> Iterator[None]:
    """If the body fails, delete the folders it created for an output, as far as they are empty."""
    missing = [] if target is None else [path for path in Path(target).parents if not path.exists()]
    try:
        yield
    except BaseException:
        for folder in missing:
            with contextlib.suppress(OSError):
                folder.rmdir()
        raise


def sha256(path: str | os.PathLike[str]) -> str:
    """Return the SHA-256 of a file as 64 hexadecimal digits.

    Raises:
        InputError: the file cannot be read.

    Examples:
        >>> _ = Path("empty").write_bytes(b"")
        >>> sha256("empty")[:16]
        'e3b0c44298fc1c14'
    """
    try:
        with Path(path).open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError as fault:
        raise InputError(f"cannot read {path}: {fault.strerror or fault}") from fault


def digest(value: Any) -> str:
    """Return the SHA-256 of a JSON-compatible value: the key of a run, from its settings and inputs."""
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()


def save_checkpoint(
    path: str | os.PathLike[str],
    tensors: Mapping[str, NDArray[Any] | torch.Tensor],
    meta: Mapping[str, JSON],
    *,
    overwrite: bool = True,
) -> None:
    """Write named tensors of any shape and device, and metadata, atomically to a safetensors file.

    Raises:
        OutputError: the file cannot be written.

    Examples:
        >>> import numpy as np
        >>> save_checkpoint("style.safetensors", {"weight": np.zeros(3)}, {"name": "waves"})
        >>> load_checkpoint("style.safetensors")[1]
        {'name': 'waves'}
    """
    # One header entry, as safetensors writes several in random order: equal content gives equal files.
    header = {CHECKPOINT_KEY: json.dumps({"version": CHECKPOINT_VERSION, "meta": dict(meta)}, sort_keys=True)}
    body = _encode_tensors(tensors, header)
    with atomic(path, overwrite=overwrite) as temporary:
        temporary.write_bytes(body)


def _encode_tensors(tensors: Mapping[str, NDArray[Any] | torch.Tensor], header: dict[str, str]) -> bytes:
    """Encode a safetensors file; arrays alone do not need PyTorch, which is slow to import."""
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
    """Read a file of ``save_checkpoint``: tensors on the CPU, and metadata.

    Raises:
        InputError: the file does not exist, is damaged or truncated, or was written by another program or a
            newer impasto.

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
    """Read only the metadata of a checkpoint; errors as in ``load_checkpoint``."""
    return _load(path, framework="np", tensors=False)[1]


def _load(
    path: str | os.PathLike[str], *, framework: Literal["pt", "np"], tensors: bool = True
) -> tuple[dict[str, Any], dict[str, Any]]:
    from safetensors import safe_open

    if not Path(path).is_file():
        raise InputError(f"cannot read {path}: there is no such file")
    try:
        with safe_open(path, framework=framework) as archive:
            meta = _check_header(path, archive.metadata() or {})
            names = archive.keys() if tensors else []
            return {name: archive.get_tensor(name) for name in names}, meta
    except ImpastoError:
        raise
    # On other files, safetensors and torch raise many exceptions without a common base class.
    except Exception as fault:
        reason = " ".join(str(fault).split()) or type(fault).__name__
        raise InputError(f"{path} is damaged or not a safetensors file: {reason}") from fault


def _check_header(path: str | os.PathLike[str], header: Mapping[str, str]) -> dict[str, Any]:
    """Check format and version of the header; return its metadata."""
    if CHECKPOINT_KEY not in header:
        raise InputError(f"{path} is a safetensors file, but was not written by impasto")
    known = json.loads(header[CHECKPOINT_KEY])
    version, meta = known["version"], known.get("meta")
    if version > CHECKPOINT_VERSION:
        raise InputError(
            f"{path} was written by a newer impasto (format {version}, this one reads up to "
            f"{CHECKPOINT_VERSION}): upgrade impasto"
        )
    if not isinstance(meta, dict):
        raise InputError(f"{path} is damaged: its metadata is not an object")
    return meta
