"""The public names: they exist, resolve, and import nothing before they are used."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import pytest

import impasto
from impasto import errors

NAMES = """
Adam ImpastoError InputError Lbfgs OutputError Pixels Progress Recipe Result
StylizeJob WeightsError augment backbones batch compare dream image learn losses measure metrics minimize
photoreal read reconstruct replay samples scales stylize video visualize write
"""


def test_the_public_names_are_these() -> None:
    assert sorted(impasto.__all__) == sorted(NAMES.split())
    assert len(impasto.__all__) <= 33


@pytest.mark.parametrize("name", sorted(impasto.__all__))
def test_a_public_name_resolves_and_is_documented(name: str) -> None:
    assert getattr(impasto, name).__doc__


def test_names_need_no_import_of_their_own_and_stay_functions_when_all_is_loaded() -> None:
    # None of these is imported by those before it.
    names = (
        *("jobs.VideoJob", "video", "training.learn", "films.paint_film", "batching.run"),
        "transforms.Stylize",
    )
    code = "import importlib, pkgutil, sys, impasto\nassert not {'torch', 'numpy'} & set(sys.modules)\n"
    for name in names:
        module = {"video": "api"}.get(name, name.split(".")[0])
        code += f"assert 'impasto.{module}' not in sys.modules\nassert callable(impasto.{name})\n"
    # A module of the same name as a function would take its place once imported.
    code += (
        "found = pkgutil.walk_packages(impasto.__path__, 'impasto.')\n"
        "for module in found: importlib.import_module(module.name)\n"
        "for name in impasto.__all__: value = getattr(impasto, name)\n"
        "assert all(callable(getattr(impasto, n)) for n in"
        " 'stylize video photoreal dream learn compare measure batch augment replay minimize scales"
        " reconstruct read write'.split())\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_the_help_of_errors_has_all_of_them() -> None:
    listed = re.findall(r"^[├└]── (\w+)  +\w.*$", str(errors.__doc__), re.M)
    assert sorted(listed) == sorted(kind.__name__ for kind in errors.ImpastoError.__subclasses__())


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'paint'"):
        _ = impasto.paint


def test_the_import_and_the_help_load_nothing_heavy() -> None:
    code = (
        "import sys, impasto\n"
        "from impasto.cli import main\n"
        "try: main(['--help'])\n"
        "except SystemExit: pass\n"
        "heavy = {'torch', 'numpy', 'PIL', 'skimage', 'scipy', 'matplotlib', 'av', 'cv2', 'openvino',"
        " 'gradio', 'ray'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, stdout=subprocess.DEVNULL)


def test_a_message_has_no_plural_after_a_number_that_may_be_one() -> None:
    found = []
    for file in Path(impasto.__file__).parent.rglob("*.py"):
        for text in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            for value, after in pairwise(text.values if isinstance(text, ast.JoinedStr) else ()):
                if isinstance(value, ast.FormattedValue) and isinstance(after, ast.Constant):
                    noun = re.match(r" (file|frame|image|photo|step|style|video|weight)s\b", str(after.value))
                    if noun and value.format_spec is None:
                        found.append(f"{file.name}:{value.lineno}: use pluralize for {noun[0].strip()}")
    assert found == []
