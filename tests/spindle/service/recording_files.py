"""Small recordings for the tests of the service."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from spindle.edf import write_edf
from spindle.recording import Channel
from spindle.service.context import Context
from spindle.service.tables import Recording


def edf_bytes(folder: Path, labels: tuple[str, ...] = ("EEG1", "EEG2", "EMG"), *, seed: int = 0, s: int = 40) -> bytes:
    """An EDF file of noise; another seed gives another file."""
    noise = np.random.default_rng(seed)
    channels = [Channel.from_array(label, noise.normal(0, 50, 128 * s), 128.0) for label in labels]
    path = folder / f"made-{seed}.edf"
    write_edf(path, channels)
    return path.read_bytes()


def nothing_left(context: Context) -> bool:
    """Whether no file lies in scratch or among the recordings, and there is no row of one."""
    with context.database.reading() as session:
        rows = session.query(Recording).count()
    return not rows and not files_of(context)


def files_of(context: Context) -> list[str]:
    """All files of the data folder but the database's."""
    folder = context.files.folder
    return sorted(
        path.relative_to(folder).as_posix()
        for path in folder.rglob("*")
        if path.is_file() and not path.name.startswith("spindle.sqlite")
    )
