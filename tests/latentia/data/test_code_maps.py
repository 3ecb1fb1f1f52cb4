from __future__ import annotations

import pytest
import torch

from latentia.data.code_maps import CodeMaps, ShuffledCodeMaps
from latentia.errors import DataError, SettingError
from latentia.training import Batches


def numbered(count: int) -> CodeMaps:
    """Maps, labels, conditions and images that all say their number."""
    numbers = torch.arange(count)
    return CodeMaps(
        codes=numbers.view(-1, 1, 1).expand(-1, 2, 3),
        labels=numbers,
        condition=numbers.view(-1, 1, 1, 1).float().expand(-1, 2, 4, 6),
        images=numbers.view(-1, 1, 1, 1).to(torch.uint8).expand(-1, 1, 4, 6),
    )


def test_the_loop_can_use_the_batches() -> None:
    assert isinstance(ShuffledCodeMaps(maps=numbered(10), batch=3, seed=0), Batches)


def test_a_pass_sees_each_map_once_with_what_belongs_to_it() -> None:
    batches = ShuffledCodeMaps(maps=numbered(10), batch=3, seed=0)
    seen = []
    for batch in batches.of_pass(0):
        assert {name: tuple(tensor.shape) for name, tensor in batch.items()} == {
            "codes": (3, 2, 3),
            "labels": (3,),
            "condition": (3, 2, 4, 6),
            "images": (3, 1, 4, 6),
        }
        for tensor in batch.values():
            assert torch.equal(tensor.flatten(1)[:, 0] if tensor.ndim > 1 else tensor, batch["labels"].to(tensor))
        seen += batch["labels"].tolist()
    assert len(batches) == 3
    assert len(seen) == len(set(seen)) == 9


def test_what_is_not_there_is_not_in_a_batch() -> None:
    maps = CodeMaps(codes=torch.zeros(4, 2, 2, dtype=torch.int64))
    assert set(next(ShuffledCodeMaps(maps=maps, batch=2, seed=0).of_pass(0))) == {"codes"}


def test_the_order_depends_on_the_seed_and_the_pass_alone() -> None:
    def order(seed: int, number: int) -> list[int]:
        batches = ShuffledCodeMaps(maps=numbered(50), batch=10, seed=seed)
        return torch.cat([batch["labels"] for batch in batches.of_pass(number)]).tolist()

    torch.manual_seed(1)
    first = order(0, 0)
    torch.manual_seed(2)
    assert order(0, 0) == first
    assert len({tuple(order(*key)) for key in [(0, 0), (0, 1), (1, 0), (1, 1)]}) == 4


def test_a_pass_taken_up_in_its_middle_goes_on_as_it_would_have() -> None:
    batches = ShuffledCodeMaps(maps=numbered(50), batch=5, seed=3)
    whole = [batch["labels"] for batch in batches.of_pass(2)]
    rest = [batch["labels"] for batch in batches.of_pass(2, 6)]
    assert torch.equal(torch.cat(rest), torch.cat(whole[6:]))


def test_maps_without_partners_are_refused() -> None:
    codes = torch.zeros(4, 2, 2, dtype=torch.int64)
    with pytest.raises(DataError, match=r"^At least one map of codes is wanted; there is none\.$"):
        CodeMaps(codes=codes[:0])
    with pytest.raises(DataError, match=r"^Each of 4 maps of codes wants one of 'labels'; there are 3\.$"):
        CodeMaps(codes=codes, labels=torch.arange(3))


@pytest.mark.parametrize("batch", [0, 5])
def test_a_batch_of_no_maps_or_of_more_than_there_are_is_refused(batch: int) -> None:
    with pytest.raises(SettingError, match=rf"^batch must be 1 to 4, .*; it is {batch}\.$"):
        ShuffledCodeMaps(maps=numbered(4), batch=batch, seed=0)
