"""Steps that are kept with the highest probability, marked."""

from __future__ import annotations

import math

import pytest
import torch

from latentia.errors import SettingError
from latentia.uses import mark_kept

KEEP = torch.tensor([[0.5, 0.9, 0.1, math.nan], [0.6, 0.7, math.nan, math.nan]], dtype=torch.float64)


@pytest.mark.parametrize(("share", "above"), [(0.2, 0.8), (0.4, 0.65), (0.6, 0.55), (0.8, 0.2), (0.1, 1.0)])
def test_no_more_than_the_share_of_all_steps_is_marked(share: float, above: float) -> None:
    marked = mark_kept(KEEP, share=share)
    assert torch.equal(marked, above < KEEP)
    assert int(marked.sum()) <= share * 5


def test_nothing_is_marked_where_all_are_kept_alike_or_none_is_known() -> None:
    assert not mark_kept(torch.full((3, 4), 0.4)).any()
    assert not mark_kept(torch.full((3, 4), math.nan)).any()


@pytest.mark.parametrize("share", [0.0, 1.0, -1.0, math.nan])
def test_a_share_that_makes_no_sense_is_refused(share: float) -> None:
    with pytest.raises(SettingError, match="share must be between 0 and 1"):
        mark_kept(KEEP, share=share)
