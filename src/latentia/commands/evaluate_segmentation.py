"""`latentia evaluate-segmentation`: how well a trained U-Net's masks agree with those that are given."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from latentia.command_line.options import argument, option
from latentia.command_line.progress import progress_bar
from latentia.command_line.screen import say
from latentia.commands.options import SplitName, device_of, require_least
from latentia.commands.results import check_same_data
from latentia.files import atomic_path
from latentia.folders import check_output_folder, make_folder

if TYPE_CHECKING:
    from jaxtyping import Bool
    from torch import Tensor

    from latentia.data.segmentation_sets import SegmentationSet
    from latentia.evaluation.segmentation import Agreement
    from latentia.runs.segmentation import SegmentationRun

PICTURED = 8
"""Images in the picture, from the lowest Dice to the highest."""


@dataclass(frozen=True, kw_only=True)
class SegmentationEvaluationOptions:
    """Evaluation."""

    run: Path = argument("RUN", "the folder of a training by latentia train-segmentation")
    split: SplitName = option("test", "which part of its data is meant")
    set: tuple[str, ...] = option(
        (), "say where its data lie now: data.folder=../nuclei or data.file=…", metavar="SETTING=VALUE"
    )
    batch: int = option(16, "images at a time", metavar="COUNT")
    device: Literal["auto", "cpu", "cuda", "mps"] = option("auto", "where to compute")
    out: Path | None = option(None, "folder for the results (default: evaluation in the run's)", metavar="FOLDER")

    def __post_init__(self) -> None:
        require_least(1, batch=self.batch)


def run(options: SegmentationEvaluationOptions) -> int:
    """Measure Dice and Jaccard of each image of a split, at the size of the training images.

    SPLIT.json has their means and standard deviations over images, SPLIT.csv every image, SPLIT.png images from the
    lowest Dice to the highest: white is right, red a false positive, blue a false negative.
    """
    import torch

    from latentia.data import Split
    from latentia.evaluation.segmentation import THRESHOLD, agreement, segment
    from latentia.runs.segmentation import load_segmentation_run

    folder = options.run / "evaluation" if options.out is None else options.out
    check_output_folder(folder)
    loaded = load_segmentation_run(options.run, options.set)
    loaded.model.to(device_of(options.device))
    pairs = loaded.pairs(Split(options.split))
    path = folder / f"{options.split}.json"
    check_same_data(path, pairs.sha256, "images")
    images, masks = pairs.pairs(slice(None))
    parts = []
    with progress_bar() as bar:
        for start in range(0, len(pairs), options.batch):
            bar("Marking", start / len(pairs))
            block = slice(start, start + options.batch)
            parts.append(segment(loaded.model, images[block], batch=options.batch) > THRESHOLD)
    found = torch.cat(parts)
    both = agreement(found, masks)
    make_folder(folder)
    _write_images(pairs, found, both, path.with_suffix(".csv"))
    _draw(images, masks, found, both, path.with_suffix(".png"))
    _write(loaded, pairs, both, path)
    _tell(pairs, both)
    say(f"Every image is in {path.with_suffix('.csv')}, and a picture in {path.with_suffix('.png')}.")
    return 0


def _write_images(
    pairs: SegmentationSet, found: Bool[Tensor, "images 1 height width"], both: Agreement, path: Path
) -> None:
    with atomic_path(path) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["name", "group", "dice", "jaccard", "share_found", "share_given"])
        shares = zip(found.float().mean((1, 2, 3)).tolist(), pairs.masks.mean((1, 2, 3)).tolist(), strict=True)
        scores = zip(both.dice.tolist(), both.jaccard.tolist(), strict=True)
        for name, group, two, pair in zip(pairs.names, pairs.groups, scores, shares, strict=True):
            writer.writerow([name, group, *(f"{number:.6f}" for number in (*two, *pair))])


def _draw(images: Tensor, masks: Tensor, found: Tensor, both: Agreement, path: Path) -> None:
    import torch

    from latentia.uses import write_png
    from latentia.uses.overlays import overlay
    from latentia.uses.pictures import draw_grid

    order = both.dice.argsort()
    chosen = order[torch.linspace(0, len(order) - 1, min(PICTURED, len(order))).round().long()].tolist()
    rows = [
        torch.stack([images[place].expand(3, -1, -1) for place in chosen]),
        torch.stack([overlay(images[place], found[place], masks[place]) for place in chosen]),
    ]
    labels = [f"Dice {float(both.dice[place]):.1%}" for place in chosen]
    write_png(draw_grid(torch.stack(rows), 256, column_labels=labels, smallest=96), path)


def _write(loaded: SegmentationRun, pairs: SegmentationSet, both: Agreement, path: Path) -> None:
    from latentia.training import hardware, source_version, write_record

    record: dict[str, Any] = {
        "provenance": {
            "data_set": pairs.name,
            "split": str(pairs.split),
            "sha256": pairs.sha256,
            "images": len(pairs),
            "size": list(loaded.file.size),
            "empty_masks": len(pairs.empty),
        },
        "dice": _mean_and_deviation(both.dice),
        "jaccard": _mean_and_deviation(both.jaccard),
        "source": source_version(Path(__file__)),
        "hardware": hardware(),
    }
    write_record(record, path)


def _tell(pairs: SegmentationSet, both: Agreement) -> None:
    say(
        f"{pairs.name}, {len(pairs)} {pairs.split} images: "
        f"Dice {_told(both.dice)}, Jaccard {_told(both.jaccard)} (mean and standard deviation over images)."
    )
    if pairs.empty:
        say(f"{len(pairs.empty)} of the masks are empty; there, finding nothing counts as 1 and anything as 0.")


def _mean_and_deviation(scores: Tensor) -> dict[str, float]:
    return {"mean": float(scores.mean()), "deviation_over_images": float(scores.std(correction=0))}


def _told(scores: Tensor) -> str:
    return f"{float(scores.mean()):.1%} ± {float(scores.std(correction=0)):.1%}"
