"""Augmentation of training images."""

from __future__ import annotations

import torch

from spindle.augmentation import change_electrodes


def changed(seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    original = torch.randn((64, 3, 80, 8), generator=torch.Generator().manual_seed(1))
    return original, change_electrodes(original, torch.Generator().manual_seed(seed))


def test_electrodes_are_the_recordings_own_in_every_order() -> None:
    orders = set()
    for before, after in zip(*changed(0), strict=True):
        orders.add(tuple(next(k for k in (0, 1) if torch.equal(after[place], before[k])) for place in (0, 1)))
        assert torch.equal(after[2], before[2])
    assert orders == {(0, 0), (0, 1), (1, 0), (1, 1)}


def test_the_same_generator_state_gives_the_same_change() -> None:
    assert torch.equal(changed(3)[1], changed(3)[1])
    assert not torch.equal(changed(3)[1], changed(4)[1])
