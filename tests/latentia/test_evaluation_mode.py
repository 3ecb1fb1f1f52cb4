from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from latentia.errors import DataError, SettingError
from latentia.evaluation_mode import blocks, evaluation_mode


@given(st.integers(1, 50), st.integers(1, 60))
def test_blocks_cover_everything_once_in_order(count: int, size: int) -> None:
    places = [list(range(count))[block] for block in blocks(count, size)]
    assert [place for block in places for place in block] == list(range(count))
    assert all(len(place) == size for place in places[:-1])


def test_nothing_to_cut_or_blocks_of_nothing_are_refused() -> None:
    with pytest.raises(DataError, match="At least one image is wanted"):
        blocks(0, 4)
    with pytest.raises(SettingError, match="A batch has at least one image, not 0"):
        blocks(4, 0)


def test_every_part_evaluates_within_and_is_as_it_was_afterwards_even_after_an_error() -> None:
    frozen = nn.BatchNorm1d(2).eval()
    module = nn.Sequential(nn.Dropout(), frozen)
    with pytest.raises(RuntimeError), evaluation_mode(module) as device:
        assert device == torch.device("cpu")
        assert not any(part.training for part in module.modules())
        assert torch.is_inference_mode_enabled()
        raise RuntimeError
    assert [part.training for part in module.modules()] == [True, True, False]
    assert not torch.is_inference_mode_enabled()


def test_mixed_precision_holds_within_alone() -> None:
    module = nn.Linear(2, 2)
    with evaluation_mode(module, torch.bfloat16):
        assert module(torch.zeros(1, 2)).dtype is torch.bfloat16
    assert module(torch.zeros(1, 2)).dtype is torch.float32


def test_a_module_without_weights_is_on_the_cpu() -> None:
    with evaluation_mode(nn.Identity()) as device:
        assert device == torch.device("cpu")
