"""`latentia evaluate`: what a trained model is worth on images, sentences or clips."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.table import Table

from latentia.command_line.options import option
from latentia.command_line.progress import Bar, progress_bar
from latentia.command_line.screen import say, show, title
from latentia.commands.options import RunOptions, refuse, require_least
from latentia.commands.results import check_same_data, write_drawn
from latentia.commands.sequence_figures import tell_sequences, write_sequences
from latentia.commands.task_figures import tell_tasks, write_tasks

if TYPE_CHECKING:
    from jaxtyping import UInt8
    from torch import Tensor

    from latentia.data import ImageSet
    from latentia.evaluation import Bits, ImportanceEstimate, LayerUsage, UnitUsage
    from latentia.runs import Run, SequenceRun

MOST_FOR_UNITS = 500
"""Images by which the active units are counted; each takes 16 draws."""
FEW_SAMPLES = 2.0
"""Effective importance samples below which the estimate is said to be too high still."""
IMAGE_SAMPLES, SEQUENCE_SAMPLES = 1024, 100
"""Importance samples where nothing is said; thesis A has 1024 for images, and none for sequences."""
QUERIES = 8
"""Samples for which nearest neighbours are looked up."""


@dataclass(frozen=True, kw_only=True)
class EvaluationOptions:
    """Evaluation."""

    images: int | None = option(
        None, "measure the first images, sentences or clips of the split alone; the figures say so", metavar="COUNT"
    )
    importance_samples: int | None = option(
        None,
        "draws for the importance-weighted likelihood; 0 leaves it out (default: "
        f"{IMAGE_SAMPLES} per image, {SEQUENCE_SAMPLES} per sentence or clip)",
        metavar="COUNT",
    )
    draws: int = option(1, "draws per image for the bound", metavar="COUNT")
    neighbours: int = option(0, "look up so many nearest training images of samples", metavar="COUNT")

    def __post_init__(self) -> None:
        require_least(1, draws=self.draws, images=1 if self.images is None else self.images)
        require_least(0, importance_samples=self.importance_samples or 0, neighbours=self.neighbours)


def run(arguments: RunOptions, options: EvaluationOptions) -> int:
    """Measure a trained model: −ELBO and importance-weighted −log p(x) in bits per dimension, and use of its layers.

    Of a multitask model: the squared errors of its reconstructions, without known pixels and with those of the run's
    masks, and what its latent variables cost. Of sentences and clips: the terms of the bound in nats, what the latent
    variables tell, and reconstructions without teacher forcing. All of the split counts. An interrupted evaluation of
    images goes on with the same command. The file of the figures is named after split, images and importance samples.
    """
    from latentia.runs import Run

    run = arguments.load()
    if isinstance(run, Run):
        _evaluate_images(run, arguments, options)
    else:
        _evaluate_sequences(run, arguments, options)
    return 0


def _evaluate_sequences(run: SequenceRun, arguments: RunOptions, options: EvaluationOptions) -> None:
    from latentia.data import Split

    refuse(run, "images", {"neighbours": options.neighbours != 0, "draws": options.draws != 1})
    sequences = run.sequences(Split(arguments.split))
    if options.images is not None:
        sequences = sequences.first(options.images)
    samples = SEQUENCE_SAMPLES if options.importance_samples is None else options.importance_samples
    path = arguments.folder("evaluation") / _file_name(arguments, options, f"-k{samples}")
    check_same_data(path, sequences.sha256, run.configuration.things)
    with progress_bar() as bar:
        record = write_sequences(run, sequences, arguments, samples, path, bar)
    tell_sequences(record, "" if options.images is None else "the first ")
    say(f"Every figure, with what it was measured on, is in {path}.")


def _evaluate_images(run: Run, arguments: RunOptions, options: EvaluationOptions) -> None:
    from latentia.data import ImageSet, Split
    from latentia.models.base import MultitaskModel
    from latentia.uses import draw_neighbours

    images = run.images(Split(arguments.split))
    if options.images is not None:
        images = images.first(options.images)
    samples = IMAGE_SAMPLES if options.importance_samples is None else options.importance_samples
    with progress_bar() as bar:
        found = _look_up_neighbours(run, arguments, options.neighbours, bar) if options.neighbours else None
        folder, multitask = arguments.folder("evaluation"), isinstance(run.model, MultitaskModel)
        name = _file_name(arguments, options, "" if multitask else f"-k{samples}")
        path = folder / (f"tasks-{name}" if multitask else name)
        check_same_data(path, images.sha256, "images")
        which = "" if options.images is None else "the first "
        if multitask:
            bar("Measuring", 0.0)
            tell_tasks(write_tasks(run, images, arguments, path), which)
        else:
            assert isinstance(images, ImageSet)  # as configurations see to
            evaluation = _measure(run, images, arguments, options.draws, samples, folder, bar)
            _write(evaluation, path, draws={"draws_for_the_bound": options.draws, "batch": arguments.batch})
            _tell(evaluation, which)
    say(f"Every figure, with what it was measured on, is in {path}.")
    if found is not None:
        write_drawn(
            arguments,
            run,
            "evaluation",
            "neighbours",
            found,
            lambda one, levels: draw_neighbours(one.samples, one.neighbours, levels),
        )


def _file_name(arguments: RunOptions, options: EvaluationOptions, samples: str) -> str:
    """Say what was measured, so that a quick look does not replace what took hours."""
    part = "" if options.images is None else f"-first-{options.images}"
    return f"{arguments.split}{part}{samples}.json"


@dataclass(frozen=True, kw_only=True)
class _Evaluation:
    bound: Bits
    likelihood: Bits | None
    estimate: ImportanceEstimate | None
    layers: tuple[LayerUsage, ...]
    units: tuple[UnitUsage, ...]
    images_for_units: int


def _measure(
    run: Run, images: ImageSet, arguments: RunOptions, draws: int, samples: int, folder: Path, bar: Bar
) -> _Evaluation:
    from latentia.evaluation import (
        Provenance,
        bits_per_dimension,
        evaluate_bound,
        importance_weighted,
        layer_usage,
        unit_usage,
    )

    def figure(nats: Tensor, samples: int) -> Bits:
        provenance = Provenance.of(images, importance_samples=samples, weights=run.weights, seed=arguments.seed)
        return bits_per_dimension(nats, provenance)

    tensor = images.tensor(slice(None))
    common: dict[str, Any] = {"batch": arguments.batch, "seed": arguments.seed}
    told = bar.shares("Measuring the bound")
    terms = evaluate_bound(run.model, tensor, draws=draws, on_progress=told, **common)
    few = tensor[:MOST_FOR_UNITS]
    bar("Counting active units", 0.0)
    units = unit_usage(run.model, few, **common) if len(few) > 1 else ()
    estimate = None
    if samples:
        told = bar.shares(f"Weighing {samples} draws per image")
        estimate = importance_weighted(run.model, tensor, samples=samples, partial=folder, on_progress=told, **common)
    return _Evaluation(
        bound=figure(terms.elbo, 1),
        likelihood=None if estimate is None else figure(estimate.log_likelihood, samples),
        estimate=estimate,
        layers=layer_usage(terms.divergence, images.format.dimensions),
        units=units,
        images_for_units=len(few),
    )


def _write(evaluation: _Evaluation, path: Path, *, draws: dict[str, int]) -> None:
    """Write all figures. `draws` says, beside the seed, what decides the random numbers."""
    from latentia.training import hardware, source_version, write_record

    record: dict[str, Any] = {"negative_elbo": evaluation.bound.as_record()}
    if evaluation.likelihood is not None and evaluation.estimate is not None:
        record["importance_weighted"] = {
            **evaluation.likelihood.as_record(),
            "mean_sampling_error_nats": evaluation.estimate.mean_sampling_error,
            "median_effective_samples": float(evaluation.estimate.effective_samples.median()),
        }
    counts = {layer.number: (int(layer.active.sum()), layer.active.numel()) for layer in evaluation.units}
    record["layers"] = [
        {
            "number": layer.number,
            "divergence_nats": layer.divergence_nats,
            "divergence_bits_per_dimension": layer.divergence_bits,
            "active": layer.active,
            "active_units": counts[layer.number][0] if counts else None,
            "units": counts[layer.number][1] if counts else None,
        }
        for layer in evaluation.layers
    ]
    record |= {
        **draws,
        "images_for_active_units": evaluation.images_for_units,
        "source": source_version(Path(__file__)),
        "hardware": hardware(),
    }
    write_record(record, path)


def _tell(evaluation: _Evaluation, which: str) -> None:
    measured = evaluation.bound.provenance
    title(f"{measured.data_set}, {which}{measured.images} {measured.split} images of {measured.image_format}")
    say(f"sha256 {measured.sha256}; weights: {measured.weights}; {measured.dequantisation}", indent=2)
    show([_likelihoods(evaluation)])
    if (estimate := evaluation.estimate) is not None:
        effective = float(estimate.effective_samples.median())
        say(
            f"In the median image, {effective:.1f} of {estimate.samples} importance samples carry the weight.", indent=2
        )
        if estimate.samples > 1 and effective < FEW_SAMPLES:
            say("With so few, the estimate is still above −log p(x): give more.", indent=2)
    show([_layers(evaluation)])


def _likelihoods(evaluation: _Evaluation) -> Table:
    table = Table()
    for name in ("bits/dim", "value", "standard error"):
        table.add_column(name, justify="left" if name == "bits/dim" else "right")
    table.add_row("−ELBO", *_with_error(evaluation.bound))
    if evaluation.likelihood is not None:
        samples = evaluation.likelihood.provenance.importance_samples
        plural = "s" if samples > 1 else ""
        table.add_row(f"−log p(x), {samples} importance sample{plural}", *_with_error(evaluation.likelihood))
    return table


def _with_error(bits: Bits) -> tuple[str, str]:
    error = bits.standard_error
    return f"{bits.value:.4f}", "–" if math.isnan(error) else f"{error:.4f}"


def _layers(evaluation: _Evaluation) -> Table:
    table = Table(title="KL(q(z | x) ‖ p(z)) per layer, 1 is the top", title_justify="left")
    for name in ("layer", "nats", "bits/dim", "active units"):
        table.add_column(name, justify="right")
    for place, layer in enumerate(evaluation.layers):
        active = evaluation.units[place].active if evaluation.units else None
        counted = "–" if active is None else f"{int(active.sum())} of {active.numel()}"
        table.add_row(str(layer.number), f"{layer.divergence_nats:.2f}", f"{layer.divergence_bits:.4f}", counted)
    return table


@dataclass(frozen=True, kw_only=True)
class _Found:
    """Samples with their nearest training images."""

    samples: UInt8[Tensor, "samples channels height width"]
    neighbours: UInt8[Tensor, "samples neighbours channels height width"]
    places: Tensor
    squared_error: Tensor


def _look_up_neighbours(run: Run, arguments: RunOptions, count: int, bar: Bar) -> _Found:
    import torch

    from latentia.data import Split, pixels_of
    from latentia.evaluation import nearest_neighbours
    from latentia.uses import sample

    training = run.images(Split.TRAIN)
    samples = sample(run.model, QUERIES, batch=arguments.batch, seed=arguments.seed).images[0]
    told = bar.shares("Looking up neighbours")
    found = nearest_neighbours(samples, pixels_of(training, slice(None)), count=count, on_progress=told)
    nearest = torch.unflatten(pixels_of(training, found.places.flatten().numpy()), 0, tuple(found.places.shape))
    return _Found(samples=samples, neighbours=nearest, places=found.places, squared_error=found.squared_error)
