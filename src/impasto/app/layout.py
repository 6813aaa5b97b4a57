"""The page: one tab per verb, each of which collects a job, runs it and shows the result."""

from __future__ import annotations

from typing import Any

import gradio as gr

from impasto.app.endpoints import add_endpoints
from impasto.app.live import live_tab
from impasto.app.output import Resume
from impasto.app.tabs import TABS
from impasto.app.uploads import QUIET
from impasto.app.visits import AppState

KEPT = 24 * 3600  # seconds until uploads are deleted
# A tab of a browser keeps its token when it is loaded again. Only on HTTPS there is crypto.randomUUID.
TOKEN = """() => {
  if (!sessionStorage.impasto)
    sessionStorage.impasto = Array.from(crypto.getRandomValues(new Uint32Array(4))).join("-");
  return sessionStorage.impasto;
}"""

# What a page shows is settled when the tabs have shown what they had.
SHOWN = "() => { document.body.dataset.shown = Number(document.body.dataset.shown || 0) + 1; }"


def page(state: AppState) -> gr.Blocks:
    """Return the page; with a live source, its tab is shown first."""
    blocks: gr.Blocks
    with gr.Blocks(title="impasto", analytics_enabled=False, delete_cache=(KEPT // 24, KEPT)) as blocks:
        gr.Markdown("# impasto", elem_id="head")
        resumes: list[Resume] = []
        with gr.Tabs(selected="Live" if state.broadcast else None) as tabs:
            for name, form in TABS.items():
                with gr.Tab(name, id=name, elem_id=f"tab-{name.lower()}"):
                    gr.Markdown(form.line, elem_classes="line")
                    resumes.append(form.draw(state))
            with gr.Tab("Live", id="Live", elem_id="tab-live"):
                gr.Markdown("Frames are painted live and never stored.", elem_classes="line")
                live_tab(state)

        def on_load(token: str, request: gr.Request) -> Any:
            state.come(request.session_hash, token)
            found = state.latest(request.session_hash)
            names = [name for name, form in TABS.items() if found and form.job is type(found.wanted.job)]
            return gr.update(selected=names[0]) if names else gr.update()

        def on_unload(request: gr.Request) -> None:
            state.go(request.session_hash)

        joined = blocks.load(on_load, gr.Textbox(visible=False), tabs, js=TOKEN, queue=False, **QUIET)
        for show, outputs in resumes:
            shown = joined.then(show, None, outputs, concurrency_limit=None, **QUIET)
            shown.then(None, None, None, js=SHOWN, **QUIET)
        blocks.unload(on_unload)
        add_endpoints(state)
    blocks.queue(max_size=state.limits.waiting, default_concurrency_limit=4)
    return blocks
