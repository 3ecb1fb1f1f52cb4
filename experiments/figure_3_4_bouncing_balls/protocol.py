"""The three models of the figure, and what each budget spends on one."""

from __future__ import annotations

from dataclasses import dataclass, replace

from experiments.figure_3_4_bouncing_balls.measure import BallMeasure
from experiments.sequences import SequenceParts, SequenceRun
from latentia.data import BouncingBalls, Split
from latentia.models.recurrent_vae import ForcingConfig, RecurrentVAEConfig
from latentia.training.sequence import SequenceTraining

TOLD, UNTOLD, DYNAMIC = "teacher forcing", "no teacher forcing", "dynamic word dropout"
FORCING = {
    TOLD: ForcingConfig(kind="full"),
    UNTOLD: ForcingConfig(kind="none"),
    # The thesis says neither rate nor weight for this figure; these are those of its clips of KTH.
    DYNAMIC: ForcingConfig(kind="dynamic_word_dropout", rate=0.6, context=("latent",)),
}
BETA = 10.0


@dataclass(frozen=True, kw_only=True)
class Budget:
    """What is trained on what."""

    balls: BouncingBalls
    model: RecurrentVAEConfig
    training: SequenceTraining
    measure: BallMeasure
    simulated: bool = True
    """At every size: the thesis' clips are simulated too."""

    def runs(self, seed: int) -> list[SequenceRun]:
        """One training of each model."""
        training = replace(self.training, dropout_weight=BETA)
        return [
            SequenceRun(name=name, model=replace(self.model, forcing=forcing), training=training, seed=seed)
            for name, forcing in FORCING.items()
        ]


BUDGETS = {
    "smoke": Budget(
        balls=BouncingBalls(train=32, validation=8, test=8, frames=5, size=8, radius=2, pull=0.25, speed=1),
        model=RecurrentVAEConfig(hidden=6, latent_size=3, features=5, observation="bernoulli"),
        training=SequenceTraining(steps=4, batch=8, learning_rate=0.001, annealing="none", evaluate_steps=2),
        measure=BallMeasure(radius=2, shown=2),
    ),
    "hour": Budget(
        # Half of the usual size and of all lengths but the ball's: it falls through the box in as many frames.
        balls=BouncingBalls(train=4000, validation=128, test=256, size=16, radius=2.5, pull=0.25, speed=1),
        model=RecurrentVAEConfig(hidden=128, latent_size=32, features=128, observation="bernoulli"),
        training=SequenceTraining(
            steps=1500,
            batch=32,
            learning_rate=0.001,
            learning_rate_decay=0.9995,
            annealing="none",
            evaluate_steps=100,
        ),
        measure=BallMeasure(radius=2.5),
    ),
    "paper": Budget(
        balls=BouncingBalls(),
        model=RecurrentVAEConfig(latent_size=128, observation="bernoulli"),
        training=SequenceTraining(
            passes=200,
            batch=128,
            learning_rate=0.001,
            learning_rate_decay=0.9995,
            annealing="none",
            patience=20,
        ),
        measure=BallMeasure(radius=3),
    ),
}


def load_parts(budget: Budget) -> SequenceParts:
    """Simulate the clips."""
    train, validation, test = (budget.balls.load(split) for split in (Split.TRAIN, Split.VALIDATION, Split.TEST))
    return SequenceParts(train=train, validation=validation, test=test)
