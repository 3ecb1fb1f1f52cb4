"""Scores as files that other programs read.

| format | file | content |
|---|---|---|
| `csv` | `STEM_scores.csv` | `epoch,start_s,stage,p_wake,p_nrem,p_rem,p_artifact,artifact` |
| `service` | `STEM_stages.csv`, `STEM_artifacts.csv` | `index,w\\|n\\|r` and `index,P(artifact)`, without headers |
| `edf` | `STEM_hypnogram.edf` | EDF+ annotations |
| `bids` | `STEM_events.tsv` | `onset`, `duration`, `trial_type`, `artifact` |

Where a density found the artifacts, `csv` has `density_nats` as one more column. Epochs are numbered from 0
everywhere. No file is named like a recording, so none can take a recording's place.
Unscored epochs are never left out: `unscored` (`x` in the service's table, "Sleep stage ?" in EDF+), with empty cells
for their probabilities. `read_labels` reads every one of these files except the service's artifact table.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

import numpy as np
from jaxtyping import Float
from numpy.typing import NDArray

from latentia.files import atomic_path
from spindle.edf import write_annotations
from spindle.errors import LabelError, OutputError
from spindle.hypnogram import STAGES, Hypnogram, Stage
from spindle.labels import labels_of_table, published_marks
from spindle.recording import EPOCH_S, Annotation
from spindle.scores import Scores
from spindle.tables import Row, Table, read_table, write_lines

COLUMNS = ("epoch", "start_s", "stage", *(f"p_{stage}" for stage in STAGES), "p_artifact", "artifact")
"""Header of `csv`."""

DENSITY_COLUMN = "density_nats"
"""One more column where a density found the artifacts: nats per number of the epoch's image, lower is more unusual."""

EDF_TEXTS = {
    Stage.WAKE: "Sleep stage W",
    Stage.NREM: "Sleep stage N",
    Stage.REM: "Sleep stage R",
    Stage.UNSCORED: "Sleep stage ?",
}
"""The states in EDF+'s own standard texts, which viewers of hypnograms know."""

EDF_ARTIFACT = "Artifact"
"""Text of a second annotation beside the state, so that viewers still draw the hypnogram through artifacts."""


class Format(StrEnum):
    """A kind of output; the table at the top of `spindle.outputs` says what is in it."""

    CSV = "csv"
    SERVICE = "service"
    EDF = "edf"
    BIDS = "bids"


@dataclass(frozen=True, kw_only=True)
class SavedScores:
    """What `csv` holds of `Scores`, read back for a report; probabilities are NaN where an epoch is unscored."""

    hypnogram: Hypnogram
    stage_probability: Float[np.ndarray, "epochs 3"]
    artifact_probability: Float[np.ndarray, " epochs"]
    density_nats: Float[np.ndarray, " epochs"] | None = None


def write_csv(scores: Scores, path: Path) -> None:
    """Write one line per epoch: number from 0, start, state, probabilities with 6 decimals, artifact 0 or 1.

    Errors: OutputError where the file cannot be written.
    """
    write_lines(path, csv_lines(scores))


def write_events(scores: Scores, path: Path) -> None:
    """Write a BIDS-style `events.tsv`: one line per bout, a run of epochs with the same state and artifact flag.

    Errors: OutputError where the file cannot be written.
    """
    write_lines(path, event_lines(scores.hypnogram))


def write_edf(scores: Scores, path: Path) -> None:
    """Write EDF+ annotations: one per epoch with its state, and a second one, "Artifact", where there is one.

    One per epoch rather than per bout, because viewers and scorers of EDF+ work epoch by epoch.
    Errors: OutputError where the file cannot be written.
    """
    write_annotations(path, edf_annotations(scores.hypnogram), start=scores.start)


def write_outputs(scores: Scores, folder: Path, formats: Iterable[Format], stem: str) -> list[Path]:
    """Write several formats into a folder that exists, all of them or none; return the files' paths.

    Older files of the same names are replaced, once every new one is complete. Errors: OutputError where the folder is
    missing or cannot be written, or where a file cannot be replaced; then nothing is touched.
    """
    wanted = [(folder / f"{stem}{suffix}", write) for kind in dict.fromkeys(formats) for suffix, write in _FILES[kind]]
    _check_folder(folder)
    for path, _ in wanted:
        check_target(path)
    try:
        with ExitStack() as stack:
            for path, write in wanted:
                write(scores, stack.enter_context(atomic_path(path)))
    except OSError as error:
        raise OutputError(f"Results cannot be written to {folder}: {error.strerror or error}.") from None
    return [path for path, _ in wanted]


def read_scores_csv(path: Path) -> SavedScores:
    """Read `csv` back, with the epoch length that its starts tell.

    Errors: LabelError where a column is missing, a label is unknown or a probability is not within [0, 1].
    """
    table = read_table(path)
    missing = [column for column in COLUMNS if column not in table.header]
    if missing or not table.body:
        problem = f"it lacks {', '.join(missing)}" if missing else "it holds no epochs"
        raise LabelError(f"{path.name} is no file of scores: {problem}.")
    last = table.number(table.body[-1], table.header.index("start_s"))
    epoch_s = last / (len(table.body) - 1) if len(table.body) > 1 else EPOCH_S
    if epoch_s <= 0:
        raise LabelError(f"{path.name} is no file of scores: its last epoch starts at {last:g} s.")
    columns = [table.header.index(f"p_{stage}") for stage in STAGES] + [table.header.index("p_artifact")]
    probability = np.array([[_probability(table, row, column) for column in columns] for row in table.body])
    return SavedScores(
        hypnogram=labels_of_table(table, epoch_s),
        stage_probability=probability[:, :-1],
        artifact_probability=probability[:, -1],
        density_nats=_densities(table),
    )


def report_of(scores: Path) -> Path:
    """Where the report of `NAME_scores.csv` goes without being told."""
    return scores.with_name(f"{scores.stem.removesuffix('_scores')}_report.html")


def is_scores_csv(path: Path) -> bool:
    """Whether a file starts as `csv` does; a file that cannot be read does not."""
    try:
        with path.open("rb") as file:
            first = file.read(512).decode("utf-8-sig", errors="replace").partition("\n")[0]
    except (OSError, ValueError):
        return False
    return set(COLUMNS) <= set(re.split("[,;\t]", first.strip().lower()))


def csv_lines(scores: Scores) -> Iterator[str]:
    """Give the lines of `csv`, header first."""
    density = scores.density_nats
    yield ",".join(COLUMNS if density is None else (*COLUMNS, DENSITY_COLUMN))
    hypnogram = scores.hypnogram
    probability = np.column_stack([scores.stage_probability, scores.artifact_probability]).tolist()
    flags = hypnogram.artifact.astype(int).tolist()
    for epoch, (stage, cells, flag) in enumerate(zip(hypnogram.stages, probability, flags, strict=True)):
        start = _seconds(epoch * hypnogram.epoch_s)
        more = () if density is None else (_cell(float(density[epoch])),)
        yield ",".join((str(epoch), start, stage, *map(_cell, cells), str(flag), *more))


def stage_lines(hypnogram: Hypnogram) -> Iterator[str]:
    """Give the lines of the service's table of states: index from 0, and `w`, `n`, `r`, or `x` where unscored."""
    clean = hypnogram.with_artifact(np.zeros(len(hypnogram), dtype=bool))
    return (f"{epoch},{mark}" for epoch, mark in enumerate(published_marks(clean)))


def artifact_lines(scores: Scores) -> Iterator[str]:
    """Give the lines of the service's table of artifacts: index from 0, and a probability, empty where unscored."""
    return (f"{epoch},{_cell(value)}" for epoch, value in enumerate(scores.artifact_probability.tolist()))


def event_lines(hypnogram: Hypnogram) -> Iterator[str]:
    """Give the lines of `events.tsv`, header first."""
    yield "\t".join(("onset", "duration", "trial_type", "artifact"))
    kinds = 2 * hypnogram.codes.astype(np.int64) + hypnogram.artifact
    starts = [0, *(np.flatnonzero(np.diff(kinds)) + 1).tolist()] if len(hypnogram) else []
    for start, stop in zip(starts, [*starts[1:], len(hypnogram)], strict=False):
        onset, duration = _seconds(start * hypnogram.epoch_s), _seconds((stop - start) * hypnogram.epoch_s)
        stage = Stage.of_code(int(hypnogram.codes[start]))
        yield "\t".join((onset, duration, stage, str(int(hypnogram.artifact[start]))))


def edf_annotations(hypnogram: Hypnogram) -> Sequence[Annotation]:
    """Return the EDF+ annotations of a hypnogram, in order of time."""
    found = []
    for epoch, (stage, flag) in enumerate(zip(hypnogram.stages, hypnogram.artifact.tolist(), strict=True)):
        for text in (EDF_TEXTS[stage], EDF_ARTIFACT) if flag else (EDF_TEXTS[stage],):
            onset_s = epoch * hypnogram.epoch_s
            found.append(Annotation(onset_s=onset_s, duration_s=hypnogram.epoch_s, text=text))
    return found


_Write = Callable[[Scores, Path], None]

_FILES: dict[Format, tuple[tuple[str, _Write], ...]] = {
    Format.CSV: (("_scores.csv", write_csv),),
    Format.SERVICE: (
        ("_stages.csv", lambda scores, path: write_lines(path, stage_lines(scores.hypnogram))),
        ("_artifacts.csv", lambda scores, path: write_lines(path, artifact_lines(scores))),
    ),
    Format.EDF: (("_hypnogram.edf", write_edf),),
    Format.BIDS: (("_events.tsv", write_events),),
}


def _check_folder(folder: Path) -> None:
    if not folder.exists():
        raise OutputError(f"The output folder {folder} does not exist.")
    if not folder.is_dir():
        raise OutputError(f"The output folder {folder} is a file.")


def check_target(path: Path) -> None:
    """Make sure that nothing stands in the way of a file's name. Errors: OutputError for a folder or a locked file."""
    if path.is_dir():
        raise OutputError(f"{path} cannot be written: a folder has that name.")
    if path.exists():
        try:
            # Opened for writing and left as it is: a spreadsheet that holds the file open refuses on Windows.
            path.open("r+b").close()
        except OSError as error:
            reason = error.strerror or error
            raise OutputError(f"{path} cannot be replaced: {reason}; is it open in another program?") from None


def _cell(value: float) -> str:
    return "" if np.isnan(value) else f"{value:.6f}"


def _densities(table: Table) -> NDArray[np.float64] | None:
    if DENSITY_COLUMN not in table.header:
        return None
    column = table.header.index(DENSITY_COLUMN)
    return np.array([np.nan if row.cells[column] == "" else table.number(row, column) for row in table.body])


def _seconds(value: float) -> str:
    """Write a time with up to 6 decimals and no needless zeros: 8, 2.5."""
    return f"{value:.6f}".rstrip("0").rstrip(".")


def _probability(table: Table, row: Row, column: int) -> float:
    if row.cells[column] == "":
        return float("nan")
    value = table.number(row, column)
    if not 0.0 <= value <= 1.0:
        raise LabelError(f"{table.where(row)}: {table.header[column]} is {row.cells[column]}, and can be 0 to 1.")
    return value
