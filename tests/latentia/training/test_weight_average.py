from __future__ import annotations

import pytest
import torch
from torch import nn

from latentia.errors import CheckpointError
from latentia.training import WeightAverage


def line(value: float, dtype: torch.dtype = torch.float32) -> nn.Linear:
    module = nn.Linear(2, 1, dtype=dtype)
    put(module, value)
    return module


def put(module: nn.Linear, value: float) -> None:
    with torch.no_grad():
        module.weight.fill_(value)
        module.bias.fill_(-value)


def test_the_average_is_the_weighted_sum_of_all_weights_so_far() -> None:
    values = [1.0, 2.0, -3.0, 0.5, 4.0]
    module = line(values[0], torch.float64)
    average = WeightAverage(module, decay=0.3)
    for value in values[1:]:
        put(module, value)
        average.update()

    decays = [min(0.3, (1 + t) / (10 + t)) for t in range(1, len(values))]
    expected = values[0] * torch.tensor(decays).prod().item()
    for place, value in enumerate(values[1:]):
        expected += value * (1 - decays[place]) * torch.tensor(decays[place + 1 :]).prod().item()
    assert average.state()["weight"].numpy() == pytest.approx(expected, rel=1e-6)
    assert average.state()["bias"].numpy() == pytest.approx(-expected, rel=1e-6)


def test_weights_that_stand_still_are_their_own_average() -> None:
    module = line(0.7)
    average = WeightAverage(module, decay=0.999)
    for _ in range(5):
        average.update()
    assert torch.equal(average.state()["weight"], module.weight)


def test_the_start_is_let_go_of_early() -> None:
    module = line(1.0)
    average = WeightAverage(module, decay=0.999)
    put(module, 0.0)
    for _ in range(50):
        average.update()
    assert float(average.state()["bias"].abs().max()) < 1e-6  # 0.999 alone would leave 0.95


def test_the_module_has_the_averages_within_the_block_and_its_own_weights_after_it() -> None:
    module = line(1.0)
    average = WeightAverage(module, decay=0.5)
    put(module, 3.0)
    average.update()
    own = {name: value.clone() for name, value in module.state_dict().items()}
    with pytest.raises(KeyError), average.in_place():
        assert torch.equal(module.weight, average.state()["weight"])
        assert not torch.equal(module.weight, own["weight"])
        raise KeyError
    assert all(torch.equal(value, own[name]) for name, value in module.state_dict().items())


def test_half_precision_weights_are_averaged_in_single_precision() -> None:
    module = line(1.0, torch.bfloat16)
    average = WeightAverage(module, decay=0.999)
    assert average.state()["weight"].dtype is torch.float32
    put(module, 2.0)
    average.update()
    with average.in_place():
        assert module.weight.dtype is torch.bfloat16


def test_averages_go_on_from_where_they_were_saved() -> None:
    module = line(1.0)
    first, second = WeightAverage(module, decay=0.9), WeightAverage(line(8.0), decay=0.9)
    put(module, 2.0)
    first.update()
    second.restore({name: value.clone() for name, value in first.state().items()}, first.updates)
    assert second.updates == 1
    assert torch.equal(second.state()["weight"], first.state()["weight"])


def test_averages_of_another_module_are_refused() -> None:
    average = WeightAverage(line(1.0), decay=0.9)
    with pytest.raises(CheckpointError, match="averages of 1 parameters; this module has 2"):
        average.restore({"weight": torch.zeros(1, 2)}, 3)
