"""What every test gets: checked shapes, one thread, repeatable examples, no network, and the real data where it is."""

from __future__ import annotations

import os
import shutil
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

# Before torch is imported: tests run side by side, one core each. Child processes inherit it.
os.environ.setdefault("OMP_NUM_THREADS", "1")
# Before triton is: without a graphics card its interpreter runs the kernels.
if shutil.which("nvidia-smi") is None:
    os.environ.setdefault("TRITON_INTERPRET", "1")
# No test opens a window; matplotlib reads this when it is imported.
os.environ.setdefault("MPLBACKEND", "Agg")

import hypothesis
import jaxtyping
import pytest

# Before the packages are imported: every annotated shape and type is then checked at every call of every test.
# The "tower" lets an int stand for a float, as every type checker does.
BEARTYPE = "beartype.beartype(conf=beartype.BeartypeConf(is_pep484_tower=True))"
jaxtyping.install_import_hook(["latentia", "spindle"], BEARTYPE)

ROOT = Path(__file__).resolve().parents[1]

# Repeatable by default, so that a failure is the change's and not the day's. A search for new counterexamples:
# HYPOTHESIS_PROFILE=explore.
hypothesis.settings.register_profile("repeatable", deadline=None, derandomize=True, database=None, print_blob=True)
hypothesis.settings.register_profile("explore", deadline=None, max_examples=1000, print_blob=True)
hypothesis.settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "repeatable"))


def data_folder() -> Path:
    """Where the real data are, or would be."""
    return Path(os.environ.get("LATENTIA_DATA") or ROOT.parent / "shared" / "data").resolve()


def data_required() -> bool:
    """Whether a test that lacks its data counts as failed."""
    return os.environ.get("LATENTIA_REQUIRE_DATA", "") not in ("", "0")


@pytest.fixture
def real_data(request: pytest.FixtureRequest) -> Path:
    """The folder of real data; the test is skipped where it is missing."""
    if request.node.get_closest_marker("real_data") is None:
        pytest.fail("A test that uses the fixture real_data also carries the marker: @pytest.mark.real_data")
    folder = data_folder()
    if not folder.is_dir():
        pytest.skip(f"needs the real data: {folder} is not there (set LATENTIA_DATA)")
    return folder


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Iterator[None]:
    """Turn the skip of a test that needs real data into a failure where the data must be."""
    report: Any = yield
    if report.skipped and data_required() and item.get_closest_marker("real_data"):
        report.outcome = "failed"
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longrepr
        report.longrepr = f"LATENTIA_REQUIRE_DATA is set, but this test was skipped: {reason}"
    return report


@pytest.fixture(autouse=True)
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """Refuse every connection that leaves the machine."""
    connect = socket.socket.connect

    def connect_at_home(self: socket.socket, address: Any) -> None:
        # AF_UNIX addresses are paths; internet addresses are tuples that start with the host.
        host = address[0] if isinstance(address, tuple) else "localhost"
        if host not in ("localhost", "::1") and not str(host).startswith("127."):
            pytest.fail(f"A test tried to reach {host}; tests use no network.")
        connect(self, address)

    monkeypatch.setattr(socket.socket, "connect", connect_at_home)
