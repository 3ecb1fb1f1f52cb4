"""The table of the result, in Markdown."""

from __future__ import annotations

from pathlib import Path

from experiments.common import markdown_table
from experiments.density import Figure
from experiments.sequence_experiment import read_published
from experiments.shapes import DECODERS
from experiments.shapes_experiment import Result, heading, of

PUBLISHED = Path(__file__).with_name("published.csv")
BETA = 1.0


def markdown(result: Result) -> str:
    """Lay out the bound and the divergence of both decoders, beside the published ones."""
    published = read_published(PUBLISHED, ("divergence", "divergence_error", "bound", "bound_error"))
    rows = []
    for name in DECODERS.values():
        runs, theirs = of(result, name, BETA), published[name]
        rows.append(
            [
                name,
                f"{runs[0]['parameters'] / 1e6:.2f} M" if runs else "–",
                str(Figure.of([run["seconds_per_step"] for run in runs])) if runs else "–",
                str(Figure.of([1000 * run["divergence_bits"] for run in runs])) if runs else "–",
                str(Figure.of([run["bits_per_dimension"] for run in runs])) if runs else "–",
                f"{theirs['divergence']:.2f} ± {theirs['divergence_error']:.2f}",
                f"{theirs['bound']:.2f} ± {theirs['bound_error']:.2f}",
            ]
        )
    headings = [
        "decoder",
        "parameters",
        "seconds per step",
        "KL, 10⁻³ bits/dim",
        "−ELBO, bits/dim",
        "KL, published",
        "−ELBO, published",
    ]
    parts = [
        *heading(result, "Table 4.3 of thesis A"),
        markdown_table(headings, rows),
        _verdict(result),
        "The published figures are of other images and of a likelihood that does not sum to 1 (docs/errata.md): the "
        "order of the two rows can be compared with ours, the numbers cannot. Seconds are of a shared machine.\n",
    ]
    return "\n".join(parts)


def _verdict(result: Result) -> str:
    by_seed = [{run["seed"]: run["bits_per_dimension"] for run in of(result, name, BETA)} for name in DECODERS.values()]
    plain, sdn = by_seed
    both = sorted(plain.keys() & sdn.keys())
    if not both:
        return "Nothing can be compared yet.\n"
    gains = [plain[seed] - sdn[seed] for seed in both]
    better = sum(gain > 0 for gain in gains)
    return (
        f"SDN's bound is better than CNN's from {better} of {len(both)} seeds, by {Figure.of(gains)} bits/dim from the "
        "same seed.\n"
    )
