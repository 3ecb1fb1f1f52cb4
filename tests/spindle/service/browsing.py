"""What tests in a real browser need. They are skipped without Chromium, unless `LATENTIA_REQUIRE_BROWSER` is set."""

from __future__ import annotations

import os
import shutil

import pytest

CHROMIUM = shutil.which("chromium")
FLAGS = ["--no-sandbox", "--disable-quic", "--disable-background-networking"]

needs_chromium = pytest.mark.skipif(
    CHROMIUM is None and not os.environ.get("LATENTIA_REQUIRE_BROWSER"), reason="there is no Chromium"
)


def is_elsewhere(url: str) -> bool:
    return not url.startswith(("http://127.0.0.1:", "data:", "blob:"))
