"""Where Bokeh's JavaScript lies inside its Python package."""

from __future__ import annotations

from pathlib import Path

import bokeh


def bokeh_folder() -> Path:
    """Return the folder of `bokeh.min.js` and its companions."""
    return Path(bokeh.__file__).parent / "server" / "static" / "js"
