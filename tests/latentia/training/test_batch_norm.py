"""Batch norm is evaluated with the statistics of the weights that are evaluated."""

from __future__ import annotations

import copy
from functools import partial

import torch
from torch import nn

from latentia.training.batch_norm import keeps_statistics, renew_statistics


def network() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Linear(4, 2)).double()


def test_statistics_are_the_means_over_the_batches_whatever_was_there_before() -> None:
    module = network()
    batches = [torch.randn(10, 3, dtype=torch.float64) for _ in range(3)]
    module(5 + 9 * batches[0])  # leaves a trace in the running means
    renew_statistics(module, (partial(module, batch) for batch in batches))
    norm = module[1]
    assert isinstance(norm, nn.BatchNorm1d)
    seen = torch.stack([module[0](batch) for batch in batches])
    torch.testing.assert_close(norm.running_mean, seen.mean((0, 1)))
    torch.testing.assert_close(norm.running_var, seen.var(1).mean(0))
    assert norm.momentum == 0.1
    assert not module.training


def test_a_spoiled_batch_counts_for_nothing() -> None:
    module, other = network(), network()
    batches = [torch.randn(10, 3, dtype=torch.float64) for _ in range(3)]
    spoiled = batches[1].clone()
    spoiled[4, 2] = torch.nan
    renew_statistics(module, (partial(module, batch) for batch in (batches[0], spoiled, batches[2])))
    renew_statistics(other, (partial(other, batch) for batch in (batches[0], batches[2])))
    for name, buffer in module.named_buffers():
        assert torch.equal(buffer, other.get_buffer(name)), name


def test_weights_stay_as_they_are_and_modules_without_batch_norm_need_nothing() -> None:
    module = network()
    before = copy.deepcopy(list(module.parameters()))
    renew_statistics(module, [partial(module, torch.randn(5, 3, dtype=torch.float64))])
    assert all(torch.equal(one, other) for one, other in zip(before, module.parameters(), strict=True))
    assert keeps_statistics(module)
    assert not keeps_statistics(nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2, track_running_stats=False)))
