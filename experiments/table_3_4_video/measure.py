"""What is measured of a model of clips: the columns of the table, and clips for a picture."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from experiments.sequences import SequenceParts
from experiments.video import frame_errors, measure_bound, pack
from latentia.evaluation.sequences import reconstruct_freely
from latentia.evaluation.video import compare_clips
from latentia.models.base import SequenceModel
from latentia.sequences import VideoFormat


@dataclass(frozen=True, kw_only=True)
class ClipMeasure:
    """How test clips are measured."""

    shown: int = 2
    """Clips that are drawn, evenly chosen."""
    batch: int = 64

    def __call__(self, model: SequenceModel, parts: SequenceParts, seed: int) -> dict[str, Any]:
        """Measure a model."""
        form, clips = parts.test.format, parts.test.sequences(slice(None))
        assert isinstance(form, VideoFormat)
        levels = form.frame.levels
        said = reconstruct_freely(model, clips, batch=self.batch)
        some = slice(None, None, max(1, -(-len(clips) // self.shown)))
        return {
            **measure_bound(model, clips, batch=self.batch, seed=seed),
            **compare_clips(clips, said, levels=levels).means,
            "frame_error": frame_errors(clips, said, levels),
            "clips": {"given": pack(clips.at(some)), "said": pack(said.at(some))},
        }
