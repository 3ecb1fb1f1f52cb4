"""Run the experiment from the command line; see README.md in this folder."""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.console import Console

from experiments.common import command_line, markdown_table, real_data, write_json, write_text
from experiments.simulation_fit.samples import MOUSE_FILE, Sample, real_mouse
from latentia.training import run_record
from spindle.agreement import state_agreement
from spindle.baselines import Autoscore, Baseline, EegUse, Examples, Faster, Scoprism
from spindle.baselines.autoscore import smooth
from spindle.baselines.base import best_of, codes_of
from spindle.baselines.features import logarithm, standardise
from spindle.hypnogram import STAGES, Hypnogram
from spindle.markov import FORBIDDEN, Transitions, viterbi

CLAIM = (
    "Thesis A, 5.4.4: FASTER, SCOPRISM and Autoscore find REM sleep less well than wake and NREM sleep. Here each "
    "learns from half of a real recording's band powers and scores the other; a Markov chain (5.3.3) follows."
)
RESULTS = Path(__file__).with_name("results")
BUDGETS: dict[str, int | None] = {"smoke": 1500, "hour": None}
"""Epochs of each half that are used."""
DELTA, THETA, EMG = 0, 1, slice(5, 6)
"""Columns of the published powers."""


@dataclass(frozen=True, kw_only=True)
class Half:
    """One half of the recording, as if it were a recording of its own; power is NaN where it is 0."""

    power: NDArray[np.float64]
    codes: NDArray[np.int8]

    @property
    def usable(self) -> NDArray[np.bool_]:
        """Where every power is known."""
        return ~np.isnan(self.power).any(axis=1)

    @property
    def clean(self) -> NDArray[np.int8]:
        """Codes of usable epochs, −1 elsewhere."""
        return np.where(self.usable, self.codes, -1).astype(np.int8)


def main(words: Sequence[str] | None = None) -> int:
    """Run with these words, or with the command line's own; return the exit code."""
    return command_line(
        experiment,
        name="band_powers",
        says="Score half of a real mouse's recording from its band powers, after learning from the other half.",
        budgets=tuple(BUDGETS),
        results=RESULTS,
        words=words,
    )


def halves(sample: Sample, most: int | None) -> tuple[Half, Half]:
    """Cut a recording in the middle, and keep the first `most` epochs of either part."""
    power = np.concatenate([sample.power["EEG"], sample.power["EMG"]], axis=1)
    power = np.where((power > 0).all(axis=1, keepdims=True), power, np.nan)
    middle = len(power) // 2
    codes = sample.clean_codes
    return (
        Half(power=power[:middle][:most], codes=codes[:middle][:most]),
        Half(power=power[middle:][:most], codes=codes[middle:][:most]),
    )


def features(half: Half, kind: type[Baseline]) -> NDArray[np.float64]:
    """What the method's own `extract` makes of signals, made of the five bands and the EMG; NaN where unusable."""
    if kind is Faster:
        bands = logarithm(in_pairs(half.power))
        ratio = bands[:, THETA] - bands[:, DELTA]
        strength = standardise(np.stack([bands[:, -1], bands[:, DELTA]], axis=1))
        return np.concatenate([strength, ratio[:, None], standardise(bands)], axis=1)
    bands = logarithm(half.power)
    if kind is Scoprism:
        ratio = standardise(bands[:, [THETA]] - bands[:, [DELTA]])
        return np.concatenate([ratio, bands[:, EMG] - np.nanmedian(bands[:, EMG])], axis=1)
    return smooth(standardise(bands), half.usable)


def in_pairs(power: NDArray[np.float64]) -> NDArray[np.float64]:
    """Mean of the known epochs of each pair, for both of them; NaN where an epoch is."""
    known = ~np.isnan(power).any(axis=1)
    pair = np.arange(len(power)) // 2
    total = np.zeros((pair[-1] + 1, power.shape[1]))
    np.add.at(total, pair[known], power[known])
    mean = total / np.maximum(np.bincount(pair[known], minlength=len(total)), 1)[:, None]
    return np.where(known[:, None], mean[pair], np.nan)


def evidence(method: Baseline, found: NDArray[np.floating[Any]], taught: Examples) -> NDArray[np.float64]:
    """log p(what the method says | state), from the half that taught.

    Probabilities are divided by the state's share there; without probabilities, the table of states found against
    states labelled is taken.
    """
    labels = taught.codes
    if method.gives_probabilities:
        share = np.bincount(labels[labels >= 0], minlength=len(STAGES)) / (labels >= 0).sum()
        return np.log(np.maximum(found, 1e-30)) - np.log(share)
    table = state_agreement(labels, codes_of(method.classify(taught.features))).confusion + 1.0
    table /= table.sum(axis=1, keepdims=True)
    codes = codes_of(found)
    return np.where(codes[:, None] >= 0, np.log(table.T[np.maximum(codes, 0)]), np.nan)


def experiment(budget: str, folder: Path, seed: int) -> None:
    """Learn from either half, score the other; write BUDGET.json and BUDGET.md."""
    path = real_data() / "sleep" / MOUSE_FILE
    parts = halves(real_mouse(path.parent), BUDGETS[budget])
    result = {
        "experiment": "band_powers",
        "claim": CLAIM,
        "simulated": False,
        "budget": budget,
        **run_record(
            config={"epochs_of_each_half": BUDGETS[budget]},
            seed=seed,
            data={MOUSE_FILE: hashlib.sha256(path.read_bytes()).hexdigest()},
            source=Path(__file__),
        ),
        "figures": {
            kind.name: {
                "second half": compare(kind, parts[0], parts[1]),
                "first half": compare(kind, parts[1], parts[0]),
            }
            for kind in (Faster, Scoprism, Autoscore)
        },
    }
    write_json(result, folder / f"{budget}.json")
    write_text(_markdown(result), folder / f"{budget}.md")
    Console().print(f"The table is in {folder / f'{budget}.md'}.")


def compare(kind: type[Baseline], teacher: Half, judge: Half) -> dict[str, Any]:
    """Agreement with the expert on the half that judges, before and after the Markov chain."""
    taught = Examples(features=features(teacher, kind), codes=teacher.clean)
    method, _ = best_of(kind, [taught], EegUse.FIRST)
    labels = Hypnogram(codes=teacher.codes, artifact=np.zeros(len(teacher.codes), dtype=bool))
    found = method.classify(features(judge, kind))
    codes = codes_of(found)
    decoded = np.where(codes >= 0, viterbi(evidence(method, found, taught), Transitions.learn([labels])), -1)
    return {
        "parameters": method.parameters(),
        "before": _figures(judge.clean, codes),
        "after": _figures(judge.clean, decoded.astype(np.int8)),
    }


def _figures(reference: NDArray[np.int8], codes: NDArray[np.int8]) -> dict[str, Any]:
    agreement = state_agreement(reference, codes)
    pairs = list(zip(codes[:-1].tolist(), codes[1:].tolist(), strict=True))
    return {
        "epochs": agreement.epochs,
        "accuracy": agreement.accuracy,
        "f1": {stage.value: agreement.state(stage).f1 for stage in STAGES},
        "confusion": agreement.confusion.tolist(),
        "forbidden_transitions": sum(pairs.count((source.code, target.code)) for source, target in FORBIDDEN),
    }


def _markdown(result: dict[str, Any]) -> str:
    headings = ["real mouse", "scored", "Markov chain", "accuracy", *(f"F1 {stage.value}" for stage in STAGES)]
    headings.append("impossible transitions")
    lines = []
    for method, parts in result["figures"].items():
        for part, found in parts.items():
            for when in ("before", "after"):
                row = found[when]
                numbers = [f"{value:.3f}" for value in (row["accuracy"], *row["f1"].values())]
                lines.append([method, part, when, *numbers, str(row["forbidden_transitions"])])
    return markdown_table(headings, lines)


if __name__ == "__main__":
    sys.exit(main())
