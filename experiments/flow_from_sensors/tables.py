"""The page of results: errors by split and number of sensors."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from typing import Any

from experiments.common import markdown_table
from experiments.flow_from_sensors.measure import BOUND, METHODS, PIXELS, PIXELS_MULTI, POSTERIOR
from experiments.flow_from_sensors.splits import SPLITS

SPLIT_TEXT = {
    "phase": "A sixth of the cycle of shedding held out: what a model has to work out",
    "shuffled": "Random snapshots held out: each has a training snapshot of nearly its phase",
    "ordered": "The last snapshots held out: the flow repeats itself, and each has been seen before in all but name",
}
Runs = Sequence[Mapping[str, Any]]


def markdown(result: Mapping[str, Any]) -> str:
    """Give the whole page."""
    runs: Runs = result["runs"]
    parts = [f"# A flow around a cylinder from few sensors, budget {result['budget']}\n", f"{result['claim']}\n"]
    if len(runs) < result["jobs"]:
        parts.append(f"**Not finished: {len(runs)} of {result['jobs']} trainings are done.**\n")
    parts.append(TEXT)
    for split in reversed(SPLITS):
        mine = [run for run in runs if run["split"] == split]
        if mine:
            parts += [f"## {SPLIT_TEXT[split]}\n", _errors(mine)]
    parts += ["## How sure it says it is\n", WITHIN_TEXT, _within(runs), "## What was trained\n", _trained(runs)]
    return "\n".join(parts)


TEXT = """\
Relative error ‖x̂ − x‖ / ‖x‖ over both velocities and all places outside the cylinder, mean over the test snapshots;
mean ± standard deviation over sets of sensors at random places and seeds. All methods get the same sensors. Modes,
ridge and noise were chosen on validation snapshots, for each number of sensors. The last row is no method: its z has
seen the whole field.
"""
WITHIN_TEXT = """\
Share of values of test snapshots within two standard deviations of what is reconstructed; 0.95 where errors are normal
and the deviations are right. "Pixels" have those of draws of z from the prior, "z by the sensors" those of its
posterior and of the noise.
"""


def values_of(runs: Runs, kind: str, method: str, count: str) -> list[float]:
    """Collect a figure over seeds and sets of sensors."""
    return [value for run in runs for value in run[kind].get(method, {}).get(count, [])]


def _cell(values: Sequence[float], digits: int = 3) -> str:
    if not values:
        return "–"
    spread = f" ± {statistics.stdev(values):.{digits}f}" if len(values) > 1 else ""
    return f"{statistics.fmean(values):.{digits}f}{spread}"


def _errors(runs: Runs) -> str:
    counts = list(runs[0]["errors"][BOUND])
    rows = []
    for method in METHODS:
        cells = [_cell(values_of(runs, "errors", method, count)) for count in counts]
        rows.append([f"*upper bound: {method}*" if method == BOUND else method, *cells])
    return markdown_table(["method", *(f"{count} sensors" for count in counts)], rows)


def _within(runs: Runs) -> str:
    counts = list(runs[0]["errors"][BOUND])
    rows = []
    for split in reversed(SPLITS):
        mine = [run for run in runs if run["split"] == split]
        for method in (PIXELS, PIXELS_MULTI, POSTERIOR):
            if mine:
                cells = [_cell(values_of(mine, "within", method, count), 2) for count in counts]
                rows.append([f"{split}, {method}", *cells])
    return markdown_table(["split, method", *(f"{count} sensors" for count in counts)], rows)


def _trained(runs: Runs) -> str:
    rows = [
        [
            f"{run['split']}, seed {run['seed']}, {decoders} decoders",
            f"{one['steps']} ({one['best_step']})",
            f"{one['seconds']:.0f} s",
            f"{one['latent_cost']:.1f} nats",
        ]
        for run in runs
        for decoders, one in run["trainings"].items()
    ]
    return markdown_table(["model", "steps (best)", "training time", "divergence"], rows)
