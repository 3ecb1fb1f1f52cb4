"""What is trained, with which sensors it is measured, and what each budget spends."""

from __future__ import annotations

from dataclasses import dataclass

from experiments.flow_from_sensors.networks import NetworkConfig
from experiments.flow_from_sensors.splits import SPLITS, SplitName
from latentia.models.base import Decoders

COUNTS = (4, 8, 16, 32, 64)
"""Numbers of sensors."""
PICTURED = 16
"""Sensors of the figure."""


@dataclass(frozen=True, kw_only=True)
class Training:
    """How long a model is trained, and by which loss: W₁·error₁ + W₂·error₂ + β·divergence with W₁ = W₂ = 1."""

    network: NetworkConfig
    latent_weight: float
    """β, beside squared errors that are summed over a field scaled to 0 … 1."""
    steps: int
    none_known: float = 0.0
    """Share of the fields of which no value is known."""
    batch: int = 16
    learning_rate: float = 2e-3
    weight_decay: float = 0.01
    evaluate_steps: int = 100


def trainings(steps: int) -> dict[Decoders, Training]:
    """Give the training of each model.

    Two decoders share a z that says nearly all, so that the first one can stand for the field; a single decoder is to
    listen to the sensors, so that its z costs a hundred times as much.
    """
    return {
        "multi": Training(network=NetworkConfig(decoders="multi"), latent_weight=0.05, steps=steps),
        "single": Training(
            network=NetworkConfig(decoders="single"),
            latent_weight=5.0,
            weight_decay=0.1,
            steps=steps,
            none_known=0.1,
        ),
    }


@dataclass(frozen=True, kw_only=True)
class Budget:
    """What is spent."""

    steps: int
    seeds: int
    """Of the models, and of the splits but the ordered one: they go on from the run's own seed."""
    draws: int
    """Sets of sensors of each number, the same ones for all methods; those of validation are others."""
    draws_to_choose: int = 3
    """Sets of sensors of each number by which settings are chosen on the validation snapshots."""
    prior_draws: int = 1024
    """Draws of z from the prior among which the search for its posterior begins."""
    samples: int = 16
    """Draws of z for a reconstruction from pixels alone."""
    counts: tuple[int, ...] = COUNTS
    splits: tuple[SplitName, ...] = SPLITS


BUDGETS = {
    "smoke": Budget(
        steps=4, seeds=1, draws=2, draws_to_choose=1, prior_draws=16, samples=2, counts=(16,), splits=("phase",)
    ),
    "hour": Budget(steps=700, seeds=2, draws=4),
    "paper": Budget(steps=10_000, seeds=5, draws=20),
}


@dataclass(frozen=True, kw_only=True)
class Job:
    """A split and a seed: both models are trained and all methods measured on it."""

    split: SplitName
    seed: int

    @property
    def label(self) -> str:
        """A name for files."""
        return f"{self.split}-seed{self.seed}"


def jobs(budget: Budget, seed: int) -> list[Job]:
    """All of them: the first seed of every split first, so that early figures are of all."""
    return [Job(split=split, seed=seed + number) for number in range(budget.seeds) for split in reversed(budget.splits)]
