"""Looking into a file that a stranger sent: is it a recording, and can it be looked into without harm?

Reading the header of an EDF takes no memory to speak of, but its time stamps and remarks are kept, so that a file made
for that purpose could fill the memory of the web program. Such a file is refused before they are read.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from spindle.edf import read_edf
from spindle.edf.header import read_header
from spindle.edf.records import Records
from spindle.errors import RecordingError
from spindle.recording import Recording

MOST_CHANNELS = 512
MOST_RECORDS = 5_000_000
"""Data records with time stamps: eight weeks of one second each."""
MOST_REMARKS = 500_000

_SEPARATOR = 0x14
"""What ends each time stamp and each remark."""


def inspect(path: Path, name: str) -> Recording:
    """Open a file that is called `name`, which stands in sentences and notes.

    Errors: RecordingError, as `read_edf` has them, and for more than any recorder writes.
    """
    try:
        _check_bounds(path)
        return read_edf(path)
    except RecordingError as error:
        raise RecordingError(renamed(str(error), path, name)) from None


def renamed(sentence: str, path: Path, name: str) -> str:
    """Put the user's name for a file where a sentence has ours."""
    return sentence.replace(str(path), name).replace(path.name, name)


def _check_bounds(path: Path) -> None:
    header = read_header(path)
    if len(header.signals) > MOST_CHANNELS:
        raise RecordingError(
            f"{path.name} has {len(header.signals):,} channels; the service takes up to {MOST_CHANNELS}."
        )
    notes = [signal for signal in header.signals if signal.is_annotation]
    if not notes or not header.record_bytes:
        return
    records = Records(path=path, header=header, count=(path.stat().st_size - header.size) // header.record_bytes)
    if records.count > MOST_RECORDS:
        raise RecordingError(
            f"{path.name} has {records.count:,} data records with time stamps; "
            f"the service takes up to {MOST_RECORDS:,}."
        )
    separators = sum(
        int(np.count_nonzero(records.raw(signal, start, stop) == _SEPARATOR))
        for signal in notes
        for start, stop in records.blocks(0, records.count)
    )
    # Two of them belong to the time stamp of each record.
    if separators > 2 * records.count * len(notes) + MOST_REMARKS:
        raise RecordingError(f"{path.name} has more than {MOST_REMARKS:,} remarks; the service takes fewer.")
