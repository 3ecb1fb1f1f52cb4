"""Any supported file as a recording."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from spindle.edf import is_edf, read_edf
from spindle.errors import RecordingError
from spindle.mne_reader import read_mne
from spindle.recording import Recording

CSV_SUFFIXES = (".csv", ".tsv", ".txt")
RECORDING_SUFFIXES = (".edf", ".bdf", ".rec", ".npz", ".parquet")
"""What a folder is searched for. A table of text in it may as well hold labels or results, so it is named by itself."""
FOLDER_SUFFIXES = (".mff", ".ds")
"""Recordings that are folders; MNE reads them."""

_ZIP = b"PK"
_PARQUET = b"PAR1"


def read_recording(path: Path, *, rate_hz: float | None = None) -> Recording:
    """Open a recording; the first bytes tell EDF, BDF, NPZ and Parquet, the suffix tells CSV and all others.

    `rate_hz` is for files that do not say their rate: NPZ, CSV and Parquet.

    Errors: RecordingError where there is no such file or it cannot be read.
    """
    recording = _read(path, rate_hz)
    # A file's name may hold bytes that are no text, which no report could be written with.
    return replace(recording, name=recording.name.encode("utf-8", "replace").decode("utf-8"))


def _read(path: Path, rate_hz: float | None) -> Recording:
    head = _first_bytes(path)
    suffix = path.suffix.lower()
    if not is_edf(head):
        table = _read_table(path, head, suffix, rate_hz)
        if table is not None:
            return table
    recording = read_edf(path) if is_edf(head) or suffix in (".edf", ".bdf", ".rec") else read_mne(path)
    if rate_hz is None:
        return recording
    note = f"The rate of {rate_hz:g} Hz that was given is not used: {path.name} says its own."
    return replace(recording, notes=(*recording.notes, note))


def _read_table(path: Path, head: bytes, suffix: str, rate_hz: float | None) -> Recording | None:
    """Open a table of samples, or return None where the file is none."""
    from spindle import tabular  # pandas and pyarrow take a quarter of a second, which an EDF need not wait for

    if head.startswith(_ZIP) or suffix == ".npz":
        return tabular.read_npz(path, rate_hz=rate_hz)
    if head.startswith(_PARQUET) or suffix in (".parquet", ".pq"):
        return tabular.read_parquet(path, rate_hz=rate_hz)
    return tabular.read_csv(path, rate_hz=rate_hz) if suffix in CSV_SUFFIXES else None


def _first_bytes(path: Path) -> bytes:
    if path.is_dir():
        if path.suffix.lower() in FOLDER_SUFFIXES:
            return b""
        raise RecordingError(f"{path} is a folder, not a recording.")
    try:
        with path.open("rb") as file:
            head = file.read(8)
    except FileNotFoundError as error:
        raise RecordingError(f"There is no file {path}.") from error
    # ValueError: a name that no file can have, with a zero in it.
    except (OSError, ValueError) as error:
        raise RecordingError(f"{path} cannot be read: {error}.") from error
    if not head:
        raise RecordingError(f"{path.name} is empty.")
    return head
