"""What jobs do, one file per kind; run by `spindle.service.child`, which knows no database."""

from __future__ import annotations

from spindle.service.child import Work
from spindle.service.tables import JobKind
from spindle.service.work.analyze import analyze
from spindle.service.work.score import score
from spindle.service.work.train import train

KINDS: dict[str, Work] = {JobKind.SCORE: score, JobKind.TRAIN: train, JobKind.ANALYZE: analyze}
