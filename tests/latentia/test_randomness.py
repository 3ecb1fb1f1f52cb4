from __future__ import annotations

import itertools

import pytest
import torch

from latentia.randomness import seeded, stream


def test_streams_of_different_numbers_differ_even_by_trailing_zeros() -> None:
    tuples = [numbers for length in (1, 2, 3, 4) for numbers in itertools.product((0, 1, 2), repeat=length)]
    assert len({stream(*numbers) for numbers in tuples}) == len(tuples)


def test_a_seeded_block_repeats_and_leaves_the_callers_state_alone() -> None:
    before = torch.get_rng_state()
    draws = []
    for _ in range(2):
        with seeded(1, 2):
            draws.append(torch.randn(3))
    assert torch.equal(draws[0], draws[1])
    assert torch.equal(before, torch.get_rng_state())


def test_a_seeded_block_on_the_processor_seeds_no_other_device(monkeypatch: pytest.MonkeyPatch) -> None:
    seeded_devices: list[int] = []
    monkeypatch.setattr(torch.cuda, "manual_seed_all", seeded_devices.append)
    monkeypatch.setattr(torch.cuda, "manual_seed", seeded_devices.append)
    with seeded(1):
        torch.randn(1)
    assert not seeded_devices


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a graphics card")
@pytest.mark.parametrize("device", [None, torch.device("cuda")])
def test_a_graphics_card_is_seeded_where_it_is_meant_and_left_alone_afterwards(device: torch.device | None) -> None:
    before = torch.cuda.get_rng_state()
    draws = []
    for _ in range(2):
        with seeded(1, device=device):
            draws.append(torch.randn(3, device="cuda" if device else "cpu"))
    assert torch.equal(draws[0], draws[1])
    assert torch.equal(before, torch.cuda.get_rng_state())
