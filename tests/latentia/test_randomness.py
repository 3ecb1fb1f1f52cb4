from __future__ import annotations

import itertools

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
