from __future__ import annotations

import pytest
import torch

from latentia.layers.masked_convolution import MaskedConvolution


def seen_by(layer: MaskedConvolution, channel: int, row: int, column: int, size: int = 5) -> set[tuple[int, ...]]:
    """The input places that one output depends on, by its gradient."""
    image = torch.randn(1, layer.in_channels, size, size, requires_grad=True)
    layer(image)[0, channel, row, column].backward()
    assert image.grad is not None
    return {tuple(place) for place in image.grad[0].nonzero().tolist()}


@pytest.mark.parametrize("inclusive", [False, True])
def test_an_output_sees_earlier_places_and_earlier_channels_of_its_own(inclusive: bool) -> None:
    torch.manual_seed(0)
    layer = MaskedConvolution(4, 8, ranks=4, inclusive=inclusive)
    for channel in range(8):
        rank = channel // 2
        own = {(c, 2, 2) for c in range(rank + inclusive)}
        before = {(c, row, column) for c in range(4) for row, column in [(1, 1), (1, 2), (1, 3), (2, 1)]}
        assert seen_by(layer, channel, 2, 2) == own | before


def test_masked_weights_stay_zero_when_trained() -> None:
    torch.manual_seed(0)
    layer = MaskedConvolution(4, 4, ranks=4, inclusive=False)
    optimizer = torch.optim.Adamax(layer.parameters())
    for _ in range(3):
        layer(torch.randn(2, 4, 6, 6)).square().sum().backward()
        optimizer.step()
    assert not (layer.weight * (1 - layer.mask)).any()
    assert (layer.weight * layer.mask).count_nonzero() == layer.mask.count_nonzero()
