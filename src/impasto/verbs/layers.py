"""Atlas of a network: a page of images that maximize each layer and its strongest channels."""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch

from impasto import backbones, files, image, methods, pages, samples, tensors
from impasto.backbones import Backbone
from impasto.backbones.devices import choose_device, use_threads
from impasto.errors import InputError
from impasto.jobs import LayersJob, VisualizeJob
from impasto.losses import Target
from impasto.painters.inputs import recipe_of
from impasto.record import Progress, Watch
from impasto.session import Session
from impasto.verbs.run import Outcome, needs_output

LOOKED_AT = 224  # pixels, long side of the photos that determine the strongest channels


@dataclass(frozen=True)
class AtlasEntry:
    """A thumbnail: the name of its layer or channel, as for ``--layers``, and its file."""

    name: str
    file: str


def run(job: LayersJob, out: Path | None, session: Session) -> Outcome:
    """Draw an atlas; see :func:`draw`."""
    folder = needs_output(job, out)
    use_threads(session.threads)
    entries = draw(job, folder, session.of_image())
    page, names = folder / "index.html", [entry.name for entry in entries]
    facts = {"page": str(page), "names": names}
    return Outcome(entries, folder, f"{page}: {len(entries)} thumbnails", facts)


def draw(job: LayersJob, folder: Path, session: Session = Session()) -> list[AtlasEntry]:
    """Write ``index.html``, and a PNG for each layer and each of its strongest channels.

    The strongest channels are chosen by :func:`strongest`. Layers directly before a ReLU (``conv4_1`` before
    ``relu4_1``) are left out unless requested.

    Args:
        job: network, layers, channels, size.
        folder: output folder.
        session: ``overwrite`` replaces an existing page. Existing thumbnails with the same settings are
            always kept, so that an interrupted atlas resumes.

    Raises:
        InputError: the network does not have a requested layer or channel.
        OutputError: the folder cannot be written to.
    """
    page = folder / "index.html"
    files.check_output(page, overwrite=session.overwrite)
    device = choose_device(job.device)
    backbone: Backbone = backbones.load(job.backbone, device=device, precision=job.precision)
    named = _select_targets(job, backbone)
    layers = list(dict.fromkeys(target.layer for target in named))
    strong = strongest(
        backbone, [target.layer for target in named if target.channel is None], count=job.channels
    )
    names = list(dict.fromkeys(name for target in named for name in _caption(target, strong)))
    entries = [AtlasEntry(name, f"{name.replace('[', '-').replace(']', '')}.png") for name in names]
    for number, entry in enumerate(entries):
        path = folder / entry.file
        recipe = _recipe(job, entry.name)
        if path.exists() and image.read_recipe(path) == recipe:
            continue
        outcome = methods.visualize(
            entry.name,
            size=(job.size, job.size),
            steps=job.steps,
            backbone=backbone,
            seed=job.seed,
            watch=_part(session.watch, number, len(entries)),
        )
        if outcome.stopped:
            raise KeyboardInterrupt
        image.write(path, tensors.to_array(outcome.picture), recipe=recipe, overwrite=True)
    files.write_text(page, render(job, layers, entries), overwrite=session.overwrite)
    return entries


@torch.no_grad()
def strongest(backbone: Backbone, layers: Sequence[str], *, count: int) -> dict[str, list[int]]:
    """Return the channels of each layer with the strongest response to sample photographs, strongest first.

    The score is the peak response minus three times the mean response after ReLU, so that selective channels
    win over those that respond everywhere.
    """
    device = backbone.device
    peaks: dict[str, torch.Tensor] = {}
    for name in samples.PHOTOS:
        small = image.shrink(samples.photo(name), LOOKED_AT)
        found = backbone.features(tensors.from_array(small).to(device), layers)
        for layer, answer in found.items():
            own = tensors.precise(answer)[0].flatten(1)
            peak = own.amax(1) - 3 * own.relu().mean(1)
            peaks[layer] = torch.maximum(peaks[layer], peak) if layer in peaks else peak
    return {layer: peaks[layer].topk(min(count, len(peaks[layer]))).indices.tolist() for layer in layers}


def render(job: LayersJob, layers: Sequence[str], entries: Sequence[AtlasEntry]) -> str:
    """Return the HTML page; a click on a name copies it."""
    rows = []
    for layer in layers:
        own = [e for e in entries if e.name == layer or e.name.startswith(f"{layer}[")]
        cells = "".join(
            f'<figure><img src="{html.escape(e.file)}" width="{job.size}" height="{job.size}" loading="lazy" '
            f'alt="{html.escape(e.name)}"><figcaption><button>{html.escape(e.name)}</button></figcaption></figure>'
            for e in own
        )
        rows.append(f"<section><h2>{html.escape(layer)}</h2><div>{cells}</div></section>")
    return pages.page(f"Layers of {job.backbone}", _BODY.format(rows="\n".join(rows)), css=_CSS)


_CSS = """body { max-width: none; margin: 2rem; background: #16161a; color: #ddd }
h2 { font-size: 1rem; margin: 1.5rem 0 .4rem } div { display: flex; flex-wrap: wrap; gap: .6rem }
img { border-radius: 6px; display: block } figcaption { font-size: inherit; color: inherit }
button { background: none; border: 0; color: inherit; font: inherit; padding: .2rem 0; cursor: copy }"""

_BODY = """<p>Images that maximize each layer and its strongest channels. Click a name to copy it:
<code>impasto dream photo.jpg --layers NAME</code>; several as <code>relu4_3,relu5_2[113]:0.5</code>.</p>
{rows}
<script>
document.addEventListener("click", event => {{
  if (event.target.tagName === "BUTTON") navigator.clipboard.writeText(event.target.textContent);
}});
</script>"""


def _select_targets(job: LayersJob, backbone: Backbone) -> list[Target]:
    """Return the layers and channels to draw."""
    if job.layers:
        targets = [Target.parse(text) for text in job.layers]
        layers = backbone.check(target.layer for target in targets)
        found = backbone.features(torch.zeros(1, 3, LOOKED_AT, LOOKED_AT, device=backbone.device), layers)
        for target in targets:
            count = found[target.layer].shape[1]
            if target.weight != 1:
                raise InputError(f"weights do not apply to an atlas: write {target.name}")
            if target.channel is not None and target.channel >= count:
                raise InputError(
                    f"layer {target.layer} has channels 0 to {count - 1}: there is no {target.channel}"
                )
        return targets
    before_relu = {"conv" + layer.removeprefix("relu") for layer in backbone.layers if "relu" in layer}
    return [Target(layer) for layer in backbone.layers if layer not in before_relu]


def _caption(target: Target, strong: Mapping[str, Sequence[int]]) -> list[str]:
    """Return the name of a channel, or of a layer and its strongest channels."""
    if target.channel is not None:
        return [target.name]
    return [target.name, *(f"{target.layer}[{channel}]" for channel in strong[target.layer])]


def _recipe(job: LayersJob, name: str) -> str:
    """Return the recipe of a thumbnail, which is that of ``visualize`` for the same image."""
    alone = VisualizeJob(
        layer=name,
        size=job.size,
        steps=job.steps,
        seed=job.seed,
        backbone=job.backbone,
        precision=job.precision,
        device=job.device,
    )
    return recipe_of(alone, job.device, engine="torch", threads=torch.get_num_threads()).to_json()


def _part(watch: Watch | None, number: int, count: int) -> Watch | None:
    """Return a watch that converts the progress of one thumbnail to that of the atlas."""
    if watch is None:
        return None

    def report(progress: Progress) -> None:
        # The time of one thumbnail, scaled to all so far, so that the time left is right.
        so_far = number + progress.done
        seconds = progress.seconds * so_far / max(progress.done, 1e-9)
        watch(replace(progress, done=so_far / count, seconds=seconds))

    return report
