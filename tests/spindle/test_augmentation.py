"""Augmentation of training images."""

from __future__ import annotations

import torch

from spindle.augmentation import augment, change_composition, change_electrodes


def images(count: int = 64) -> torch.Tensor:
    return torch.randn((count, 3, 80, 8), generator=torch.Generator().manual_seed(1))


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_electrodes_are_the_recordings_own_in_every_order() -> None:
    original = images()
    changed = change_electrodes(original, generator())
    orders = set()
    for before, after in zip(original, changed, strict=True):
        places = [next(k for k in (0, 1) if torch.equal(after[place], before[k])) for place in (0, 1)]
        orders.add(tuple(places))
        assert torch.equal(after[2], before[2])
    assert orders == {(0, 0), (0, 1), (1, 0), (1, 1)}


def test_a_change_of_composition_is_affine_in_each_row() -> None:
    original = images()
    changed = change_composition(original, generator())
    for row in range(8):
        before, after = original[5, 0, :, row], changed[5, 0, :, row]
        slope = (after[1:] - after[0]) / (before[1:] - before[0])
        torch.testing.assert_close(slope, slope[:1].expand(79), rtol=1e-2, atol=1e-3)
        assert 0.75 <= float(slope.median()) <= 1.3


def test_an_eeg_that_stands_twice_changes_as_one() -> None:
    original = images()
    original[:, 1] = original[:, 0]
    changed = augment(original, generator())
    assert torch.equal(changed[:, 0], changed[:, 1])
    assert not torch.equal(changed[:, 0], original[:, 0])


def test_the_same_generator_state_gives_the_same_change() -> None:
    assert torch.equal(augment(images(), generator(3)), augment(images(), generator(3)))
    assert not torch.equal(augment(images(), generator(3)), augment(images(), generator(4)))
