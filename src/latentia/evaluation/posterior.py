"""The posterior of many images at once, of models with one vector of Gaussian latent variables."""

from __future__ import annotations

import torch
from jaxtyping import Integer
from torch import Tensor

from latentia.distributions import DiagonalGaussian
from latentia.errors import SettingError
from latentia.evaluation_mode import blocks, evaluation_mode
from latentia.models.base import GaussianLatentModel, LatentVariableModel


def gaussian_posterior(
    model: LatentVariableModel, images: Integer[Tensor, "images channels height width"], *, batch: int = 64
) -> DiagonalGaussian:
    """Give q(z | x) of each image, on the CPU; its means are the codes that metrics of disentanglement judge.

    Errors: SettingError where the model has other latent variables than one vector of independent dimensions;
    DataError where there are no images or they are not of the model's format.
    """
    if not isinstance(model, GaussianLatentModel):
        raise SettingError(
            f"A {type(model).__name__} has no single vector of Gaussian latent variables; a model of kind gaussian_vae "
            "or beta_vae has."
        )
    locs, log_scales = [], []
    with evaluation_mode(model) as device:
        for block in blocks(len(images), batch):
            part = model.posterior(images[block].to(device))
            locs.append(part.loc.cpu())
            log_scales.append(part.log_scale.cpu())
    return DiagonalGaussian(torch.cat(locs), torch.cat(log_scales))
