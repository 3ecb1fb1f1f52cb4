from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest
import torch

from latentia.training import run_record, source_version, write_record

needs_git = pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")


def git(folder: Path, *arguments: str) -> str:
    identity = ["-c", "user.name=Test", "-c", "user.email=test@example.org"]
    done = subprocess.run(["git", *identity, *arguments], cwd=folder, capture_output=True, text=True, check=True)
    return done.stdout.strip()


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    git(tmp_path, "init", "-q")
    (tmp_path / "code.py").write_text("x = 1\n")
    git(tmp_path, "add", "code.py")
    git(tmp_path, "commit", "-q", "-m", "Begin")
    return tmp_path


@needs_git
def test_the_version_of_tracked_code_is_its_commit(repository: Path) -> None:
    assert source_version(repository / "code.py") == git(repository, "rev-parse", "HEAD")


@needs_git
def test_changes_since_the_commit_are_said(repository: Path) -> None:
    (repository / "code.py").write_text("x = 2\n")
    assert source_version(repository / "code.py") == git(repository, "rev-parse", "HEAD") + "+changes"


@needs_git
def test_a_package_inside_another_projects_repository_does_not_take_its_commit(repository: Path) -> None:
    installed = repository / "venv" / "package.py"
    installed.parent.mkdir()
    installed.write_text("y = 1\n")
    assert source_version(installed).startswith("latentia ")


def test_the_version_of_code_outside_any_repository_is_the_packages(tmp_path: Path) -> None:
    assert source_version(tmp_path / "code.py").startswith("latentia ")


def test_a_record_holds_config_seed_data_source_and_machine(tmp_path: Path) -> None:
    record = run_record(config={"batch": 100}, seed=3, data={"mnist": "ab12"}, source=Path(__file__))
    write_record(record, tmp_path / "record.json")
    back = json.loads((tmp_path / "record.json").read_text(encoding="utf-8"))

    assert back == record
    assert (back["config"], back["seed"], back["data_sha256"]) == ({"batch": 100}, 3, {"mnist": "ab12"})
    assert back["source"] and back["started"].endswith("+00:00")
    assert back["hardware"]["threads"] == torch.get_num_threads()
    assert back["libraries"]["torch"].startswith("2.")
