"""Draw the workflows of ``integrations/comfyui/api`` for the editor of ComfyUI, into ``example_workflows``.

Those of ``api`` are what a program sends; the editor's have places and wires (schema 0.4 of
https://docs.comfy.org/specs/workflow_json_0.4). Run it after a change of a workflow or of a node's inputs.
"""

from __future__ import annotations

import importlib
import json
import sys
from pathlib import Path
from typing import Any

PACK = Path(__file__).parents[1] / "integrations" / "comfyui"
WIDE, HIGH = 330, 240  # of a place for a node

# Nodes of ComfyUI itself: inputs by name and type, and outputs.
CORE: dict[str, tuple[dict[str, str], list[str]]] = {
    "LoadImage": ({"image": "COMBO"}, ["IMAGE", "MASK"]),
    "SaveImage": ({"images": "IMAGE", "filename_prefix": "STRING"}, []),
    "LoadVideo": ({"file": "COMBO"}, ["VIDEO"]),
    "GetVideoComponents": ({"video": "VIDEO"}, ["IMAGE", "AUDIO", "FLOAT"]),
    "CreateVideo": ({"images": "IMAGE", "fps": "FLOAT", "audio": "AUDIO"}, ["VIDEO"]),
    "SaveVideo": (
        {"video": "VIDEO", "filename_prefix": "STRING", "format": "COMBO", "codec": "COMBO"},
        [],
    ),
}
UPLOADS = {"LoadImage": ["image"], "LoadVideo": ["image"]}  # the button of each is a widget as well


def described(kind: str) -> tuple[dict[str, str], list[str], set[str]]:
    """Return inputs, outputs, and those inputs that are a seed, of a node."""
    if kind in CORE:
        return *CORE[kind], set()
    sys.path.insert(0, str(PACK.parent))
    node = importlib.import_module("comfyui").NODE_CLASS_MAPPINGS[kind]
    given = {name: one for part in node.INPUT_TYPES().values() for name, one in part.items()}
    inputs = {name: one[0] if isinstance(one[0], str) else "COMBO" for name, one in given.items()}
    seeds = {n for n, one in given.items() if len(one) > 1 and one[1].get("control_after_generate")}
    return inputs, list(node.RETURN_TYPES), seeds


def drawn(api: dict[str, Any]) -> dict[str, Any]:
    """Return a workflow in the editor's format."""
    links: list[list[Any]] = []
    nodes: dict[str, dict[str, Any]] = {}
    column: dict[str, int] = {}
    for order, (key, node) in enumerate(api.items()):
        inputs, outputs, seeds = described(node["class_type"])
        wired = {name: value for name, value in node["inputs"].items() if isinstance(value, list)}
        column[key] = max((column[source] + 1 for source, _ in wired.values()), default=0)
        row = sum(other == column[key] for other in column.values()) - 1
        sockets, widgets = [], []
        for name, type_ in inputs.items():
            is_socket = type_ not in ("COMBO", "STRING", "INT", "FLOAT", "BOOLEAN")
            link = None
            if name in wired:
                source, slot = wired[name]
                link = len(links) + 1
                links.append([link, int(source), slot, int(key), len(sockets), type_])
                nodes[source]["outputs"][slot]["links"].append(link)
            if is_socket or name in wired:
                more = {} if is_socket else {"widget": {"name": name}}
                sockets.append({"name": name, "type": type_, "link": link, **more})
            if not is_socket:
                widgets.append(node["inputs"].get(name, "") if name not in wired else 25.0)
                widgets += ["fixed"] if name in seeds else []
        nodes[key] = {
            "id": int(key),
            "type": node["class_type"],
            "pos": [40 + column[key] * WIDE, 60 + row * HIGH],
            "size": [280, 160],
            "flags": {},
            "order": order,
            "mode": 0,
            "inputs": sockets,
            "outputs": [{"name": t, "type": t, "links": [], "slot_index": i} for i, t in enumerate(outputs)],
            "properties": {"Node name for S&R": node["class_type"]},
            "widgets_values": widgets + UPLOADS.get(node["class_type"], []),
        }
    ends = {"last_node_id": max(map(int, api)), "last_link_id": len(links)}
    rest = {"groups": [], "config": {}, "extra": {}, "version": 0.4}
    return {**ends, "nodes": list(nodes.values()), "links": links, **rest}


def main() -> None:
    """Write all workflows."""
    for path in sorted((PACK / "api").glob("*.json")):
        workflow = drawn(json.loads(path.read_text(encoding="utf-8")))
        target = PACK / "example_workflows" / path.name
        target.write_text(json.dumps(workflow, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
