"""A sample in figures, and figures of a real and a simulated animal side by side."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from experiments.simulation_fit.samples import BANDS, Sample
from spindle.hypnogram import STAGES, Stage
from spindle.recording import EPOCH_S
from spindle.simulation.fit import bout_lengths, power_statistics, survival, transition_counts

PERCENTILES = (25, 50, 75, 90, 95)
SURVIVAL_S = tuple(int(EPOCH_S) * epochs for epochs in (0, 1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96, 128, 192, 256,
                                                       384, 512, 768, 1024, 1536, 2048))  # fmt: skip
CONTRASTS = ((Stage.NREM, Stage.WAKE), (Stage.REM, Stage.WAKE), (Stage.REM, Stage.NREM))

Row = dict[str, Any]


def summarise(sample: Sample) -> Row:
    """Describe a sample; times in seconds, power in natural logarithms, None where there is nothing to tell."""
    counts = transition_counts(sample.codes)
    scored = int((sample.codes >= 0).sum())
    return {
        "epochs": scored,
        "fractions": {str(stage): float((sample.codes == stage.code).sum() / scored) for stage in STAGES},
        "transitions": _nested(counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)),
        "transition_counts": counts.tolist(),
        "bouts": {
            str(stage): _bouts(lengths) for stage, lengths in zip(STAGES, bout_lengths(sample.codes), strict=True)
        },
        "power": {name: _power(values, sample.clean_codes) for name, values in sample.power.items()},
    }


def _bouts(lengths: NDArray[np.int64]) -> Row:
    seconds = lengths * EPOCH_S
    some = len(seconds) > 0
    return {
        "count": len(seconds),
        "mean_s": float(seconds.mean()) if some else None,
        **{f"p{number}_s": float(np.percentile(seconds, number)) if some else None for number in PERCENTILES},
        "share_of_one_epoch": float((lengths == 1).mean()) if some else None,
        "share_up_to_3_epochs": float((lengths <= 3).mean()) if some else None,
        "longer_than_s": list(SURVIVAL_S),
        "survival": _nested(survival(seconds.astype(np.int64), np.array(SURVIVAL_S))),
    }


def _power(power: NDArray[np.float64], codes: NDArray[np.int8]) -> Row:
    statistics = power_statistics(power, codes)
    return {
        "columns": list(BANDS) if power.shape[1] == len(BANDS) else ["emg"],
        **{
            contrast(of, over): _nested(statistics.mean[of.code] - statistics.mean[over.code]) for of, over in CONTRASTS
        },
        "deviation": {str(stage): _nested(statistics.deviation[stage.code]) for stage in STAGES},
        "lag_one": {str(stage): _nested(statistics.lag_one[stage.code]) for stage in STAGES},
    }


def contrast(of: Stage, over: Stage) -> str:
    """Name a difference of mean log power between two states."""
    return f"{of}_minus_{over}"


def _nested(values: NDArray[np.floating]) -> Any:
    """An array as lists, None in place of NaN, which JSON does not have."""
    if values.ndim > 1:
        return [_nested(row) for row in values]
    return [None if math.isnan(value) else float(value) for value in values]


def compare(animal: str, real: Row, simulated: Row, runs: Sequence[Row]) -> list[Row]:
    """List every figure of the table: real, simulated, and its range over the simulated runs."""
    overall, each = dict(figures(simulated)), [dict(figures(run)) for run in runs]
    rows = []
    for key, value in figures(real):
        twin = _in_simulation(key)
        known = [figure for run in each if (figure := run[twin]) is not None]
        lowest, highest = min(known, default=None), max(known, default=None)
        rows.append(
            {
                "animal": animal,
                "statistic": key,
                "real": value,
                "simulated": overall[twin],
                "lowest": lowest,
                "highest": highest,
            }
        )
    return rows


def _in_simulation(key: str) -> str:
    """The real mouse has one EEG at an unknown place; it stands beside the simulated parietal one."""
    return key.replace("EEG ", "EEG2 ")


def figures(summary: Row) -> Iterator[tuple[str, float | None]]:
    """Yield the figures of a summary by name, those that the table shows."""
    for stage in STAGES:
        yield f"share of {stage}", summary["fractions"][stage]
    for i, source in enumerate(STAGES):
        for j, target in enumerate(STAGES):
            yield f"transition {source} → {target}", summary["transitions"][i][j]
    for stage in STAGES:
        bouts = summary["bouts"][stage]
        for name in ("mean_s", "p25_s", "p50_s", "p75_s", "p90_s", "p95_s", "share_of_one_epoch"):
            yield f"{stage} bouts, {name}", bouts[name]
    for signal, power in summary["power"].items():
        for place, column in enumerate(power["columns"]):
            for of, over in CONTRASTS:
                yield f"{signal} {column}, {of} − {over}", power[contrast(of, over)][place]
            for stage in STAGES:
                yield f"{signal} {column}, deviation in {stage}", power["deviation"][stage][place]
                yield f"{signal} {column}, lag 1 in {stage}", power["lag_one"][stage][place]
