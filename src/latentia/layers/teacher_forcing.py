"""Teacher forcing and what regulates it: what an autoregressive decoder is fed of the sequence that it shall predict.

Thesis A, 3.4: δ_i stands for the observation x_i at the decoder's input. A decoder takes any of these; in free-running
decoding x_i is its own prediction, and gates are as in evaluation.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from jaxtyping import Float
from torch import Tensor, nn

from latentia.layers.gates import FixedGates, Gate, GateContext, Gates, InferredGates

ForcingName = Literal[
    "full",
    "none",
    "word_dropout",
    "dropout",
    "scheduled_sampling",
    "dynamic_word_dropout",
    "dynamic_dropout",
    "dynamic_scheduled_sampling",
]


class TeacherForcing(nn.Module):
    """δ_i = keep ⊙ x_i, and where `feeds_predictions` also + (1 − keep) ⊙ x̂_i, with the gates' decisions keep."""

    def __init__(self, gates: Gates, *, feeds_predictions: bool = False) -> None:
        super().__init__()
        self.gates, self.feeds_predictions = gates, feeds_predictions

    @property
    def waits(self) -> bool:
        """Whether a step must wait for the one before it: its gates go by the state, or it is fed a prediction."""
        if not self.gates.training and self.gates.width == 1:
            return False  # all is kept
        return self.gates.looks_at_state or (self.feeds_predictions and self.gates.training)

    def feed(
        self,
        gate: Gate,
        inputs: Float[Tensor, "*places features"],
        predicted: Float[Tensor, "*places features"] | None = None,
    ) -> Float[Tensor, "*places features"]:
        """Give δ. `predicted` are the embedded predictions of the same steps, where these replace what is dropped."""
        kept = gate.keep * inputs
        return kept if predicted is None else kept + (1 - gate.keep) * predicted


class WordDropout(TeacherForcing):
    """δ_i = (1 − D_i)·x_i with D_i ~ Bern(p_d), one for a whole step (Bowman et al. 2016; thesis A, 3.4.1).

    `rate` 0 is teacher forcing that nothing regulates, 1 a decoder that is never told what it should have said.
    Errors: SettingError where the rate is not 0 to 1.
    """

    def __init__(self, rate: float) -> None:
        super().__init__(FixedGates(rate))


class VanillaDropout(TeacherForcing):
    """Dropout of single features (Srivastava et al. 2014; thesis A, 3.4.2), scaled as usual.

    Errors: SettingError where the rate is not at least 0 and below 1.
    """

    def __init__(self, rate: float, *, features: int) -> None:
        super().__init__(FixedGates(rate, width=features, scaled=True))


class ScheduledSampling(TeacherForcing):
    """A step is replaced by the model's own prediction with probability `rate` (Bengio et al. 2015; thesis A, 3.4.3).

    Errors: SettingError where the rate is not 0 to 1.
    """

    def __init__(self, rate: float) -> None:
        super().__init__(FixedGates(rate), feeds_predictions=True)


class DynamicWordDropout(TeacherForcing):
    """δ_i = (1 − D_i)·x_i, where D_i is inferred at each step, with the prior p_d (thesis A, 3.4.1).

    Errors: SettingError where the prior is not between 0 and 1; so of the other dynamic ones.
    """

    def __init__(self, prior: float, context: GateContext) -> None:
        super().__init__(InferredGates(prior, context))


class DynamicActivationDropout(TeacherForcing):
    """The same for each feature of a step by itself (thesis A, 3.4.2)."""

    def __init__(self, prior: float, context: GateContext) -> None:
        super().__init__(InferredGates(prior, context, width=context.features))


class DynamicScheduledSampling(TeacherForcing):
    """δ_i = (1 − D_i)·x_i + D_i·x̂_i, where D_i is inferred at each step (thesis A, 3.4.3)."""

    def __init__(self, prior: float, context: GateContext) -> None:
        super().__init__(InferredGates(prior, context), feeds_predictions=True)


def teacher_forcing(name: ForcingName, rate: float, context: GateContext) -> TeacherForcing:
    """Make one by its name, as a configuration has it; `rate` is p_d. Errors: SettingError as the classes."""
    makers: dict[ForcingName, Callable[[], TeacherForcing]] = {
        "full": lambda: WordDropout(0.0),
        "none": lambda: WordDropout(1.0),
        "word_dropout": lambda: WordDropout(rate),
        "dropout": lambda: VanillaDropout(rate, features=context.features),
        "scheduled_sampling": lambda: ScheduledSampling(rate),
        "dynamic_word_dropout": lambda: DynamicWordDropout(rate, context),
        "dynamic_dropout": lambda: DynamicActivationDropout(rate, context),
        "dynamic_scheduled_sampling": lambda: DynamicScheduledSampling(rate, context),
    }
    return makers[name]()
