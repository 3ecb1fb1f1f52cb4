"""Time-frequency images as whole numbers, which is what a density of images is over (thesis A, 5.3.4)."""

from __future__ import annotations

import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from latentia.images import ImageFormat
from spindle.spectrogram import FRAMES_PER_EPOCH, ROWS, WINDOW_FRAMES, TimeFrequency
from spindle.training_set import Columns

FORMAT = ImageFormat(channels=3, height=WINDOW_FRAMES, width=ROWS, bits=8)
"""Time runs down, frequency across: 11,520 numbers per epoch."""

REACH = 6.0
"""Standardised log power is cut off at ± this. The thesis says −1 … 1 in 256 bins, not what becomes −1 and 1. A range
taken from each recording would depend on its artifacts. Of clean simulated epochs (cohorts A–C) one value in 10,000
lies outside ±6, of artifacts one in 1,000; ±4 would cut 1 % of the artifacts', and a wider range wastes bins."""

LEVEL_COLUMNS = 2 * ROWS + 1
"""Numbers per frame: both EEGs' rows, and the EMG, whose rows are all alike."""


def to_levels(values: Float[np.ndarray, "*shape"]) -> UInt8[np.ndarray, "*shape"]:
    """Cut −REACH … REACH into 256 equal bins; the outer two take what lies beyond."""
    scaled = (values + np.float32(REACH)) * np.float32(FORMAT.levels / (2 * REACH))
    levels: UInt8[np.ndarray, "*shape"] = np.clip(scaled, 0, FORMAT.levels - 1).astype(np.uint8)
    return levels


def level_columns(time_frequency: TimeFrequency) -> UInt8[np.ndarray, "frames 49"]:
    """Give a whole recording in 49 bytes per frame; images cut from it would take 235 times as much."""
    columns = np.empty((len(time_frequency.emg), LEVEL_COLUMNS), dtype=np.uint8)
    for place, eeg in enumerate(time_frequency.eeg):
        columns[:, place * ROWS : (place + 1) * ROWS] = to_levels(eeg)
    columns[:, -1] = to_levels(time_frequency.emg)
    return columns


def level_images(columns: UInt8[np.ndarray, "batch frames 49"]) -> UInt8[Tensor, "batch 3 frames 24"]:
    """Arrange the columns under windows as images: first EEG, second EEG, EMG repeated over the rows."""
    eeg = columns[..., :-1].reshape(*columns.shape[:-1], 2, ROWS).transpose(0, 2, 1, 3)
    emg = np.broadcast_to(columns[:, None, :, -1:], (len(columns), 1, columns.shape[1], ROWS))
    return torch.from_numpy(np.concatenate([eeg, emg], axis=1))


LEVELS = Columns(
    file="levels.u1", kind="u1", per_epoch=FRAMES_PER_EPOCH, count=LEVEL_COLUMNS, of=level_columns, images=level_images
)
"""What a training set keeps for a density."""
