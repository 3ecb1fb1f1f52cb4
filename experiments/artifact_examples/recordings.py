"""The two real recordings without labels, as montages of one EEG and an EMG."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from spindle.recording import Channel, Montage
from spindle.tabular import read_npz


def montages(folder: Path) -> dict[str, Montage]:
    """Read both recordings of the folder of real data, by what they are called in the figure."""
    sleep = folder / "sleep"
    return {
        "mouse, 200 Hz, EMG rectified": _unlabelled(sleep / "mouse_unlabelled_200hz_4s_i16.npz"),
        "mouse, 128 Hz": _pair(read_npz(sleep / "mouse_lishen_128hz_f4.npz").channels),
    }


def _unlabelled(path: Path) -> Montage:
    """Join three runs; the epochs at the seams see a neighbour that was not there."""
    with np.load(path, allow_pickle=False) as file:
        microvolts, rate_hz = 1e6 * float(file["scale"]), float(file["fs"])
        joined = [
            np.concatenate([file[name].ravel() for name in sorted(file) if name.startswith(start)])
            for start in ("eeg_", "emgabs_")
        ]
    names = ("EEG", "EMG")
    return _pair(
        tuple(Channel.from_array(name, microvolts * one, rate_hz) for name, one in zip(names, joined, strict=True))
    )


def _pair(channels: tuple[Channel, ...]) -> Montage:
    eeg, emg = channels
    return Montage(eeg=(eeg, eeg), emg=emg)
