from __future__ import annotations

import numpy as np
import pytest

from latentia.data.factors import Factors
from latentia.data.images import Split
from latentia.errors import DataError

FACTORS = Factors(names=("hue", "place"), sizes=(2, 3))


def test_the_last_factor_counts_fastest() -> None:
    table = FACTORS.of(np.arange(6))
    assert table.tolist() == [[0, 0], [0, 1], [0, 2], [1, 0], [1, 1], [1, 2]]
    assert FACTORS.indices(table).tolist() == list(range(6))


def test_splits_share_no_image_and_leave_out_none() -> None:
    def numbers(split: Split, train: int | None = None) -> list[int]:
        return FACTORS.split(split, train=train, validation=2, test=1, name="toy").tolist()

    assert sorted(numbers(Split.TRAIN) + numbers(Split.VALIDATION) + numbers(Split.TEST)) == list(range(6))
    assert set(numbers(Split.TRAIN, train=2)) < set(numbers(Split.TRAIN))


def test_what_is_not_there_is_named() -> None:
    with pytest.raises(DataError, match="'place' has values 0 to 2; wanted are 0 to 3"):
        FACTORS.indices(np.array([[0, 0], [1, 3]]))
    with pytest.raises(DataError, match=r"There are 2 factors \(hue, place\), not 1"):
        FACTORS.indices(np.array([[0]]))
    with pytest.raises(DataError, match="toy has 6 images to train on, not 7"):
        FACTORS.split(Split.TRAIN, train=7, validation=0, test=0, name="toy")
