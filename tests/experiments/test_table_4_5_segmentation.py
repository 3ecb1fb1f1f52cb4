"""Table 4.5: it runs from one command, goes on where it was, and says what is not done."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

pytest.importorskip("monai")
from experiments.table_4_5_segmentation import __main__ as table
from experiments.table_4_5_segmentation import context, reach
from experiments.table_4_5_segmentation.protocol import BUDGETS, NETWORKS, load_nuclei

from latentia.data import Split
from latentia.layers.segmentation_block import DependencyConfig
from latentia.models.base import SegmentationModel
from latentia.models.u_net import UNetConfig
from latentia.randomness import seeded


def test_one_command_trains_all_networks_and_writes_table_figure_and_record(tmp_path: Path) -> None:
    words = ["--budget", "smoke", "--out", str(tmp_path)]
    assert table.main(words) == 0
    result = json.loads((tmp_path / "smoke.json").read_text(encoding="utf-8"))
    assert [(run["name"], run["seed"]) for run in result["runs"]] == [
        (name, seed) for seed in range(2) for name in NETWORKS
    ]
    assert all(0 <= run["jaccard"] <= run["dice"] <= 1 for run in result["runs"])
    text = (tmp_path / "smoke.md").read_text(encoding="utf-8")
    assert "SIMULATED images" in text and "Unfinished" not in text
    assert (tmp_path / "smoke.png").is_file()

    (tmp_path / "work" / "smoke-seed0" / "u-net-seed1.json").unlink()
    kept = (tmp_path / "work" / "smoke-seed0" / "u-net-plus-plus-seed1.json").read_bytes()
    assert table.main(words) == 0
    again = json.loads((tmp_path / "smoke.json").read_text(encoding="utf-8"))
    assert [run["dice"] for run in again["runs"]] == [run["dice"] for run in result["runs"]]
    assert (tmp_path / "work" / "smoke-seed0" / "u-net-plus-plus-seed1.json").read_bytes() == kept

    assert reach.main(words) == 0
    looked = json.loads((tmp_path / "smoke-reach.json").read_text(encoding="utf-8"))
    assert [run["name"] for run in looked["runs"]] == 2 * list(NETWORKS)
    assert all(0 <= run["beyond"]["16"] <= run["beyond"]["4"] <= 1 for run in looked["runs"])
    assert reach.main(["--budget", "smoke", "--out", str(tmp_path / "none")]) == 2


def test_the_table_says_what_is_not_done_and_what_was_not_stable() -> None:
    run = {"seed": 0, "parameters": 10, "steps": 4, "seconds": 2.0, "dice": 0.9, "jaccard": 0.8}
    runs = [{**run, "name": "U-Net"}, {**run, "name": "U-Net", "dice": 0.92, "seed": 1}]
    runs.append({"name": "SDU-Net", "seed": 0, "parameters": 10, "unstable": "20 steps in a row"})
    images = {"train": 4, "validation": 2, "test": 2}
    whole = {"budget": "hour", "simulated": False, "config": {"size": 64}, "images": images, "runs_planned": 25}
    text = table.markdown({**whole, "runs": runs})
    assert "**Unfinished: 3 of 25 runs.**" in text and "real images" in text
    assert "| 0.50 s | 4 | 2 | 91.00 ± 1.41 | 80.00 ± 0.00 |" in text
    assert "| 0, 1 unstable | – | – |" in text
    assert "that the layers bring" not in text

    runs = [
        {**run, "name": name, "seed": seed, "dice": dice}
        for name, scores in {"U-Net": (0.90, 0.92), "SDU-Net": (0.91, 0.95)}.items()
        for seed, dice in enumerate(scores)
    ]
    text = table.markdown({**whole, "runs": runs})
    assert "SDU-Net over U-Net: +2.00 ± 1.00 (published: +1.46)." in text


def test_the_networks_of_the_thesis_have_its_size_and_layers() -> None:
    """Table A.7, nuclei: 150 features, 2 directions, 2 layers in each path, no residual connections, Adam at 0.001."""
    paper = BUDGETS["paper"]
    assert (paper.size, paper.training.learning_rate, paper.training.optimizer, paper.seeds) == (96, 1e-3, "adam", 5)
    assert (paper.sdn.features, paper.sdn.directions, paper.sdn.layers, paper.sdn.residual) == (150, 2, 2, False)
    assert paper.training.batch == 4 * 20


def test_nothing_is_in_two_parts() -> None:
    nuclei = load_nuclei("smoke")
    names = [name for part in (nuclei.train, nuclei.validation, nuclei.test) for name in part.names]
    assert len(names) == len(set(names)) == 40


def test_the_task_of_two_discs_runs_from_one_command(tmp_path: Path) -> None:
    assert context.main(["--budget", "smoke", "--out", str(tmp_path)]) == 0
    result = json.loads((tmp_path / "smoke-context.json").read_text(encoding="utf-8"))
    assert len(result["runs"]) == result["runs_planned"] == 4 and result["simulated"]
    assert "SIMULATED" in (tmp_path / "smoke-context.md").read_text(encoding="utf-8")


def test_the_larger_disc_is_the_mask() -> None:
    drawn = context.two_discs(20, 64, np.random.default_rng(0), Split.TEST)
    bright = drawn.images[:, 0] >= 120  # as noise alone seldom is, below 100
    for image, mask in zip(bright, drawn.masks[:, 0], strict=True):
        assert image[mask].all()
        assert 0 < (image & ~mask).sum() < mask.sum()


@pytest.mark.parametrize("scales", [2, 3])
def test_what_an_output_sees_is_what_its_gradient_reaches(scales: int) -> None:
    """With layers it is the whole image."""
    for sdn in (None, DependencyConfig(features=4, layers=1)):
        with seeded(0):
            network = UNetConfig(widths=(4,) * scales, sdn=sdn).build(1).eval()
        if sdn is None:
            with torch.no_grad():
                for weight in network.parameters():
                    weight.abs_()  # so that no ReLU is closed
        images = torch.rand(1, 1, 64, 64, requires_grad=True)
        network(images)[0][0, 0, 32, 32].backward()
        assert images.grad is not None
        reached = images.grad[0, 0].abs().sum(0).nonzero()
        width = int(reached.max() - reached.min()) + 1
        if sdn is None:
            assert 0.8 * context.receptive_field(scales) < width <= context.receptive_field(scales)
        else:
            assert width > context.receptive_field(scales)


class Looks(SegmentationModel):
    """Each pixel's logit is what stands three pixels above it."""

    channels = 1

    def forward(self, images: torch.Tensor) -> tuple[torch.Tensor, ...]:
        return (images.roll(3, dims=2),)


def test_how_far_a_network_looks_is_known_where_it_looks_at_one_pixel() -> None:
    found = reach.reach(Looks(), torch.rand(2, 1, 32, 32))
    assert found == {"distance": 3.0, "beyond": {"4": 0.0, "8": 0.0, "16": 0.0}}
