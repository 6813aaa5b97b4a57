"""What MkDocs is told beside its settings: what not to leave in a page."""

from __future__ import annotations

import re
from typing import Any


def on_page_content(html: str, **_: Any) -> str:
    """Leaves of ``:class:`Name``` the name."""
    return re.sub(r":(?:class|func|meth|mod|data):(?=<code>)", "", html)


def on_post_page(output: str, **_: Any) -> str:
    """Leaves out a script of the theme that would be fetched from elsewhere."""
    return _own(output)


def on_post_template(output_content: str, **_: Any) -> str:
    """The same of the page that says that a page is missing."""
    return _own(output_content)


def _own(html: str) -> str:
    return re.sub(r"<script[^>]*https://unpkg[^>]*></script>", "", html)
