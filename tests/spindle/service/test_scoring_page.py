"""The page of a scoring in a real browser: what is seen, selected, corrected and moved."""

from __future__ import annotations

from typing import Any

import pytest
from fastapi.testclient import TestClient
from tests.spindle.examples import example_scores

from spindle.service.context import Context
from spindle.service.tables import Scoring

from .browsing import needs_chromium
from .conftest import PASSWORD
from .test_scorings import EPOCHS, keep

pytestmark = needs_chromium


@pytest.fixture
def opened(context: Context, ann: TestClient, base: str, browser: Any) -> Any:
    """The page of ann's scoring, drawn."""
    made = keep(context, ann.account_id, example_scores(EPOCHS))  # type: ignore[attr-defined]
    browser.goto(f"{base}/sign-in?next=/scorings/{made}")
    browser.fill("[name=name]", "ann")
    browser.fill("[name=password]", PASSWORD)
    browser.click("button[type=submit]")
    browser.wait_for_url(f"{base}/scorings/{made}")
    browser.wait_for_selector("body[data-ready=true]")
    browser.scoring = made
    return browser


def asked(page: Any, expression: str) -> Any:
    """Ask the page, when nothing is on its way."""
    page.wait_for_timeout(300)
    while not page.evaluate("spindlePage.isIdle()"):
        page.wait_for_timeout(50)
    return page.evaluate(f"spindlePage.{expression}")


def kept(context: Context, page: Any) -> Scoring:
    with context.database.reading() as session:
        return session.get_one(Scoring, page.scoring)


@pytest.mark.parametrize("browser", [1280, 390], indirect=True)
def test_a_scoring_is_drawn_without_complaint_and_from_here_alone(opened: Any) -> None:
    assert opened.locator("#panels canvas").count() >= 7
    assert opened.locator("#panels h2").all_inner_texts()[-3:] == ["EEG1 in µV", "EEG2 in µV", "EMG in µV"]
    assert opened.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert opened.problems == []


def test_keys_select_correct_undo_and_redo(context: Context, opened: Any) -> None:
    box = opened.locator(".hypnogram .cover").bounding_box()
    opened.mouse.click(box["x"] + box["width"] / 2, box["y"] + 20)
    epoch = asked(opened, "selection()")["first"]
    before = asked(opened, f"stateOf({epoch})")
    other = "rem" if before == "nrem" else "nrem"
    opened.keyboard.press(other[0])
    assert asked(opened, f"stateOf({epoch})") == other
    opened.keyboard.press("ArrowRight")
    opened.keyboard.press("a")
    marked = asked(opened, f"isArtifact({epoch + 1})")
    assert kept(context, opened).revision == 2
    opened.keyboard.press("Control+z")
    assert asked(opened, f"isArtifact({epoch + 1})") != marked
    opened.keyboard.press("Control+z")
    assert asked(opened, f"stateOf({epoch})") == before
    opened.keyboard.press("Control+Shift+Z")
    assert asked(opened, f"stateOf({epoch})") == other
    assert kept(context, opened).revision == 1
    opened.reload()
    opened.wait_for_selector("body[data-ready=true]")
    assert asked(opened, f"stateOf({epoch})") == other
    opened.keyboard.press("Shift+ArrowLeft")
    opened.keyboard.press("?")
    assert opened.locator("#keys").is_visible()
    assert opened.problems == []


def test_a_drag_over_the_hypnogram_selects_and_elsewhere_moves(opened: Any) -> None:
    box = opened.locator(".hypnogram .cover").bounding_box()
    middle, y = box["x"] + box["width"] / 2, box["y"] + 20
    opened.mouse.move(middle, y)
    opened.mouse.down()
    opened.mouse.move(middle + 60, y, steps=4)
    opened.mouse.up()
    selection = asked(opened, "selection()")
    assert selection["last"] > selection["first"]
    opened.click("text=1 min")
    before = asked(opened, "window()")
    assert before[1] - before[0] == 60
    box = opened.locator(".stages .cover").bounding_box()
    opened.mouse.move(middle, box["y"] + 20)
    opened.mouse.down()
    opened.mouse.move(middle - 50, box["y"] + 20, steps=4)
    opened.mouse.up()
    after = asked(opened, "window()")
    assert after[0] > before[0] and after[1] - after[0] == pytest.approx(60)
    opened.mouse.wheel(0, 200)
    wider = asked(opened, "window()")
    assert wider[1] - wider[0] > 60
    opened.mouse.dblclick(middle, box["y"] + 20)
    assert asked(opened, "window()") == [0, EPOCHS * 4]
    assert opened.problems == []


def test_the_threshold_changes_flags_at_once_and_is_kept(context: Context, opened: Any) -> None:
    before = opened.inner_text("#summary")
    opened.fill("#threshold-number", "0.05")
    assert opened.inner_text("#summary") != before
    assert opened.input_value("#threshold") == "0.05"
    opened.wait_for_timeout(600)
    asked(opened, "revision()")
    opened.wait_for_load_state("networkidle")
    assert kept(context, opened).artifact_threshold == 0.05
    with opened.expect_download() as download:
        opened.click("#downloads a[data-kind='scores.csv']")
    assert download.value.suggested_filename == "mouse07_scores.csv"
    assert opened.problems == []
