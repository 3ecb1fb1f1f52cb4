"""The table with the thesis' figures beside ours, and its findings one by one."""

from __future__ import annotations

import csv
import math
import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from experiments.common import markdown_table
from experiments.table_4_1_mnist_cross_validation.protocol import BEYOND, FAMILIES, METHODS

PUBLISHED = Path(__file__).with_name("published.csv")
PIXELS = 28 * 28
ERROR, GIVEN, COST = "unconditioned_error", "conditioned_error", "latent_cost"
Results = Sequence[Mapping[str, Any]]


def markdown(result: Mapping[str, Any]) -> str:
    """Give the whole page."""
    runs = [run for run in result["runs"] if run["figures"] is not None]
    unstable = [f"{run['family']}, {run['method']}, fold {run['fold']}" for run in result["runs"] if not run["figures"]]
    simulated = "Small networks on a few images: only to see that everything runs.\n\n" if result["shrunk"] else ""
    parts = [
        f"# Table 4.1 of thesis B, budget {result['budget']}\n",
        f"{simulated}{result['claim']}\n",
        *(
            [f"**Not finished: {len(result['runs'])} of {result['trainings']} trainings are done.**\n"]
            if len(result["runs"]) < result["trainings"]
            else []
        ),
        _budget(result, runs),
        "## Findings of the thesis, one by one\n",
        FINDINGS_TEXT,
        _findings(runs),
        "## All rows\n",
        ROWS_TEXT,
        _rows(runs),
    ]
    if any(run["method"] in BEYOND for run in runs):
        parts += ["## Beyond the thesis\n", BEYOND_TEXT, _beyond(runs)]
    if unstable:
        parts.append(f"Stopped because the loss was not finite any more: {'; '.join(unstable)}.\n")
    return "\n".join(parts)


FINDINGS_TEXT = """\
A difference is that of the two rows' means over the folds that both have, in per cent; after it stands how many of
these folds agree with the thesis. The last column is a verdict over all comparisons of a line: yes where every fold of
every one agrees, no where none does, mixed otherwise.
"""
ROWS_TEXT = """\
Mean ± standard deviation over the folds (none where there is one fold). Errors are mean squared errors per pixel,
×10⁻⁴, without known pixels; "given" is with the row's own known pixels, which the thesis does not print. The cost is
the divergence for Gaussian models, in nats and, as the thesis prints it, divided by the 784 pixels (×10⁻⁴); for VQ-VAEs
it is the codebook's plus 0.25 × the commitment loss (×10⁻⁴). What the thesis prints after "±" is a variance over its 5
folds, of Gaussian models that of sums over the pixels; here it is a standard deviation in the units of its figure. The
published rows with exponent 60 were run with 40, and the vector-quantized rows with two decoders had one
([errata](../../../docs/errata.md)).
"""

BEYOND_TEXT = """\
Rows that the thesis leaves for the future (5.4): two decoders for the first half of the training and a plain model
after it, and other samplings of the known pixels; and a single decoder that is never told a pixel, which has the fully
connected layer of the others and nothing else. In per cent of the family's base, by fold.
"""


@dataclass(frozen=True, kw_only=True)
class Finding:
    """A claim of the thesis: in which rows a figure is lower than in which others."""

    says: str
    families: tuple[str, ...]
    figure: str
    pairs: tuple[tuple[str, str], ...]
    """Rows that should have the lower figure, and those that should have the higher one."""
    other_figure: str | None = None
    """Of the second row, where it is another one."""


GAUSSIAN = tuple(name for name, family in FAMILIES.items() if not family.quantized)
QUANTIZED = tuple(name for name, family in FAMILIES.items() if family.quantized)
MULTI = tuple(name for name, method in METHODS.items() if method.decoders == "multi")
SINGLE = tuple(name for name, method in METHODS.items() if method.decoders == "single")


def _lower(rows: Sequence[str]) -> tuple[tuple[str, str], ...]:
    return tuple((row, "base") for row in rows)


def _higher(rows: Sequence[str]) -> tuple[tuple[str, str], ...]:
    return tuple(("base", row) for row in rows)


FINDINGS = (
    Finding(
        says="Two decoders lower the error without known pixels (4.1.1)",
        families=GAUSSIAN,
        figure=ERROR,
        pairs=_lower(MULTI),
    ),
    Finding(says="Two decoders raise the divergence (4.1.1)", families=GAUSSIAN, figure=COST, pairs=_higher(MULTI)),
    Finding(
        says="A single decoder lowers the divergence (4.2.1)", families=GAUSSIAN, figure=COST, pairs=_lower(SINGLE)
    ),
    Finding(
        says="A single decoder raises the error without known pixels (4.2.1)",
        families=GAUSSIAN,
        figure=ERROR,
        pairs=_higher(SINGLE),
    ),
    Finding(
        says="Two decoders lower the error without known pixels (4.1.2)",
        families=QUANTIZED,
        figure=ERROR,
        pairs=_lower(MULTI),
    ),
    Finding(says="Two decoders lower the VQ loss (4.1.2)", families=QUANTIZED, figure=COST, pairs=_lower(MULTI)),
    Finding(says="A single decoder lowers the VQ loss (4.2.2)", families=QUANTIZED, figure=COST, pairs=_lower(SINGLE)),
    Finding(
        says="A single decoder lowers the error without known pixels (4.2.2)",
        families=QUANTIZED,
        figure=ERROR,
        pairs=_lower(SINGLE),
    ),
    Finding(
        says="Known pixels lower the error (4.1)",
        families=tuple(FAMILIES),
        figure=GIVEN,
        pairs=tuple((row, row) for row in (*MULTI, *SINGLE)),
        other_figure=ERROR,
    ),
    Finding(
        says="Exponent 60 instead of 40 lowers the error without known pixels (4.2.1, 4.2.2; never run before)",
        families=tuple(FAMILIES),
        figure=ERROR,
        pairs=(("single Gaussian 60", "single Gaussian 40"), ("single uniform 60", "single uniform 40")),
    ),
    Finding(
        says="Exponent 60 instead of 40 raises the divergence (4.2.1; never run before)",
        families=GAUSSIAN,
        figure=COST,
        pairs=(("single Gaussian 40", "single Gaussian 60"), ("single uniform 40", "single uniform 60")),
    ),
    Finding(
        says="Uniform sampling has a lower error than Gaussian sampling (5.2.1)",
        families=GAUSSIAN,
        figure=ERROR,
        pairs=(("single uniform 40", "single Gaussian 40"), ("single uniform 60", "single Gaussian 60")),
    ),
    Finding(
        says="Gaussian sampling has a lower error than uniform sampling (5.2.2)",
        families=QUANTIZED,
        figure=ERROR,
        pairs=(("single Gaussian 40", "single uniform 40"), ("single Gaussian 60", "single uniform 60")),
    ),
)


def findings(runs: Results) -> list[dict[str, Any]]:
    """Test every finding in every family that was trained: differences, folds that agree, verdict."""
    return [_test(finding, family, runs) for finding in FINDINGS for family in finding.families if _of(runs, family)]


def _test(finding: Finding, family: str, runs: Results) -> dict[str, Any]:
    comparisons = []
    for low, high in finding.pairs:
        lower, higher = (
            _values(runs, family, low, finding.figure),
            _values(runs, family, high, finding.other_figure or finding.figure),
        )
        both = sorted(set(lower) & set(higher))
        if not both:
            continue
        agreeing = sum(lower[fold] < higher[fold] for fold in both)
        mean_low, mean_high = (statistics.fmean(one[fold] for fold in both) for one in (lower, higher))
        # In per cent of the row that the finding compares with: the base, or what the pair has last.
        swapped = low == "base"
        change = (mean_high / mean_low - 1 if swapped else mean_low / mean_high - 1) * 100
        comparisons.append(
            {"row": high if swapped else low, "change_percent": change, "agree": agreeing, "folds": len(both)}
        )
    counts = [(one["agree"], one["folds"]) for one in comparisons]
    verdict = (
        "yes"
        if all(agree == folds for agree, folds in counts)
        else "no"
        if not any(agree for agree, _ in counts)
        else "mixed"
    )
    return {"finding": finding.says, "family": family, "verdict": verdict, "comparisons": comparisons}


def _findings(runs: Results) -> str:
    rows = []
    for found in findings(runs):
        each = "; ".join(
            f"{one['row']} {one['change_percent']:+.0f} % ({one['agree']} of {one['folds']})"
            for one in found["comparisons"]
        )
        rows.append([found["finding"], found["family"], each, f"**{found['verdict']}**"])
    return markdown_table(["finding", "family", "differences (folds that agree)", "holds"], rows)


def _beyond(runs: Results) -> str:
    rows = []
    for family in FAMILIES:
        for method in (*METHODS, *BEYOND):
            if (
                method != "base"
                and _values(runs, family, method, ERROR)
                and any(run["method"] in BEYOND for run in _of(runs, family))
            ):
                rows.append(
                    [f"{family}, {method}", *(_against_base(runs, family, method, figure) for figure in (ERROR, COST))]
                )
    return markdown_table(["row", "error without pixels", "cost of the latent variables"], rows)


def _against_base(runs: Results, family: str, method: str, figure: str) -> str:
    mine, base = _values(runs, family, method, figure), _values(runs, family, "base", figure)
    return " ".join(f"{(mine[fold] / base[fold] - 1) * 100:+.0f} %" for fold in sorted(set(mine) & set(base)))


def _rows(runs: Results) -> str:
    with PUBLISHED.open(encoding="utf-8", newline="") as file:
        published = list(csv.DictReader(file))
    rows = []
    for row in published:
        family, method = row["family"], row["method"]
        quantized = FAMILIES[family].quantized
        mine: Callable[[str, float], str] = lambda figure, scale, f=family, m=method: _shown(  # noqa: E731
            list(_values(runs, f, m, figure).values()), scale
        )
        if not _values(runs, family, method, ERROR):
            continue
        cost = mine(COST, 1e4) if quantized else f"{mine(COST, 1)} nats ({mine(COST, 1e4 / PIXELS)})"
        rows.append(
            [
                f"{family}, {method}",
                _printed(row["error"], row["error_variance"], 1 if quantized else PIXELS),
                mine(ERROR, 1e4),
                mine(GIVEN, 1e4) or "–",
                _printed(row["cost"], row["cost_variance"], 1)
                if quantized
                else f"{float(row['cost']) * PIXELS:.1f} ± {math.sqrt(float(row['cost_variance'])):.2f} nats "
                f"({float(row['cost']) * 1e4:.0f})",
                cost,
                mine("perplexity", 1) if quantized else "–",
            ]
        )
    headings = ["row", "error, thesis", "error, ours", "given, ours", "cost, thesis", "cost, ours", "perplexity"]
    return markdown_table(headings, rows)


def _printed(mean: str, variance: str, pixels: int) -> str:
    return f"{float(mean) * 1e4:.0f} ± {math.sqrt(float(variance)) / pixels * 1e4:.1f}"


def _shown(values: Sequence[float], scale: float) -> str:
    if not values:
        return ""
    mean = statistics.fmean(values) * scale
    return f"{mean:.1f}" if len(values) < 2 else f"{mean:.1f} ± {statistics.stdev(values) * scale:.1f}"


def _values(runs: Results, family: str, method: str, figure: str) -> dict[int, float]:
    """Figure of each fold that was trained and has it."""
    return {
        run["fold"]: run["figures"][figure]
        for run in runs
        if run["family"] == family and run["method"] == method and figure in run["figures"]
    }


def _of(runs: Results, family: str) -> Results:
    return [run for run in runs if run["family"] == family]


def _budget(result: Mapping[str, Any], runs: Results) -> str:
    lines = []
    for family in FAMILIES:
        mine = _of(runs, family)
        if mine:
            folds = len({run["fold"] for run in mine})
            seconds = sum(run["seconds"] for run in mine) / len(mine)
            training = result["config"]["trainings"][family]
            steps = f"{mine[0]['steps']} of {training['batch']}"
            lines.append([family, steps, training["precision"], str(folds), f"{seconds:.0f} s"])
    return (
        "AdamW 10⁻³, the same steps for all rows of a family; validation figures of each fold's best evaluation, as in "
        "the thesis. The thesis: 100 passes of batch 128, 5 folds.\n\n"
        + markdown_table(["family", "steps of each row", "precision", "folds", "training time of a row"], lines)
    )
