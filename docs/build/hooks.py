"""MkDocs hooks that clean up the generated pages."""

from __future__ import annotations

import re
from typing import Any


def on_page_content(html: str, **_: Any) -> str:
    """Replace ``:class:`Name``` by the name."""
    return re.sub(r":(?:class|func|meth|mod|data):(?=<code>)", "", html)


def on_post_page(output: str, **_: Any) -> str:
    """Remove a script of the theme that would be loaded from another site."""
    return _own(output)


def on_post_template(output_content: str, **_: Any) -> str:
    """Do the same for the page of error 404."""
    return _own(output_content)


def _own(html: str) -> str:
    return re.sub(r"<script[^>]*https://unpkg[^>]*></script>", "", html)
