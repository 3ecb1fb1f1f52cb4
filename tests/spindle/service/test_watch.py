"""What the operator sees: few counters, whatever strangers ask for."""

from __future__ import annotations

import pytest
from fastapi.testclient import TestClient

from spindle.service.context import Context


@pytest.fixture
def counted(context: Context, nobody: TestClient) -> TestClient:
    """A program that has counted what it counts anyway."""
    nobody.get("/static/app.css")
    nobody.get("/api/v1/recordings/some")
    return nobody


def lines(client: TestClient) -> int:
    return len([line for line in client.get("/metrics").text.splitlines() if line.startswith("spindle_request")])


@pytest.mark.parametrize("path", ["/static/none{}", "/static/bokeh/none{}", "/none{}", "/api/v1/recordings/{}"])
def test_a_stranger_cannot_fill_the_memory_with_addresses(counted: TestClient, path: str) -> None:
    counted.get(path.format(0))
    lines(counted)
    before = lines(counted)
    for place in range(1, 20):
        counted.get(path.format(place))
    assert lines(counted) == before


def test_a_stranger_cannot_fill_the_memory_with_methods(counted: TestClient) -> None:
    counted.request("ODD", "/api/v1/me")
    lines(counted)
    before = lines(counted)
    for place in range(20):
        counted.request(f"ODD{place}", "/api/v1/me")
    assert lines(counted) == before


def test_routes_are_named_without_what_was_filled_in(counted: TestClient) -> None:
    counted.get("/api/v1/recordings/a")
    assert 'route="/api/v1/recordings/{recording_id}"' in counted.get("/metrics").text
    assert "{recording_id}pi" not in counted.get("/metrics").text
