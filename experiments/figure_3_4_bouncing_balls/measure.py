"""What is measured of a model of bouncing balls: how far it goes from the given clip, and whether it shows a ball.

The thesis looks at pictures: clips said with teacher forcing are smooth and of another clip, those without any are of
the right clip and not smooth. Here both have numbers.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor

from experiments.sequences import SequenceParts
from experiments.video import frame_errors, measure_bound, pack
from latentia.data.bouncing_balls import draw_balls
from latentia.evaluation.sequences import reconstruct_freely
from latentia.models.base import SequenceModel
from latentia.sequences import Sequences, VideoFormat


@dataclass(frozen=True, kw_only=True)
class BallMeasure:
    """How test clips of balls of one bit are measured."""

    radius: float
    """Of the ball, in pixels."""
    shown: int = 4
    """Clips that are drawn: the first ones."""
    batch: int = 64

    def __call__(self, model: SequenceModel, parts: SequenceParts, seed: int) -> dict[str, Any]:
        """Measure a model."""
        form, clips = parts.test.format, parts.test.sequences(slice(None))
        assert isinstance(form, VideoFormat)
        said = reconstruct_freely(model, clips, batch=self.batch)
        errors = frame_errors(clips, said, form.frame.levels)
        # What a plausible clip of something else would come to.
        other = Sequences(values=clips.values.roll(1, 0), lengths=clips.lengths)
        return {
            **measure_bound(model, clips, batch=self.batch, seed=seed),
            "frame_error": errors,
            "error": sum(errors) / len(errors),
            "frame_error_of_another_clip": frame_errors(clips, other, form.frame.levels),
            **look(said, self.radius),
            "of_given": look(clips, self.radius),
            "clips": {"given": pack(clips.at(slice(self.shown))), "said": pack(said.at(slice(self.shown)))},
        }


def look(clips: Sequences, radius: float) -> dict[str, float | None]:
    """Say how far frames show one whole ball, and how unevenly it moves.

    `ball` is the overlap of a frame's white pixels with a ball drawn at their centre, common pixels by all: 1 for a
    whole ball, but for what falls between pixels, and 0 for an empty frame. `jerk` is the mean length of the centre's
    second difference in pixels per frame², where three frames in a row show something; None where none do.
    """
    white = clips.values[:, :, 0] > 0
    centres = _centres(white)
    whole = torch.from_numpy(draw_balls(centres.nan_to_num().numpy(), radius, white.shape[-1]) > 127)
    overlap = (white & whole).sum((2, 3)) / (white | whole).sum((2, 3))
    second = centres[:, 2:] - 2 * centres[:, 1:-1] + centres[:, :-2]
    jerk = float(second.norm(dim=-1).nanmean())
    return {
        "ball": float(overlap.masked_fill(centres.isnan().any(-1), 0.0).double().mean()),
        "jerk": jerk if math.isfinite(jerk) else None,
    }


def _centres(white: Bool[Tensor, "clips steps height width"]) -> Float[Tensor, "clips steps 2"]:
    """Mean place of the white pixels, (from the left, from the top); NaN where there are none."""
    pixels = torch.from_numpy(np.arange(white.shape[-1]) + 0.5)
    count = white.sum((2, 3)).double()
    across = (white.sum(2) * pixels).sum(-1) / count
    down = (white.sum(3) * pixels).sum(-1) / count
    return torch.stack([across, down], -1)
