"""The promises of conftest.py: shapes are checked, the network is closed, required data cannot be skipped."""

from __future__ import annotations

import socket

import numpy as np
import pytest
import torch
from jaxtyping import TypeCheckError

from spindle.hypnogram import Hypnogram


def test_a_wrong_shape_or_type_does_not_pass() -> None:
    with pytest.raises(TypeCheckError):
        Hypnogram(codes=np.zeros((3, 2), dtype=np.int8), artifact=np.zeros(3, dtype=bool))


def test_the_network_is_closed() -> None:
    with socket.socket() as client, pytest.raises(pytest.fail.Exception, match="no network"):
        client.connect(("192.0.2.1", 80))


def test_torch_uses_one_thread() -> None:
    assert torch.get_num_threads() == 1


OUTER = """
import pytest

@pytest.mark.real_data
def test_wants_data(real_data):
    assert real_data.is_dir()

@pytest.mark.real_data
def test_skips_by_itself():
    pytest.skip("the file is missing")
"""


@pytest.mark.parametrize(("required", "outcome"), [("0", {"skipped": 2}), ("1", {"failed": 1, "errors": 1})])
def test_missing_data_skip_a_test_unless_they_are_required(
    pytester: pytest.Pytester,
    monkeypatch: pytest.MonkeyPatch,
    pytestconfig: pytest.Config,
    required: str,
    outcome: dict[str, int],
) -> None:
    conftest = (pytestconfig.rootpath / "tests" / "conftest.py").read_text(encoding="utf-8")
    pytester.makeconftest(conftest)
    pytester.makeini("[pytest]\nmarkers = real_data: needs data")
    pytester.makepyfile(OUTER)
    monkeypatch.setenv("LATENTIA_DATA", str(pytester.path / "nowhere"))
    monkeypatch.setenv("LATENTIA_REQUIRE_DATA", required)
    pytester.runpytest_subprocess("-p", "no:cacheprovider").assert_outcomes(**outcome)
