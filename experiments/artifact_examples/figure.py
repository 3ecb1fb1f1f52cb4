"""Raw traces of the least and the most usual epochs of each recording, one column each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from latentia.files import atomic_path
from spindle.drawing import SIGNAL_COLOUR
from spindle.recording import EPOCH_S, Channel, Montage

EMG_COLOUR = "#8a6d3b"
GAP = 2.5
"""Between the middles of EEG and EMG, in the unit of a trace: its own usual reach."""


@dataclass(frozen=True, kw_only=True)
class Chosen:
    """A recording and the log density of each of its epochs, nats per number; NaN where it is unusable."""

    montage: Montage
    density_nats: Float[np.ndarray, " epochs"]

    def ends(self, count: int) -> tuple[list[int], list[int]]:
        """The epochs with the lowest density, lowest first, and those with the highest, highest first."""
        usable = np.flatnonzero(np.isfinite(self.density_nats))
        order = usable[np.argsort(self.density_nats[usable], kind="stable")].tolist()
        return order[:count], order[::-1][:count]


def draw_examples(recordings: Mapping[str, Chosen], path: Path, *, count: int = 10, density: str) -> None:
    """Write a PNG with `count` epochs of either end for each recording; `density` names what scored them."""
    figure = Figure(figsize=(3.4 * 2 * len(recordings), 1.0 * count + 1.2), layout="constrained")
    FigureCanvasAgg(figure)
    figure.suptitle(
        f"Real recordings without labels: EEG above EMG of 4 s, and the log density in nats per number\n{density}",
        fontsize=10,
    )
    axes = figure.subplots(count, 2 * len(recordings), squeeze=False)
    for place, (name, chosen) in enumerate(recordings.items()):
        for side, (says, epochs) in enumerate(zip(("least usual", "most usual"), chosen.ends(count), strict=True)):
            column = axes[:, 2 * place + side]
            column[0].set_title(f"{says}\n{name}", fontsize=9)
            _column(column, chosen, epochs)
    with atomic_path(path) as temporary:
        figure.savefig(temporary, format="png", dpi=90)


def _column(axes: Sequence[Axes], chosen: Chosen, epochs: Sequence[int]) -> None:
    signals = [(chosen.montage.eeg[0], 0.0, SIGNAL_COLOUR), (chosen.montage.emg, -GAP, EMG_COLOUR)]
    reaches = [_usual_reach(channel) for channel, _, _ in signals]
    for axis, epoch in zip(axes, epochs, strict=False):
        for (channel, offset, colour), reach in zip(signals, reaches, strict=True):
            length = round(EPOCH_S * channel.rate_hz)
            trace = channel.read(epoch * length, (epoch + 1) * length)
            time_s = np.arange(len(trace)) / channel.rate_hz
            axis.plot(time_s, (trace - np.median(trace)) / reach + offset, color=colour, linewidth=0.5)
        axis.set(xlim=(0, EPOCH_S), ylim=(-GAP - 2.5, 2.5), yticks=[], xticks=[])
        axis.text(0.02, 0.9, f"{chosen.density_nats[epoch]:.2f}   epoch {epoch}", transform=axis.transAxes, fontsize=7)
    for axis in list(axes)[len(epochs) :]:
        axis.set_axis_off()


def _usual_reach(channel: Channel) -> float:
    """What 99 of 100 samples stay within, about the median: the same scale for every epoch of a recording."""
    samples = channel.read(0, channel.samples)
    samples = samples[np.isfinite(samples)]
    return float(np.quantile(np.abs(samples - np.median(samples)), 0.99)) or 1.0
