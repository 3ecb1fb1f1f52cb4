"""The pages of recordings and jobs: who may see them, and that names stay names."""

from __future__ import annotations

from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from tests.spindle.service.recording_files import edf_bytes


@pytest.fixture
def page(ann: TestClient, tmp_path: Path) -> str:
    """The address of a recording's page."""
    named = {"name": "<script>alert(1)</script>.edf"}
    made = ann.put("/api/v1/recordings", params=named, content=edf_bytes(tmp_path)).json()
    ann.patch(f"/api/v1/recordings/{made['id']}", json={"name": '<b>bold & "quoted".edf'})
    return f"/recordings/{made['id']}"


def test_pages_are_for_those_who_have_signed_in(ann: TestClient, nobody: TestClient, page: str) -> None:
    for address in ("/", "/jobs", page):
        assert ann.get(address).status_code == 200
        answer = nobody.get(address)
        assert (answer.status_code, answer.headers["Location"].partition("?")[0]) == (303, "/sign-in")


def test_somebody_elses_recording_has_no_page(bob: TestClient, page: str) -> None:
    assert bob.get(page).status_code == 404


def test_a_name_on_a_page_is_a_name_and_no_part_of_the_page(ann: TestClient, page: str) -> None:
    text = ann.get(page).text
    assert "<b>bold" not in text
    assert "&lt;b&gt;bold &amp; " in text


@pytest.mark.parametrize("address", ["/", "/jobs"])
def test_pages_load_no_script_that_is_not_a_file_of_ours(ann: TestClient, address: str) -> None:
    text = ann.get(address).text
    assert text.count("<script") == text.count('<script type="module" src="/static/')
    assert "onclick" not in text
