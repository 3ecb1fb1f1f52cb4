"""Comparing groups: the files of `spindle analyze` for a cohort, in `cohorts/COHORT/JOB/`.

`spindle.service.cohorts.analysis_request` makes the request. Thresholds and corrections in it are those of the moment
at which the analysis was asked for.
"""

from __future__ import annotations

import csv
import shutil
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from spindle.cohorts.analysis import WORK, analyze_cohort
from spindle.cohorts.table import BETWEEN_EEGS
from spindle.errors import CohortError
from spindle.hypnogram import Stage
from spindle.options import AnalysisOptions
from spindle.outputs import write_csv
from spindle.service.child import Assignment
from spindle.service.scored import Change, corrected, load_scores
from spindle.service.work.borrowed import borrow, safe_name, settle

COLUMNS = ("recording", "scores", "group", "animal", "lights_on", "eeg", "emg")


def analyze(assignment: Assignment) -> list[dict[str, Any]]:
    """Measure every animal, compare the groups, and keep the tables, figures and the page.

    Errors: CohortError where no animal is left; those of the settings.
    """
    request = assignment.request
    options = AnalysisOptions(**request.get("settings", {}))
    cohort = request["cohort"]
    with assignment.store.working_folder() as folder, ExitStack() as borrowed:
        rows = [_row(assignment, one, folder / f"animal{place}", borrowed) for place, one in enumerate(request["rows"])]
        kept = [row for row in rows if row is not None]
        if not kept:
            raise CohortError("No animal of the cohort has its recording and its scoring still.")
        table = folder / safe_name(cohort["name"], suffix=".csv")
        with table.open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, COLUMNS)
            writer.writeheader()
            writer.writerows(kept)
        out = folder / "analysis"
        analysis = analyze_cohort(table, out, options=options, progress=assignment.progress)
        for failed in analysis.pool.failed:
            assignment.say(failed.reason)
        shutil.rmtree(out / WORK)
        settle(out)
        assignment.store.put_folder(out, f"cohorts/{cohort['id']}/{assignment.job_id}")
    return []


def _row(assignment: Assignment, words: dict[str, Any], folder: Path, borrowed: ExitStack) -> dict[str, str] | None:
    """Put an animal's scores into a folder, as they were asked for, and write its row of the table."""
    folder.mkdir()
    recording, scoring = words["recording"], words["scoring"]
    try:
        path = borrowed.enter_context(borrow(assignment.store, recording))
        with assignment.store.local(f"scorings/{scoring['id']}/scores.npz") as kept:
            scores = load_scores(kept)
    except FileNotFoundError:
        assignment.say(f"{words['animal']}: its recording or its scoring was deleted.")
        return None
    changes = [
        Change(
            first=one["first"],
            last=one["last"],
            stage=None if one["stage"] is None else Stage(one["stage"]),
            artifact=one["artifact"],
        )
        for one in scoring["corrections"]
    ]
    write_csv(corrected(scores, scoring["artifact_threshold"], changes), folder / "animal_scores.csv")
    # The channels that were scored tell which animal of the file this is; a label may be there twice, a name may not.
    named = bool(recording["eeg"]) and recording["emg"] is not None
    eeg = recording["eeg"] if named else dict.fromkeys(scores.eeg_labels)
    return {
        "recording": str(path),
        "scores": str(folder / "animal_scores.csv"),
        "group": words["group"],
        "animal": words["animal"],
        "lights_on": words["lights_on"] or "",
        "eeg": BETWEEN_EEGS.join(eeg),
        "emg": recording["emg"] if named else scores.emg_label,
    }
