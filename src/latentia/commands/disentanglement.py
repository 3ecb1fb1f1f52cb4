"""`latentia disentanglement`: how well the latent dimensions of a model stand for known factors."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.table import Table

from latentia.command_line.options import option
from latentia.command_line.progress import progress_bar
from latentia.command_line.screen import say, show, title
from latentia.commands.options import ModelOptions, require_least
from latentia.commands.results import check_same_data
from latentia.errors import SettingError

if TYPE_CHECKING:
    from torch import Tensor

    from latentia.data import ImageSet
    from latentia.data.factors import Factors
    from latentia.evaluation.disentanglement import DisentanglementScores
    from latentia.runs import Run


@dataclass(frozen=True, kw_only=True)
class DisentanglementOptions:
    """Disentanglement."""

    images: int = option(10_000, "measure on so many of all images, drawn once and for all", metavar="COUNT")
    points: int = option(
        10_000, "points or votes that the classifiers of β-VAE and FactorVAE scores are made from", metavar="COUNT"
    )
    trees: int = option(
        10,
        "rounds of boosting for DCI, which takes the longest; 0 leaves it out (published figures: 100)",
        metavar="COUNT",
    )

    def __post_init__(self) -> None:
        require_least(2, images=self.images)
        require_least(1, points=self.points)
        require_least(0, trees=self.trees)


def run(arguments: ModelOptions, options: DisentanglementOptions) -> int:
    """Measure a β-VAE or Gaussian VAE by six metrics, where the factors that images are made from are known.

    That is so for rendered_shapes, rendered_sprites, shapes3d and dsprites. Codes are the means of the posterior, of
    images drawn from all combinations of factors. The second table says how much of a factor each dimension tells. The
    file of the figures is named after the numbers of images and of trees.
    """
    from latentia.evaluation import divergence_per_dimension, gaussian_posterior
    from latentia.evaluation.disentanglement import BoostedTrees, measure_all

    run = arguments.load_images("disentanglement")
    images, factors = _images(run, options.images)
    assert images.labels is not None  # as sets with factors have
    path = arguments.folder("evaluation") / f"disentanglement-n{options.images}-trees{options.trees}.json"
    check_same_data(path, images.sha256, "images")
    with progress_bar() as bar:
        bar("Encoding", 0.0)
        posterior = gaussian_posterior(run.model, images.tensor(slice(None)), batch=arguments.batch)
        bar("Measuring", 0.5)
        measured = measure_all(
            posterior.loc.double().cpu().numpy(),
            factors.of(images.labels),
            seed=arguments.seed,
            points=options.points,
            predictor=BoostedTrees(trees=options.trees) if options.trees else None,
        )
    nats = divergence_per_dimension(posterior)
    _write(measured, nats, images, factors, arguments, options, path)
    title(f"{images.name}, {len(images)} images of {images.format}")
    show([_scores(measured), _told(measured, nats, factors)])
    say(f"Every figure, with what it was measured on, is in {path}.")
    return 0


def _images(run: Run, count: int) -> tuple[ImageSet, Factors]:
    """Draw images from all there are. Errors: SettingError where their factors are not known; DataError."""
    from latentia.data import ImageSet, Split
    from latentia.data.factor_images import FactorImages

    data = run.configuration.data
    if not isinstance(data, FactorImages):
        raise SettingError(
            f"The run in {run.folder.path} is of images whose factors are not known; disentanglement is measured on "
            "rendered_shapes, rendered_sprites, shapes3d and dsprites."
        )
    of_all = replace(data, train=count, validation=0, test=0)
    images = replace(run.configuration, data=of_all, fold=None).images(Split.TRAIN)
    assert isinstance(images, ImageSet)
    run.check_format(images)
    return images, data.factors


def _write(
    measured: DisentanglementScores,
    nats: Tensor,
    images: ImageSet,
    factors: Factors,
    arguments: ModelOptions,
    options: DisentanglementOptions,
    path: Path,
) -> None:
    from latentia.training import hardware, source_version, write_record

    record: dict[str, Any] = {
        "provenance": {
            "data_set": images.name,
            "sha256": images.sha256,
            "images": len(images),
            "format": str(images.format),
        },
        "scores": dict(measured.scores),
        "factors": list(factors.names),
        "share_told": measured.told.tolist(),
        "divergence_nats": nats.tolist(),
        "seed": arguments.seed,
        "points": options.points,
        "trees": options.trees,
        "source": source_version(Path(__file__)),
        "hardware": hardware(),
    }
    write_record(record, path)


def _scores(measured: DisentanglementScores) -> Table:
    table = Table()
    table.add_column("metric")
    table.add_column("score", justify="right")
    for name, score in measured.scores.items():
        table.add_row(name, f"{score:.3f}")
    return table


def _told(measured: DisentanglementScores, nats: Tensor, factors: Factors) -> Table:
    from latentia.evaluation.latent_usage import ACTIVE_NATS

    dead = int((nats <= ACTIVE_NATS).sum())
    left_out = f"; {dead} dead dimensions are left out" if dead else ""
    table = Table(title=f"Share of each factor's entropy that a dimension tells{left_out}", title_justify="left")
    for name in ("dimension", "nats", *factors.names):
        table.add_column(name, justify="right")
    for place in nats.argsort(descending=True, stable=True).tolist():
        if nats[place] > ACTIVE_NATS:
            shares = [f"{share:.0%}" for share in measured.told[place]]
            table.add_row(str(place), f"{float(nats[place]):.2f}", *shares)
    return table
