"""Training of a segmentation: it learns, resumes to the bit, and chooses weights by the validation loss."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from latentia.data.images import Split
from latentia.data.segmentation_batches import ShuffledPairs
from latentia.data.segmentation_sets import SegmentationSet
from latentia.errors import DataError
from latentia.layers.segmentation_block import DependencyConfig
from latentia.models.nested_u_net import NestedUNetConfig
from latentia.models.u_net import UNetConfig
from latentia.randomness import seeded
from latentia.training import Outcome, fit
from latentia.training.segmentation import SegmentationTraining, segmentation_task

pytest.importorskip("monai")
SDN = DependencyConfig(features=4, layers=1)
Config = UNetConfig | NestedUNetConfig


def squares(count: int, seed: int) -> SegmentationSet:
    """Bright squares on noise."""
    rng = np.random.default_rng(seed)
    masks = np.zeros((count, 1, 16, 16), bool)
    for mask in masks:
        top, left = rng.integers(1, 9, 2)
        mask[0, top : top + 6, left : left + 6] = True
    images = (masks * 120 + rng.integers(0, 100, masks.shape)).astype(np.uint8)
    names = tuple(map(str, range(count)))
    return SegmentationSet(images=images, masks=masks, names=names, groups=names, name="squares", split=Split.TRAIN)


def trained(config: Config, checkpoint: Path, steps: int, resume: bool = False) -> tuple[torch.nn.Module, Outcome]:
    training = SegmentationTraining(
        steps=steps, batch=8, evaluate_steps=10, checkpoint_steps=5, learning_rate=0.01, accelerator="cpu"
    )
    with seeded(0):
        model = config.build(1)
    batches = ShuffledPairs(pairs=squares(32, 0), batch=8, seed=0)
    task = segmentation_task(model, batches, squares(8, 1).pairs(slice(None)), training)
    return model, fit(task, training.loop(0), checkpoint=checkpoint, resume=resume)


@pytest.mark.parametrize(
    "config", [UNetConfig(widths=(4, 8), sdn=SDN), NestedUNetConfig(widths=(4, 8, 8), sdn=SDN)], ids=["SDU", "SDNU"]
)
def test_networks_learn_to_find_squares(config: Config, tmp_path: Path) -> None:
    _, outcome = trained(config, tmp_path / "c.safetensors", 60)
    best = outcome.history[outcome.best]
    assert best["dice"] > 0.8
    assert best["jaccard"] <= best["dice"]
    assert best["score"] == min(row["score"] for row in outcome.history)


def test_a_training_that_was_interrupted_ends_as_one_that_was_not(tmp_path: Path) -> None:
    config = UNetConfig(widths=(2, 4), sdn=SDN)
    whole, outcome = trained(config, tmp_path / "a.safetensors", 20)
    trained(config, tmp_path / "b.safetensors", 10)
    resumed, after = trained(config, tmp_path / "b.safetensors", 20, resume=True)
    assert after.history[-1]["score"] == outcome.history[-1]["score"]
    assert all(torch.equal(one, other) for one, other in zip(whole.parameters(), resumed.parameters(), strict=True))


def test_validation_images_of_other_channels_are_refused() -> None:
    batches = ShuffledPairs(pairs=squares(8, 0), batch=8, seed=0)
    with pytest.raises(DataError, match="images with 3 channels; these have 1"):
        segmentation_task(
            UNetConfig(widths=(2, 4)).build(3), batches, squares(8, 1).pairs(slice(None)), SegmentationTraining(steps=1)
        )


def test_the_score_is_the_mean_over_images_whatever_the_batch() -> None:
    """The last validation block is smaller than the others, and counts for less."""
    with seeded(0):
        model = UNetConfig(widths=(4, 8)).build(1)
    batches = ShuffledPairs(pairs=squares(32, 0), batch=8, seed=0)
    validation = squares(11, 1).pairs(slice(None))
    found = []
    for batch in (8, 11):
        task = segmentation_task(model, batches, validation, SegmentationTraining(steps=1, batch=batch))
        found.append(task.evaluate(model))
    assert found[0].score == pytest.approx(found[1].score, rel=1e-5)
    assert found[0].figures["dice"] == pytest.approx(found[1].figures["dice"], rel=1e-5)


def test_probabilities_are_the_mean_of_what_all_outputs_say() -> None:
    with seeded(0):
        model = NestedUNetConfig(widths=(4, 8, 8)).build(1).eval()
    images = torch.rand(2, 1, 16, 16)
    with torch.no_grad():
        outputs = [logits.sigmoid() for logits in model(images)]
        found = model.probabilities(images)
    assert len(outputs) == 2 and not torch.allclose(outputs[0], outputs[1])
    assert torch.allclose(found, (outputs[0] + outputs[1]) / 2)
