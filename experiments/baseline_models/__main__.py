"""Learn the packaged parameters of the rival methods again; see README.md in this folder."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from rich.console import Console

from experiments.common import command_line, markdown_table, progress_bars
from spindle.agreement import state_agreement
from spindle.baselines import KINDS, BaselineModel, learn_model, save_baseline
from spindle.baselines.base import Labelled, codes_of
from spindle.hypnogram import STAGES, agreed_codes
from spindle.montage import choose_montage
from spindle.recording import Recording
from spindle.signals import load_signals
from spindle.simulation.files import Plan, laboratories

OUT = Path("out") / "baseline_models"
NOTES = (
    "Learned from simulated mice and rats; no real recording was seen.",
    "Parameters that are learned from labelled animals of one's own laboratory will usually do better there.",
)
TEST_SEED = 2_000_000
"""Keeps the laboratories that judge apart from all that teach, here and in the starter model."""


@dataclass(frozen=True, kw_only=True)
class Budget:
    """Simulated laboratories that teach and that judge, and their shortest and longest recording in hours."""

    teach: int
    judge: int
    hours: tuple[float, float]


BUDGETS = {"smoke": Budget(teach=3, judge=1, hours=(0.4, 0.5)), "hour": Budget(teach=32, judge=16, hours=(2.0, 12.0))}


def main(words: Sequence[str] | None = None) -> int:
    """Run with these words, or with the command line's own; return the exit code."""
    return command_line(
        experiment,
        name="baseline_models",
        says="Learn FASTER, SCOPRISM and Autoscore from SIMULATED laboratories.",
        budgets=tuple(BUDGETS),
        results=OUT,
        words=words,
    )


def experiment(budget: str, folder: Path, seed: int) -> None:
    """Learn all three methods, and judge them on laboratories that they have not seen; leave METHOD.json."""
    size = BUDGETS[budget]
    console = Console()
    taught = list(_simulate(size.teach, size.hours, 10 + seed, "Simulating laboratories that teach"))
    data = f"{size.teach} SIMULATED laboratories of {size.hours[0]:g} to {size.hours[1]:g} h, seed {10 + seed}"
    models = {kind: learn_model(kind, taught, name="simulated laboratories", data=data) for kind in KINDS}
    del taught
    judges = list(_simulate(size.judge, size.hours, TEST_SEED + seed, "Simulating laboratories that judge"))
    folder.mkdir(parents=True, exist_ok=True)
    lines = []
    for kind, model in models.items():
        figures = _judge(model, judges)
        card = replace(model.card, figures={**model.card.figures, **figures}, notes=NOTES)
        save_baseline(replace(model, card=card), folder / f"{kind}.json")
        lines.append([kind, model.method.use.value, *(f"{value:.3f}" for value in figures.values())])
    headings = ["method", "EEG", "accuracy", *(f"F1 {stage.value}" for stage in STAGES)]
    console.print(markdown_table(headings, lines))
    console.print(f"The files are in {folder}; copy them to src/spindle/models/ to ship them.")


def _simulate(count: int, hours: tuple[float, float], seed: int, what: str) -> Iterator[Labelled]:
    with progress_bars() as bars:
        for plan in bars.track(list(laboratories(count, hours=hours, seed=seed)), description=what):
            yield _labelled(plan)


def _labelled(plan: Plan) -> Labelled:
    simulated = plan.simulate()
    return load_signals(choose_montage(Recording(name=plan.name, channels=simulated.channels))), simulated.experts


def _judge(model: BaselineModel, judges: Sequence[Labelled]) -> dict[str, float]:
    """Mean accuracy over laboratories, and F1 over all their epochs."""
    pairs = [(agreed_codes(experts), codes_of(model.method.score(signals))) for signals, experts in judges]
    accuracy = sum(state_agreement(*pair).accuracy for pair in pairs) / len(pairs)
    matrices = [state_agreement(*pair).confusion for pair in pairs]
    together = replace(state_agreement(*pairs[0]), confusion=sum(matrices[1:], matrices[0]))
    figures = {f"unseen_f1_{stage.value}": together.state(stage).f1 for stage in STAGES}
    return {name: round(value, 4) for name, value in {"unseen_accuracy": accuracy, **figures}.items()}


if __name__ == "__main__":
    sys.exit(main())
