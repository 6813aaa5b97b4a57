"""Comparison of all methods on one photo and one style: images, curves over time, and a table."""

from __future__ import annotations

import html
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor

from impasto import backbones, files, image, metrics, pages, painters, tensors
from impasto.backbones.devices import choose_device, use_threads
from impasto.errors import InputError
from impasto.jobs import CompareJob, StylizeJob
from impasto.networks import library
from impasto.record import Progress, Result, Watch
from impasto.session import Session
from impasto.verbs.run import Outcome, needs_output

SAMPLES = 14  # points per curve
COLUMNS = {
    "seconds": "seconds",
    "evaluations": "evaluations",
    "style_gram": "style distance (5 layers)",
    "held_out_gram": "style distance (held-out layers)",
    "content": "content distance",
    "ssim": "SSIM",
}
WHAT = {
    "paper": "Gatys et al. 2015: average pooling, white noise, L-BFGS",
    "tutorial": "PyTorch's neural style tutorial: its layers and weights, 300 evaluations of L-BFGS",
    "modern": "impasto: coarse to fine, relative losses, safe L-BFGS",
    "learned-quality": "a network trained on the style, in one pass",
    "learned-tiny": "a small network trained on the style, in one pass",
    "learned-johnson": "the network of Johnson et al. 2016, in one pass",
}
LEARNED = "learned"
OTHER = "a network of another architecture, in one pass"


@dataclass
class _Curve:
    """A method or a learned style: its name, description and job, its intermediate images and its result.

    The images are measured afterwards, so that its time is unaffected.
    """

    method: str  # also the stem of its file
    what: str
    job: StylizeJob
    size: tuple[int, int]
    passed_on: Watch | None
    taken: list[tuple[float, Tensor]] = field(default_factory=list)
    rows: list[dict[str, float]] = field(default_factory=list)
    result: Result | None = None

    def watch(self, progress: Progress) -> None:
        if progress.done * SAMPLES >= len(self.taken):
            picture = tensors.resize(progress.picture().cpu(), self.size).clamp(0, 1)
            self.taken.append((progress.seconds, picture))
        if self.passed_on:
            self.passed_on(progress)


def run(job: CompareJob, out: Path | None, session: Session) -> Outcome:
    """Compare the methods; see :func:`compare`."""
    folder = needs_output(job, out)
    use_threads(session.threads)
    rows = compare(job, folder, session)
    text = f"{folder / 'index.html'}\n{folder / 'compare.png'}"
    return Outcome(rows, folder, text, {"folder": str(folder), "methods": rows})


def compare(job: CompareJob, folder: Path, session: Session = Session()) -> list[dict[str, Any]]:
    """Run each method of the job, and write ``index.html``, ``compare.png`` and one PNG per method.

    The ``watch`` of the session is called after every step of every method.

    Returns:
        One row per method: name, description, seconds, evaluations, and the results of
        :func:`impasto.metrics.measure`.

    Raises:
        InputError: an image cannot be used.
        OutputError: the folder cannot be written to, or already holds a comparison.
    """
    content, style = image.read(job.content), _painting(job.style)
    curves = _curves(job, content.size, session.watch)
    for name in ("index.html", "compare.png", *(f"{curve.method}.png" for curve in curves)):
        files.check_output(folder / name, overwrite=session.overwrite)
    judge = backbones.load(device=choose_device(job.device), precision="float32")
    for curve in curves:
        curve.result = painters.run(curve.job, Session(watch=curve.watch))
        curve.result.save(folder / f"{curve.method}.png", overwrite=session.overwrite)
        curve.taken.append((curve.result.seconds, tensors.from_array(curve.result.picture)))
        for seconds, picture in curve.taken:
            found = metrics.measure(picture, content=content, styles=style, backbone=judge)
            curve.rows.append({"seconds": seconds, **found.summary()})
    rows = [_row(curve) for curve in curves]
    pictures = {"photo": content.flat(), "style": style.flat()}
    _write_figure(folder / "compare.png", curves, pictures, overwrite=session.overwrite)
    _write_page(folder / "index.html", rows, job, overwrite=session.overwrite)
    return rows


def _painting(name: str) -> image.Picture:
    """Read the style image; the name of a learned style is an error."""
    if not Path(name).exists() and library.find(name) is not None:
        raise InputError(
            f"{name} is a learned style: give the file of the style image it was trained on; compare adds "
            f"the networks trained on it"
        )
    return image.read(name)


def _curves(job: CompareJob, size: tuple[int, int], watch: Watch | None) -> list[_Curve]:
    """Return one curve per method, and one per learned style that was trained on this style image."""
    own = StylizeJob(
        content=job.content, styles=(job.style,), size=job.size, seed=job.seed, device=job.device
    )
    jobs: dict[str, tuple[str, StylizeJob]] = {m: (WHAT[m], replace(own, method=m)) for m in job.methods}
    digest = files.sha256(job.style)
    for known in library.list_styles():
        if known.style.picture == digest:
            kind = f"{LEARNED}-{known.pack.plan.name}"
            name, count = kind, 2
            while name in jobs:
                name, count = f"{kind}-{count}", count + 1
            what = f"{WHAT.get(kind, OTHER)}: {known.name} of {known.path.name}"
            jobs[name] = (what, replace(own, styles=(known.reference,)))
    return [
        _Curve(name, what, one, painters.target_size(size, one), watch) for name, (what, one) in jobs.items()
    ]


def _row(curve: _Curve) -> dict[str, Any]:
    assert curve.result is not None
    last = curve.rows[-1]
    found = {name: last[name] for name in COLUMNS if name in last}
    return {"method": curve.method, "what": curve.what, "evaluations": len(curve.result.history), **found}


def _write_figure(path: Path, curves: list[_Curve], pictures: dict[str, Any], *, overwrite: bool) -> None:
    from matplotlib.figure import Figure

    columns = max(2 + len(curves), 3)
    figure = Figure(figsize=(3.2 * columns, 6.4), layout="constrained")
    top, bottom = np.ravel(np.asarray(figure.subfigures(2, 1), dtype=object))
    results = [(c.method, c.result.picture) for c in curves if c.result]
    axes = top.subplots(1, 2 + len(curves))
    for axis, (title, picture) in zip(axes, [*pictures.items(), *results], strict=True):
        axis.imshow(picture)
        axis.set_title(title)
        axis.axis("off")
    _draw_curves(bottom, curves)
    with files.atomic(path, overwrite=overwrite) as temporary:
        figure.savefig(temporary, dpi=110, format="png")


def _draw_curves(figure: Any, curves: list[_Curve]) -> None:
    plots = (
        ("style_gram", "style distance, 5 layers"),
        ("held_out_gram", "style distance, held-out layers"),
        ("content", "content distance"),
    )
    for axis, (key, title) in zip(figure.subplots(1, 3), plots, strict=True):
        for curve in curves:
            axis.plot(
                [r["seconds"] for r in curve.rows],
                [r[key] for r in curve.rows],
                marker=".",
                label=curve.method,
            )
        axis.set_yscale("log" if key != "content" else "linear")
        axis.set_xlabel("seconds")
        axis.set_title(title, fontsize=10)
        axis.legend(fontsize=8)


def _write_page(path: Path, rows: list[dict[str, Any]], job: CompareJob, *, overwrite: bool) -> None:
    names = [name for name in COLUMNS if all(name in row for row in rows)]
    head = "".join(f"<th>{COLUMNS[name]}</th>" for name in names)
    body = "".join(
        f"<tr><th>{row['method']}</th>" + "".join(f"<td>{row[name]:.4g}</td>" for name in names) + "</tr>"
        for row in rows
    )
    pictures = "".join(
        f'<figure><img src="{row["method"]}.png" alt="{row["method"]}">'
        f"<figcaption><b>{row['method']}</b>: {html.escape(row['what'])}</figcaption></figure>"
        for row in rows
    )
    title = f"{Path(job.content).name} in the style of {Path(job.style).name}"
    page = pages.page(title, _BODY.format(pictures=pictures, head=head, body=body), css=_CSS)
    files.write_text(path, page, overwrite=overwrite)


_CSS = """body { max-width: 75rem } .row { display: flex; flex-wrap: wrap; gap: 1rem }
figure { flex: 1 1 16rem } img { width: 100% } table { border-collapse: collapse; margin: 1.5rem 0 }
th, td { padding: .3rem .8rem; text-align: right; border-bottom: 1px solid #ddd }
th:first-child { text-align: left }"""

_BODY = """<div class="row">{pictures}</div>
<table><tr><th>method</th>{head}</tr>{body}</table>
<p>Distances are relative: 0 is equal, and less is closer. No method optimizes the held-out layers,
except that the tutorial optimizes conv2_2, whose ReLU is one of them.
Curves are measured on intermediate images; the measurement is not part of the time.</p>
<img src="compare.png" alt="images and curves">"""
