"""`spindle simulate`: recordings with known states, for demonstrations, tests and training."""

from __future__ import annotations

import json
import multiprocessing
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from latentia.files import atomic_path
from spindle.drawing import in_words
from spindle.edf import read_annotations
from spindle.errors import OutputError, RecordingError, SettingError
from spindle.folders import check_output_file, check_output_folder, make_folder
from spindle.options import option
from spindle.progress import Show, progress_bar
from spindle.screen import say

if TYPE_CHECKING:
    from spindle.simulation.files import Plan

MARK = "Simulated recording"
"""The annotation that every simulated file carries."""

SETTINGS = "simulation.json"
"""Says what a folder of simulated recordings was made with."""


@dataclass(frozen=True, kw_only=True)
class Options:
    """Simulation."""

    out: Path | None = option(
        None,
        "the EDF file, or the folder for several (default: simulated.edf, cohort_A or laboratories)",
        metavar="PATH",
    )
    hours: float = option(24.0, "length of each recording; the longest one of laboratories", metavar="HOURS")
    seed: int = option(0, "another number gives other animals; the same one the same bytes", metavar="NUMBER")
    cohort: Literal["A", "B", "C", "D"] | None = option(None, "all animals of a cohort of the thesis' Table 5.2")
    laboratories: int = option(0, "one animal each of so many laboratories that differ in everything", metavar="COUNT")
    shortest_hours: float = option(0.3, "the shortest recording of laboratories", metavar="HOURS")
    workers: int = option(1, "recordings simulated at a time, each by a process of its own", metavar="COUNT")

    def __post_init__(self) -> None:
        if not 0 < self.hours <= 24 * 31:
            raise SettingError(f"A recording can last up to 31 days; --hours {self.hours:g} does not fit.")
        if self.laboratories < 0 or self.workers < 1 or self.seed < 0:
            raise SettingError("Seed and number of laboratories are 0 or more, workers 1 or more.")
        if self.cohort and self.laboratories:
            raise SettingError("A simulation is of a cohort or of laboratories, not of both.")
        if self.laboratories and not 0 < self.shortest_hours <= self.hours:
            raise SettingError(
                f"The shortest recording, {self.shortest_hours:g} h, must be more than 0 and no longer than the "
                f"longest, {self.hours:g} h (--hours)."
            )


def run(options: Options) -> int:
    """Simulate recordings: an EDF+ each, with the states that two experts saw in it beside it, NAME_labels.csv.

    Several recordings go to a folder. Those that are there already are kept, so that an interrupted simulation goes
    on where it stopped.
    """
    with progress_bar() as show:
        files = _simulate(options, show)
    if len(files) == 1:
        length = in_words(options.hours * 3600)
        say(f"{files[0]} is a simulated recording of {length}; its states are in {labels_of(files[0])}.")
    else:
        say(f"{files[0].parent} has {len(files)} simulated recordings, each with its labels beside it.")
    return 0


def simulate(
    out: Path | str | None = None,
    *,
    hours: float = 24.0,
    seed: int = 0,
    cohort: Literal["A", "B", "C", "D"] | None = None,
    laboratories: int = 0,
    shortest_hours: float = 0.3,
    workers: int = 1,
) -> list[Path]:
    """Simulate one mouse, or the animals of a cohort or of laboratories, and return the paths of the EDF+ files.

    Errors: SettingError; OutputError where a file would replace one that is not simulated.
    """
    options = Options(
        out=None if out is None else Path(out),
        hours=hours,
        seed=seed,
        cohort=cohort,
        laboratories=laboratories,
        shortest_hours=shortest_hours,
        workers=workers,
    )
    return _simulate(options, lambda what, share: None)


def labels_of(recording: Path) -> Path:
    """The labels beside a simulated recording."""
    return recording.with_name(f"{recording.stem}_labels.csv")


def _simulate(options: Options, show: Show) -> list[Path]:
    if options.cohort or options.laboratories:
        return _several(options, show)
    path = options.out or Path("simulated.edf")
    if path.suffix.lower() != ".edf":
        raise SettingError(f"A simulated recording is an EDF file; {path} does not end in .edf.")
    check_output_file(path)
    _check_replaceable(path)
    from spindle.simulation.files import one

    make_folder(path.parent)
    show("Simulating", 0.0)
    return [one(path.stem, hours=options.hours, seed=options.seed).write(path.parent)]


def _several(options: Options, show: Show) -> list[Path]:
    folder = options.out or Path(f"cohort_{options.cohort}" if options.cohort else "laboratories")
    check_output_folder(folder)
    _check_settings(folder, options)
    make_folder(folder)
    _write_settings(folder, options)
    plans = list(_plans(options))
    files = [folder / f"{plan.name}.edf" for plan in plans]
    missing = [plan for plan, path in zip(plans, files, strict=True) if not path.exists()]
    show("Simulating", 1 - len(missing) / len(plans))
    for left, _ in enumerate(_written(missing, folder, options.workers), start=1):
        show("Simulating", 1 - (len(missing) - left) / len(plans))
    return files


def _plans(options: Options) -> Iterator[Plan]:
    from spindle.simulation.files import cohort, laboratories

    if options.cohort:
        return cohort(options.cohort, hours=options.hours, seed=options.seed)
    lengths = (options.shortest_hours, options.hours)
    return laboratories(options.laboratories, hours=lengths, seed=options.seed)


def _written(plans: Iterable[Plan], folder: Path, workers: int) -> Iterator[Path]:
    """Write plans, several at a time; give each path when it is there."""
    if workers == 1:
        for plan in plans:
            yield plan.write(folder)
        return
    # "spawn" is what Windows and macOS have, and safe with the threads of numerical libraries.
    with ProcessPoolExecutor(workers, mp_context=multiprocessing.get_context("spawn")) as pool:
        jobs = [pool.submit(plan.write, folder) for plan in plans]
        try:
            for job in as_completed(jobs):
                yield job.result()
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def _check_replaceable(path: Path) -> None:
    """Refuse to put a simulation where a recording or its labels may be."""
    if path.exists():
        if not _is_simulated(path):
            raise OutputError(f"{path} exists and is not a simulated recording; name another file.")
    elif labels_of(path).exists():
        raise OutputError(f"{labels_of(path)} exists and may hold an expert's labels; name another file.")


def _is_simulated(path: Path) -> bool:
    try:
        return any(note.text == MARK for note in read_annotations(path).annotations)
    except RecordingError:
        return False


def _settings(options: Options) -> dict[str, object]:
    """What decides the content of a folder; more laboratories do not change the first ones."""
    kept = asdict(options)
    used = ["hours", "seed", "cohort"] if options.cohort else ["hours", "seed", "shortest_hours"]
    return {name: kept[name] for name in used}


def _check_settings(folder: Path, options: Options) -> None:
    path = folder / SETTINGS
    if not path.exists():
        if any(folder.glob("*.edf")):
            raise OutputError(f"{folder} holds other EDF files; name a folder of its own for the simulation.")
        return
    try:
        before = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        before = None
    if before != _settings(options):
        raise SettingError(f"{folder} holds recordings simulated with other settings ({path}); name another folder.")


def _write_settings(folder: Path, options: Options) -> None:
    with atomic_path(folder / SETTINGS) as temporary:
        temporary.write_text(json.dumps(_settings(options)) + "\n", encoding="utf-8")
