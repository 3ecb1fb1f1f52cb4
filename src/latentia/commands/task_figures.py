"""What `latentia evaluate` measures, writes and says of a multitask model: errors and costs, and no bits of its bound.

The bits of its bound are those of a normal distribution of variance ½ around each value, which stands for a squared
error. Whatever the model, they are many, and nothing can be told from them.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.table import Table

from latentia.command_line.screen import say, show, title
from latentia.commands.imputation_results import THESIS_UNIT
from latentia.commands.options import RunOptions
from latentia.commands.results import mean_with_error

if TYPE_CHECKING:
    from latentia.data import DataSet
    from latentia.evaluation.tasks import TaskFigures
    from latentia.models.base import MultitaskModel
    from latentia.runs import Run


def write_tasks(run: Run, images: DataSet, arguments: RunOptions, path: Path) -> dict[str, Any]:
    """Measure all images with the run's masks, write the figures with what they were measured on, and give them."""
    from latentia.evaluation.tasks import evaluate_tasks
    from latentia.models.base import MultitaskModel
    from latentia.models.vq_vae import VQVAE
    from latentia.runs.prior import bits_per_code
    from latentia.runs.settings import plain
    from latentia.training import hardware, source_version, write_record
    from latentia.training.multitask import MultitaskTraining

    model, training = run.model, run.configuration.training
    assert isinstance(model, MultitaskModel) and isinstance(training, MultitaskTraining)  # as configurations see to
    figures = evaluate_tasks(
        model, images.tensor(slice(None)), training.masking, batch=arguments.batch, seed=arguments.seed
    )
    record = _figures(figures, model)
    if isinstance(model, VQVAE) and model.has_prior:
        record["bits_per_code"] = mean_with_error(bits_per_code(model, images, batch=arguments.batch))
    record |= {
        "masking": plain(training.masking),
        "provenance": {
            "data_set": images.name,
            "split": str(images.split),
            "sha256": images.sha256,
            "size": list(images.format.shape),
            "images": len(images),
            "weights": run.weights,
            "seed": arguments.seed,
            "batch": arguments.batch,
        },
        "source": source_version(Path(__file__)),
        "hardware": hardware(),
    }
    write_record(record, path)
    return record


def _figures(figures: TaskFigures, model: MultitaskModel) -> dict[str, Any]:
    """Means over the images with their standard errors; of the codebook's use there is none."""
    means = {
        "unconditioned_error": figures.unconditioned,
        "conditioned_error": figures.conditioned,
        "known_pixels": figures.known,
        "divergence_nats" if model.codebook_size is None else "vq_loss": figures.cost,
    }
    found: dict[str, Any] = {name: None if one is None else mean_with_error(one) for name, one in means.items()}
    if figures.usage is not None:
        usage = figures.usage
        found["codebook"] = {"perplexity": usage.perplexity, "used": usage.used, "codes": usage.count}
    return found


def tell_tasks(record: dict[str, Any], which: str) -> None:
    """Say the figures of a record, in the units of thesis B's tables."""
    measured = record["provenance"]
    size = "×".join(map(str, measured["size"]))
    title(f"{measured['data_set']}, {which}{measured['images']} {measured['split']} images of {size}")
    say(f"sha256 {measured['sha256']}; weights: {measured['weights']}", indent=2)
    table = Table()
    for name in ("", "mean", "standard error"):
        table.add_column(name, justify="right" if name else "left")
    usage = record.get("codebook")
    evenly = math.log2(usage["codes"]) if usage else math.nan
    units = {
        "unconditioned_error": ("squared error from z, ×1e-4", THESIS_UNIT),
        "conditioned_error": ("squared error from z and known pixels, ×1e-4", THESIS_UNIT),
        "known_pixels": ("known pixels", 1.0),
        "divergence_nats": ("divergence, nats", 1.0),
        "vq_loss": ("VQ loss, ×1e-4", THESIS_UNIT),
        "bits_per_code": (f"bits per code by the prior, {evenly:.4g} without", 1.0),
    }
    for name, (told, unit) in units.items():
        if found := record.get(name):
            error = found["standard_error"]
            table.add_row(told, f"{found['mean'] / unit:.4g}", "–" if error is None else f"{error / unit:.2g}")
    if usage:
        table.add_row("perplexity of the codes", f"{usage['perplexity']:.4g}", "–")
        table.add_row("used codes", f"{usage['used']} of {usage['codes']}", "–")
    show([table])
