"""Every command in README and docs parses, and every option has an example (test_examples runs them)."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections import defaultdict
from typing import Any

import pytest

from impasto.cli import main
from impasto.cli.options import expand_options
from impasto.cli.verbs import application
from impasto.jobs import Job
from support.commands import ROOT, commands

VERBS: dict[str, Any] = dict(commands.verbs())
JOBS = {"stylize", "video", "photoreal", "dream", "learn", "live", "compare", "measure", "layers"}


def documented() -> list[str]:
    """Each command in a shell block of README, docs and the list of examples, and in the README's table."""
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    found: dict[str, None] = dict.fromkeys(re.findall(r"^\|.*\| `(impasto [^`]+)` \|$", readme, re.MULTILINE))
    for path in (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))):
        for block in re.findall(r"```sh\n(.*?)```", path.read_text(encoding="utf-8"), re.DOTALL):
            for line in block.replace("\\\n", " ").splitlines():
                found[line.split("#")[0].strip()] = None
    return [line for line in found if line.startswith("impasto ")]


def taken_apart(words: list[str]) -> tuple[str, dict[str, Any], set[str]]:
    """The verb, the values, and the options that were given; nothing is run."""
    words = expand_options(words)
    verb = " ".join(words[:2]) if " ".join(words[:2]) in VERBS else words[0]
    rest = words[len(verb.split()) :]
    with VERBS[verb].make_context(verb, list(rest)) as context:
        return verb, dict(context.params), {word.split("=")[0] for word in rest if word.startswith("-")}


class Understood(Exception):  # noqa: N818 - nothing went wrong
    """Ends a command once its job is there."""


@pytest.mark.parametrize("line", documented())
def test_a_documented_command_is_understood(line: str, monkeypatch: pytest.MonkeyPatch) -> None:
    words = commands.words(line)[1:]
    verb, values, _ = taken_apart(words)
    assert values
    parse = Job.parse.__func__  # type: ignore[attr-defined]

    def stop(cls: type[Job], settings: dict[str, Any]) -> None:
        parse(cls, settings)
        raise Understood

    # The job is made, with every check of its values, and that is all.
    monkeypatch.setattr(Job, "parse", classmethod(stop))
    if verb in JOBS:
        with pytest.raises(Understood):
            application()(expand_options(words), standalone_mode=False)


@pytest.mark.parametrize("verb", VERBS)
def test_every_option_has_help_and_an_example(verb: str) -> None:
    given: set[str] = set()
    for line in commands.examples()[verb]:
        named, _, options = taken_apart(commands.words(line)[1:])
        assert named == verb
        given |= options
    for option in VERBS[verb].params:
        if option.name == "help":
            continue
        assert option.help and option.help.endswith("."), f"{verb} {option.name} has no sentence of help"
        if option.param_type_name == "option":
            assert given & set(option.opts), f"no example of {verb} has {option.opts[0]}"


def test_the_page_of_commands_is_that_of_the_program() -> None:
    page = commands.PAGE.read_text(encoding="utf-8")
    assert page == commands.page(), "run python docs/build/commands.py"


# Options of one name that are rightly told in other words: the name means the same, its unit differs.
OWN_WORDS = {
    "--overwrite": "a batch skips what it has done, and means only files of others",
    "--size": "of a thumbnail, of a sample style",
    "--strength": "of light, beside a dream, between two numbers",
    "--layers": "to raise, or to look at",
    "--fps": "to thin out to, to hold, to write",
    "--preview": "seconds of a film, or a picture that is rewritten",
    "--steps": "of training, of an octave, of a thumbnail",
    "--rate": "of an optimizer, or of a dream in gray levels",
    "--mask": "of styles, or of a dream",
    "--network": "to paint with, to train, to show",
    "--style-weight": "of an image, whose terms are relative, or of a training",
    "--style": "of a folder, while dreaming, to measure by",
    "--out": "export chooses the format by two suffixes of its own; batch and augment need a folder",
    "--port": "of a page for this machine alone, or for whom --host says",
}


def test_what_means_the_same_is_called_the_same() -> None:
    told: dict[str, set[str]] = defaultdict(set)
    flags: dict[str, set[str]] = defaultdict(set)
    owners: dict[str, set[str]] = defaultdict(set)
    for verb in VERBS.values():
        for option in verb.params:
            if option.param_type_name != "option" or option.name == "help":
                continue
            name = next(o for o in option.opts if o.startswith("--"))
            told[name].add(option.help.split(" Default:")[0])
            flags[name].add(" ".join(o for o in option.opts if o != name))
            for flag in (o for o in option.opts if o != name):
                owners[flag].add(name)
    assert {n: f for n, f in flags.items() if len(f) > 1} == {}, "a short flag in one verb only"
    assert {f: n for f, n in owners.items() if len(n) > 1} == {}, "one short flag for two options"
    assert {n: t for n, t in told.items() if len(t) > 1 and n not in OWN_WORDS} == {}
    assert [n for n in OWN_WORDS if len(told[n]) < 2] == [], "told alike: take it off the list"


def run(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    with pytest.raises(SystemExit) as ended:
        main(list(words))
    said = capsys.readouterr()
    assert not ended.value.code, said.err
    return said.out


def test_impasto_alone_says_where_to_begin(capsys: pytest.CaptureFixture[str]) -> None:
    said = run(capsys)
    assert 10 <= len(said.splitlines()) <= 14
    for line in re.findall(r"^  (impasto .*?)(?:  |$)", said, re.MULTILINE):
        taken_apart(line.split()[1:])
    assert re.fullmatch(r"\d+\.\d+\.\d+\S*\n", run(capsys, "--version"))


def test_the_shell_completes_verbs_and_options() -> None:
    def completed(line: str) -> str:
        environment = {
            **os.environ,
            "_IMPASTO_COMPLETE": "complete_bash",
            "COMP_WORDS": line,
            "COMP_CWORD": str(len(line.split()) - 1),
        }
        code = "from impasto.cli import main; main([])"
        done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True)  # noqa: PLW1510
        return done.stdout

    assert "photoreal" in completed("impasto pho").split()
    assert "--strength" in completed("impasto stylize --stre").split()
