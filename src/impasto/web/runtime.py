"""ONNX Runtime Web, the runtime of the page: downloaded from the npm registry, checked and compressed."""

from __future__ import annotations

import gzip
import tarfile
from pathlib import Path

from impasto import downloads
from impasto.errors import OutputError

VERSION = "1.30.0"
NAME = "ONNX Runtime Web"
FILE = f"onnxruntime-web-{VERSION}.tgz"
URL = f"https://registry.npmjs.org/onnxruntime-web/-/{FILE}"
# Of the file whose SHA-512 the registry publishes (q0y+JrrtukXSzsBWEMcc...).
SHA256 = "d2228df7e4616bc3348bf504ee888f3bec43789a273f0a63f3e68d203ce3bf71"

SCRIPTS = ("ort.wasm.bundle.min.mjs", "ort.webgpu.bundle.min.mjs")
# The second needs WebGPU; it is larger and slower to start, so the other one is there for WASM.
BINARIES = ("ort-wasm-simd-threaded.wasm", "ort-wasm-simd-threaded.asyncify.wasm")
PACKED = ".gzip"  # not .gz, for which some servers declare an encoding that browsers then undo


def fetch_runtime() -> dict[str, bytes]:
    """Return the files of the runtime by name; the binaries are compressed, which browsers undo.

    The package is looked for in the folder ``IMPASTO_WEIGHTS`` and in the user's cache, and else downloaded.

    Raises:
        OutputError: the package cannot be downloaded, or is not the one expected.
    """
    path = downloads.present(FILE, downloads.cache())
    if path is None:
        path = downloads.cache() / FILE
        downloads.fetch(URL, path, sha256=SHA256, name=NAME, error=OutputError)
    downloads.check(path, sha256=SHA256, name=NAME, error=OutputError)
    return _unpack(path)


def _unpack(path: Path) -> dict[str, bytes]:
    found = {}
    with tarfile.open(path, "r:gz") as archive:
        for name in (*SCRIPTS, *BINARIES):
            member = archive.extractfile(f"package/dist/{name}")
            if member is None:
                raise OutputError(f"{path.name} lacks {name}: delete it and try again")
            found[name] = member.read()
    # Not all servers know .mjs, and browsers run only what is declared as JavaScript.
    scripts = {name.replace(".mjs", ".js"): found[name] for name in SCRIPTS}
    return scripts | {name + PACKED: gzip.compress(found[name], 9, mtime=0) for name in BINARIES}
