"""Where simulated recordings go, without ever taking the place of a user's file."""

from __future__ import annotations

import json
import multiprocessing
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import asdict
from pathlib import Path

from latentia.files import atomic_path
from latentia.folders import check_output_file, check_output_folder, make_folder
from spindle.edf import read_annotations
from spindle.errors import OutputError, RecordingError, SettingError
from spindle.options import SimulationOptions
from spindle.simulation.files import LABELS_SUFFIX, MARK, Plan, cohort, laboratories, one

Show = Callable[[str, float], None]

SETTINGS = "simulation.json"
"""Says what a folder of simulated recordings was made with."""


def simulate_files(options: SimulationOptions, progress: Show = lambda what, share: None) -> list[Path]:
    """Write what the options ask for, and return the paths of the EDF+ files; each has its labels beside it.

    Of several recordings, those that are there already are kept. Errors: SettingError; OutputError, also where a file
    would replace one that is not simulated.
    """
    return _several(options, progress) if options.cohort or options.laboratories else [_one(options, progress)]


def labels_of(recording: Path) -> Path:
    """The labels beside a simulated recording."""
    return recording.with_name(f"{recording.stem}{LABELS_SUFFIX}")


def _one(options: SimulationOptions, progress: Show) -> Path:
    path = options.out or Path("simulated.edf")
    if path.suffix.lower() != ".edf":
        raise SettingError(f"A simulated recording is an EDF file; {path} does not end in .edf.")
    check_output_file(path)
    _check_replaceable(path)
    make_folder(path.parent)
    progress("Simulating", 0.0)
    return one(path.stem, hours=options.hours, seed=options.seed).write(path.parent)


def _several(options: SimulationOptions, progress: Show) -> list[Path]:
    folder = options.out or Path(f"cohort_{options.cohort}" if options.cohort else "laboratories")
    check_output_folder(folder)
    _check_settings(folder, options)
    make_folder(folder)
    _write_settings(folder, options)
    plans = list(_plans(options))
    files = [folder / f"{plan.name}.edf" for plan in plans]
    missing = [plan for plan, path in zip(plans, files, strict=True) if not path.exists()]
    progress("Simulating", 1 - len(missing) / len(plans))
    for left, _ in enumerate(_written(missing, folder, options.workers), start=1):
        progress("Simulating", 1 - (len(missing) - left) / len(plans))
    return files


def _plans(options: SimulationOptions) -> Iterator[Plan]:
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


def _settings(options: SimulationOptions) -> dict[str, object]:
    """What decides the content of a folder; more laboratories do not change the first ones."""
    kept = asdict(options)
    used = ["hours", "seed", "cohort"] if options.cohort else ["hours", "seed", "shortest_hours"]
    return {name: kept[name] for name in used}


def _check_settings(folder: Path, options: SimulationOptions) -> None:
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


def _write_settings(folder: Path, options: SimulationOptions) -> None:
    with atomic_path(folder / SETTINGS) as temporary:
        temporary.write_text(json.dumps(_settings(options)) + "\n", encoding="utf-8")
