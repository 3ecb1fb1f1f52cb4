from __future__ import annotations

import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Generator

from spindle.shifted_windows import ShiftedWindows


@given(
    shift=st.integers(1, 8),
    short=st.integers(0, 7),
    windows=st.integers(1, 14),
    left=st.integers(0, 7),
    seed=st.integers(0, 999),
)
def test_every_window_gets_the_layers_answer(shift: int, short: int, windows: int, left: int, seed: int) -> None:
    length = 5 * shift - min(short, shift - 1)
    generator = Generator().manual_seed(seed)
    weight = torch.randn(6, 4, length, 3, generator=generator) / (12 * length) ** 0.5
    bias = torch.randn(6, generator=generator)
    positions = length + (windows - 1) * shift + min(left, shift - 1)
    features = torch.randn(positions, 3, 4, generator=generator)

    found = ShiftedWindows(weight, bias, shift)(features)

    expected = torch.stack(
        [
            torch.einsum("oftr,trf->o", weight, features[first : first + length]) + bias
            for first in range(0, positions - length + 1, shift)
        ]
    )
    assert len(found) == windows
    torch.testing.assert_close(found, expected, rtol=0, atol=3e-5)


def test_whole_numbers_come_out_as_whole_numbers() -> None:
    generator = Generator().manual_seed(0)
    weight = torch.randint(-3, 4, (2, 1, 5, 1), generator=generator).float()
    features = torch.randint(-3, 4, (12, 1, 1), generator=generator).float()
    found = ShiftedWindows(weight, torch.zeros(2), 1)(features)
    expected = features[:, 0, 0].unfold(0, 5, 1) @ weight[:, 0, :, 0].T
    assert torch.equal(found.round(), expected)
