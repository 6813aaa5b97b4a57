"""Files that are downloaded once: looked for in a folder given by the user, and kept in the user's cache."""

from __future__ import annotations

import hashlib
import http.client
import os
import sys
import urllib.error
import urllib.request
from pathlib import Path

from impasto import files
from impasto.errors import ImpastoError

GIVEN = "IMPASTO_WEIGHTS"  # environment variable that names a folder of files downloaded elsewhere
PATIENCE = 60  # seconds that a server may stay silent


def cache() -> Path:
    """Return the folder of downloaded files."""
    import platformdirs

    return platformdirs.user_cache_path("impasto") / "weights"


def present(file: str, *places: Path) -> Path | None:
    """Return ``file`` in the first folder that has it: the one given by the user, then ``places``."""
    named = os.environ.get(GIVEN)
    folders = (Path(named), *places) if named else places
    return next((folder / file for folder in folders if (folder / file).is_file()), None)


def fetch(
    url: str, target: Path, *, sha256: str, name: str, error: type[ImpastoError], instead: str = ""
) -> None:
    """Download a file and check its hash; nothing is kept of a download that fails.

    Args:
        url, target: its address, and where it is written.
        sha256: the digest, or its first digits.
        name: what it is, for messages.
        error: the kind of error to raise.
        instead: what else the user can do, if anything.

    Raises:
        ImpastoError: of the kind ``error``: the address cannot be reached, or the hash is wrong.
        OutputError: the file cannot be written.
    """
    files.check_output(target, overwrite=True)
    with files.atomic(target) as temporary:
        try:
            found = _copy(url, temporary, name)
        except (urllib.error.URLError, http.client.HTTPException, TimeoutError, ConnectionError) as fault:
            reason = getattr(fault, "reason", fault)
            raise error(
                f"the download of '{name}' failed ({reason}): {instead}"
                f"{' or ' if instead else ''}download {url} elsewhere and set {GIVEN} to its folder"
            ) from fault
        if not found.startswith(sha256):
            raise error(f"the download of '{name}' is damaged (its SHA-256 is wrong): try again")


def _copy(url: str, target: Path, name: str) -> str:
    """Write what an address sends to a file; return its SHA-256. Tell a terminal how far it is."""
    digest = hashlib.sha256()
    with urllib.request.urlopen(url, timeout=PATIENCE) as response, target.open("wb") as file:
        size, told = int(response.headers.get("Content-Length") or 0), sys.stderr.isatty()
        while part := response.read(2**20):
            file.write(part)
            digest.update(part)
            if told and size:
                sys.stderr.write(f"\rdownloading {name}: {100 * file.tell() // size} %")
        if told and size:
            sys.stderr.write("\n")
    return digest.hexdigest()


def check(path: Path, *, sha256: str, name: str, error: type[ImpastoError]) -> None:
    """Check the hash of a file.

    Raises:
        ImpastoError: of the kind ``error``: it is another file.
    """
    digest = files.sha256(path)
    if not digest.startswith(sha256):
        raise error(
            f"{path.name} is not the file expected for '{name}' (SHA-256 {digest[:12]}, expected "
            f"{sha256[:12]}): delete it and try again"
        )
