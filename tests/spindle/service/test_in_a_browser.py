"""The whole service, started by its one command and used in a real browser, from the first account to the figures."""

from __future__ import annotations

import csv
import zipfile
from pathlib import Path
from typing import Any

import pytest

import spindle

from .browsing import needs_chromium
from .conftest import PASSWORD
from .serving import Served

PATIENCE_MS = 240_000

pytestmark = needs_chromium


@pytest.fixture
def page(browser: Any) -> Any:
    """A browser's window that waits for jobs."""
    browser.set_default_timeout(PATIENCE_MS)
    return browser


def ready(page: Any) -> None:
    page.wait_for_selector("body[data-ready=true]", state="attached")


def until(page: Any, expression: str) -> None:
    """Wait until the page says so. Playwright's own way evaluates text in the page, which its policy forbids."""
    for _ in range(PATIENCE_MS // 100):
        if page.evaluate(expression):
            return
        page.wait_for_timeout(100)
    raise AssertionError(f"it never came to this: {expression}")


def saved(page: Any, click: str, folder: Path) -> Path:
    """Click on what is downloaded, and return the file."""
    with page.expect_download() as started:
        page.click(click)
    target = folder / started.value.suggested_filename
    started.value.save_as(target)
    return target


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def make_the_first_account(page: Any, served: Served) -> None:
    page.goto(served.link)
    page.fill("[name=name]", "ann")
    page.fill("[name=password]", PASSWORD)
    page.click("button[type=submit]")
    page.wait_for_url(f"{served.address}/")
    ready(page)


def test_a_laboratory_goes_from_its_first_account_to_the_figures_of_a_cohort(
    page: Any, served: Served, tmp_path: Path
) -> None:
    recordings = [tmp_path / f"{name}.edf" for name in ("control", "mutant")]
    for seed, path in enumerate(recordings):
        spindle.simulate(path, hours=0.6, seed=seed)
    make_the_first_account(page, served)

    # Two recordings at once, and their scoring.
    page.set_input_files("#files", [str(path) for path in recordings])
    for path in recordings:
        page.wait_for_selector(f"#recordings >> text={path.name}")
    page.click("#score-all")
    until(page, "document.querySelectorAll('#recordings a[href^=\"/scorings/\"]').length >= 2")

    # The scoring's page: the threshold, a correction, and what is downloaded of them.
    page.click("#recordings a[href^='/scorings/'] >> nth=0")
    ready(page)
    before = rows_of(saved(page, "a[data-kind='scores.csv']", tmp_path))
    assert len(before) == 540
    page.fill("#threshold-number", "0.01")
    page.press("#threshold-number", "Enter")
    box = page.locator(".hypnogram .cover").bounding_box()
    page.mouse.click(box["x"] + box["width"] / 2, box["y"] + 20)
    epoch = page.evaluate("spindlePage.selection().first")
    other = "rem" if before[epoch]["stage"] == "nrem" else "nrem"
    page.keyboard.press(other[0])
    until(page, "spindlePage.isIdle()")
    page.wait_for_timeout(1500)
    after = rows_of(saved(page, "a[data-kind='scores.csv']", tmp_path))
    assert after[epoch]["stage"] == other
    assert [row["stage"] for row in after if int(row["epoch"]) != epoch] == [
        row["stage"] for row in before if int(row["epoch"]) != epoch
    ]
    assert [row["artifact"] for row in after] == [str(int(float(row["p_artifact"]) > 0.01)) for row in before]
    page.select_option("#version", "original")
    original = rows_of(saved(page, "a[data-kind='scores.csv']", tmp_path))
    assert original[epoch]["stage"] == before[epoch]["stage"]

    # A cohort of both, its figure and all of it in one file.
    page.goto(f"{served.address}/cohorts")
    ready(page)
    page.fill("#new-cohort [name=name]", "first cohort")
    page.click("#new-cohort button")
    page.wait_for_url(f"{served.address}/cohorts/*")
    ready(page)
    page.fill("#all-lights", "07:00")
    page.click("#add-all")
    for place, group in enumerate(("control", "mutant")):
        page.locator("#rows tbody tr").nth(place).locator("input").first.fill(group)
        page.locator("#rows tbody tr").nth(place).locator("input").first.press("Tab")
    page.click("#analyze")
    page.wait_for_selector("#figures img")
    until(page, "[...document.images].every((one) => !one.complete || one.naturalWidth > 0)")
    archive = zipfile.ZipFile(saved(page, "#archive", tmp_path))
    assert "analysis.html" in archive.namelist()
    assert any(name.startswith("figures/") and name.endswith(".png") for name in archive.namelist())
    assert page.problems == []


@pytest.mark.parametrize("width", [1280, 390])
def test_every_page_fits_its_window_and_complains_of_nothing(page: Any, served: Served, width: int) -> None:
    make_the_first_account(page, served)
    page.set_viewport_size({"width": width, "height": 900})
    for path in ("/", "/cohorts", "/models", "/jobs", "/account", "/administration"):
        page.goto(f"{served.address}{path}")
        ready(page)
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), path
        unnamed = page.evaluate(
            "[...document.querySelectorAll('button, a, input:not([type=hidden]), select')].filter((one) =>"
            " one.offsetParent && !(one.innerText || one.ariaLabel || one.labels?.length || one.title)).length"
        )
        assert unnamed == 0, path
    assert page.problems == []


def test_everything_can_be_reached_with_the_keyboard(page: Any, served: Served) -> None:
    page.goto(served.link)
    page.keyboard.type("ann")  # the first field has the keyboard already
    page.keyboard.press("Tab")
    page.keyboard.type(PASSWORD)
    page.keyboard.press("Enter")
    page.wait_for_url(f"{served.address}/")
    ready(page)
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    reached = set()
    for _ in range(25):
        page.keyboard.press("Tab")
        reached.add(page.evaluate("document.activeElement.innerText || document.activeElement.id"))
    assert {"Cohorts", "Models", "Jobs", "Sign out", "Choose files", "search"} <= reached
    assert page.problems == []
