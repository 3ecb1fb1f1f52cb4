"""The tables of the result, in Markdown."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

from experiments.common import markdown_table
from experiments.density import Figure
from experiments.sequence_experiment import notes, of, read_published, stable
from latentia.uses import mark_kept

PUBLISHED = Path(__file__).with_name("published.csv")
COLUMNS = {
    "negative_elbo": "−ELBO ↓",
    "reconstruction": "RC ↓",
    "divergence": "KL ↑",
    "accuracy": "accuracy % ↑",
    "bleu": "BLEU ↑",
}
BESIDE = {
    "negative_log_likelihood": "NLL ↓",
    "perplexity": "perplexity ↓",
    "told_accuracy": "told accuracy % ↑",
    "information": "I(x; z), nats ↑",
    "active_units": "active units",
    "kept": "kept",
}
LOWER = ("negative_elbo", "reconstruction")
"""Columns of which less is better."""
BASELINE, DYNAMIC = "baseline", "dynamic word dropout 60 %, β 60"
CHEAP = "dynamic word dropout 60 %, β 1"
"""Dynamic word dropout that pays little for leaving its prior; the thesis has no such row."""


def published() -> dict[str, dict[str, float]]:
    """Give the published rows, by name and column."""
    return read_published(PUBLISHED, COLUMNS)


def markdown(result: Mapping[str, Any]) -> str:
    """Lay out a result: our figures beside the published ones, the claim, what is kept, and sentences."""
    runs = stable(result)
    if not runs:
        return f"# Table 3.1, budget {result['budget']}\n\nNo training was stable.\n"
    kind = "SIMULATED sentences" if result["simulated"] else "the Penn Treebank"
    parts = [
        f"# Table 3.1 of thesis A, budget {result['budget']}: {kind}\n",
        f"{result['claim']}\n",
        *notes(result),
        _spent(result, runs),
        _table(runs),
        "Beside it, of the same models. NLL and perplexity by importance-weighted draws; I(x; z) is the mutual "
        f"information, of which log N = {runs[0]['measured']['information_ceiling']:.1f} nats can be seen; words are "
        "“told” where the true ones before them are given; “kept” is the mean probability of keeping a word.\n",
        _beside(runs),
        "Validation sentences at the last step, where the divergence has the same weight in all rows; the best "
        "reconstruction of some comes earlier, while it is cheaper:\n",
        _last(runs),
        "## The claim\n",
        claim_table(runs),
        *_kept(runs),
        *_sentences(runs),
    ]
    return "\n".join(parts)


def _spent(result: Mapping[str, Any], runs: Sequence[Mapping[str, Any]]) -> str:
    training, model = result["config"]["training"], result["config"]["model"]
    length = f"{training['steps']} steps" if training["steps"] else f"{training['passes']} passes"
    seconds = statistics.median(run["seconds"] for run in runs)
    return (
        f"Test sentences, nats per sentence; ± is the standard error over seeds. Each training: {length} of "
        f"{training['batch']} sentences, in which the weight of the divergence rises linearly to whole over "
        f"{training['annealing_steps']} steps; hidden {model['hidden']}, latent {model['latent_size']}; {seconds:.0f}"
        " s in the median. The weights are those of the best validation reconstruction, as in the thesis; published "
        "figures are each the best of 10 seeds.\n"
    )


def _names(runs: Sequence[Mapping[str, Any]]) -> list[str]:
    """Names in the order of the thesis' table, then the others."""
    there = list(dict.fromkeys(run["name"] for run in runs))
    known = [name for name in published() if name in there]
    return known + [name for name in there if name not in known]


def figure(runs: Sequence[Mapping[str, Any]], name: str, column: str) -> Figure:
    """Give a row's figure over its seeds."""
    return Figure.of([run["measured"][column] for run in of(runs, name)])


def _short(one: Figure) -> str:
    return f"{one.mean:.1f}" if one.error is None else f"{one.mean:.1f} ± {one.error:.1f}"


def _table(runs: Sequence[Mapping[str, Any]]) -> str:
    theirs = published()
    rows = []
    for name in _names(runs):
        cells = []
        for column in COLUMNS:
            told = f" ({theirs[name][column]:g})" if name in theirs else ""
            cells.append(_short(figure(runs, name, column)) + told)
        rows.append([name, str(len(of(runs, name))), *cells])
    return markdown_table(["row (published in brackets)", "seeds", *COLUMNS.values()], rows)


def _beside(runs: Sequence[Mapping[str, Any]]) -> str:
    rows = [
        [name, *(_short(figure(runs, name, column)) for column in BESIDE), _best(runs, name)] for name in _names(runs)
    ]
    return markdown_table(["row", *BESIDE.values(), "best step"], rows)


def _last(runs: Sequence[Mapping[str, Any]]) -> str:
    columns = ("negative_elbo", "reconstruction", "divergence")
    rows = [
        [name, *(_short(Figure.of([run["history"][-1][column] for run in of(runs, name)])) for column in columns)]
        for name in _names(runs)
    ]
    return markdown_table(["row", *(COLUMNS[column] for column in columns)], rows)


def _best(runs: Sequence[Mapping[str, Any]], name: str) -> str:
    return f"{statistics.median(run['best_step'] for run in of(runs, name)):.0f}"


def best_word_dropout(runs: Sequence[Mapping[str, Any]]) -> str | None:
    """Give the word dropout with the lowest validation reconstruction, as the thesis chooses; None without any.

    It is chosen among those with the most seeds.
    """
    names = [name for name in _names(runs) if name.startswith("word dropout")]
    most = max((len(of(runs, name)) for name in names), default=0)
    names = [name for name in names if len(of(runs, name)) == most]

    def held_out(name: str) -> float:
        return statistics.fmean(min(row["reconstruction"] for row in run["history"]) for run in of(runs, name))

    return min(names, key=held_out, default=None)


def claims(runs: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Compare dynamic word dropout with the best word dropout, and all with the baseline, seed by seed."""
    best = best_word_dropout(runs)
    pairs = [(best, BASELINE), *((one, worse) for one in (DYNAMIC, CHEAP) for worse in (best, BASELINE))]
    found = []
    for better, worse in pairs:
        if better is None or worse is None or not (of(runs, better) and of(runs, worse)):
            continue
        by_seed = {run["seed"]: run["measured"] for run in of(runs, worse)}
        mine = [run for run in of(runs, better) if run["seed"] in by_seed]
        for column in COLUMNS:
            differences = [run["measured"][column] - by_seed[run["seed"]][column] for run in mine]
            agree = sum(one < 0 if column in LOWER else one > 0 for one in differences)
            found.append(
                {"better": better, "worse": worse, "column": column, "differences": differences, "agree": agree}
            )
    return found


def claim_table(runs: Sequence[Mapping[str, Any]]) -> str:
    """Lay out the claims: differences over the same seeds, and from how many of these they are as the thesis says."""
    theirs, rows = published(), []
    for one in claims(runs):
        better, worse = (theirs.get(one[name], {}).get(one["column"]) for name in ("better", "worse"))
        told = "" if better is None or worse is None else f"{better - worse:+g}"
        figures = one["differences"]
        rows.append(
            [
                f"{one['better']} − {one['worse']}",
                COLUMNS[one["column"]],
                _short(Figure.of(figures)),
                told,
                f"{one['agree']} of {len(figures)}",
            ]
        )
    headings = ["pair", "column", "ours", "published", "seeds on the better side"]
    return markdown_table(headings, rows)


def _kept(runs: Sequence[Mapping[str, Any]]) -> list[str]:
    found = [_kept_by(runs, name) for name in (DYNAMIC, CHEAP) if of(runs, name)]
    if not found:
        return []
    head = (
        "The thesis: linking words, prepositions and articles are kept with higher probability, and words towards the "
        "end of a sentence.\n"
    )
    return ["## What dynamic word dropout keeps\n", head, *found]


def _kept_by(runs: Sequence[Mapping[str, Any]], name: str) -> str:
    mine = [run["measured"] for run in of(runs, name)]
    tenths = [
        statistics.fmean(one["keep_by_tenth"][tenth] or 0.0 for one in mine)
        for tenth in range(len(mine[0]["keep_by_tenth"]))
    ]
    words = {word: statistics.fmean(one["keep_by_word"][word] for one in mine) for word in mine[0]["keep_by_word"]}
    order = sorted(words, key=words.__getitem__, reverse=True)
    others = [one["keep_of_other_words"] for one in mine if one["keep_of_other_words"] is not None]
    return (
        f"{name}: probability of keeping by place in the sentence, in tenths: "
        + ", ".join(f"{one:.3f}" for one in tenths)
        + f". Of the {len(words)} commonest words, most kept first: "
        + ", ".join(f"{word} {words[word]:.2f}" for word in order)
        + (f"; all other words {statistics.fmean(others):.2f}.\n" if others else ".\n")
    )


def _sentences(runs: Sequence[Mapping[str, Any]]) -> list[str]:
    """The sentences of Tables 3.2 and 3.3, said again from the first seed's latent variables."""
    firsts = [(name, of(runs, name)[0]["measured"]) for name in (BASELINE, DYNAMIC, CHEAP) if of(runs, name)]
    if not firsts:
        return []
    parts = ["## Tables 3.2 and 3.3: the sentences that the thesis quotes, said again without teacher forcing\n"]
    for place, quoted in enumerate(firsts[0][1]["quoted"]):
        rows = [["sentence", quoted["sentence"]]]
        for name, measured in firsts:
            one = measured["quoted"][place]
            rows.append([name, one["said"]])
            if name != BASELINE:
                rows.append(["kept words", _marked(one["sentence"].split(), one["keep"])])
        parts.append(markdown_table(["from", "words"], rows))
    return parts


def _marked(words: Sequence[str], keep: Sequence[float]) -> str:
    marks = mark_kept(torch.tensor([keep]))[0].tolist()
    return " ".join(f"**{word}**" if mark else word for word, mark in zip(words, marks, strict=True))
