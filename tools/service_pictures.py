"""Draw the pictures of the web service in the documentation: its pages, as a laboratory sees them.

    python tools/service_pictures.py [--hours 24] [--out docs/images]

Starts a service of its own in a temporary folder, simulates animals, uploads and scores them, compares them, and
photographs each page at 1280 and 390 pixels with the system's Chromium.
"""

from __future__ import annotations

import argparse
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from playwright.sync_api import Page, sync_playwright

import spindle

FLAGS = ["--no-sandbox", "--disable-quic", "--disable-background-networking"]
PASSWORD = "a password for pictures"
GROUPS = ("wild type", "wild type", "knockout", "knockout")
LONGEST_S = 1800


def start(folder: Path) -> tuple[subprocess.Popen[str], str]:
    """Start the service; return it and the link of the first account."""
    program = subprocess.Popen(
        [sys.executable, "-u", "-m", "spindle", "serve", "--port", "0", "--data", str(folder)],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert program.stdout is not None
    for line in program.stdout:
        if found := re.search(r"http://\S+/welcome/\S+", line):
            return program, found.group()
    raise SystemExit("The service did not start.")


def until(page: Page, expression: str) -> None:
    """Wait until the page says so."""
    end = time.monotonic() + LONGEST_S
    while not page.evaluate(expression):
        if time.monotonic() > end:
            raise SystemExit(f"It never came to this: {expression}")
        page.wait_for_timeout(300)


class Camera:
    """Opens pages and photographs them, wide and narrow."""

    def __init__(self, page: Page, base: str, out: Path) -> None:
        self.page, self.base, self.out = page, base, out

    def go(self, path: str) -> None:
        """Open a page and wait until it shows what it has."""
        self.page.goto(f"{self.base}{path}")
        self.page.wait_for_selector("body[data-ready=true]", state="attached")
        self.page.wait_for_timeout(800)

    def take(self, name: str, path: str | None = None, *, height: int = 900, before: str = "") -> None:
        """Photograph a page at both widths; `before` is what to do in it first."""
        for width, suffix in ((1280, ""), (390, "-narrow")):
            self.page.set_viewport_size({"width": width, "height": height if width == 1280 else 844})
            if path is not None:
                self.go(path)
            if before:
                self.page.evaluate(before)
                self.page.wait_for_timeout(1200)
            self.page.screenshot(path=self.out / f"service-{name}{suffix}.png")
        self.page.set_viewport_size({"width": 1280, "height": height})


def first_steps(camera: Camera, link: str, files: list[Path]) -> None:
    """Make the account, upload and score."""
    page = camera.page
    for _ in range(100):
        try:
            page.goto(link)
            break
        except Exception as error:
            if "ERR_CONNECTION_REFUSED" not in str(error):
                raise
            time.sleep(0.3)
    camera.take("welcome", height=600)
    page.fill("[name=name]", "ann")
    page.fill("[name=password]", PASSWORD)
    page.click("button[type=submit]")
    page.wait_for_url(f"{camera.base}/")
    page.wait_for_selector("body[data-ready=true]", state="attached")
    page.set_input_files("#files", [str(path) for path in files])
    for path in files:
        page.wait_for_selector(f"#recordings >> text={path.name}")
    page.click("#score-all")
    page.wait_for_timeout(12_000)
    camera.take("recordings", "/", height=720)
    camera.take("jobs", "/jobs", height=720)
    camera.go("/")
    until(page, f"document.querySelectorAll('#recordings a[href^=\"/scorings/\"]').length >= {len(files)}")


def scoring_pages(camera: Camera) -> None:
    """Photograph a scoring, whole and near."""
    page = camera.page
    link: Any = page.locator("#recordings a[href^='/scorings/'] >> nth=0").get_attribute("href")
    camera.take("scoring", link, height=1250)
    page.set_viewport_size({"width": 1280, "height": 1250})
    camera.go(link)
    box: Any = page.locator(".hypnogram .cover").bounding_box()
    page.mouse.click(box["x"] + box["width"] * 0.4, box["y"] + 20)
    page.click("[data-seconds='60']")
    page.keyboard.press("w")
    page.wait_for_timeout(2000)
    page.screenshot(path=camera.out / "service-correction.png")


def cohort_pages(camera: Camera) -> None:
    """Make a cohort, analyse it and photograph it."""
    page = camera.page
    camera.go("/cohorts")
    page.fill("#new-cohort [name=name]", "knockout and wild type")
    page.click("#new-cohort button")
    page.wait_for_url(f"{camera.base}/cohorts/*")
    page.wait_for_selector("body[data-ready=true]", state="attached")
    page.fill("#all-lights", "08:00")
    page.click("#add-all")
    for row in range(page.locator("#rows tbody tr").count()):
        name: Any = page.locator("#rows tbody tr").nth(row).locator("a").inner_text()
        group = page.locator("#rows tbody tr").nth(row).locator("input").first
        group.fill(GROUPS[int(name.rpartition("_")[2]) - 1])
        group.press("Tab")
    page.click("#analyze")
    page.wait_for_selector("#figures img", timeout=LONGEST_S * 1000)
    path = page.url.removeprefix(camera.base)
    show = "for (const one of document.images) one.loading = 'eager'"
    camera.take("cohort", path, height=1700, before=show)


def main() -> None:
    """Take all pictures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--hours", type=float, default=24.0)
    parser.add_argument("--out", type=Path, default=Path(__file__).parents[1] / "docs" / "images")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        files = [folder / f"mouse_{number}.edf" for number in range(1, len(GROUPS) + 1)]
        for seed, path in enumerate(files):
            spindle.simulate(path, hours=options.hours, seed=seed)
        program, link = start(folder / "data")
        try:
            with sync_playwright() as play:
                chromium = play.chromium.launch(executable_path=shutil.which("chromium"), args=FLAGS)
                page = chromium.new_page(viewport={"width": 1280, "height": 900})
                page.set_default_timeout(120_000)
                camera = Camera(page, link.partition("/welcome/")[0], options.out)
                first_steps(camera, link, files)
                scoring_pages(camera)
                recording: Any = None
                camera.go("/")
                recording = page.locator("#recordings a[href^='/recordings/'] >> nth=0").get_attribute("href")
                camera.take("recording", recording, height=1000)
                cohort_pages(camera)
                camera.take("models", "/models", height=1100)
                camera.take("account", "/account", height=720)
                camera.take("administration", "/administration", height=720)
                chromium.close()
        finally:
            program.send_signal(signal.SIGTERM)
            program.wait(60)


if __name__ == "__main__":
    main()
