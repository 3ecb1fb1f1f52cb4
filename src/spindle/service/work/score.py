"""Scoring a recording: every animal of it becomes a `Scoring` with its files.

A request has `recording` (`id`, `file`, `name`), `eeg` and `emg` as `spindle.montage.choose_montages` takes them,
`model` (`id`, `file`, `name`; `file` is None for the one that comes with the package), `method` and
`artifact_threshold`.
"""

from __future__ import annotations

from typing import Any

from spindle.errors import RecordingError, SpindleError
from spindle.montage import choose_montages
from spindle.reading import read_recording
from spindle.recording import Montage, Recording
from spindle.scoring import AnyMethod, Method, load_method, score_montage
from spindle.service.child import NO_MEMORY, Assignment
from spindle.service.envelopes import write_envelopes
from spindle.service.scored import in_short, save_scores
from spindle.service.work.borrowed import borrow, result_id, settle
from spindle.summary import in_plain_words

PARTS = {"Reading": (0.0, 0.3), "Transforming": (0.3, 0.1), "Finding artifacts": (0.4, 0.2), "Scoring": (0.6, 0.3)}
"""Where each part of scoring an animal begins, and how much of it that is."""
WRITING = 0.9


def score(assignment: Assignment) -> list[dict[str, Any]]:
    """Score every animal of a recording; what is wrong with one does not stop the others.

    Errors: those of reading and of the model; RecordingError where no animal could be scored.
    """
    request = assignment.request
    with borrow(assignment.store, request["recording"]) as path:
        recording = read_recording(path)
        montages = choose_montages(recording, eeg=tuple(request["eeg"]), emg=request["emg"])
        method = _method(assignment)
        rows, problems = [], []
        for place, montage in enumerate(montages):
            try:
                rows.append(_score_animal(assignment, recording, montage, method, (place, len(montages))))
            except (SpindleError, MemoryError) as error:
                problem = NO_MEMORY if isinstance(error, MemoryError) else str(error)
                problems.append(f"Animal {montage.animal}: {problem}" if montage.animal else problem)
                assignment.say(problems[-1])
    if not rows:
        raise RecordingError(" ".join(problems))
    return rows


def _method(assignment: Assignment) -> AnyMethod:
    request = assignment.request
    threshold, method = request.get("artifact_threshold", Method.artifact_threshold), request.get("method", "spindle")
    model = request.get("model")
    if model is None or model["file"] is None:
        return load_method(None, None, threshold, method=method)
    with borrow(assignment.store, model) as path:
        return load_method(path, None, threshold, method=method)


def _score_animal(
    assignment: Assignment, recording: Recording, montage: Montage, method: AnyMethod, place: tuple[int, int]
) -> dict[str, Any]:
    number, animals = place

    def progress(what: str, share: float) -> None:
        begins, size = PARTS.get(what, (WRITING, 1 - WRITING))
        doing = f"{what}, animal {montage.animal}" if animals > 1 else what
        assignment.progress(doing, (number + begins + size * share) / animals)

    scores = score_montage(
        montage, method, name=recording.name, start=recording.start, notes=recording.notes, progress=progress
    )
    progress("Writing", 0.0)
    scoring_id = result_id(assignment.job_id, assignment.attempt, montage.animal)
    with assignment.store.working_folder() as folder:
        files = folder / "scoring"
        files.mkdir()
        save_scores(scores, files / "scores.npz")
        write_envelopes(montage, files / "envelopes")
        settle(files)
        assignment.store.put_folder(files, f"scorings/{scoring_id}")
    for sentence in (*scores.notes, *in_plain_words(scores)):
        assignment.say(sentence)
    return {
        "table": "scorings",
        "id": scoring_id,
        "animal": montage.animal[:100],
        "model_name": scores.model_name[:300],
        "epochs": len(scores.hypnogram),
        "epoch_s": scores.hypnogram.epoch_s,
        "artifact_threshold": scores.artifact_threshold,
        "summary": in_short(scores),
    }
