"""A cohort as one web page that needs nothing else: no network, no script, no folder beside it."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

from jinja2 import Environment, StrictUndefined

from latentia.files import atomic_path
from spindle.cohorts.comparisons import Comparisons, marked
from spindle.cohorts.pool import Pool
from spindle.errors import OutputError
from spindle.options import AnalysisOptions
from spindle.statistics.cohort import ALPHA
from spindle.statistics.words import number


@dataclass(frozen=True, kw_only=True)
class Picture:
    """A figure of the page; `svg` is its file."""

    title: str
    caption: str
    svg: Path


def write_page(
    path: Path, name: str, pooled: Pool, comparisons: Comparisons, pictures: Sequence[Picture], options: AnalysisOptions
) -> None:
    """Write the page of a cohort, whole or not at all. Errors: OutputError."""
    page = cohort_page(name, pooled, comparisons, pictures, options)
    try:
        with atomic_path(path) as temporary:
            temporary.write_text(page, encoding="utf-8", newline="\n")
    except OSError as error:
        raise OutputError(f"The page cannot be written to {path}: {error.strerror or error}.") from error


def cohort_page(
    name: str, pooled: Pool, comparisons: Comparisons, pictures: Sequence[Picture], options: AnalysisOptions
) -> str:
    """Compose the page of `write_page`."""
    template = files("spindle.cohorts").joinpath("page_template.html").read_text(encoding="utf-8")
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    return environment.from_string(template).render(
        name=name,
        counts=pooled.counts(),
        animals=_animals(pooled),
        failed=pooled.failed,
        notes=pooled.notes,
        found=comparisons.found(),
        warnings=comparisons.warnings,
        singles=_singles(comparisons),
        tests=len(comparisons.singles),
        timing=[(curves.title, curves.sentences()) for curves in comparisons.timing.values()],
        spectra=[(curves.title, curves.sentences()) for curves in comparisons.spectra.values()],
        figures=[{"drawn": one, "source": _embedded(one.svg)} for one in pictures],
        method=_method(options),
        clean_above=options.clean_above,
        drop_artifacts=options.drop_artifacts,
    )


def _embedded(svg: Path) -> str:
    """A figure as an address that holds all of it; vectors, so that it prints sharp."""
    return f"data:image/svg+xml;base64,{base64.b64encode(svg.read_bytes()).decode('ascii')}"


def _animals(pooled: Pool) -> list[dict[str, str]]:
    return [
        {
            "animal": str(row.animal),
            "group": str(row.group),
            "start": str(row.start).replace("T", " ") or "not known",
            "hours": f"{row.hours:.3g}",
            "epochs": f"{row.epochs:,}",
            "unscored": f"{row.epochs - row.scored:,}",
            "artifacts": f"{100 * row.artifacts / row.scored:.1f} %" if row.scored else "–",
        }
        for row in pooled.animals.itertuples()
    ]


def _singles(comparisons: Comparisons) -> list[dict[str, object]]:
    """One row of text per quantity and pair of groups."""
    return [
        {
            "quantity": f"{single.quantity.removeprefix('the ')}{_in_brackets(single.unit)}",
            "first": f"{pair.first.name}: {_spread(pair.first.mean, pair.first.sem)}",
            "second": f"{pair.second.name}: {_spread(pair.second.mean, pair.second.sem)}",
            "difference": "–" if pair.reason else number(pair.difference),
            "interval": "–" if pair.reason else f"{number(pair.test.ci_low)} to {number(pair.test.ci_high)}",
            "p": pair.reason or marked(pair.p_corrected),
            "effect": "–" if pair.reason else number(pair.hedges_g.g),
            "differs": pair.p_corrected < ALPHA,
        }
        for single in comparisons.singles
        for pair in single.comparison.pairs
    ]


def _in_brackets(unit: str) -> str:
    """A unit behind a quantity: a share itself is in percent, only differences of shares are in percentage points."""
    return f" ({unit.replace('percentage points', '%')})" if unit else ""


def _spread(mean: float, sem: float) -> str:
    if mean != mean:  # NaN: no animal of the group has a value
        return "–"
    return f"{number(mean)} ± {number(sem)}" if sem == sem else number(mean)


def _method(options: AnalysisOptions) -> str:
    if options.statistics == "thesis":
        return (
            "As in the thesis: a two-way analysis of variance of group and bin, and in each bin a two-tailed t test "
            "with equal variances, not corrected for the number of bins."
        )
    corrections = {
        "holm": "corrected by Holm's method",
        "fdr_bh": "corrected by Benjamini and Hochberg's method",
        "none": "not corrected",
    }
    return (
        "A mixed model of group, bin and their product with a random intercept for each animal, because bins of one "
        "animal are not further animals; and in each bin a two-tailed t test with equal variances, "
        f"{corrections[options.correction]} for the number of bins."
    )
