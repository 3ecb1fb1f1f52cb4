"""Every other format, through MNE-Python, which is an optional extra."""

from __future__ import annotations

import struct
import warnings
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spindle.errors import RecordingError
from spindle.recording import Annotation, Channel, Recording

SKIP = "BAD_ACQ_SKIP"
"""MNE's word for a stretch in which the recorder was stopped; the samples there are zeros of its own."""

# Its many parsers raise whatever their first wrong assumption leads to.
_PARSER_ERRORS = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    EOFError,
    ImportError,
    LookupError,
    MemoryError,
    NameError,
    OSError,
    RuntimeError,
    SyntaxError,
    TypeError,
    ValueError,
    struct.error,
)


def read_mne(path: Path) -> Recording:
    """Open any file that MNE-Python reads; samples are read when a channel is asked for them.

    MNE gives volts; channels in volts come in µV here. Where the recorder was stopped, samples are NaN. Warnings
    of MNE become notes. Errors: RecordingError where MNE is not installed or cannot read the file.
    """
    try:
        import mne
    except ImportError as error:
        raise RecordingError(
            f"{path.name} is not EDF, BDF, NPZ, CSV or Parquet; other formats need MNE-Python: "
            'pip install "latentia[mne]".'
        ) from error
    try:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            raw = mne.io.read_raw(path, preload=False, verbose="WARNING")
            microvolts = [channel["unit"] == mne.io.constants.FIFF.FIFF_UNIT_V for channel in raw.info["chs"]]
    except _PARSER_ERRORS as error:
        reason = (str(error).strip() or type(error).__name__).splitlines()[0].rstrip(".")
        raise RecordingError(f"{path.name} is of no format that can be read; MNE-Python says: {reason}.") from error
    gaps = _gaps(raw)
    channels = tuple(
        Channel(
            label=label,
            unit="uV" if is_voltage else "",
            rate_hz=float(raw.info["sfreq"]),
            samples=int(raw.n_times),
            read=_Reader(path=path, raw=raw, pick=pick, scale=1e6 if is_voltage else 1.0, gaps=gaps),
        )
        for pick, (label, is_voltage) in enumerate(zip(raw.ch_names, microvolts, strict=True))
    )
    if not channels or raw.n_times == 0:
        raise RecordingError(f"{path.name} holds no samples.")
    return Recording(
        name=path.stem,
        channels=channels,
        path=path,
        start=_start(raw),
        annotations=_annotations(raw),
        notes=tuple(dict.fromkeys(" ".join(str(one.message).split()) for one in caught)),
    )


@dataclass(frozen=True, kw_only=True)
class _Reader:
    """Reads samples [start, stop) of one channel; NaN in gaps, which are ranges of samples."""

    path: Path
    raw: Any
    pick: int
    scale: float
    gaps: tuple[tuple[int, int], ...]

    def __call__(self, start: int, stop: int) -> NDArray[np.float32]:
        start, stop = max(start, 0), min(stop, int(self.raw.n_times))
        if start >= stop:
            return np.empty(0, dtype=np.float32)
        try:
            values = self.raw.get_data(picks=[self.pick], start=start, stop=stop, verbose="ERROR")[0]
        except _PARSER_ERRORS as error:
            raise RecordingError(f"{self.path.name} cannot be read to its end: {error}.") from error
        with np.errstate(over="ignore"):
            result: NDArray[np.float32] = (values * self.scale).astype(np.float32)
        result[~np.isfinite(result)] = np.nan
        for low, high in self.gaps:
            result[max(low - start, 0) : max(high - start, 0)] = np.nan
        return result


def _gaps(raw: Any) -> tuple[tuple[int, int], ...]:
    rate_hz = float(raw.info["sfreq"])
    return tuple(
        (round(one.onset_s * rate_hz), round((one.onset_s + one.duration_s) * rate_hz))
        for one in _annotations(raw)
        if one.text == SKIP
    )


def _annotations(raw: Any) -> tuple[Annotation, ...]:
    # MNE counts from the start of the measurement; the first sample of the file may come later.
    first_s = float(raw.first_time)
    return tuple(
        Annotation(onset_s=float(one["onset"]) - first_s, duration_s=float(one["duration"]), text=one["description"])
        for one in raw.annotations
    )


def _start(raw: Any) -> datetime | None:
    """Give the recorder's clock; MNE calls it UTC, which it mostly is not."""
    date = raw.info["meas_date"]
    return None if date is None else date.astimezone(UTC).replace(tzinfo=None)
