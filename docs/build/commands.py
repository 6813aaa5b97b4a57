"""Write docs/command-line.md: every verb and option, from the program itself, with examples.

Run ``python docs/build/commands.py``; tests/docs/test_commands.py checks that the page is current.
"""

from __future__ import annotations

import re
import shlex
import typing
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import typer.main

from impasto.cli.verbs import GREETING, application

HERE = Path(__file__).parent
PAGE = HERE.parent / "command-line.md"


def verbs() -> Iterator[tuple[str, Any]]:
    """Yield the words and the command of each verb."""

    def walk(command: Any, words: tuple[str, ...]) -> Iterator[tuple[str, Any]]:
        if not hasattr(command, "commands"):
            yield " ".join(words), command
            return
        for name, inner in command.commands.items():
            yield from walk(inner, (*words, name))

    yield from walk(typer.main.get_command(application()), ())


def examples() -> dict[str, list[str]]:
    """Return the examples of each verb, with comments."""
    found = {}
    for block in (HERE / "examples.txt").read_text(encoding="utf-8").strip().split("\n\n"):
        verb, *lines = block.splitlines()
        found[verb] = lines
    return found


def words(line: str) -> list[str]:
    """Split a command as a shell does, without its comment."""
    return shlex.split(line, comments=True)


def page() -> str:
    """Return the whole page."""
    parts = [(HERE / "opening.md").read_text(encoding="utf-8").format(greeting=GREETING)]
    shown = examples()
    for verb, command in verbs():
        parts.append(f"## `impasto {verb}`\n\n{_sentence(command.help)}\n")
        parts.append("```sh\n" + "\n".join(shown[verb]) + "\n```\n")
        arguments = [p for p in command.params if p.param_type_name == "argument"]
        options = [p for p in command.params if p.param_type_name == "option" and p.name != "help"]
        rows = [(f"`{p.metavar or p.name.upper()}`", p.help, "") for p in arguments]
        rows += [(_names(p), p.help + _choices(p), _default(p)) for p in options]
        table = "\n".join(f"| {name} | {_cell(text)} | {default} |" for name, text, default in rows)
        parts.append(f"| | | default |\n|---|---|---|\n{table}\n")
    return "\n".join(parts)


def _sentence(text: str) -> str:
    return " ".join(text.split("\n\n", maxsplit=1)[0].split())


def _names(option: Any) -> str:
    names = sorted(option.opts, key=lambda name: not name.startswith("--"))
    return ", ".join(f"`{name}`" for name in names)


def _choices(option: Any) -> str:
    hint = option.type_descriptor.annotation
    values = typing.get_args(hint) if typing.get_origin(hint) is typing.Literal else ()
    return f" One of {', '.join(f'`{value}`' for value in values)}." if values else ""


def _default(option: Any) -> str:
    value = option.default
    if value is None or value is False or value == []:
        return ""
    return f"`{','.join(map(str, value)) if isinstance(value, (list, tuple)) else value}`"


def _cell(text: str) -> str:
    return re.sub(r"([|<>])", r"\\\1", text)


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
