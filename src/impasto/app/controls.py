"""Controls generated from the fields of a job, with the names and, mostly, help texts of the command line."""

from __future__ import annotations

import dataclasses
import math
import re
import typing
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import gradio as gr

from impasto.errors import InputError
from impasto.jobs import Job
from impasto.jobs.base import kinds_of

# Minimum, maximum and step of the sliders; the command line allows wider ranges.
SLIDERS: Mapping[str, tuple[float, float, float]] = {
    "strength": (0, 2, 0.05),
    "realism": (0.1, 10, 0.1),
    "consistency": (0, 1, 0.05),
    "classes": (1, 8, 1),
    "keys": (1, 12, 1),
    "every": (1, 12, 1),
    "octaves": (1, 8, 1),
    "octave_scale": (1.2, 2, 0.05),
    "rate": (0.5, 5, 0.1),
    "distance": (0, 500, 10),
}
# Hints in place of help texts that speak of options which the page does not have.
_HINTS: Mapping[str, str] = {
    "night": "Turn day into night, lamps lit; without a photo to take light from, or with one of a night.",
    "fast": "Closed-form transfer only: sooner, without refinement.",
    "classes": "Maximum number of classes to find; 1 treats the image as one class.",
    "steps": "Steps per octave, interpolated from the coarsest to the finest. Default: 16,2.",
}
_UNSET: Mapping[str, str] = {"night": "no night", "network": "any"}  # names of the choice of none


def controls(job: type[Job], names: Sequence[str]) -> dict[str, gr.components.Component]:
    """Return a control for each field, with its option as label and its help text as hint."""
    hints = typing.get_type_hints(job)
    fields = {item.name: item for item in dataclasses.fields(job)}
    return {name: _control(fields[name], hints[name]) for name in names}


def settings(job: type[Job], values: Mapping[str, Any]) -> dict[str, Any]:
    """Convert the values of the controls to job settings; empty ones are left out.

    Raises:
        InputError: the text of a number is not one.
    """
    hints = typing.get_type_hints(job)
    found: dict[str, Any] = {}
    for name, value in values.items():
        if value is None or value == "":
            continue
        kinds = kinds_of(hints[name])
        lists = [kind for kind in kinds if typing.get_origin(kind) is tuple]
        if lists:
            found[name] = tuple(_entry(name, part, typing.get_args(lists[0])[0]) for part in value.split(","))
        elif int in kinds and float not in kinds and not isinstance(value, bool):
            found[name] = _whole(name, str(value).strip().removesuffix(".0"), words=str in kinds)
        elif float in kinds and str not in kinds and isinstance(value, str):
            found[name] = _entry(name, value, float)
        else:
            found[name] = value
    return found


def check_sliders(settings: Mapping[str, Any]) -> None:
    """Raise InputError if a number is not between the ends of its slider."""
    for name, value in settings.items():
        least, most, _ = SLIDERS.get(name, (-math.inf, math.inf, 0))
        if name in SLIDERS and not (isinstance(value, (int, float)) and least <= value <= most):
            raise InputError(
                f"{name} {value!r} is not between {least:g} and {most:g}, the limits of this page"
            )


def _whole(name: str, text: str, *, words: bool) -> int | str:
    """Return a whole number, or the text if the field also takes words, which the job checks itself."""
    return text if words and not text.isdigit() else int(_entry(name, text, int))


def _entry(name: str, text: str, kind: type) -> Any:
    try:
        return kind(text.strip())
    except ValueError as error:
        raise InputError(f"{name} {text.strip()!r} is not a number") from error


def _hint(item: dataclasses.Field[Any]) -> str:
    """Return the help text with other controls by their labels, which have no dashes."""
    return _HINTS.get(item.name) or re.sub(r"(?<!\S)--(?=[a-z])", "", item.metadata["help"])


def _control(item: dataclasses.Field[Any], hint: Any) -> gr.components.Component:
    shown: dict[str, Any] = {"label": item.name.replace("_", "-"), "info": _hint(item)}
    kinds = [kind for kind in kinds_of(hint) if kind is not type(None)]
    usual: Any = item.default
    if item.name in SLIDERS:
        least, most, step = SLIDERS[item.name]
        return gr.Slider(least, most, value=usual, step=step, **shown)
    if kinds[0] is bool:
        return gr.Checkbox(value=usual, **shown)
    if typing.get_origin(kinds[0]) is Literal:
        words = [*typing.get_args(kinds[0])]
        return gr.Radio(
            [(_UNSET[item.name], ""), *words] if usual is None else words, value=usual or "", **shown
        )
    if kinds == [int]:
        return gr.Number(value=usual, precision=0, **shown)
    text = ",".join(map(str, usual)) if isinstance(usual, tuple) else "" if usual is None else f"{usual}"
    return gr.Textbox(value=text, placeholder="default", max_lines=1, **shown)
