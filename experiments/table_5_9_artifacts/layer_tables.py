"""What the parts of the density's bound tell of artifacts, by cohort, as figures and as text."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from jaxtyping import Bool, Float

from experiments.cohorts import cohort_of
from experiments.common import markdown_table
from experiments.table_5_9_artifacts.protocol import COHORTS, TOP_TWO
from latentia.evaluation import detection_curve
from spindle.density.images import FORMAT

REACH = 2
"""Epochs on each side that an image shows beside its own."""

Row = dict[str, Any]
Arrays = Mapping[str, np.ndarray]
Score = Callable[[Arrays], Float[np.ndarray, " epochs"]]


def bound(top: int) -> Score:
    """Score by how improbable an epoch is by its layers on top, eq. 5.2."""
    return lambda terms: terms["divergence"][:, :top].sum(1) - terms["likelihood"][:, top - 1]


def divergence(layer: int) -> Score:
    """Score by one layer's term alone, layer 0 on top."""
    return lambda terms: terms["divergence"][:, layer]


def agreed(flags: Bool[np.ndarray, "experts epochs"]) -> Bool[np.ndarray, " epochs"]:
    """Epochs of which all experts say the same."""
    same: Bool[np.ndarray, " epochs"] = (flags == flags[0]).all(axis=0)
    return same


def away(flags: Bool[np.ndarray, "experts epochs"]) -> Bool[np.ndarray, " epochs"]:
    """Artifacts, and epochs whose image shows nothing that any expert marked."""
    near = np.pad(flags.any(axis=0), REACH)
    shown = np.lib.stride_tricks.sliding_window_view(near, 2 * REACH + 1).any(axis=1)
    return flags.all(axis=0) | ~shown


def parts(layers: int) -> dict[str, Score]:
    """Name what is scored by itself."""
    bounds = {f"bound, {top} on top": bound(top) for top in range(1, layers + 1)}
    return bounds | {f"divergence of layer {layer + 1}": divergence(layer) for layer in range(layers)}


def areas(terms: Mapping[str, Arrays], scores: Mapping[str, Arrays]) -> list[Row]:
    """Area under the ROC of each part by itself: mean and sample standard deviation over a cohort's animals.

    `scores` are those of the experiment, of another draw.
    """
    layers = next(iter(terms.values()))["divergence"].shape[1]
    told: dict[tuple[str, str], list[float | None]] = {}
    for name, one in terms.items():
        found = {figure: _area(score(one), one["flags"]) for figure, score in parts(layers).items()}
        two_draws = (bound(2)(one) / FORMAT.dimensions + scores[name][TOP_TWO]) / 2
        found["bound, 2 on top, mean of 2 draws"] = _area(two_draws, one["flags"])
        for top in (2, layers):
            alone = np.where(away(one["flags"]), bound(top)(one), np.nan)
            found[f"bound, {top} on top, no artifact beside clean epochs"] = _area(alone, one["flags"])
        for figure, value in found.items():
            told.setdefault((figure, cohort_of(name)), []).append(value)
    return [{"cohort": cohort, "figure": figure, **_spread(values)} for (figure, cohort), values in told.items()]


def _area(values: Float[np.ndarray, " epochs"], flags: Bool[np.ndarray, "experts epochs"]) -> float | None:
    """Rank the epochs that have a value and on which the experts agree; None without both kinds."""
    chosen = agreed(flags) & np.isfinite(values)
    marked = flags[0][chosen]
    if not 0 < marked.sum() < len(marked):
        return None
    return detection_curve(values[chosen].astype(np.float64), marked).area_under_roc


def _spread(values: Sequence[float | None]) -> Row:
    known = [value for value in values if value is not None]
    return {
        "mean": float(np.mean(known)) if known else None,
        "deviation": float(np.std(known, ddof=1)) if len(known) > 1 else None,
        "animals": len(known),
    }


def means(terms: Mapping[str, Arrays]) -> list[Row]:
    """Each term of clean epochs and of artifacts, nats per epoch, all animals' epochs alike."""
    flags = np.concatenate([one["flags"] for one in terms.values()], axis=1)
    rows = []
    for name, called in (("likelihood", "log likelihood, {} on top"), ("divergence", "divergence of layer {}")):
        values = np.concatenate([one[name] for one in terms.values()])
        known = np.isfinite(values).all(axis=1) & agreed(flags)
        clean, marked = values[known & ~flags[0]], values[known & flags[0]]
        for place in range(values.shape[1]):
            rows.append(
                {
                    "term": called.format(place + 1),
                    "clean": float(clean[:, place].mean()),
                    "clean_deviation": float(clean[:, place].std(ddof=1)),
                    "artifact": float(marked[:, place].mean()) if len(marked) else None,
                }
            )
    return rows


def carried_over(scores: Mapping[str, Arrays], thresholds: Mapping[str, float]) -> list[Row]:
    """What the thresholds of the training do in each cohort, and the best that another could do there."""
    rows = []
    for cohort in COHORTS:
        mates = [one for name, one in scores.items() if cohort_of(name) == cohort]
        flags = np.concatenate([one["flags"] for one in mates], axis=1)
        for method, threshold in thresholds.items():
            values = np.concatenate([one[method] for one in mates]).astype(np.float64)
            chosen = agreed(flags) & np.isfinite(values)
            rows.append({"cohort": cohort, "method": method, **_worth(values[chosen], flags[0][chosen], threshold)})
    return rows


def _worth(values: Float[np.ndarray, " epochs"], marked: Bool[np.ndarray, " epochs"], threshold: float) -> Row:
    called = values > threshold
    hits, either = int((marked & called).sum()), int((marked | called).sum())
    best = detection_curve(values, marked).best if 0 < marked.sum() < len(marked) else None
    return {
        "threshold": threshold,
        "precision": hits / int(called.sum()) if called.any() else None,
        "recall": hits / int(marked.sum()) if marked.any() else None,
        "agreement": hits / either if either else None,
        "best_agreement": best.agreement if best else None,
        "best_threshold": best.threshold if best else None,
        "clean_median": float(np.median(values[~marked])),
        "artifact_median": float(np.median(values[marked])) if marked.any() else None,
    }


def markdown(result: Row) -> str:
    """Draw the tables."""
    return "\n".join(
        [
            f"# Which layers tell artifacts, on **simulated cohorts** (budget: {result['budget']})\n",
            "Area under the ROC on epochs on which the experts agree, mean ± sample standard deviation over animals.\n"
            "Layers are counted from the top. Where no artifact is beside clean epochs, those whose image shows one\n"
            "in a neighbour are left out.\n",
            _area_table(result["areas"]),
            "Nats per epoch, which is 11,520 numbers; the likelihood given so many layers of the posterior, and the\n"
            "others drawn from the prior.\n",
            markdown_table(
                ["", "clean, mean", "clean, deviation", "artifacts, mean"],
                [
                    [row["term"], *(_number(row[name], ",.0f") for name in ("clean", "clean_deviation", "artifact"))]
                    for row in result["means_nats"]
                ],
            ),
            "The thresholds of the training, two animals of A, in each cohort, and the best agreement (eq. 5.3) that\n"
            "any threshold would have there. Scores are nats per number below 0, or the network's probability. Epochs\n"
            "on which the experts agree, animals of a cohort pooled.\n",
            _threshold_table(result["thresholds"]),
        ]
    )


def _area_table(rows: Sequence[Row]) -> str:
    by_place = {(row["figure"], row["cohort"]): row for row in rows}
    lines = []
    for figure in dict.fromkeys(row["figure"] for row in rows):
        cells = [by_place[figure, cohort] for cohort in COHORTS]
        lines.append([figure, *(_number(one["mean"], ".3f") + _deviation(one) for one in cells)])
    return markdown_table(["", *COHORTS], lines)


def _threshold_table(rows: Sequence[Row]) -> str:
    shown = {
        "clean_median": "clean, median score",
        "threshold": "threshold",
        "precision": "precision",
        "recall": "recall",
        "agreement": "agreement",
        "best_agreement": "best agreement",
        "best_threshold": "at",
    }
    lines = [[f"{row['cohort']}, {row['method']}", *(_number(row[name], ".2f") for name in shown)] for row in rows]
    return markdown_table(["", *shown.values()], lines)


def _deviation(row: Row) -> str:
    return "" if row["deviation"] is None else f" ± {row['deviation']:.3f}"


def _number(value: float | None, form: str) -> str:
    return "" if value is None else format(value, form)
