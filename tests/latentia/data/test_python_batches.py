from __future__ import annotations

import os
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from latentia.data.python_batches import read_batch
from latentia.errors import DataError


@pytest.mark.parametrize("protocol", range(5))
@pytest.mark.parametrize(
    "value",
    [
        np.arange(24, dtype=np.uint8).reshape(2, 3, 4),
        np.asfortranarray(np.arange(6, dtype=np.uint8).reshape(2, 3)),
        np.linspace(-1, 1, 5),
        np.arange(3, dtype=">i4"),
        [1, -2, 300, 70_000, 1 << 40, 2.5, None, True, False, "text", "ü", b"\x00\xff", (), (1,), (1, 2, 3, 4), {}, []],
        {"a": [{"b": 1}], "c": 2},
        bytes(range(256)) * 2,
    ],
    ids=["array", "by column", "floats", "big-endian", "plain values", "nested", "bytes"],
)
def test_what_python_wrote_is_read_back(protocol: int, value: Any) -> None:
    shared = [1, 2]
    read = read_batch("batch", pickle.dumps({"value": value, b"shared": [shared, shared]}, protocol=protocol))
    np.testing.assert_equal(read, {"value": value, "shared": [shared, shared]})
    if isinstance(value, np.ndarray):
        assert read["value"].dtype == value.dtype


class Harmful:
    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, tuple[Any, ...]]:
        return (os.mkdir, (str(self.path),))


@pytest.mark.parametrize("protocol", range(6))
def test_a_pickle_that_would_run_code_is_refused_and_runs_none(protocol: int, tmp_path: Path) -> None:
    content = pickle.dumps({"data": Harmful(tmp_path / "made")}, protocol=protocol)
    with pytest.raises(
        DataError, match=r"batch is no batch of images .*: it calls (posix|nt)\.mkdir, which is refused"
    ):
        read_batch("batch", content)
    assert not (tmp_path / "made").exists()


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\x80",
        b"I1\n.",
        b".",
        b"}u.",
        b"(e.",
        b"}(K\x01u.",
        b"h\x05.",
        pickle.dumps([1, 2]),
        pickle.dumps(np.zeros(2)),
        pickle.dumps({"data": np.dtype("u1")}),
        pickle.dumps({"data": np.array(["text"])}),
        pickle.dumps({"data": np.array([None])}),
        pickle.dumps({"data": np.zeros(4, np.uint8)})[:-20],
    ],
)
def test_what_is_no_batch_is_refused_in_one_sentence(content: bytes) -> None:
    with pytest.raises(DataError, match="batch is no batch of images in the Python format"):
        read_batch("batch", content)
