"""What every latent-variable model of sequences answers."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, replace

import torch
from jaxtyping import Float, Shaped
from torch import Tensor, nn

from latentia.distributions import DiagonalGaussian
from latentia.errors import DataError
from latentia.sequences import SequenceFormat, Sequences, VideoFormat


@dataclass(frozen=True, kw_only=True)
class SequenceTerms:
    """The terms of the bound for each sequence, in nats and without weights. Padding counts nowhere."""

    log_likelihood: Float[Tensor, " batch"]
    """log p(x | z) of all steps, with teacher forcing as the model has it."""
    divergence: Float[Tensor, "batch layers"]
    """KL(q(z | x) ‖ p(z)); one layer."""
    dropout_divergence: Float[Tensor, " batch"]
    """Σ over steps 1 … T − 1 of KL(Bern(y) ‖ Bern(p_d)), thesis A eq. 3.8; 0 where nothing is inferred."""
    drop: Float[Tensor, "batch fed"]
    """Probability with which each step that is fed was dropped, a mean over its features; NaN at padding."""


class SequenceModel(nn.Module, ABC):
    """A density of sequences with one latent vector each, and an autoregressive decoder.

    In training the decoder is told the sequence as its teacher forcing says; free-running, it goes on from what it has
    said itself: `start`, then `advance` with each value, and what comes next is in the state (thesis A, Figure 3.3).
    """

    sequence_format: SequenceFormat
    latent_size: int

    @abstractmethod
    def begin_at(self, sequences: Sequences) -> None:
        """Set first weights by some sequences of the training data, before the first step of a training."""

    @abstractmethod
    def embed(self, sequences: Sequences) -> Float[Tensor, "batch steps features"]:
        """Give the vectors of all steps, which encoder and decoder read alike."""

    @abstractmethod
    def posterior(
        self, sequences: Sequences, embedded: Float[Tensor, "batch steps features"] | None = None
    ) -> DiagonalGaussian:
        """Give q(z | x). `embedded` is what `embed` gives, where that is known already."""

    @abstractmethod
    def decode(
        self,
        sequences: Sequences,
        latent: Float[Tensor, "batch latent"],
        embedded: Float[Tensor, "batch steps features"] | None = None,
    ) -> SequenceTerms:
        """Give the terms that follow from z: all but the divergence, which is 0. `embedded` as for the posterior."""

    @abstractmethod
    def start(self, latent: Float[Tensor, "batch latent"]) -> Float[Tensor, "batch state"]:
        """Give the state before the first step."""

    @abstractmethod
    def advance(
        self,
        values: Shaped[Tensor, " batch *item"],
        state: Float[Tensor, "batch state"],
        latent: Float[Tensor, "batch latent"],
    ) -> Float[Tensor, "batch state"]:
        """Give the state after a step with these values."""

    @abstractmethod
    def scores(self, state: Float[Tensor, "batch state"]) -> Float[Tensor, "batch words"]:
        """Give log p of each word that may come next. Errors: SettingError where steps are no words."""

    @abstractmethod
    def likeliest(self, state: Float[Tensor, "batch state"]) -> Shaped[Tensor, " batch *item"]:
        """Give what comes next without noise: the most probable word, or the frame that stands for its distribution."""

    @abstractmethod
    def draw(self, state: Float[Tensor, "batch state"], temperature: float = 1.0) -> Shaped[Tensor, " batch *item"]:
        """Draw what comes next, from torch's random state. The temperature divides a word's logits."""

    def prior(self, count: int) -> DiagonalGaussian:
        """Give p(z), a standard normal distribution for each of so many sequences."""
        weight = next(self.parameters())
        zeros = torch.zeros(
            count, self.latent_size, device=weight.device, dtype=torch.promote_types(weight.dtype, torch.float32)
        )
        return DiagonalGaussian(zeros, zeros)

    def forward(self, sequences: Sequences) -> SequenceTerms:
        """Give the terms of the bound with one draw of z, from torch's random state."""
        self.check(sequences)
        embedded = self.embed(sequences)
        posterior = self.posterior(sequences, embedded)
        terms = self.decode(sequences, posterior.rsample(), embedded)
        return replace(terms, divergence=posterior.divergence(self.prior(len(sequences)))[:, None])

    def log_weights(self, sequences: Sequences) -> Float[Tensor, " batch"]:
        """log p(x, z) − log q(z | x) of one draw z from the posterior: the logarithm of an importance weight."""
        embedded = self.embed(sequences)
        posterior = self.posterior(sequences, embedded)
        latent = posterior.rsample()
        ratio = self.prior(len(sequences)).log_prob(latent) - posterior.log_prob(latent)
        return self.decode(sequences, latent, embedded).log_likelihood + ratio

    def check(self, sequences: Sequences) -> None:
        """Errors: DataError where sequences are not of this model's format; how long they are does not matter."""
        wanted, values = self.sequence_format, sequences.values
        if values.is_floating_point():
            raise DataError(f"The model wants {wanted}, as whole numbers; it got {values.dtype}.")
        item = wanted.frame.shape if isinstance(wanted, VideoFormat) else ()
        if tuple(values.shape[2:]) != item:
            raise DataError(f"The model wants {wanted}; it got steps of the shape {tuple(values.shape[2:])}.")
        limit = wanted.frame.levels if isinstance(wanted, VideoFormat) else wanted.words
        if values.device.type == "cpu" and not 0 <= int(values.min()) <= int(values.max()) < limit:
            raise DataError(
                f"The model wants numbers 0 to {limit - 1} as values; it got {int(values.min())} to "
                f"{int(values.max())}."
            )
