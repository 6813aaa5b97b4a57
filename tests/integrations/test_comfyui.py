"""The nodes for ComfyUI, run by a small runner of its graphs as its documentation describes them."""

from __future__ import annotations

import importlib
import json
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

import impasto
from impasto import InputError, image, samples
from impasto.networks import library, packs

ROOT = Path(__file__).parents[2]
PACK = ROOT / "integrations" / "comfyui"
WORKFLOWS = sorted((PACK / "api").glob("*.json"))
WIDGETS: dict[str, Any] = {"INT": int, "FLOAT": (int, float), "STRING": str, "BOOLEAN": bool}


@pytest.fixture(scope="module")
def nodes() -> dict[str, Any]:
    """The node classes, imported as ComfyUI does: the folder is a package."""
    spec = importlib.util.spec_from_file_location(
        "custom_nodes.impasto", PACK / "__init__.py", submodule_search_locations=[str(PACK)]
    )
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    assert module.NODE_CLASS_MAPPINGS.keys() == module.NODE_DISPLAY_NAME_MAPPINGS.keys()
    found: dict[str, Any] = module.NODE_CLASS_MAPPINGS
    return found


def photo(name: str = "rocket", size: tuple[int, int] = (48, 64)) -> Tensor:
    """An IMAGE of one picture."""
    return torch.from_numpy(image.resize(samples.photo(name), size).clip(0, 1).astype(np.float32))[None]


def frames(count: int) -> Tensor:
    """An IMAGE of a slow pan."""
    wide = image.resize(samples.photo("coffee"), (64, 96 + 2 * count)).clip(0, 1)
    return torch.from_numpy(np.stack([wide[:, 2 * k : 2 * k + 96] for k in range(count)]).astype(np.float32))


def run(graph: dict[str, Any], nodes: dict[str, Any], core: dict[str, Callable[..., Any]]) -> dict[str, Any]:
    """Run a graph in the API format: check and fill in the inputs, call each node once, in inference mode."""
    done: dict[str, Any] = {}

    def output(key: str) -> Any:
        if key in done:
            return done[key]
        node = graph[key]
        given = {
            name: output(value[0])[value[1]] if isinstance(value, list) else value
            for name, value in node["inputs"].items()
        }
        if node["class_type"] in core:
            done[key] = core[node["class_type"]](**given)
            return done[key]
        kind = nodes[node["class_type"]]
        check(kind, node["inputs"], given)
        with torch.inference_mode():
            done[key] = getattr(kind(), kind.FUNCTION)(**given)
        assert isinstance(done[key], tuple) and len(done[key]) == len(kind.RETURN_TYPES)
        for value, type_ in zip(done[key], kind.RETURN_TYPES, strict=True):
            if type_ == "IMAGE":
                assert value.ndim == 4 and value.shape[-1] == 3 and value.dtype == torch.float32
                assert float(value.min()) >= 0 and float(value.max()) <= 1
        return done[key]

    for key in graph:
        output(key)
    return done


def check(kind: Any, written: dict[str, Any], given: dict[str, Any]) -> None:
    """Validate the inputs of a node as the server does."""
    types = kind.INPUT_TYPES()
    everything = {**types["required"], **types.get("optional", {})}
    assert types["required"].keys() <= given.keys() <= everything.keys()
    for name, value in given.items():
        type_, *rest = everything[name]
        options = rest[0] if rest else {}
        if isinstance(written[name], list):
            assert isinstance(type_, str), f"{name} is no socket"
        elif isinstance(type_, str):
            assert isinstance(value, WIDGETS[type_]), name
            assert options.get("min", value) <= value <= options.get("max", value), name
        else:
            assert value in type_, f"{value} is none of {type_}"


def test_each_node_has_what_comfyui_reads(nodes: dict[str, Any]) -> None:
    for name, kind in nodes.items():
        assert name.startswith("Impasto") and kind.CATEGORY == "impasto" and kind.DESCRIPTION
        assert callable(getattr(kind, kind.FUNCTION)) and isinstance(kind.RETURN_TYPES, tuple)
        types = kind.INPUT_TYPES()
        assert set(types) <= {"required", "optional", "hidden"}
        for one in [*types["required"].values(), *types.get("optional", {}).values()]:
            assert isinstance(one[0], (str, list)), "ComfyUI checks the values of lists only"
            if isinstance(one[0], str):
                assert one[0] in {"IMAGE", "MASK", "IMPASTO_STYLE", *WIDGETS}
                assert one[0] not in ("INT", "FLOAT") or one[1]["min"] <= one[1]["default"] <= one[1]["max"]
            else:
                assert len(one[0]) > 1 and (len(one) == 1 or one[1]["default"] in one[0])


@pytest.mark.usefixtures("brief")
@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_each_example_runs(path: Path, nodes: dict[str, Any]) -> None:
    saved: list[Tensor] = []
    core: dict[str, Callable[..., Any]] = {
        "LoadImage": lambda image: (photo("coffee" if image != "photo.png" else "rocket"), None),
        "SaveImage": lambda images, filename_prefix: saved.append(images),
        "LoadVideo": lambda file: (file,),
        "GetVideoComponents": lambda video: (frames(3), None, 25.0),
        "CreateVideo": lambda images, audio, fps: (images,),
        "SaveVideo": lambda video, **_: saved.append(video),
    }
    graph = json.loads(path.read_text(encoding="utf-8"))
    for node in graph.values():
        if "size" in node["inputs"]:
            node["inputs"]["size"] = 48
    run(graph, nodes, core)
    assert saved
    source = frames(3) if path.stem == "film" else photo()
    for result in saved:
        small = torch.nn.functional.interpolate(source.movedim(3, 1), result.shape[1:3]).movedim(1, 3)
        assert result.shape[0] == len(source)
        assert float((result - small).abs().mean()) > 0.03


def test_the_drawn_workflows_are_those_of_the_api(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(ROOT / "tools")
    import comfyui_workflows  # type: ignore[import-not-found, unused-ignore]

    for path in WORKFLOWS:
        wanted = comfyui_workflows.drawn(json.loads(path.read_text(encoding="utf-8")))
        found = json.loads((PACK / "example_workflows" / path.name).read_text(encoding="utf-8"))
        assert found == wanted, "run tools/comfyui_workflows.py"
        kinds = {node["id"]: node for node in found["nodes"]}
        for number, source, slot, target, socket, type_ in found["links"]:
            assert number in kinds[source]["outputs"][slot]["links"]
            assert kinds[target]["inputs"][socket]["link"] == number
            assert kinds[source]["outputs"][slot]["type"] == kinds[target]["inputs"][socket]["type"] == type_
    assert len(WORKFLOWS) == 4


def test_learned_styles_are_those_of_the_command(nodes: dict[str, Any], tmp_path: Path) -> None:
    loader, painter = nodes["ImpastoLoadStyle"](), nodes["ImpastoLearned"]()
    (style,) = loader.load("waves", "tiny")
    (result,) = painter.paint(image=photo(), style=style, strength=0.8, seed=3)
    wanted = impasto.stylize(
        photo()[0].numpy(), "waves", network="tiny", strength=0.8, seed=3, size="original"
    )
    assert np.abs(result[0].numpy() - wanted.picture).max() < 1e-3
    pack = library.open_pack(library.SHIPPED / "tiny.safetensors")
    path = packs.save_style(pack, "waves", tmp_path / "mine.style")
    (mine,) = loader.load("woodcut", "any", file=str(path))
    assert torch.allclose(
        painter.paint(image=photo(), style=mine, strength=0.8, seed=3)[0], result, atol=1e-4
    )
    before = loader.IS_CHANGED("woodcut", "any", file=str(path))
    packs.save_style(pack, "woodcut", path, overwrite=True)
    assert loader.IS_CHANGED("woodcut", "any", file=str(path)) != before
    with pytest.raises(InputError, match="did you mean waves"):
        loader.load("wavs", "any")


def test_a_mask_keeps_what_is_black(nodes: dict[str, Any]) -> None:
    (style,) = nodes["ImpastoLoadStyle"]().load("waves", "tiny")
    batch = torch.cat([photo(), photo("coffee")])
    mask = torch.zeros(1, 48, 64)
    mask[:, :, 32:] = 1
    (whole,) = nodes["ImpastoLearned"]().paint(image=batch, style=style, strength=1.0, seed=0)
    (part,) = nodes["ImpastoLearned"]().paint(image=batch, style=style, strength=1.0, seed=0, mask=mask)
    assert torch.equal(part[:, :, :32], batch[:, :, :32])
    assert torch.allclose(part[:, :, 32:], whole[:, :, 32:], atol=1e-6)


@pytest.mark.parametrize(("count", "value", "word"), [(1, 0.0, "black"), (3, 1.0, "3 masks for 2 pictures")])
def test_a_mask_that_does_not_fit_is_told(nodes: dict[str, Any], count: int, value: float, word: str) -> None:
    (style,) = nodes["ImpastoLoadStyle"]().load("waves", "tiny")
    mask = torch.full((count, 64, 64), value)
    with pytest.raises(InputError, match=word):
        nodes["ImpastoLearned"]().paint(
            image=torch.cat([photo(), photo("coffee")]), style=style, strength=1.0, seed=0, mask=mask
        )


def test_frames_are_held_still(nodes: dict[str, Any]) -> None:
    source = frames(1).expand(6, -1, -1, -1)
    noise = torch.randn(source.shape, generator=torch.Generator().manual_seed(0))
    flickering = (source + 0.1 * noise).clamp(0, 1)
    hold = nodes["ImpastoHoldStill"]().hold

    def flicker(film: Tensor) -> float:
        return float((film[1:] - film[:-1]).abs().mean())

    (held,) = hold(frames=source, painted=flickering, consistency=0.9, rate=25.0)
    assert flicker(held) < 0.4 * flicker(flickering)
    (loose,) = hold(frames=source, painted=flickering, consistency=0.0, rate=25.0)
    assert torch.allclose(loose, flickering, atol=1e-6)
    with pytest.raises(InputError, match="6 frames and 2 painted ones"):
        hold(frames=source, painted=flickering[:2], consistency=0.9, rate=25.0)
    with pytest.raises(InputError, match="above 0"):
        hold(frames=source, painted=flickering, consistency=0.9, rate=0.0)


def test_lamps_that_are_given_are_lit(nodes: dict[str, Any]) -> None:
    street, lamps = photo(size=(96, 128)), torch.zeros(1, 96, 128, 3)
    lamps[:, 60:64, 20:24] = torch.tensor([1.0, 0, 1.0])  # magenta: rear lamps
    night = nodes["ImpastoNight"]().relight
    settings = {"image": street, "night": "country", "strength": 1.0, "seed": 1}
    (dark,), (lit,) = night(**settings), night(**settings, lamps=lamps)
    part = (slice(None), slice(60, 64), slice(20, 24), 0)
    assert float((lit[part] - dark[part]).mean()) > 0.2
    assert float(dark.mean()) < 0.6 * float(street.mean())


@pytest.mark.usefixtures("brief")
def test_progress_is_shown_and_cancel_is_heard(
    nodes: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    class Interrupted(Exception):  # noqa: N818 - as it is called in ComfyUI
        pass

    shown: list[tuple[int, int]] = []

    class ProgressBar:
        def __init__(self, total: int) -> None:
            assert total > 0

        def update_absolute(self, value: int, total: int | None = None, preview: Any = None) -> None:
            assert total is not None
            shown.append((value, total))

    cancelled = False

    def throw() -> None:
        if cancelled and len(shown) > 3:
            raise Interrupted

    management, utils = ModuleType("comfy.model_management"), ModuleType("comfy.utils")
    management.throw_exception_if_processing_interrupted = throw  # type: ignore[attr-defined]
    utils.ProgressBar = ProgressBar  # type: ignore[attr-defined]
    for module in (ModuleType("comfy"), management, utils):
        monkeypatch.setitem(sys.modules, module.__name__, module)
    (style,) = nodes["ImpastoLoadStyle"]().load("waves", "tiny")
    batch = torch.cat([photo(), photo()])
    nodes["ImpastoLearned"]().paint(image=batch, style=style, strength=1.0, seed=0)
    assert shown == [(0, 2000), (1000, 2000), (2000, 2000)]
    shown.clear()
    cancelled = True
    settings = {"image": batch, "style_image": photo("coffee"), "strength": 1.0, "size": 48}
    with torch.inference_mode(), pytest.raises(Interrupted):
        nodes["ImpastoNeighbors"]().paint(**settings, preset="draft", seed=0)
    values = [value for value, _ in shown]
    assert len(values) == 4 and 0 < values[2] < values[3] < 1000  # while the first was optimized


def test_the_pack_names_what_the_registry_reads() -> None:
    facts = tomllib.loads((PACK / "pyproject.toml").read_text(encoding="utf-8"))
    project = facts["project"]
    assert "comfyui" not in project["name"].lower() and len(project["version"].split(".")) == 3
    assert project["dependencies"] == (PACK / "requirements.txt").read_text(encoding="utf-8").split()
    assert {"PublisherId", "DisplayName"} <= facts["tool"]["comfy"].keys()
    own = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert own["version"].startswith(project["version"])
