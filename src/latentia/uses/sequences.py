"""What models of sequences are good for: samples, what lies between two sequences, and which steps a decoder asks for.

The thesis shows which words are kept (Table 3.2), and neither samples of sequences nor sequences between others.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from latentia.errors import DataError, SettingError
from latentia.evaluation.sequences import posteriors, say_freely
from latentia.evaluation_mode import blocks, evaluation_mode
from latentia.models.base import SequenceModel, run_freely
from latentia.randomness import seeded
from latentia.sequences import Sequences

LATENT, STEPS = 0, 1
"""Parts of the seeds: the noise of the latent vectors must not come back in the steps."""


@dataclass(frozen=True, kw_only=True, eq=False)
class SequenceInterpolation:
    """For each pair of sequences, what the model says on the way from the first to the last, both excluded."""

    first: Sequences
    last: Sequences
    shares: Float[Tensor, " between"]
    """How much of the last sequence's latent vector is in each, between 0 and 1."""
    between: tuple[Sequences, ...]
    """For each share a batch with a sequence for every pair."""


def sample_sequences(
    model: SequenceModel,
    count: int,
    *,
    temperature: float = 1.0,
    longest: int | None = None,
    batch: int = 64,
    seed: int = 0,
) -> Sequences:
    """Draw `count` latent vectors from the prior, and say a sequence from each without teacher forcing; on the CPU.

    The seed alone decides the latent vectors, so that those of one place are the same at every temperature and in
    batches of any size. The temperature is that of the steps: 0 takes the likeliest, else it divides a word's logits,
    while frames are drawn with all their noise; what is drawn depends on the batch too. Sentences end by themselves or
    after `longest` steps, clips have as many frames; by default it is the format's.
    Errors: DataError where `count` is below 1; SettingError for a temperature below 0, or `longest` or `batch` below 1.
    """
    limit = model.sequence_format.longest if longest is None else longest
    done = []
    with evaluation_mode(model) as device:
        parts = blocks(count, batch, "sequence")
        with seeded(seed, LATENT, device=device):
            latent = model.prior(count).rsample()
        for block in parts:
            with seeded(seed, STEPS, block.start, device=device):
                done.append(run_freely(model, latent[block], limit, temperature).to(torch.device("cpu")))
    return Sequences.joined(done)


def interpolate_sequences(
    model: SequenceModel, first: Sequences, last: Sequences, *, between: int = 5, batch: int = 64
) -> SequenceInterpolation:
    """Go from each of the `first` sequences to the `last` one of the same place, in `between` even steps.

    The means of both posteriors are interpolated linearly and decoded greedily, without teacher forcing. A sentence
    ends by itself or after as many steps as the model's format has, a clip has the frames of the longer of its pair.
    Errors: DataError for sequences that are not of the model's format or do not come in pairs; SettingError where
    `between` or `batch` is below 1.
    """
    if between < 1:
        raise SettingError(f"At least one sequence between two is wanted, not {between}.")
    if len(first) != len(last):
        raise DataError(
            f"Interpolation wants pairs of sequences; there are {len(first)} first and {len(last)} last ones."
        )
    start, end = (posteriors(model, sequences, batch=batch).mean for sequences in (first, last))
    lengths = torch.maximum(first.lengths, last.lengths)
    shares = torch.arange(1, between + 1) / (between + 1)
    said = tuple(say_freely(model, torch.lerp(start, end, share.to(start)), lengths, batch=batch) for share in shares)
    return SequenceInterpolation(first=first, last=last, shares=shares, between=said)


def keep_probabilities(model: SequenceModel, sequences: Sequences, *, batch: int = 64) -> Float[Tensor, "batch steps"]:
    """Give the probability with which teacher forcing keeps each step, on the CPU; a mean over its features.

    z is the mean of the posterior, and the decoder is fed every step, as in evaluation. The last step of a sequence is
    fed to nothing, and is NaN as padding is. Words with the highest ones are those of Table 3.2. The thesis leaves open
    whether its decoder was fed every word there, and from which probability on a word was marked.
    Errors: DataError where the sequences are not of the model's format; SettingError where `batch` is below 1.
    """
    model.check(sequences)
    keep = torch.full(sequences.values.shape[:2], torch.nan, dtype=torch.float64)
    with evaluation_mode(model) as device:
        for block in blocks(len(sequences), batch, "sequence"):
            part = sequences.at(block).to(device)
            drop = model.decode(part, model.posterior(part).mean).drop.cpu().double()
            keep[block, : drop.shape[1]] = 1 - drop
    return keep
