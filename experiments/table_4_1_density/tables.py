"""The tables of the result, in Markdown."""

from __future__ import annotations

import csv
import itertools
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from experiments.common import markdown_table
from experiments.density import Figure, at_seconds

PUBLISHED = Path(__file__).with_name("published.csv")


def markdown(result: Mapping[str, Any]) -> str:
    """Lay out a result: ours, what time and steps say, the order, and what was published."""
    runs: Sequence[Mapping[str, Any]] = result["runs"]
    unstable = sorted({run["name"] for run in runs if "unstable" in run})
    names = [name for name in dict.fromkeys(run["name"] for run in runs) if name not in unstable]
    if not names:
        return f"# Table 4.1, budget {result['budget']}\n\nNo training was stable.\n"
    kind = "SIMULATED images" if result["simulated"] else "real images"
    parts = [
        f"# Table 4.1, budget {result['budget']}: {kind}\n",
        "Test images, bits per dimension, lower is better. ± is the standard error over "
        f"{len({run['seed'] for run in runs})} seeds. All models were trained for the same number of steps.\n",
        *(f"{name} was not stable from every seed.\n" for name in unstable),
        _ours(runs, names),
        "At the same time: −ELBO of the validation images by the time that each model took for its steps, on average. "
        "Times are those of a shared machine, and vary with what else it did.\n",
        _at_time(runs, names),
        "KL per layer in nats, top first, mean over the seeds:\n",
        _layers(runs, names),
        "Differences on the same test images from the same seeds:\n",
        _differences(runs, names),
        *(_verdict(runs, *pair) for pair in itertools.pairwise(names)),
        "Published (thesis A, Table 4.1; the full data sets, the best run of each):\n",
        _published(),
    ]
    return "\n".join(parts)


def _of(runs: Sequence[Mapping[str, Any]], name: str) -> list[Mapping[str, Any]]:
    return sorted((run for run in runs if run["name"] == name), key=lambda run: run["seed"])


def _bits(run: Mapping[str, Any], kind: str) -> float:
    return float(run[kind]["bits_per_dimension"])


def _ours(runs: Sequence[Mapping[str, Any]], names: Sequence[str]) -> str:
    samples = _of(runs, names[0])[0]["likelihood"]["provenance"]["importance_samples"]
    rows = []
    for name in names:
        mine = _of(runs, name)
        rows.append(
            [
                name,
                f"{mine[0]['parameters'] / 1e6:.2f} M",
                str(mine[0]["steps"]),
                f"{Figure.of([run['seconds_per_step'] for run in mine]).mean:.3f} s",
                str(Figure.of([_bits(run, "elbo") for run in mine])),
                str(Figure.of([_bits(run, "likelihood") for run in mine])),
            ]
        )
    headings = ["model", "parameters", "steps", "per step", "−ELBO", f"NLL, {samples} samples"]
    return markdown_table(headings, rows)


def _at_time(runs: Sequence[Mapping[str, Any]], names: Sequence[str]) -> str:
    times = sorted(Figure.of([run["seconds"] for run in _of(runs, name)]).mean for name in names)
    rows = [[name, *(_reached(_of(runs, name), seconds) for seconds in times)] for name in names]
    return markdown_table(["model", *(f"{seconds:.0f} s" for seconds in times)], rows)


def _reached(runs: Sequence[Mapping[str, Any]], seconds: float) -> str:
    values = [at_seconds(run["history"], seconds) for run in runs]
    return "not yet evaluated" if None in values else str(Figure.of([value for value in values if value is not None]))


def _layers(runs: Sequence[Mapping[str, Any]], names: Sequence[str]) -> str:
    rows = []
    for name in names:
        layers = zip(*(run["divergence_nats"] for run in _of(runs, name)), strict=True)
        rows.append([name, " ".join(f"{Figure.of(list(one)).mean:.1f}" for one in layers)])
    return markdown_table(["model", "KL"], rows)


def _differences(runs: Sequence[Mapping[str, Any]], names: Sequence[str]) -> str:
    rows = []
    for better, worse in itertools.pairwise(names):
        values = _paired(runs, better, worse)
        rows.append([f"{better} minus {worse}", str(Figure.of(values)), " ".join(f"{value:+.3f}" for value in values)])
    return markdown_table(["pair", "−ELBO", "by seed"], rows)


def _paired(runs: Sequence[Mapping[str, Any]], better: str, worse: str) -> list[float]:
    """Seed by seed, on the same images: what is common to the images and the batches drops out."""
    pairs = zip(_of(runs, better), _of(runs, worse), strict=True)
    return [_bits(one, "elbo") - _bits(other, "elbo") for one, other in pairs]


def _verdict(runs: Sequence[Mapping[str, Any]], better: str, worse: str) -> str:
    values = _paired(runs, better, worse)
    figure, below = Figure.of(values), sum(value < 0 for value in values)
    told = f"{better} is below {worse} from {below} of {len(values)} seeds"
    if not figure.error:
        return f"{told}.\n"
    return f"{told}; the mean difference is {abs(figure.mean) / figure.error:.1f} times its standard error.\n"


def _published() -> str:
    with PUBLISHED.open(encoding="utf-8", newline="") as file:
        headings, *rows = csv.reader(file)
    return markdown_table(headings, [[cell or "–" for cell in row] for row in rows])
