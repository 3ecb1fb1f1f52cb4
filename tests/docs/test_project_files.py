"""The files around the code agree with each other: versions, dependencies, pins."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest

import latentia

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def project() -> dict[str, Any]:
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def dependencies(project: dict[str, Any]) -> set[str]:
    """Names of all direct dependencies, of every extra, without our own."""
    wanted = [
        *project["dependencies"],
        *(line for extra in project["optional-dependencies"].values() for line in extra),
    ]
    names = {re.split(r"[\[<>=!~; ]", line)[0].lower() for line in wanted}
    return names - {project["name"]}


def test_every_file_names_the_same_version(project: dict[str, Any]) -> None:
    citation = (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    assert re.findall(r"^version: (.*)$", citation, re.MULTILINE) == [project["version"]]
    assert latentia.__version__ == project["version"]


def test_every_dependency_is_pinned_exactly(project: dict[str, Any]) -> None:
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pins = [line for line in lines if line and not line.startswith("#")]
    assert all(re.fullmatch(r"[A-Za-z0-9._-]+==[^ ;]+( ?;.*)?", pin) for pin in pins)
    assert dependencies(project) <= {re.sub("_", "-", pin.split("==")[0]).lower() for pin in pins}


def test_every_dependency_has_a_reason_in_the_docs(project: dict[str, Any]) -> None:
    page = (ROOT / "docs" / "dependencies.md").read_text(encoding="utf-8")
    first_cells = re.findall(r"^\| ([^|]+) \|", page, re.MULTILINE)
    explained = {name.strip().lower() for cell in first_cells for name in cell.split(",")}
    assert dependencies(project) <= explained | {"mne", "tensorboard"}  # these two have a sentence instead of a row


def test_torchvision_and_the_malicious_releases_are_nowhere(project: dict[str, Any]) -> None:
    pins = (ROOT / "constraints.txt").read_text(encoding="utf-8")
    assert not re.search(r"^(torchvision|torchaudio)==", pins, re.MULTILINE)
    assert not re.search(r"^lightning(-fabric)?==2\.6\.[23]$", pins, re.MULTILINE)
    assert not {"torchvision", "torchaudio", "lightning", "pingouin"} & dependencies(project)


def test_every_link_to_a_file_of_the_project_leads_somewhere() -> None:
    pages = [*ROOT.glob("*.md"), *(ROOT / "experiments").rglob("*.md"), *(ROOT / "docs").rglob("*.md")]
    pages = [page for page in pages if not {"generated", "_build"} & set(page.parts)]
    assert len(pages) > 20
    broken = [
        f"{page.relative_to(ROOT)}: {target}"
        for page in pages
        for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8"))
        if not (page.parent / target).exists()
    ]
    assert not broken
