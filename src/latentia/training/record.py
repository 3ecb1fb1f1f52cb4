"""The record of a run: what somebody needs to run it again and get the same numbers."""

from __future__ import annotations

import json
import os
import platform
import subprocess
from collections.abc import Mapping
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

import torch

from latentia.files import atomic_path
from latentia.training.processes import process_count

LIBRARIES = ("latentia", "torch", "numpy", "lightning-fabric", "safetensors")


def run_record(*, config: Mapping[str, Any], seed: int, data: Mapping[str, str], source: Path) -> dict[str, Any]:
    """Describe a run: config, seed, data checksums by name, version of the code, hardware, library versions.

    `source` is a file of the code that runs; its commit is looked up where it is tracked by git.
    """
    return {
        "started": datetime.now(UTC).isoformat(timespec="seconds"),
        "config": dict(config),
        "seed": seed,
        "data_sha256": dict(data),
        "source": source_version(source),
        "hardware": hardware(),
        "libraries": {name: _version(name) for name in LIBRARIES},
        "python": platform.python_version(),
    }


def continued(before: Mapping[str, Any], now: Mapping[str, Any]) -> dict[str, Any]:
    """Note in a run's record that it goes on: with which settings, when, and by which code."""
    again = {"at": now["started"], "source": now["source"]}
    return {**before, "config": now["config"], "resumed": [*before.get("resumed", []), again]}


def write_record(record: Mapping[str, Any], path: Path) -> None:
    """Write a record as JSON. Errors: OSError where `path` cannot be written."""
    with atomic_path(path) as temporary:
        temporary.write_text(json.dumps(record, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def source_version(source: Path) -> str:
    """Give the git commit of the code, with "+changes" where files differ from it, else the package's version.

    A package that is installed somewhere inside another project's repository must not get that project's commit:
    git is asked whether it tracks the very file.
    """
    if _git(source.parent, "ls-files", "--error-unmatch", source.name) is None:
        return f"latentia {_version('latentia')}"
    commit = _git(source.parent, "rev-parse", "HEAD")
    changes = _git(source.parent, "status", "--porcelain", "--untracked-files=no")
    return f"{commit}+changes" if changes else str(commit)


def _git(folder: Path, *arguments: str) -> str | None:
    try:
        done = subprocess.run(["git", *arguments], cwd=folder, capture_output=True, text=True, timeout=10, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()


def _version(library: str) -> str:
    try:
        return metadata.version(library)
    except metadata.PackageNotFoundError:
        return "unknown"


def hardware() -> dict[str, Any]:
    """Describe the machine: processor, cores, threads that torch uses in each of how many processes, accelerators."""
    devices = [torch.cuda.get_device_name(index) for index in range(torch.cuda.device_count())]
    return {
        "machine": platform.machine(),
        "system": platform.system(),
        "processor": platform.processor(),
        "cores": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "processes": process_count(),
        "accelerators": devices,
    }
