"""Layering of the packages, checked on the source."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import impasto

ROOT = Path(impasto.__file__).parent

# From the bottom up. A module imports only from lower ranks, never sideways; inside a folder it may.
RANKS = (
    {"errors"},
    {"jobs"},
    {"files", "color", "moments", "tiles", "openmp"},
    {"image"},
    {"tensors", "record", "pages"},
    {"session"},
    {"keywords", "downloads"},
    {"weights", "samples"},
    {"backbones", "looks", "media", "networks"},
    {"losses", "parametrizations", "metrics"},
    {"optim"},
    {"methods", "training"},
    {"painters"},
    {"live", "films", "transforms", "web"},
    {"verbs"},
    {"batching"},
    {"augmentation", "app"},
    {"api"},
    {"cli"},
    {"__main__"},
)
RANK = {name: rank for rank, names in enumerate(RANKS) for name in names}


def imported(source: str, package: str) -> Iterator[str]:
    """The top modules of impasto that a file imports, wherever in it; ``package`` is the one it lies in."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                parts = package.split(".")[: len(package.split(".")) - node.level + 1]
                base = ".".join([*parts, base] if base else parts)
            names = [f"{base}.{alias.name}" for alias in node.names]
        else:
            continue
        for name in names:
            parts = name.split(".")
            if parts[0] == "impasto" and len(parts) > 1:
                yield parts[1]


def package_of(file: Path) -> str:
    return ".".join(["impasto", *file.relative_to(ROOT).parent.parts])


def top_of(file: Path) -> str:
    """The name in ``RANKS`` that a file belongs to."""
    return file.relative_to(ROOT).parts[0].removesuffix(".py")


def faults(file: Path, source: str) -> list[str]:
    home = top_of(file)
    if home not in RANK:
        return [f"{home} has no rank: add it to RANKS in {Path(__file__).name}, and to DESIGN.md"]
    found = []
    for name in sorted(set(imported(source, package_of(file)))):
        if name == home or name.startswith("__"):
            continue
        if name not in RANK:
            found.append(
                f"{home} imports {name}, which has no rank: add it to RANKS in {Path(__file__).name}"
            )
        elif RANK[name] >= RANK[home]:
            found.append(f"{home} imports {name}, which is not below it")
    return found


def module_of(file: Path) -> str:
    """The dotted name of a file's module."""
    return ".".join(["impasto", *file.relative_to(ROOT).with_suffix("").parts]).removesuffix(".__init__")


def graph(sources: dict[str, str]) -> dict[str, set[str]]:
    """Which modules each module imports, wherever in it; a name that is no module counts for its package."""
    found: dict[str, set[str]] = {}
    for module, source in sources.items():
        names: set[str] = set()
        for node in ast.walk(ast.parse(source)):
            if isinstance(node, ast.Import):
                names |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                names |= {f"{node.module}.{alias.name}" for alias in node.names}
        known = {name if name in sources else name.rpartition(".")[0] for name in names}
        found[module] = (known & sources.keys()) - {module}
    return found


def cycle(arrows: dict[str, set[str]]) -> list[str]:
    """What is left when modules that import nothing, or only such, are taken away: the cycles."""
    rest = dict(arrows)
    while leaves := {module for module, below in rest.items() if not below & rest.keys()}:
        rest = {module: below for module, below in rest.items() if module not in leaves}
    return sorted(rest)


FILES = sorted(file for file in ROOT.rglob("*.py") if file != ROOT / "__init__.py")


def test_a_module_imports_only_what_is_below_it() -> None:
    assert [fault for file in FILES for fault in faults(file, file.read_text(encoding="utf-8"))] == []


def test_files_and_functions_are_short() -> None:
    for file in FILES:
        source = file.read_text(encoding="utf-8")
        functions = [n for n in ast.walk(ast.parse(source)) if isinstance(n, ast.FunctionDef)]
        assert len(source.splitlines()) <= 350, file
        assert [f.name for f in functions if (f.end_lineno or 0) - f.lineno >= 50] == [], file


def test_no_modules_import_each_other() -> None:
    sources = {module_of(file): file.read_text(encoding="utf-8") for file in FILES}
    assert len(graph(sources)["impasto.losses.base"]) > 2
    assert cycle(graph(sources)) == []


def test_no_name_of_a_package_is_both_a_module_and_something_else() -> None:
    """``impasto.films.report`` would be the module or the function, depending on what was imported before."""
    for face in ROOT.rglob("__init__.py"):
        beside = {path.stem for path in face.parent.iterdir()} - {"__init__"}
        for node in ast.walk(ast.parse(face.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and node.module != module_of(face):
                assert not beside & {alias.name for alias in node.names}, face


def test_no_two_classes_have_one_name() -> None:
    trees = [ast.parse(file.read_text(encoding="utf-8")) for file in FILES]
    names = [node.name for tree in trees for node in ast.walk(tree) if isinstance(node, ast.ClassDef)]
    assert sorted({name for name in names if names.count(name) > 1}) == []


def test_no_test_imports_another() -> None:
    """What tests share is in ``tests/support``, and their folders mirror the package."""
    for file in Path(__file__).parents[1].rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom):
                assert not (node.module or "").startswith("test_"), file


def test_a_cycle_is_found() -> None:
    one = "from impasto.losses.two import Two"
    two = "def f():\n    from impasto.losses.one import One"
    three = "from impasto.losses import one"
    sources = {
        f"impasto.losses.{name}": text for name, text in {"one": one, "two": two, "three": three}.items()
    }
    assert cycle(graph(sources)) == [f"impasto.losses.{name}" for name in ("one", "three", "two")]
    assert cycle(graph({**sources, "impasto.losses.two": "import torch"})) == []


@pytest.mark.parametrize(
    ("place", "source", "words"),
    [
        ("tiles.py", "from impasto import losses", "tiles imports losses"),
        ("tiles.py", "import impasto.losses.base", "tiles imports losses"),
        ("tiles.py", "def f():\n    from impasto.losses import Gram", "tiles imports losses"),
        ("tiles.py", "from .moments import root", "tiles imports moments"),
        ("losses/base.py", "from .. import optim", "losses imports optim"),
        ("losses/base.py", "from ..parametrizations import Pixels", "losses imports parametrizations"),
        ("losses/base.py", "from impasto import novelty", "novelty, which has no rank"),
        ("novelty.py", "", "novelty has no rank: add it to RANKS"),
        ("novelty/deep/inside.py", "", "novelty has no rank: add it to RANKS"),
    ],
)
def test_a_wrong_import_is_found(place: str, source: str, words: str) -> None:
    assert any(words in fault for fault in faults(ROOT / place, source))


@pytest.mark.parametrize(
    ("place", "source"),
    [
        ("losses/base.py", "import torch\nfrom impasto import tensors\nfrom impasto.backbones import Tiny"),
        ("losses/base.py", "from . import style\nfrom impasto.losses.content import Unit"),
        ("tiles.py", "from .errors import InputError\nfrom impasto import __version__"),
        ("optim/minimize.py", "from ..losses.base import Loss\nfrom .adam import Adam"),
    ],
)
def test_a_right_import_is_allowed(place: str, source: str) -> None:
    assert faults(ROOT / place, source) == []
