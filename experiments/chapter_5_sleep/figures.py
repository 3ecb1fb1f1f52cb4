"""All figures of the experiment: one call draws them from what was kept of the animals."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from experiments.chapter_5_sleep.comparison_figures import draw_errors, draw_overlap
from experiments.chapter_5_sleep.kept import EXPERTS, SPINDLE, KeptAnimal
from experiments.chapter_5_sleep.sleep_figures import draw_architecture, draw_differences, draw_profiles
from experiments.cohorts import montage
from spindle.agreement import Evaluation, evaluate
from spindle.agreement_figures import (
    confusion_data,
    confusion_figure,
    reliability_data,
    reliability_figure,
)
from spindle.agreement_strip import cut_strip, strip_data
from spindle.agreement_strip_figure import strip_figure
from spindle.figure_files import save_figure
from spindle.hypnogram import Hypnogram
from spindle.simulation.files import Plan


def draw(animals: Sequence[KeptAnimal], shown: Plan, folder: Path) -> None:
    """Draw Figures 5.5 to 5.13, each as PNG and SVG with its numbers as CSV; `shown` is the animal of Figure 5.8."""
    folder.mkdir(parents=True, exist_ok=True)
    tested = [one for one in animals if not one.trained_on]
    draw_agreement(tested, folder)
    draw_profiles(animals, folder)
    draw_strip(animals, shown, folder)
    draw_overlap(tested, folder / "figure_5_9_overlap")
    draw_errors(tested, folder / "figure_5_10_errors")
    draw_architecture(animals, folder)
    draw_differences(animals, folder)


def draw_agreement(animals: Sequence[KeptAnimal], folder: Path) -> None:
    """Figure 5.5, confusion of all scorers of a cohort, and how reliable SPINDLE's probabilities are there."""
    for cohort in sorted({one.cohort for one in animals}):
        evaluation = evaluation_of([one for one in animals if one.cohort == cohort])
        save_figure(confusion_figure(evaluation), folder / f"figure_5_5_agreement_{cohort}", confusion_data(evaluation))
        if (reliability := evaluation.reliability) is not None:
            figure = reliability_figure(reliability, evaluation.main)
            save_figure(figure, folder / f"reliability_{cohort}", reliability_data(reliability))


def evaluation_of(animals: Sequence[KeptAnimal]) -> Evaluation:
    """Compare scorers over all epochs of several animals, as if they were one recording."""
    prediction, *experts = (_joined([one.hypnogram(scorer) for one in animals]) for scorer in (SPINDLE, *EXPERTS))
    probability = np.concatenate([one.stage_probability for one in animals])
    return evaluate(prediction, experts, stage_probability=probability)


def draw_strip(animals: Sequence[KeptAnimal], shown: Plan, folder: Path) -> None:
    """Figure 5.8: 150 epochs of an animal with its signals, which are simulated again, and all scorers."""
    animal = next(one for one in animals if one.name == shown.name)
    simulated = shown.simulate()
    strip = cut_strip(
        animal.hypnogram(SPINDLE),
        simulated.experts,
        title=f"{shown.name} (SIMULATED)",
        montage=montage(simulated),
        recorded_at=animal.start,
    )
    save_figure(strip_figure(strip), folder / "figure_5_8_strip", strip_data(strip))


def _joined(hypnograms: Sequence[Hypnogram]) -> Hypnogram:
    return Hypnogram(
        codes=np.concatenate([one.codes for one in hypnograms]),
        artifact=np.concatenate([one.artifact for one in hypnograms]),
    )
