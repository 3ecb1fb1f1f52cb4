"""Run the experiment from the command line; see README.md in this folder."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.console import Console

from experiments.common import command_line, markdown_table, progress_bars, write_json, write_text
from latentia.training import run_record
from spindle.agreement import state_agreement
from spindle.decoding import Decoding
from spindle.hypnogram import STAGES, Stage
from spindle.model_file import SpindleModel, starter_model
from spindle.montage import choose_montage
from spindle.recording import Recording
from spindle.scoring import Method, score_stages
from spindle.signals import load_signals
from spindle.simulation.files import Plan, laboratories
from spindle.spectrogram import time_frequency

CLAIM = (
    "Thesis A, 5.3.3: transitions may be 'of equal value, or tuned additionally'. Tuning them, and two further steps "
    "beyond the thesis, bring recordings of an unusual composition close to ordinary ones."
)
RESULTS = Path(__file__).with_name("results")
COMPOSITIONS = {"sleep": (0.0, 0.2), "mixed": (0.2, 0.7), "wake": (0.7, 1.01)}
"""Recordings by the share of wake in them."""


@dataclass(frozen=True, kw_only=True)
class Budget:
    """Simulated laboratories, and their shortest and longest recording."""

    laboratories: int
    hours: tuple[float, float]


BUDGETS = {
    "smoke": Budget(laboratories=3, hours=(0.1, 0.15)),
    "hour": Budget(laboratories=120, hours=(0.4, 6.0)),
}
SEED_OFFSET = 1_000_000
"""Keeps laboratories apart from those that the starter model was trained on, which have small seeds."""


def main(words: Sequence[str] | None = None) -> int:
    """Run with these words, or with the command line's own; return the exit code."""
    return command_line(
        experiment,
        name="decoding",
        says="Compare ways of decoding on SIMULATED laboratories that the starter model has not seen.",
        budgets=tuple(BUDGETS),
        results=RESULTS,
        words=words,
    )


def ways(model: SpindleModel) -> dict[str, Decoding]:
    """List the ways to decode, each with one step more than the last."""
    learned = model.transitions
    return {
        "as in the thesis": Decoding.of_thesis(),
        "+ learned transitions": Decoding(transitions=learned, evidence_weight=1.0, rounds=1),
        "+ evidence weighs 0.7": Decoding(transitions=learned, rounds=1),
        "+ composition, 2 rounds": Decoding(transitions=learned, rounds=2),
        "+ composition, 3 rounds (default)": Decoding(transitions=learned),
    }


def experiment(budget: str, folder: Path, seed: int) -> None:
    """Score every laboratory in every way; write BUDGET.json and BUDGET.md."""
    started = time.monotonic()
    size = BUDGETS[budget]
    model = starter_model()
    plans = list(laboratories(size.laboratories, hours=size.hours, seed=SEED_OFFSET + seed))
    recordings = []
    with progress_bars() as bars:
        for plan in bars.track(plans, description="Scoring simulated laboratories"):
            recordings.append(_score(plan, model))
    result = {
        "experiment": "decoding",
        "claim": CLAIM,
        "simulated": True,
        "budget": budget,
        "seconds": round(time.monotonic() - started, 1),
        "model": model.card.data,
        **run_record(config=asdict(size), seed=seed, data={}, source=Path(__file__)),
        "figures": {way: _figures(recordings, way) for way in ways(model)},
    }
    write_json(result, folder / f"{budget}.json")
    write_text(_markdown(result), folder / f"{budget}.md")
    Console().print(f"The table is in {folder / f'{budget}.md'}.")


def _score(plan: Plan, model: SpindleModel) -> dict[str, NDArray[np.int8]]:
    """Return the clean epochs on which both experts agree as "reference", and the states that each way finds."""
    simulated = plan.simulate()
    montage = choose_montage(Recording(name=plan.name, channels=simulated.channels))
    images = time_frequency(load_signals(montage), rows=model.rows)
    first, second = simulated.experts
    clean = (first.codes == second.codes) & ~first.artifact & ~second.artifact
    found = {
        way: score_stages(Method(model=model, decoding=decoding), images)[1].codes
        for way, decoding in ways(model).items()
    }
    return {"reference": np.where(clean, first.codes, -1).astype(np.int8), **found}


def _figures(recordings: Sequence[dict[str, NDArray[np.int8]]], way: str) -> dict[str, Any]:
    """Mean and median accuracy over recordings, mean accuracy by composition, and F1 over all epochs together."""
    accuracy = np.array([state_agreement(one["reference"], one[way]).accuracy for one in recordings])
    wake = np.array([(one["reference"] == Stage.WAKE.code).sum() / (one["reference"] >= 0).sum() for one in recordings])
    together = state_agreement(*(np.concatenate([one[name] for one in recordings]) for name in ("reference", way)))
    by_composition = {}
    for name, (low, high) in COMPOSITIONS.items():
        here = (wake >= low) & (wake < high)
        by_composition[name] = {
            "recordings": int(here.sum()),
            "accuracy": float(accuracy[here].mean()) if here.any() else None,
        }
    return {
        "mean_accuracy": float(accuracy.mean()),
        "median_accuracy": float(np.median(accuracy)),
        "by_composition": by_composition,
        "f1": {stage.value: _number(together.state(stage).f1) for stage in STAGES},
    }


def _number(value: float) -> float | None:
    return None if np.isnan(value) else value


def _markdown(result: dict[str, Any]) -> str:
    first = next(iter(result["figures"].values()))["by_composition"]
    columns = [f"{name} ({first[name]['recordings']})" for name in COMPOSITIONS]
    headings = ["simulated laboratories", "mean", "median", *columns, *(f"F1 {stage.value}" for stage in STAGES)]
    lines = []
    for way, row in result["figures"].items():
        numbers = [row["mean_accuracy"], row["median_accuracy"]]
        numbers += [row["by_composition"][name]["accuracy"] for name in COMPOSITIONS]
        numbers += list(row["f1"].values())
        lines.append([way, *("–" if number is None else f"{number:.3f}" for number in numbers)])
    return markdown_table(headings, lines)


if __name__ == "__main__":
    sys.exit(main())
