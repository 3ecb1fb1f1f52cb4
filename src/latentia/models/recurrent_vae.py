"""A VAE of sequences: a recurrent encoder, one latent vector, an autoregressive recurrent decoder (thesis A, 3.4)."""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
from jaxtyping import Float, Shaped
from torch import Tensor, nn

from latentia.distributions import DiagonalGaussian
from latentia.errors import SettingError
from latentia.layers.gates import ContextName, GateContext
from latentia.layers.recurrent_decoder import RecurrentDecoder
from latentia.layers.steps import Frames, Steps, Words
from latentia.layers.teacher_forcing import ForcingName, TeacherForcing, teacher_forcing
from latentia.models.base import SequenceModel, SequenceTerms
from latentia.models.observations import ObservationName, choose_observation
from latentia.randomness import seeded
from latentia.sequences import SequenceFormat, Sequences, WordFormat


@dataclass(frozen=True, kw_only=True)
class ForcingConfig:
    """How teacher forcing is regulated; by default it is not."""

    kind: ForcingName = "full"
    rate: float = 0.6
    """p_d, the probability of dropping: fixed, or the prior of the inferred one."""
    context: tuple[ContextName, ...] = ("input", "state", "latent")
    """What inferred probabilities go by; the thesis has all three for text, and z alone for video (3.4.4)."""
    hidden: int = 64
    """Size of the first of the two dense layers that infer it; 0 for one layer."""
    temperature: float = 1.0
    """Of the straight-through Gumbel-softmax; the thesis does not say."""

    @property
    def infers(self) -> bool:
        """Whether it is inferred what is dropped."""
        return self.kind.startswith("dynamic_")


@dataclass(frozen=True, kw_only=True)
class RecurrentVAEConfig:
    """Size of a recurrent VAE; the defaults are thesis A's for text (3.5.1). For video the latent size is 128."""

    hidden: int = 512
    """Of the gated recurrent units of encoder and decoder."""
    latent_size: int = 64
    features: int = 512
    """Size of a step's vector: a word's embedding, or what the convolutions make of a frame."""
    forcing: ForcingConfig = field(default_factory=ForcingConfig)
    observation: ObservationName = "logistic"
    """Of the frames of a video."""

    def __post_init__(self) -> None:
        for name in ("hidden", "latent_size", "features"):
            if getattr(self, name) < 1:
                raise SettingError(f"{name} must be 1 or more; it is {getattr(self, name)}.")
        with seeded(0):  # so that wrong settings are said at once, and the caller's random state stays where it is
            self.make_forcing()

    def make_forcing(self) -> TeacherForcing:
        """Make what regulates teacher forcing. Errors: SettingError."""
        forcing = self.forcing
        context = GateContext(
            features=self.features,
            state=self.hidden,
            latent=self.latent_size,
            names=forcing.context,
            hidden=forcing.hidden,
            temperature=forcing.temperature,
        )
        return teacher_forcing(forcing.kind, forcing.rate, context)

    def build(self, sequence_format: SequenceFormat) -> RecurrentVAE:
        """Make the model for sequences of a format, with fresh weights drawn from torch's random state."""
        return RecurrentVAE(self, sequence_format)


class RecurrentVAE(SequenceModel):
    """q(z | x) from the encoder's last state; the decoder begins at h_0 = tanh(W z + b) and sees z nowhere else.

    Words and frames alike: `steps` embeds what the decoder is fed, and gives the probability of what comes next. The
    encoder reads the same vectors. x_1 is predicted from h_0, and what is fed are the steps 1 … T − 1, so that a
    sentence needs no sign of its beginning (thesis A, 3.4 and Figure 3.3). There are no skip connections (3.5.1).

    Equation: A 3.4
    """

    def __init__(self, config: RecurrentVAEConfig, sequence_format: SequenceFormat) -> None:
        super().__init__()
        self.config, self.sequence_format, self.latent_size = config, sequence_format, config.latent_size
        self.steps = _steps(config, sequence_format)
        self.reader = nn.GRU(config.features, config.hidden, batch_first=True)
        self.to_posterior = nn.Linear(config.hidden, 2 * config.latent_size)
        self.decoder = RecurrentDecoder(
            features=config.features,
            hidden=config.hidden,
            latent=config.latent_size,
            forcing=config.make_forcing(),
        )

    def begin_at(self, sequences: Sequences) -> None:
        """Let the frames of a video begin at their colours (`Frames.begin_at`); words need no such thing."""
        self.steps.begin_at(sequences.values[sequences.mask])

    def embed(self, sequences: Sequences) -> Float[Tensor, "batch steps features"]:
        """Give the vectors of all steps."""
        values = sequences.values
        return torch.unflatten(self.steps.embed(values.flatten(0, 1)), 0, (values.shape[0], values.shape[1]))

    def posterior(
        self, sequences: Sequences, embedded: Float[Tensor, "batch steps features"] | None = None
    ) -> DiagonalGaussian:
        """Give q(z | x). A state does not know what comes after it: the one at a sequence's end saw no padding."""
        states, _ = self.reader(self.embed(sequences) if embedded is None else embedded)
        last = (sequences.lengths - 1).to(states.device)
        return DiagonalGaussian.from_map(self.to_posterior(states[torch.arange(len(states)), last]))

    def decode(
        self,
        sequences: Sequences,
        latent: Float[Tensor, "batch latent"],
        embedded: Float[Tensor, "batch steps features"] | None = None,
    ) -> SequenceTerms:
        """Give the terms that follow from z. Only what is no padding goes through the last, largest layers."""
        fed_to_it = (self.embed(sequences) if embedded is None else embedded)[:, :-1]
        decoded = self.decoder(fed_to_it, latent, self._predicted)
        mask = sequences.mask
        each = self.steps.log_prob(decoded.states[mask], sequences.values[mask])
        log_likelihood = each.new_zeros(mask.shape).masked_scatter(mask, each).sum(1)
        fed = mask[:, 1:]  # the last step of a sequence is fed to nothing
        divergence = decoded.gate.divergence.masked_fill(~fed, 0.0).sum(1)
        drop = decoded.gate.drop.detach().mean(-1).masked_fill(~fed, torch.nan)
        return SequenceTerms(
            log_likelihood=log_likelihood,
            divergence=latent.new_zeros(len(latent), 1),
            dropout_divergence=divergence.to(log_likelihood.dtype),
            drop=drop,
        )

    def start(self, latent: Float[Tensor, "batch latent"]) -> Float[Tensor, "batch state"]:
        """Give h_0."""
        return self.decoder.first(latent)

    def advance(
        self,
        values: Shaped[Tensor, " batch *item"],
        state: Float[Tensor, "batch state"],
        latent: Float[Tensor, "batch latent"],
    ) -> Float[Tensor, "batch state"]:
        """Give the state after a step with these values."""
        return self.decoder.advance(self.steps.embed(values), state, latent)

    def scores(self, state: Float[Tensor, "batch state"]) -> Float[Tensor, "batch words"]:
        """Give log p of each word that may come next. Errors: SettingError where steps are frames."""
        if not isinstance(self.steps, Words):
            raise SettingError("Frames have no list of scores; words do.")
        return self.steps.scores(state)

    def likeliest(self, state: Float[Tensor, "batch state"]) -> Shaped[Tensor, " batch *item"]:
        """Give the most probable word, or the frame that stands for its distribution."""
        return self.steps.likeliest(state)

    def draw(self, state: Float[Tensor, "batch state"], temperature: float = 1.0) -> Shaped[Tensor, " batch *item"]:
        """Draw what comes next."""
        return self.steps.draw(state, temperature)

    def _predicted(self, state: Float[Tensor, "batch state"]) -> Float[Tensor, "batch features"]:
        return self.steps.embed(self.steps.likeliest(state))


def _steps(config: RecurrentVAEConfig, sequence_format: SequenceFormat) -> Steps:
    if isinstance(sequence_format, WordFormat):
        return Words(sequence_format.words, features=config.features, hidden=config.hidden)
    frame = sequence_format.frame
    observation = choose_observation(config.observation, frame, components=5)
    return Frames(frame, observation, features=config.features, hidden=config.hidden)
