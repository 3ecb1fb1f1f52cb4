"""The importance-weighted estimate of every image's log-likelihood, with many draws and little memory.

Thesis A reports test log-likelihoods with 1,024 draws per image ("Importance samples", Table A.1). The draws of an
image are taken in passes; a pass leaves three sums behind, so that memory does not grow with the number of draws.
"""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float, Integer
from torch import Tensor

from latentia.errors import SettingError
from latentia.evaluation.bound import OnProgress
from latentia.evaluation_mode import blocks, evaluation_mode
from latentia.files import atomic_path
from latentia.models.base import LatentVariableModel
from latentia.randomness import seeded

SAVE_BLOCKS = 16
"""Blocks of images between two writings of what is done."""


@dataclass(frozen=True, kw_only=True)
class ImportanceEstimate:
    """What K draws from the posterior say about each image, in nats; on the CPU, float64."""

    samples: int
    """K."""
    log_likelihood: Float[Tensor, " images"]
    """log(1/K · Σ_k w_k), from below in expectation."""
    elbo: Float[Tensor, " images"]
    """1/K · Σ_k log w_k: the evidence lower bound, by the same draws."""
    effective_samples: Float[Tensor, " images"]
    """(Σ w)² / Σ w²: 1 where a single draw has all the weight, K where all weigh the same."""

    @property
    def sampling_error(self) -> Float[Tensor, " images"]:
        """Standard error of each log-likelihood as the draws vary, to first order: √(1/effective − 1/K).

        It is itself estimated from the draws, and too small where few of them have all the weight. About half its
        square is what the estimate falls short of log p(x).
        """
        return (1 / self.effective_samples - 1 / self.samples).clamp(min=0).sqrt()

    @property
    def mean_sampling_error(self) -> float:
        """Standard error of the mean over the images as the draws vary; beside it stands that of the images."""
        return float(self.sampling_error.square().sum().sqrt() / len(self.log_likelihood))


def importance_weighted(
    model: LatentVariableModel,
    images: Integer[Tensor, "images channels height width"],
    *,
    samples: int = 1024,
    batch: int = 64,
    seed: int = 0,
    autocast: torch.dtype | None = None,
    partial: Path | None = None,
    on_progress: OnProgress = lambda done, images: None,
) -> ImportanceEstimate:
    """Estimate log p(x) of every image by `samples` draws from the posterior (Burda et al. 2015).

    A pass takes `batch` draws: all of one image, or of several where `samples` is smaller. Its random numbers are
    decided by the seed, the image's place and the pass, so that from `batch` draws up the first images of a set have
    the same estimates as the whole set. Another `batch` draws other numbers. Log-weights are summed in float64.

    With a folder `partial`, what is done is kept there, and a run that was interrupted goes on where it was; the file
    is of these weights, images and settings alone, and is deleted at the end.
    Errors: DataError where there are no images or they are not of the model's format; OSError where `partial` is no
    folder that can be written.
    """
    if samples < 1:
        raise SettingError(f"An importance-weighted estimate wants at least one sample per image, not {samples}.")
    model.check(images)
    groups = blocks(len(images), max(1, batch // samples))
    passes = blocks(samples, batch)
    kept = None if partial is None else _Kept.of(partial, model, images, f"{samples} {batch} {seed} {autocast}")
    done: list[Float[Tensor, "images sums"]] = [] if kept is None else kept.read()
    first = sum(map(len, done))
    with evaluation_mode(model, autocast) as device:
        for number, group in enumerate(groups):
            if group.stop <= first:
                continue
            done.append(_sums(model, images[group].to(device), passes, (seed, group.start)))
            if kept is not None and (number + 1) % SAVE_BLOCKS == 0:
                kept.write(done)
            on_progress(group.stop, len(images))
    if kept is not None:
        kept.delete()
    return _estimate(torch.cat(done), samples)


def _sums(
    model: LatentVariableModel,
    images: Integer[Tensor, "group channels height width"],
    passes: list[slice],
    seeds: tuple[int, int],
) -> Float[Tensor, "group sums"]:
    """Sum over all draws of each image: log Σ w, log Σ w², Σ log w."""
    log_sum = torch.full((len(images),), -math.inf, dtype=torch.float64)
    log_square_sum = log_sum.clone()
    total = torch.zeros(len(images), dtype=torch.float64)
    for draws in passes:
        count = draws.stop - draws.start
        with seeded(*seeds, draws.start, device=images.device):
            weights = model.log_weights(images.repeat_interleave(count, 0)).cpu().double()
        weights = weights.reshape(len(images), count)
        log_sum = torch.logaddexp(log_sum, weights.logsumexp(1))
        log_square_sum = torch.logaddexp(log_square_sum, (2 * weights).logsumexp(1))
        total += weights.sum(1)
    return torch.stack([log_sum, log_square_sum, total], 1)


def _estimate(sums: Float[Tensor, "images sums"], samples: int) -> ImportanceEstimate:
    log_sum, log_square_sum, total = sums.unbind(1)
    return ImportanceEstimate(
        samples=samples,
        log_likelihood=log_sum - math.log(samples),
        elbo=total / samples,
        effective_samples=(2 * log_sum - log_square_sum).exp(),
    )


@dataclass(frozen=True, kw_only=True)
class _Kept:
    """The sums of the images that are done, on disk, under a name that only the same evaluation has."""

    path: Path

    @classmethod
    def of(cls, folder: Path, model: LatentVariableModel, images: Tensor, settings: str) -> _Kept:
        digest = hashlib.sha256(settings.encode())
        for name, value in [*model.state_dict().items(), ("images", images)]:
            raw = value.detach().cpu().contiguous().reshape(-1).view(torch.uint8)
            digest.update(f"{name} {value.dtype} {tuple(value.shape)}".encode())
            digest.update(raw.numpy())
        return cls(path=folder / f"importance-{digest.hexdigest()[:16]}.npy")

    def read(self) -> list[Float[Tensor, "images sums"]]:
        return [torch.from_numpy(np.load(self.path, allow_pickle=False))] if self.path.is_file() else []

    def write(self, done: list[Float[Tensor, "images sums"]]) -> None:
        with atomic_path(self.path) as temporary:
            np.save(temporary, torch.cat(done).numpy(), allow_pickle=False)

    def delete(self) -> None:
        self.path.unlink(missing_ok=True)
