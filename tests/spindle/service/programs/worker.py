"""A worker whose children are quick."""

from __future__ import annotations

import sys
from pathlib import Path

from spindle.service.worker import main

if __name__ == "__main__":
    sys.exit(main(child=(sys.executable, str(Path(__file__).with_name("child.py")))))
