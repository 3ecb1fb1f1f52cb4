"""How Sphinx builds the documentation: offline, from Markdown and from the docstrings of both packages."""

from __future__ import annotations

import re
from typing import Any

import latentia

project = "Latentia"
author = "The Latentia authors"
copyright = author
release = version = latentia.__version__

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.autosummary"]
exclude_patterns = ["_build"]
templates_path = ["_templates"]
html_theme = "furo"
html_title = "Latentia"
html_logo = None
html_show_copyright = False

myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 3

# The reference lists every public module by itself: docs/_templates/autosummary decides what a page shows.
autosummary_generate = True
autosummary_ignore_module_all = False
autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_typehints_format = "short"
python_maximum_signature_line_length = 88

# Our docstrings are plain text with `code` in single backticks. reStructuredText would read meaning into other
# characters of formulas (|x|, a*b, x_), so they are escaped outside of code.
_CODE = re.compile(r"(``[^`]+``|`[^`]+`)")
_SPECIAL = re.compile(r"([*|\\]|_(?=\W|$))")


def _plain_text(line: str) -> str:
    parts = _CODE.split(line)
    return "".join(f"``{part.strip('`')}``" if part.startswith("`") else _SPECIAL.sub(r"\\\1", part) for part in parts)


def _escape_docstring(app: Any, what: str, name: str, thing: Any, options: Any, lines: list[str]) -> None:
    plain = [_plain_text(line) for line in lines]
    # "Errors: …" stands apart from the text above it.
    lines[:] = [line for text in plain for line in (["", text] if text.startswith("Errors:") else [text])]


def setup(app: Any) -> None:
    """Connect the docstring hook."""
    app.connect("autodoc-process-docstring", _escape_docstring)
