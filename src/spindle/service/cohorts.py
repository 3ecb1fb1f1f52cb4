"""Groups of animals that belong to one user: what is compared, and what its analysis is told."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from spindle.cohorts.table import NO_GROUP, parse_time
from spindle.errors import CohortError
from spindle.options import AnalysisOptions
from spindle.service.tables import Cohort, Correction, Recording, Scoring


def check_settings(given: dict[str, Any]) -> dict[str, Any]:
    """Keep the settings that differ from the usual ones. Errors: SettingError for a value that cannot work."""
    options = AnalysisOptions(**given)
    return {
        one.name: getattr(options, one.name) for one in fields(options) if getattr(options, one.name) != one.default
    }


def check_rows(session: Session, owner_id: str, rows: list[dict[str, Any]]) -> None:
    """Refuse rows that name what is not there, or one animal twice. Errors: CohortError."""
    known = set(
        session.scalars(
            select(Scoring.id).where(Scoring.owner_id == owner_id, Scoring.id.in_([row["scoring_id"] for row in rows]))
        )
    )
    seen: set[str] = set()
    for number, row in enumerate(rows, start=1):
        if row["scoring_id"] not in known:
            raise CohortError(f"Row {number} names a scoring that is not there.")
        if row["scoring_id"] in seen:
            raise CohortError(f"Row {number} names a scoring that stands in another row already.")
        seen.add(row["scoring_id"])
        if row["lights_on"]:
            parse_time(row["lights_on"])


def analysis_request(session: Session, cohort: Cohort) -> dict[str, Any]:
    """Collect all that decides an analysis, as it is now: thresholds and corrections too. Errors: CohortError."""
    rows = []
    seen: set[str] = set()
    for row in cohort.rows:
        scoring = session.get(Scoring, row["scoring_id"])
        if scoring is None or scoring.owner_id != cohort.owner_id:
            continue  # it was deleted since; the others go on
        recording = session.get_one(Recording, scoring.recording_id)
        animal = row["animal"] or animal_of(recording, scoring)
        if animal in seen:
            raise CohortError(f"Two animals are called '{animal}'; give each a name of its own.")
        seen.add(animal)
        rows.append(
            {
                "animal": animal,
                "group": row["group"],
                "lights_on": row["lights_on"],
                "recording": recording_words(recording),
                "scoring": _scoring_words(session, scoring),
            }
        )
    if not any(row["group"].strip().lower() not in NO_GROUP for row in rows):
        raise CohortError(f"No animal of {cohort.name} has a group.")
    return {"cohort": {"id": cohort.id, "name": cohort.name}, "rows": rows, "settings": cohort.settings}


def animal_of(recording: Recording, scoring: Scoring) -> str:
    """Name an animal where the user named none: by its recording."""
    stem = recording.name.rpartition(".")[0] or recording.name
    return f"{stem}_{scoring.animal}" if scoring.animal else stem


def recording_words(recording: Recording) -> dict[str, Any]:
    """Return what a job is told of a recording."""
    return {
        "id": recording.id,
        "file": recording.file,
        "name": recording.name,
        "eeg": recording.eeg,
        "emg": recording.emg,
    }


def _scoring_words(session: Session, scoring: Scoring) -> dict[str, Any]:
    corrections = session.scalars(
        select(Correction)
        .where(Correction.scoring_id == scoring.id, Correction.number <= scoring.revision)
        .order_by(Correction.number)
    )
    return {
        "id": scoring.id,
        "animal": scoring.animal,
        "artifact_threshold": scoring.artifact_threshold,
        "corrections": [
            {"first": one.first, "last": one.last, "stage": one.stage, "artifact": one.artifact} for one in corrections
        ],
    }
