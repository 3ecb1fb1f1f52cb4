"""The timing of layers runs from one command, and what it is compared with computes the same."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from benchmarks.sdn_layer import GRUCellSweep, gru_cell_version, measure, spatial_dependency, summary
from experiments.table_a_3_runtime.__main__ import main

from latentia.layers.spatial_dependency import Correction


def test_smoke_times_every_layer_at_every_scale(tmp_path: Path) -> None:
    assert main(["--budget", "smoke", "--out", str(tmp_path)]) == 0
    result = json.loads((tmp_path / "smoke.json").read_text(encoding="utf-8"))
    assert list(result["figures"]) == ["4", "8"]
    for layers in result["figures"].values():
        assert len(layers) == 4
        assert all(row["mean_ms"] > 0 and row["published_ms"] > 0 for row in layers.values())
    assert len((tmp_path / "smoke.md").read_text(encoding="utf-8").splitlines()) == 2 + 2 * 2


@pytest.mark.parametrize("directions", [1, 2])
def test_the_version_with_gru_cells_computes_what_the_layer_does(directions: int) -> None:
    torch.manual_seed(0)
    ours, cells = (make(directions, 6).double() for make in (spatial_dependency, gru_cell_version))
    cells.project_in.load_state_dict(ours.project_in.state_dict())
    cells.project_out.load_state_dict(ours.project_out.state_dict())
    for correction, sweep in zip(ours.corrections, cells.corrections, strict=True):
        assert isinstance(correction, Correction)
        assert isinstance(sweep, GRUCellSweep)
        m, r, z = correction.own_weight.chunk(3)
        bias_m, bias_r, bias_z = torch.randn_like(correction.own_bias).chunk(3)
        with torch.no_grad():
            correction.own_bias.copy_(torch.cat([bias_m, bias_r, bias_z]))
            correction.neighbour_bias.normal_()
            sweep.cell.weight_hh.copy_(torch.cat([r, z, m]))
            sweep.cell.bias_hh.copy_(torch.cat([bias_r, bias_z, bias_m]))
            sweep.cell.weight_ih.copy_(correction.neighbour_weight.transpose(0, 1).flatten(1))
            sweep.cell.bias_ih.copy_(correction.neighbour_bias)
    images = torch.randn(2, 6, 3, 5, dtype=torch.float64)
    assert torch.allclose(ours(images), cells(images), rtol=0, atol=1e-12)


def test_everything_is_run_in_turn_and_summed_up_by_medians() -> None:
    order: list[str] = []
    seconds = measure({name: lambda name=name: order.append(name) for name in "ab"}, rounds=3)
    assert order == list("ab" * 4)
    assert [len(times) for times in seconds.values()] == [3, 3]
    rows = summary({"3×3 convolution": [1.0, 2.0, 9.0], "other": [4.0, 3.0, 5.0]})
    assert rows["other"] == {"median_s": 4.0, "quartiles_s": [3.5, 4.5], "ratio": 2.0}
