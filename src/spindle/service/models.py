"""Models that a laboratory can choose between: the one of the package, and its own."""

from __future__ import annotations

import json
import subprocess
import sys
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

from safetensors import safe_open
from sqlalchemy.orm import Session

from spindle.errors import ModelError
from spindle.service.database import owned
from spindle.service.tables import Model

STARTER = "starter"
"""The id of the model that comes with the package."""
NOTHING = "nothing"
"""What a training starts from that starts from new weights."""
CHECK_S = 120


@cache
def starter_card() -> dict[str, Any]:
    """Read what the package's model says of itself, without loading it."""
    starter = resources.files("spindle") / "models" / "starter.safetensors"
    # Not by spindle.model_file: torch takes seconds and memory, and the web program needs it for nothing else.
    with resources.as_file(starter) as path, safe_open(path, framework="np") as opened:
        card: dict[str, Any] = json.loads(opened.metadata()["card"])
    return card


def card_of(path: Path) -> dict[str, Any]:
    """Check a model file as scoring would, in a process of its own, and return its card. Errors: ModelError."""
    command = [sys.executable, "-m", "spindle.service.model_check", str(path)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=CHECK_S, check=False)
    except subprocess.TimeoutExpired:
        raise ModelError("The model could not be checked in time; try again later.") from None
    try:
        # A figure that is no number is none: not every database takes NaN in a record.
        answer: dict[str, Any] = json.loads(done.stdout, parse_constant=lambda word: None)
    except ValueError:
        raise ModelError("The file is not a SPINDLE model: it cannot be read.") from None
    if "problem" in answer:
        raise ModelError(str(answer["problem"]))
    return answer


def model_request(session: Session, owner_id: str, key: str) -> dict[str, Any] | None:
    """Return what a job is told of a model: its id, its file, None for the package's, and its name."""
    if key == STARTER:
        return {"id": STARTER, "file": None, "name": starter_card()["name"]}
    model = owned(session, Model, owner_id, key)
    return None if model is None else {"id": model.id, "file": model.file, "name": model.name}
