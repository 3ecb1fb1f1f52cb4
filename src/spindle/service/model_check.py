"""A model file read as scoring reads it, in a process that may take the time: JSON of its card, or of what is wrong."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from pathlib import Path

from spindle.errors import SpindleError
from spindle.model_file import load_model


def main() -> None:
    """Check the file that the command line names."""
    try:
        answer = asdict(load_model(Path(sys.argv[1])).card)
    except SpindleError as error:
        answer = {"problem": str(error)}
    sys.stdout.write(json.dumps(answer))


if __name__ == "__main__":
    main()
