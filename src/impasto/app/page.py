"""The page: one tab per verb, each of which collects a job, runs it and shows the result."""

from __future__ import annotations

from pathlib import Path

import gradio as gr

from impasto.app.limits import Limits
from impasto.app.output import AppState
from impasto.app.tabs import TABS

HEAD = "# impasto\nChoose a photo and a style, then click Paint. Nothing leaves this machine."
KEPT = 24 * 3600  # seconds until uploads are deleted


def page(limits: Limits, folder: Path) -> gr.Blocks:
    """Return the page; uploads and results are stored in ``folder``."""
    state = AppState(limits, folder)
    blocks: gr.Blocks
    with gr.Blocks(title="impasto", analytics_enabled=False, delete_cache=(KEPT // 24, KEPT)) as blocks:
        gr.Markdown(HEAD, elem_id="head")
        with gr.Tabs():
            for name, draw in TABS.items():
                with gr.Tab(name, id=name.lower(), elem_id=f"tab-{name.lower()}"):
                    draw(state)
        blocks.unload(state.end_session)
    blocks.queue(max_size=limits.waiting, default_concurrency_limit=4)
    return blocks
