"""What a model of segmentation answers: for each pixel, how likely it belongs to what is looked for."""

from __future__ import annotations

from abc import abstractmethod

import torch
from jaxtyping import Float
from torch import Tensor, nn


class SegmentationModel(nn.Module):
    """Images to masks of one class, of the same size. Images have the values 0 … 1."""

    channels: int
    """Of the images: 1 for grey ones, 3 for colours."""

    @abstractmethod
    def forward(self, images: Float[Tensor, "batch channels height width"]) -> tuple[Tensor, ...]:
        """Give logits, (batch, 1, height, width), of each of the model's outputs; most have one. All are trained."""

    def probabilities(
        self, images: Float[Tensor, "batch channels height width"]
    ) -> Float[Tensor, "batch 1 height width"]:
        """Give the mean of what the outputs say (thesis A's U-Net++ in the accurate mode of its authors)."""
        return torch.stack([logits.sigmoid() for logits in self(images)]).mean(0)
