"""Loss curve of a training, as a table or a plot."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from impasto import files
from impasto.record import HistoryEntry

SMOOTH = 50  # the plotted line is the moving mean over this fraction (1/SMOOTH) of the training


def write(path: Path, history: Sequence[HistoryEntry], *, overwrite: bool = False) -> Path:
    """Write a loss curve.

    Args:
        path: ``.csv``, with one line per step: step, seconds, loss and its terms; or ``.svg`` or ``.png``.
        history: one point per step of the training.

    Raises:
        OutputError: the file cannot be written, or exists and ``overwrite`` is not set.
    """
    with files.atomic(path, overwrite=overwrite) as temporary:
        if path.suffix == ".csv":
            _tabulate(temporary, history)
        else:
            _draw(temporary, history)
    return path


def _tabulate(path: Path, history: Sequence[HistoryEntry]) -> None:
    terms = list(dict.fromkeys(name for point in history for name in point.terms))
    with path.open("w", newline="", encoding="utf-8") as stream:
        rows = csv.writer(stream)
        rows.writerow(["step", "seconds", "loss", *terms])
        for step, point in enumerate(history, 1):
            values = (point.seconds, point.loss, *(point.terms.get(name, float("nan")) for name in terms))
            rows.writerow([step, *(f"{value:.6g}" for value in values)])


def _draw(path: Path, history: Sequence[HistoryEntry]) -> None:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 4), layout="constrained")
    axis = figure.subplots()
    losses = np.array([point.loss for point in history])
    axis.plot(np.arange(1, len(losses) + 1), losses, linewidth=0.5, alpha=0.4)
    width = max(1, len(losses) // SMOOTH)
    smooth = np.convolve(losses, np.full(width, 1 / width), "valid") if len(losses) else losses
    axis.plot(np.arange(len(smooth)) + (width + 1) / 2, smooth)
    axis.set(xlabel="step", ylabel="loss", yscale="log")
    figure.savefig(path)
