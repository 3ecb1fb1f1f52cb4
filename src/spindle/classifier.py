"""The convolutional network that looks at one epoch and its neighbours (thesis A, 5.3.2 and Fig. 5.3)."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import torch
from jaxtyping import Bool, Float
from numpy.typing import NDArray
from torch import Generator, Tensor, nn
from torch.nn import functional as F

from spindle.shifted_windows import ShiftedWindows
from spindle.signals import stretches
from spindle.spectrogram import FRAMES_PER_EPOCH, ROWS, WINDOW_FRAMES, TimeFrequency

TIME_POOL, FREQUENCY_POOL = 2, 3
"""Size and stride of the first max-pool."""
FILTERS = 50
HIDDEN = 1000

POOLED_PER_EPOCH = FRAMES_PER_EPOCH // TIME_POOL
POOLED_WINDOW = WINDOW_FRAMES // TIME_POOL
POOLED_ROWS = ROWS // FREQUENCY_POOL
POOLED_COLUMNS = 2 * POOLED_ROWS + 1
"""Numbers per pooled frame: eight rows of each EEG, and the EMG, whose rows are all alike."""

FEATURE_TIMES = (POOLED_WINDOW - 2) // 2
FEATURE_ROWS = (POOLED_ROWS - 2) // 2
FEATURES_PER_EPOCH = POOLED_PER_EPOCH // 2
"""Neighbouring windows are shifted by this many positions of the second max-pool, so they share its results."""

BATCH_EPOCHS = 1024
Advance = Callable[[int], None]


class EpochClassifier(nn.Module):
    """CNN of 6,856,403 parameters for three classes.

    With two classes, clean and artifact, it is the artifact network. Max-pool (2, 3), 50 filters of 3×3, max-pool
    (2, 2), two hidden layers of 1000 with dropout. The thesis' 6.8 million parameters admit this one arrangement.
    """

    def __init__(self, classes: int, *, dropout: float = 0.5) -> None:
        super().__init__()
        self.first_pool = nn.MaxPool2d((TIME_POOL, FREQUENCY_POOL))
        self.convolution = nn.Conv2d(3, FILTERS, 3)
        self.second_pool = nn.MaxPool2d(2)
        self.hidden_1 = nn.Linear(FILTERS * FEATURE_TIMES * FEATURE_ROWS, HIDDEN)
        self.hidden_2 = nn.Linear(HIDDEN, HIDDEN)
        self.output = nn.Linear(HIDDEN, classes)
        self.dropout = nn.Dropout(dropout)

    def forward(self, images: Float[Tensor, "batch 3 160 24"]) -> Float[Tensor, "batch classes"]:
        """Logits of each class."""
        return self.after_first_pool(self.first_pool(images))

    def after_first_pool(self, pooled: Float[Tensor, "batch 3 80 8"]) -> Float[Tensor, "batch classes"]:
        """Logits from images that went through the first max-pool, which has no parameters, already."""
        return self.after_second_pool(self.features(pooled).flatten(1))

    def features(self, pooled: Float[Tensor, "batch 3 time 8"]) -> Float[Tensor, "batch 50 positions 3"]:
        """Convolve and pool any length of time: 80 pooled frames, one window, give 39 positions."""
        # With filters last in memory the max-pool is three times as fast. ReLU and max-pool commute; in this order
        # the ReLU has a quarter of the values to do.
        filters_last = pooled.contiguous(memory_format=torch.channels_last)
        return F.relu(self.second_pool(self.convolution(filters_last)))

    def after_second_pool(self, features: Float[Tensor, "batch 5850"]) -> Float[Tensor, "batch classes"]:
        """Logits from the features of whole windows, ordered filter, time, frequency."""
        return self.after_first_layer(self.hidden_1(features))

    def after_first_layer(self, activations: Float[Tensor, "batch 1000"]) -> Float[Tensor, "batch classes"]:
        """Logits from what the first hidden layer gives, before its ReLU."""
        hidden = self.dropout(F.relu(activations))
        hidden = self.dropout(F.relu(self.hidden_2(hidden)))
        logits: Tensor = self.output(hidden)
        return logits


@torch.no_grad()
def initialise(network: EpochClassifier, generator: Generator) -> None:
    """Draw weights with mean 0 and variance 1/fan-in, biases 0 (LeCun et al. 2012, section 4.6)."""
    for name, parameter in network.named_parameters():
        if name.endswith("bias"):
            parameter.zero_()
        else:
            parameter.normal_(0.0, parameter[0].numel() ** -0.5, generator=generator)


def pooled_columns(time_frequency: TimeFrequency) -> Float[np.ndarray, "times 17"]:
    """Run the first max-pool over a whole recording at once.

    Windows begin at even frames, and reflection at the ends of a stretch maps pairs of frames onto pairs, so
    pooling before windows are cut equals pooling afterwards. The 17 columns: 8 of each EEG, then the EMG.
    """
    frames = len(time_frequency.emg)
    columns = np.empty((frames // TIME_POOL, POOLED_COLUMNS), dtype=np.float32)
    for place, eeg in enumerate(time_frequency.eeg):
        # Ten times as fast as a maximum over the axes of a reshaped array.
        pairs = np.maximum(eeg[::2], eeg[1::2])
        highest = np.maximum(np.maximum(pairs[:, ::3], pairs[:, 1::3]), pairs[:, 2::3])
        columns[:, place * POOLED_ROWS : (place + 1) * POOLED_ROWS] = highest
    columns[:, -1] = np.maximum(time_frequency.emg[::2], time_frequency.emg[1::2])
    return columns


def pooled_images(columns: Float[Tensor, "*batch time 17"]) -> Float[Tensor, "*batch 3 time 8"]:
    """Arrange columns as the three channels that the convolution reads."""
    eeg = columns[..., :-1].reshape(*columns.shape[:-1], 2, POOLED_ROWS).transpose(-2, -3)
    emg = columns[..., None, :, -1:].expand(*columns.shape[:-2], 1, columns.shape[-2], POOLED_ROWS)
    return torch.cat([eeg, emg], dim=-3)


def probabilities(
    network: EpochClassifier,
    time_frequency: TimeFrequency,
    *,
    epochs: Bool[np.ndarray, " epochs"] | None = None,
    batch: int = BATCH_EPOCHS,
    advance: Advance = lambda epochs: None,
) -> Float[np.ndarray, "epochs classes"]:
    """Probability of each class in every epoch; NaN where an epoch is unusable, or False in the mask `epochs`.

    Neighbouring windows share the convolution and much of the first layer, which gives what the network says of
    each image by itself, up to rounding. `advance` is called with the number of epochs just done.
    """
    wanted = time_frequency.usable if epochs is None else time_frequency.usable & epochs
    result = np.full((len(time_frequency), network.output.out_features), np.nan, dtype=np.float32)
    columns = pooled_columns(time_frequency)
    was_training = network.training
    network.eval()
    try:
        with torch.inference_mode():
            first_layer = _first_layer(network)
            for start, stop in _pieces(wanted, batch):
                times = _consecutive_times(time_frequency, start, stop)
                features = network.features(pooled_images(torch.from_numpy(columns[None, times])))[0]
                logits = network.after_first_layer(first_layer(features.permute(1, 2, 0)))
                result[start:stop] = logits.softmax(dim=1).numpy()
                advance(stop - start)
    finally:
        network.train(was_training)
    return result


def _pieces(wanted: Bool[np.ndarray, " epochs"], batch: int) -> Iterator[tuple[int, int]]:
    for start, stop in stretches(wanted):
        for first in range(start, stop, batch):
            yield first, min(first + batch, stop)


def _consecutive_times(time_frequency: TimeFrequency, start: int, stop: int) -> NDArray[np.int64]:
    """Pooled frames under the windows of epochs [start, stop): the first window, then an epoch more for each."""
    windows = time_frequency.frame_indices(np.arange(start, stop))
    frames = np.concatenate([windows[0], windows[1:, -FRAMES_PER_EPOCH:].ravel()])
    # In a reflected pair the later frame comes first: halving still names the pair.
    return frames[::TIME_POOL] // TIME_POOL


def _first_layer(network: EpochClassifier) -> ShiftedWindows:
    weight = network.hidden_1.weight.reshape(HIDDEN, FILTERS, FEATURE_TIMES, FEATURE_ROWS)
    return ShiftedWindows(weight, network.hidden_1.bias, FEATURES_PER_EPOCH)
