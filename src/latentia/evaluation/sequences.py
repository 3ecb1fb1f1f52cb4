"""What a model of sequences is worth: its bound, its likelihood and its perplexity. Padding is never counted.

Thesis A, Tables 3.1 and 3.4, give means over the sequences of −ELBO, of the reconstruction term RC = −log p(x | z) with
teacher forcing, and of the divergence, in nats. In its rows −ELBO is the sum of the other two, to the rounding: the
divergence of inferred dropout (eq. 3.7) is a term of training alone, and stands apart here.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int64
from torch import Tensor

from latentia.distributions import DiagonalGaussian
from latentia.errors import SettingError
from latentia.evaluation.importance import ImportanceEstimate
from latentia.evaluation_mode import blocks, evaluation_mode
from latentia.models.base import SequenceModel, run_freely
from latentia.objectives import elbo, importance_weighted_log_likelihood
from latentia.randomness import seeded
from latentia.sequences import Sequences, VideoFormat

OnProgress = Callable[[int, int], None]
"""Told how many sequences are done, of how many."""


@dataclass(frozen=True, kw_only=True)
class SequenceFigures:
    """The terms of the bound for each sequence, by one draw of z, in nats; on the CPU, float64."""

    log_likelihood: Float[Tensor, " sequences"]
    """log p(x | z) with teacher forcing."""
    divergence: Float[Tensor, "sequences layers"]
    dropout_divergence: Float[Tensor, " sequences"]
    """Of inferred dropout from its prior, without its weight; 0 where nothing is inferred."""
    drop: Float[Tensor, " sequences"]
    """Mean over the steps that are fed of the probability of dropping them; NaN where a sequence has one step."""
    lengths: Int64[Tensor, " sequences"]

    @property
    def elbo(self) -> Float[Tensor, " sequences"]:
        """Bound on log p(x), in nats."""
        return elbo(self.log_likelihood, self.divergence)

    @property
    def negative_elbo(self) -> float:
        """−ELBO of Tables 3.1 and 3.4: a mean over the sequences, in nats per sequence."""
        return -float(self.elbo.mean())

    @property
    def reconstruction(self) -> float:
        """RC of Tables 3.1 and 3.4, in nats per sequence."""
        return -float(self.log_likelihood.mean())

    @property
    def mean_divergence(self) -> float:
        """KL of Tables 3.1 and 3.4, in nats per sequence."""
        return float(self.divergence.sum(1).mean())

    @property
    def mean_drop(self) -> float:
        """Mean of the probability of dropping, over all steps that are fed; NaN where none is."""
        fed = self.lengths - 1
        return float((self.drop.nan_to_num() * fed).sum() / fed.sum())


def evaluate_sequences(
    model: SequenceModel,
    sequences: Sequences,
    *,
    batch: int = 64,
    seed: int = 0,
    autocast: torch.dtype | None = None,
    on_progress: OnProgress = lambda done, sequences: None,
) -> SequenceFigures:
    """Measure the terms of the bound of every sequence. The same seed and batch draw the same numbers.

    Errors: DataError where the sequences are not of the model's format; SettingError where `batch` is below 1.
    """
    model.check(sequences)
    count = len(sequences)
    log_likelihood, dropout, drop = (torch.empty(count, dtype=torch.float64) for _ in range(3))
    divergence: list[Float[Tensor, "batch layers"]] = []
    with evaluation_mode(model, autocast) as device:
        for block in blocks(count, batch, "sequence"):
            part = sequences.at(block).to(device)
            with seeded(seed, block.start, device=device):
                terms = model(part)
            log_likelihood[block] = terms.log_likelihood.cpu().double()
            dropout[block] = terms.dropout_divergence.cpu().double()
            drop[block] = terms.drop.cpu().double().nanmean(1)
            divergence.append(terms.divergence.cpu().double())
            on_progress(block.stop, count)
    return SequenceFigures(
        log_likelihood=log_likelihood,
        divergence=torch.cat(divergence),
        dropout_divergence=dropout,
        drop=drop,
        lengths=sequences.lengths,
    )


@dataclass(frozen=True, kw_only=True)
class SequenceLikelihood:
    """What K draws from the posterior say about the likelihood of each sequence."""

    estimate: ImportanceEstimate
    """For each sequence, in nats."""
    lengths: Int64[Tensor, " sequences"]

    @property
    def negative_log_likelihood(self) -> float:
        """Mean of −log p(x) over the sequences, in nats per sequence; from above in expectation."""
        return -float(self.estimate.log_likelihood.mean())

    @property
    def perplexity(self) -> float:
        """exp(−Σ log p(x) / Σ words). A sentence's end counts as a word: it is predicted like any other."""
        return math.exp(-float(self.estimate.log_likelihood.sum() / self.lengths.sum()))


def importance_weighted_sequences(
    model: SequenceModel,
    sequences: Sequences,
    *,
    samples: int = 100,
    batch: int = 64,
    seed: int = 0,
    autocast: torch.dtype | None = None,
    on_progress: OnProgress = lambda done, sequences: None,
) -> SequenceLikelihood:
    """Estimate log p(x) of every sequence by `samples` draws from the posterior (Burda et al. 2015).

    A pass takes `batch` draws: all of one sequence, or of several where `samples` is smaller. Its random numbers are
    decided by the seed, the place of its first sequence, and the pass. Errors: DataError where the sequences are not of
    the model's format; SettingError where `samples` or `batch` is below 1.
    """
    if samples < 1:
        raise SettingError(f"An importance-weighted estimate wants at least one sample per sequence, not {samples}.")
    model.check(sequences)
    passes = blocks(samples, batch, "sequence")
    done = []
    with evaluation_mode(model, autocast) as device:
        for group in blocks(len(sequences), max(1, batch // samples), "sequence"):
            part = sequences.at(group).to(device)
            weights = []
            for draws in passes:
                repeated = _repeated(part, draws.stop - draws.start)
                with seeded(seed, group.start, draws.start, device=device):
                    each = model.log_weights(repeated).cpu().double()
                weights.append(torch.unflatten(each, 0, (len(part), -1)).T)
            done.append(torch.cat(weights))
            on_progress(group.stop, len(sequences))
    return SequenceLikelihood(estimate=_estimate(torch.cat(done, 1)), lengths=sequences.lengths)


def posteriors(model: SequenceModel, sequences: Sequences, *, batch: int = 64) -> DiagonalGaussian:
    """Give q(z | x) of every sequence, on the CPU.

    Errors: DataError where the sequences are not of the model's format; SettingError where `batch` is below 1.
    """
    model.check(sequences)
    with evaluation_mode(model) as device:
        parts = [model.posterior(sequences.at(block).to(device)) for block in blocks(len(sequences), batch, "sequence")]
        loc, log_scale = (torch.cat([getattr(one, name).cpu() for one in parts]) for name in ("loc", "log_scale"))
    return DiagonalGaussian(loc, log_scale)


def reconstruct_freely(
    model: SequenceModel, sequences: Sequences, *, longest: int | None = None, batch: int = 64
) -> Sequences:
    """Say every sequence again from the mean of its posterior, greedily and without teacher forcing (Figure 3.3c).

    The thesis does not say whether z is the mean or a draw. Sentences end by themselves, or after `longest` words, by
    default as many as the model's format has; clips have the lengths of the given ones. On the CPU.
    Errors: DataError where the sequences are not of the model's format; SettingError where a number is below 1.
    """
    latent = posteriors(model, sequences, batch=batch).mean
    return say_freely(model, latent, sequences.lengths, longest=longest, batch=batch)


def say_freely(
    model: SequenceModel,
    latent: Float[Tensor, "sequences latent"],
    lengths: Int64[Tensor, " sequences"],
    *,
    longest: int | None = None,
    batch: int = 64,
) -> Sequences:
    """Say a sequence from each latent vector, greedily and without teacher forcing; clips of the given lengths.

    Sentences end as those of `reconstruct_freely`. On the CPU. Errors: SettingError where a number is below 1.
    """
    words = not isinstance(model.sequence_format, VideoFormat)
    limit = model.sequence_format.longest if longest is None else longest
    done: list[Sequences] = []
    with evaluation_mode(model) as device:
        for block in blocks(len(latent), batch, "sequence"):
            said = run_freely(model, latent[block].to(device), limit if words else int(lengths[block].max()))
            done.append(Sequences(values=said.values.cpu(), lengths=said.lengths if words else lengths[block]))
    return Sequences.joined(done)


def _repeated(sequences: Sequences, count: int) -> Sequences:
    """Take each so many times, one after the other."""
    return Sequences(
        values=sequences.values.repeat_interleave(count, 0), lengths=sequences.lengths.repeat_interleave(count)
    )


def _estimate(weights: Float[Tensor, "samples sequences"]) -> ImportanceEstimate:
    return ImportanceEstimate(
        samples=len(weights),
        log_likelihood=importance_weighted_log_likelihood(weights),
        elbo=weights.mean(0),
        effective_samples=(2 * weights.logsumexp(0) - (2 * weights).logsumexp(0)).exp(),
    )
