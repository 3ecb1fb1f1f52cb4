"""Pictures of clips: their frames beside one another, one kind of clip below the other (thesis A, Figures 3.4, 3.5)."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from jaxtyping import Integer
from torch import Tensor

from latentia.errors import DataError, SettingError
from latentia.sequences import Sequences
from latentia.uses.pictures import GAP, WHITE, Picture, draw_grid

APART = 6 * GAP
"""White between the rows of one sequence and those of the next, in pixels."""


def draw_strips(clips: Mapping[str, Sequences], levels: int, *, most: int = 20) -> Picture:
    """Draw the frames of clips in a row, for each clip as many rows as there are labels, which stand to their left.

    What has one place in the batches belongs together: {"clip": given, "said again": reconstructed} draws the first
    clip, below it what was made of it, then the second. Of more than `most` frames that many are shown, evenly chosen
    from first to last, the same of all. Frames after the end of a clip are white. Values are 0 … levels − 1.
    Errors: DataError where there are no clips, or their numbers or frames differ; SettingError where `most` is below 1.
    """
    _check(clips)
    if most < 1:
        raise SettingError(f"A strip has one frame at least, not {most}.")
    steps = max(int(each.lengths.max()) for each in clips.values())
    shown = torch.arange(steps) if steps <= most else torch.linspace(0, steps - 1, most).round().long()
    rows = torch.stack([_frames(each, steps, levels)[:, shown] for each in clips.values()], 1)
    apart = ((0, APART), (0, 0), (0, 0))
    drawn = [draw_grid(one, levels, row_labels=list(clips)) for one in rows]
    return np.concatenate([*(np.pad(one, apart, constant_values=WHITE) for one in drawn[:-1]), drawn[-1]])


def _frames(clips: Sequences, steps: int, levels: int) -> Integer[Tensor, "clips steps channels height width"]:
    """All frames, and white ones where a clip has none."""
    values = clips.values.cpu()
    frames = values.new_full((len(clips), steps, *values.shape[2:]), levels - 1)
    mask = clips.mask.cpu()[:, :steps]
    frames[:, : mask.shape[1]][mask] = values[:, :steps][mask]
    return frames


def _check(clips: Mapping[str, Sequences]) -> None:
    if not clips:
        raise DataError("Strips are drawn of one batch of clips at least; there is none.")
    first, *others = clips.values()
    if first.values.ndim != 5:
        raise DataError(
            f"Strips are drawn of frames with channels, height and width, not {tuple(first.values.shape[2:])}."
        )
    for each in others:
        if len(each) != len(first) or each.values.shape[2:] != first.values.shape[2:]:
            raise DataError(
                f"Strips are drawn of as many clips of each kind, with frames alike; these are {len(first)} of "
                f"{tuple(first.values.shape[2:])} and {len(each)} of {tuple(each.values.shape[2:])}."
            )
