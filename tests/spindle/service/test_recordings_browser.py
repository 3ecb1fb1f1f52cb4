"""The pages of recordings and jobs in a real browser: uploads, what is wrong with them, channels, scoring, deleting."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from tests.spindle.service.browsing import needs_chromium
from tests.spindle.service.conftest import PASSWORD
from tests.spindle.service.recording_files import edf_bytes, nothing_left

from spindle.service.context import Context
from spindle.service.jobs import Standing
from spindle.service.tables import Job, JobKind, JobLine, JobState

pytestmark = needs_chromium

REFUSED = "422"
"""A browser says in its console that a request was refused, as here a file that is none."""


@pytest.fixture
def page(ann: TestClient, base: str, browser: Any) -> Any:
    """The list of recordings, empty, as its owner sees it."""
    browser.goto(f"{base}/sign-in")
    browser.fill("[name=name]", "ann")
    browser.fill("[name=password]", PASSWORD)
    browser.click("button[type=submit]")
    browser.locator("#drop").wait_for()
    browser.wait_for_selector("body[data-ready=true]")
    return browser


@pytest.fixture
def file(tmp_path: Path) -> Callable[..., Path]:
    """Make a file to choose: `file("mouse.edf")`."""

    def make(name: str, content: bytes | None = None, **more: Any) -> Path:
        path = tmp_path / name
        path.write_bytes(edf_bytes(tmp_path, **more) if content is None else content)
        return path

    return make


def rows(page: Any) -> Any:
    return page.locator("#recordings tbody tr")


def fits(page: Any) -> bool:
    return bool(page.evaluate("document.documentElement.scrollWidth <= innerWidth"))


@pytest.mark.parametrize("browser", [1280, 390], indirect=True)
def test_files_are_uploaded_at_once_and_what_is_wrong_with_one_stands_beside_it(
    page: Any, file: Callable[..., Path]
) -> None:
    good = [file(f"mouse{number}.edf", seed=number) for number in range(3)]
    page.set_input_files("#files", [*good, file("notes.txt", b"no recording")])
    rows(page).nth(2).wait_for()
    wrong = page.locator("#uploads li[data-state=failed]")
    wrong.wait_for()
    assert "notes.txt is not an EDF or BDF file" in wrong.inner_text()
    assert {name.strip() for name in page.locator("a.name").all_inner_texts()} == {one.name for one in good}
    assert page.locator("#uploads li").count() == 1
    assert fits(page)
    assert all(REFUSED in said for said in page.problems)


def test_an_upload_goes_on_when_the_page_was_closed_and_the_file_is_chosen_again(
    page: Any, file: Callable[..., Path]
) -> None:
    large = file("day.edf", s=16_000)
    assert large.stat().st_size > 8 * 2**20
    # The second piece waits until the page has gone.
    page.evaluate(
        "() => { const send = XMLHttpRequest.prototype.send; let pieces = 0; XMLHttpRequest.prototype.send ="
        " function (body) { if (body instanceof Blob && ++pieces > 1) return; send.call(this, body); }; }"
    )
    page.on("dialog", lambda dialog: dialog.accept())
    with page.expect_response(lambda answer: answer.request.method == "PATCH"):
        page.set_input_files("#files", large)
    page.reload()
    page.get_by_text("choose the same file again").wait_for()
    offsets: list[int] = []
    page.on("request", lambda one: offsets.append(one.headers.get("upload-offset")) if one.method == "PATCH" else None)
    page.set_input_files("#files", large)
    rows(page).first.wait_for()
    assert offsets == [str(8 * 2**20)]
    assert page.problems == []


def test_an_upload_is_paused_goes_on_and_is_cancelled(context: Context, page: Any, file: Callable[..., Path]) -> None:
    held: list[Any] = []
    hold = True

    def pass_on(route: Any) -> None:
        if hold and route.request.method == "PATCH":
            held.append(route)
        else:
            route.continue_()

    page.route("**/uploads/*", pass_on)
    page.set_input_files("#files", [file("one.edf", seed=1), file("two.edf", seed=2)])
    page.get_by_role("button", name="Pause: one.edf").click()
    page.get_by_role("button", name="Cancel: two.edf").click()
    page.locator("#uploads li").nth(1).wait_for(state="detached")
    assert "paused" in page.locator("#uploads").inner_text()
    hold = False
    page.get_by_role("button", name="Go on: one.edf").click()
    rows(page).first.wait_for()
    assert page.locator("a.name").all_inner_texts() == ["one.edf"]
    assert page.problems == []


def test_channels_are_chosen_before_scoring_and_everything_is_deleted(
    context: Context, page: Any, file: Callable[..., Path]
) -> None:
    page.set_input_files("#files", file("unnamed.edf", labels=("A", "B", "C")))
    page.get_by_role("link", name="choose channels").click()
    page.locator("#choice-problem").wait_for()
    assert page.locator("#score [type=submit]").is_disabled()
    for name, role in (("A", "EEG"), ("B", "EEG")):
        page.get_by_label(f"{name} is scored as").select_option(role)
    page.click("#save-channels")
    assert "one or two EEGs and one EMG" in page.locator("#problem").inner_text()
    page.get_by_label("C is scored as").select_option("EMG")
    page.click("#save-channels")
    page.locator("#choice-problem").wait_for(state="hidden")
    page.click("#score [type=submit]")
    page.locator(".job .state.queued").wait_for()
    page.focus("#delete")
    page.keyboard.press("Enter")
    page.locator("#delete-dialog").wait_for()
    page.keyboard.press("Escape")
    page.locator("#delete-dialog").wait_for(state="hidden")
    page.click("#delete")
    page.click("#delete-now")
    page.locator("#none").wait_for()
    assert nothing_left(context) or not page.locator("a.name").count()
    assert page.problems == []


@pytest.mark.parametrize("browser", [1280, 390], indirect=True)
def test_a_job_shows_how_far_it_is_what_it_said_and_is_stopped(
    context: Context, ann: Any, base: str, page: Any
) -> None:
    job = context.jobs.submit(ann.account_id, JobKind.SCORE, title="Score mouse07.edf", request={})
    begun = context.jobs.begin(job.id)
    page.goto(f"{base}/jobs")
    page.locator(".job .state.running").wait_for()
    with context.database.writing() as session:
        found = session.get_one(Job, job.id)
        found.share, found.doing = 0.4, "Finding artifacts"
        session.add(JobLine(job_id=job.id, text="Took 'EEG1' as EEG."))
    page.get_by_text("Finding artifacts, 40 %").wait_for()
    page.get_by_text("Log", exact=True).click()
    page.get_by_text("Took 'EEG1' as EEG.").wait_for()
    page.get_by_role("button", name="Cancel").click()
    while context.jobs.standing(begun) is not Standing.CANCEL:
        page.wait_for_timeout(50)
    context.jobs.finish(begun, JobState.CANCELLED)
    page.locator(".job .state.cancelled").wait_for()
    assert fits(page)
    assert page.problems == []


@pytest.mark.parametrize(("path", "followed"), [("/", "#recordings tbody tr"), ("/jobs", "article.job")])
def test_what_was_deleted_elsewhere_leaves_the_page_that_follows_it(
    ann: TestClient, base: str, page: Any, tmp_path: Path, path: str, followed: str
) -> None:
    made = ann.put("/api/v1/recordings", params={"name": "mouse.edf"}, content=edf_bytes(tmp_path)).json()
    assert ann.post(f"/api/v1/recordings/{made['id']}/score", json={}).status_code == 202
    page.goto(f"{base}{path}")
    page.locator(followed).wait_for()
    assert ann.delete(f"/api/v1/recordings/{made['id']}").status_code == 204
    page.locator(followed).wait_for(state="detached")
    assert not page.locator("#problem").is_visible()
