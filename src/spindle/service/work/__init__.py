"""What jobs do, one file per kind; run by `spindle.service.child`, which knows no database.

Scoring is imported at once, because it must not keep anybody waiting; the libraries of the others only when asked for.
"""

from __future__ import annotations

from typing import Any

from spindle.service.child import Assignment, Work
from spindle.service.tables import JobKind
from spindle.service.work.score import score


def _train(assignment: Assignment) -> list[dict[str, Any]]:
    from spindle.service.work.train import train

    return train(assignment)


def _analyze(assignment: Assignment) -> list[dict[str, Any]]:
    from spindle.service.work.analyze import analyze

    return analyze(assignment)


KINDS: dict[str, Work] = {JobKind.SCORE: score, JobKind.TRAIN: _train, JobKind.ANALYZE: _analyze}
