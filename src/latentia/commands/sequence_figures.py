"""What `latentia evaluate` measures, writes and says of models of sentences or clips (thesis A, Tables 3.1, 3.4)."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.table import Table

from latentia.command_line.progress import Bar
from latentia.command_line.screen import say, show, title
from latentia.commands.options import RunOptions
from latentia.commands.results import mean_with_error
from latentia.errors import SettingError

if TYPE_CHECKING:
    from latentia.data import SequenceSet, Vocabulary
    from latentia.evaluation.sequences import SequenceFigures
    from latentia.runs import SequenceRun
    from latentia.sequences import Sequences, VideoFormat

MOST_FOR_INFORMATION = 5000
"""Sequences by which the mutual information is measured; its time grows with their square."""
SHOWN_DIMENSIONS = 12
"""Of the latent variables, so many divergences stand on the screen, the largest; all are in the file."""
FULL_SHARE = 0.95
"""Of log N: an estimate above it may only say how few sequences there are."""


def write_sequences(
    run: SequenceRun, chosen: SequenceSet, arguments: RunOptions, samples: int, path: Path, bar: Bar
) -> dict[str, Any]:
    """Measure all sequences, write the figures with what they were measured on, and give them."""
    from latentia.training import hardware, source_version, write_record

    sequences = chosen.sequences(slice(None))
    sequences = sequences.at(sequences.lengths.argsort(stable=True))  # like lengths together: less padding
    record = _terms(run, sequences, arguments, bar)
    if samples:
        record["importance_weighted"] = _likelihood(run, sequences, arguments, samples, bar)
    bar("Measuring what the latent variables tell", 0.0)
    record["latent"] = _latent(run, sequences, arguments)
    record |= _reconstructions(run, sequences, arguments, bar)
    record |= {
        "provenance": {
            "data_set": chosen.name,
            "split": str(chosen.split),
            "sha256": chosen.sha256,
            "of": run.configuration.things,
            "format": str(chosen.format),
            "sequences": len(chosen),
            "steps": int(sequences.lengths.sum()),
            "weights": run.weights,
            "seed": arguments.seed,
            "batch": arguments.batch,
        },
        "source": source_version(Path(__file__)),
        "hardware": hardware(),
    }
    write_record(record, path)
    return record


def _terms(run: SequenceRun, sequences: Sequences, arguments: RunOptions, bar: Bar) -> dict[str, Any]:
    """Terms of the bound, in nats per sequence."""
    from latentia.evaluation.sequences import evaluate_sequences

    figures: SequenceFigures = evaluate_sequences(
        run.model,
        sequences,
        batch=arguments.batch,
        seed=arguments.seed,
        on_progress=bar.shares("Measuring the bound"),
    )
    fed = bool((sequences.lengths > 1).any())  # sequences of one step are fed nothing
    return {
        "negative_elbo_nats": mean_with_error(-figures.elbo),
        "reconstruction_nats": mean_with_error(-figures.log_likelihood),
        "divergence_nats": mean_with_error(figures.divergence.sum(1)),
        "dropout_divergence_nats": mean_with_error(figures.dropout_divergence),
        "mean_drop": figures.mean_drop if fed else None,
    }


def _likelihood(
    run: SequenceRun, sequences: Sequences, arguments: RunOptions, samples: int, bar: Bar
) -> dict[str, Any]:
    from latentia.evaluation.sequences import importance_weighted_sequences

    found = importance_weighted_sequences(
        run.model,
        sequences,
        samples=samples,
        batch=arguments.batch,
        seed=arguments.seed,
        on_progress=bar.shares(f"Weighing {samples} draws per sequence"),
    )
    return {
        "samples": samples,
        "negative_log_likelihood_nats": mean_with_error(-found.estimate.log_likelihood),
        "perplexity": None if run.vocabulary is None else found.perplexity,
        "mean_sampling_error_nats": found.estimate.mean_sampling_error,
        "median_effective_samples": float(found.estimate.effective_samples.median()),
    }


def _latent(run: SequenceRun, sequences: Sequences, arguments: RunOptions) -> dict[str, Any] | None:
    """What the latent variables tell; nothing can be told apart where there is one sequence."""
    import torch

    from latentia.evaluation import latent_information
    from latentia.evaluation.sequences import posteriors
    from latentia.randomness import seeded, stream

    if len(sequences) < 2:
        return None
    if len(sequences) > MOST_FOR_INFORMATION:
        generator = torch.Generator().manual_seed(stream(arguments.seed))
        sequences = sequences.at(torch.randperm(len(sequences), generator=generator)[:MOST_FOR_INFORMATION])
    with seeded(arguments.seed):
        found = latent_information(posteriors(run.model, sequences, batch=arguments.batch))
    return {
        "sequences": found.examples,
        "divergence_per_dimension_nats": found.divergence_per_dimension.tolist(),
        "units": found.units.variance.numel(),
        "active_units": int(found.units.active.sum()),
        "information_nats": found.information,
        "information_standard_error": found.standard_error,
        "information_ceiling_nats": found.ceiling,
        "aggregate_divergence_nats": found.aggregate_divergence,
    }


def _reconstructions(run: SequenceRun, sequences: Sequences, arguments: RunOptions, bar: Bar) -> dict[str, Any]:
    """Judge what the model says again without teacher forcing."""
    from latentia.evaluation.sequences import reconstruct_freely
    from latentia.evaluation.text import told_word_accuracy, word_accuracy
    from latentia.sequences import VideoFormat

    bar("Reconstructing", 0.0)
    said = reconstruct_freely(run.model, sequences, batch=arguments.batch)
    form = run.model.sequence_format
    if isinstance(form, VideoFormat):
        return {"clips": _compared(sequences, said, form)}
    assert run.vocabulary is not None  # as model files see to
    return {
        "sentences": {
            "word_accuracy": word_accuracy(sequences, said),
            "told_word_accuracy": told_word_accuracy(run.model, sequences, batch=arguments.batch),
            "bleu": _bleu(sequences, said, run.vocabulary),
        }
    }


def _bleu(sequences: Sequences, said: Sequences, vocabulary: Vocabulary) -> dict[str, Any] | None:
    from latentia.evaluation.text import lines, sacre_bleu

    try:
        found = sacre_bleu(lines(sequences, vocabulary), lines(said, vocabulary))
    except SettingError as error:
        say(f"There is no BLEU: {error}")
        return None
    return {"score": found.score, "signature": found.signature}


def _compared(sequences: Sequences, said: Sequences, form: VideoFormat) -> dict[str, Any] | None:
    from latentia.evaluation.video import WINDOW, compare_clips

    frame = form.frame
    if min(frame.height, frame.width) < WINDOW:
        say(
            f"Clips are not compared: SSIM wants frames of {WINDOW}×{WINDOW} or more, not {frame.height}×{frame.width}."
        )
        return None
    found = compare_clips(sequences, said, levels=frame.levels)
    figures = {"psnr_db": found.psnr, "mse": found.squared_error, "ssim": found.similarity}
    return {name: mean_with_error(each) for name, each in figures.items()}


def tell_sequences(record: dict[str, Any], which: str) -> None:
    """Say the figures of a record, by the names of thesis A's tables."""
    measured = record["provenance"]
    title(f"{measured['data_set']}, {which}{measured['sequences']} {measured['split']} {measured['format']}")
    say(f"sha256 {measured['sha256']}; weights: {measured['weights']}", indent=2)
    show([_table(record)])
    if weighted := record.get("importance_weighted"):
        effective = weighted["median_effective_samples"]
        say(
            f"In the median sequence, {effective:.1f} of {weighted['samples']} importance samples carry the weight.",
            indent=2,
        )
    if latent := record["latent"]:
        _tell_latent(latent)


def _table(record: dict[str, Any]) -> Table:
    table = Table()
    for name in ("", "mean", "standard error"):
        table.add_column(name, justify="right" if name else "left")
    weighted, clips, sentences = (record.get(name) or {} for name in ("importance_weighted", "clips", "sentences"))
    rows = {
        "−ELBO, nats": record["negative_elbo_nats"],
        "RC, nats": record["reconstruction_nats"],
        "KL, nats": record["divergence_nats"],
        "KL of dropout, nats": record["dropout_divergence_nats"] if record["dropout_divergence_nats"]["mean"] else None,
        "dropped, %": _alone(record["mean_drop"], 100) if record["mean_drop"] else None,
        f"−log p(x), {weighted.get('samples')} importance samples, nats": weighted.get("negative_log_likelihood_nats"),
        "perplexity": _alone(weighted.get("perplexity")),
        "words said again, %": _alone(sentences.get("word_accuracy"), 100),
        "words, those before told, %": _alone(sentences.get("told_word_accuracy"), 100),
        "BLEU": _alone((sentences.get("bleu") or {}).get("score")),
        "PSNR, dB": clips.get("psnr_db"),
        "MSE": clips.get("mse"),
        "SSIM": clips.get("ssim"),
    }
    for name, found in rows.items():
        if found is not None:
            mean, error = (found[key] for key in ("mean", "standard_error"))
            table.add_row(name, "∞" if mean is None else f"{mean:.4g}", "–" if error is None else f"{error:.2g}")
    return table


def _alone(value: float | None, unit: float = 1.0) -> dict[str, float | None] | None:
    """A figure of all sequences together, which has no standard error."""
    return None if value is None else {"mean": value * unit, "standard_error": None}


def _tell_latent(latent: dict[str, Any]) -> None:
    most = sorted(latent["divergence_per_dimension_nats"], reverse=True)
    shown = " ".join(f"{nats:.2f}" for nats in most[:SHOWN_DIMENSIONS])
    rest = " …" if len(most) > SHOWN_DIMENSIONS else ""
    say(f"Active latent variables: {latent['active_units']} of {latent['units']}; nats of each: {shown}{rest}")
    information, ceiling = latent["information_nats"], latent["information_ceiling_nats"]
    say(
        f"They tell {information:.2f} ± {latent['information_standard_error']:.2f} nats of which of "
        f"{latent['sequences']} sequences is meant, and cost {information + latent['aggregate_divergence_nats']:.2f}."
    )
    if information > FULL_SHARE * ceiling:
        say(f"So few sequences cannot show more than {ceiling:.2f} nats; there may be more.", indent=2)
