"""A cohort from its table to its page (thesis A, 5.4.5)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from latentia.folders import check_output_folder, make_folder
from spindle.cohorts.comparisons import Comparisons, compare, eegs_of
from spindle.cohorts.figures import architecture_figure, timing_figure
from spindle.cohorts.looks import Drawn
from spindle.cohorts.measure import Measured, measure
from spindle.cohorts.page import Picture, write_page
from spindle.cohorts.pool import Pool, pool, write_frame, write_tables
from spindle.cohorts.spectral_figures import preprocessing_figure, profiles_figure, spectra_figure
from spindle.cohorts.table import CohortRow, CohortTable, FailedRow, parse_time, read_cohort_table
from spindle.errors import OutputError, SpindleError
from spindle.figure_files import save_figure
from spindle.options import AnalysisOptions, ChannelOptions

Progress = Callable[[str, float], None]
PAGE, TABLES, FIGURES, WORK = "analysis.html", "tables", "figures", "work"
"""What an analysis leaves in its folder; `work` only makes the next analysis quick."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Analysis:
    """What an analysis found, and where its files are. `pool.failed` are the animals that could not be analysed."""

    pool: Pool
    comparisons: Comparisons
    page: Path
    tables: tuple[Path, ...]
    figures: tuple[Path, ...]


def analyze_cohort(
    cohort: Path,
    out: Path,
    *,
    scores: Path | None = None,
    channels: ChannelOptions | None = None,
    options: AnalysisOptions | None = None,
    progress: Progress = lambda what, share: None,
) -> Analysis:
    """Measure every animal of a cohort, compare its groups, and write tables, figures and a page to `out`.

    An animal that cannot be measured does not stop the others. Errors: CohortError where the table cannot be read or no
    animal is left; SettingError; OutputError.
    """
    options = options or AnalysisOptions()
    pooled = measure_cohort(cohort, out, scores=scores, channels=channels, options=options, progress=progress)
    progress("Comparing", 0.0)
    comparisons = compare(pooled, options)
    progress("Drawing", 0.0)
    for folder in (TABLES, FIGURES):
        make_folder(out / folder)
    tables = write_tables(pooled, out / TABLES)
    for name, frame in comparisons.tables().items():
        tables.append(out / TABLES / f"{name}.csv")
        write_frame(frame, tables[-1])
    drawn = draw(pooled, comparisons, options)
    figures = {one.name: save_figure(one.figure, out / FIGURES / one.name, one.data) for one in drawn}
    pictures = [Picture(title=one.title, caption=one.caption, svg=figures[one.name][1]) for one in drawn]
    write_page(out / PAGE, cohort.stem, pooled, comparisons, pictures, options)
    return Analysis(
        pool=pooled,
        comparisons=comparisons,
        page=out / PAGE,
        tables=tuple(tables),
        figures=tuple(path for paths in figures.values() for path in paths),
    )


def measure_cohort(
    cohort: Path,
    out: Path,
    *,
    scores: Path | None = None,
    channels: ChannelOptions | None = None,
    options: AnalysisOptions,
    progress: Progress = lambda what, share: None,
) -> Pool:
    """Measure every animal of a cohort, and keep what was measured in `out`. Errors: those of `analyze_cohort`."""
    lights_on = None if options.lights_on is None else parse_time(options.lights_on)
    table = read_cohort_table(cohort, scores=scores, lights_on=lights_on)
    check_output_folder(out)
    make_folder(out / WORK)
    measured, failed = _measure_all(table, channels or ChannelOptions(), options, out / WORK, progress)
    return pool(table, measured, failed, options.reference)


def draw(pooled: Pool, comparisons: Comparisons, options: AnalysisOptions) -> list[Drawn]:
    """Draw every figure that there are data for."""
    drawn = [architecture_figure(pooled, comparisons, options), timing_figure(pooled, comparisons, options)]
    for eeg in eegs_of(pooled):
        drawn.append(spectra_figure(pooled, eeg, comparisons, options))
        drawn.append(profiles_figure(pooled, eeg))
        drawn.append(preprocessing_figure(pooled, eeg))
    return drawn


def _measure_all(
    table: CohortTable, channels: ChannelOptions, options: AnalysisOptions, work: Path, progress: Progress
) -> tuple[dict[int, Measured], list[FailedRow]]:
    measured: dict[int, Measured] = {}
    failed: list[FailedRow] = []
    for place, row in enumerate(table.rows):

        def advance(share: float, place: int = place) -> None:
            progress("Measuring animals", (place + share) / len(table.rows))

        advance(0.0)
        try:
            measured[row.line] = measure(row, channels, options, work, advance=advance)
        except OutputError:
            raise
        except (SpindleError, OSError) as error:
            failed.append(_failed(row, error))
    return measured, failed


def _failed(row: CohortRow, error: Exception) -> FailedRow:
    sentence = " ".join(str(error).splitlines())
    if isinstance(error, OSError):
        sentence = f"{error.filename or row.recording.name} cannot be read: {error.strerror or error}."
    named = any(name in sentence for name in (row.animal, row.recording.name, row.scores.name))
    return FailedRow(line=row.line, animal=row.animal, reason=sentence if named else f"{row.animal}: {sentence}")
