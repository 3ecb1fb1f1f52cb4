"""The direction of imports (DESIGN: service → spindle → uses → models → objectives, layers, distributions)."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from importlib.metadata import packages_distributions
from typing import Any

import pytest

# A module of the first part never imports one of the second; a part may not exist yet.
FORBIDDEN = [
    ("latentia", "spindle"),
    ("latentia", "experiments"),
    ("spindle", "experiments"),
    ("latentia.models", "latentia.uses"),
    ("latentia.models", "latentia.training"),
    ("latentia.models", "latentia.evaluation"),
    ("latentia.models", "latentia.data"),
    *[
        (low, high)
        for low in ("latentia.objectives", "latentia.layers", "latentia.distributions")
        for high in ("latentia.models", "latentia.uses", "latentia.training", "latentia.evaluation", "latentia.data")
    ],
]


def within(name: str, part: str) -> bool:
    return name == part or name.startswith(f"{part}.")


@pytest.mark.parametrize(("low", "high"), FORBIDDEN)
def test_imports_run_in_one_direction(sources: list[Any], low: str, high: str) -> None:
    wrong = [
        f"{source.name} imports {name}"
        for source in sources
        if within(source.name, low)
        for name in source.imports()
        if within(name, high)
    ]
    assert not wrong


@pytest.mark.parametrize("part", ["latentia.training", "latentia.evaluation", "latentia.uses"])
def test_models_are_known_through_their_base_alone(sources: list[Any], part: str) -> None:
    wrong = [
        f"{source.name} imports {name}"
        for source in sources
        if within(source.name, part)
        for name in source.imports()
        if within(name, "latentia.models") and name != "latentia.models" and not within(name, "latentia.models.base")
    ]
    assert not wrong


@pytest.mark.parametrize(
    ("top", "users"),
    [
        ("spindle.cli", ["spindle.__main__"]),
        ("spindle.commands", ["spindle.cli"]),
        ("spindle.service", ["spindle.commands"]),
        ("spindle.api", ["spindle.commands", "spindle.service"]),
    ],
)
def test_the_method_knows_nothing_of_the_ways_to_call_it(sources: list[Any], top: str, users: list[str]) -> None:
    wrong = [
        f"{source.name} imports {name}"
        for source in sources
        if source.name != "spindle" and not any(within(source.name, one) for one in [top, *users])
        for name in source.imports()
        if within(name, top)
    ]
    assert not wrong


@pytest.mark.parametrize(
    ("library", "home"),
    [
        ("edfio", "spindle.edf"),
        ("mne", "spindle.mne_reader"),
        ("av", "latentia.data.kth"),
        ("h5py", "latentia.data.shapes3d"),
        ("bokeh", "spindle"),
    ],
)
def test_a_library_stays_behind_one_part(sources: list[Any], library: str, home: str) -> None:
    users = {source.name for source in sources if any(within(name, library) for name in source.imports())}
    assert not {name for name in users if not within(name, home)}


@pytest.mark.parametrize("library", ["pickle", "torchaudio", "torchvision", "pyedflib"])
def test_a_library_is_not_used_at_all(sources: list[Any], library: str) -> None:
    assert not [source.name for source in sources if any(within(name, library) for name in source.imports())]


def normal(distribution: str) -> str:
    """A distribution's name as package indices compare it."""
    return re.sub(r"[-_.]+", "-", distribution).lower()


@pytest.mark.parametrize(
    ("package", "extras"),
    [
        ("latentia", ["triton", "cluster", "disentanglement", "hdf5", "segmentation", "text", "video"]),
        ("spindle", ["spindle", "mne", "service"]),
    ],
)
def test_every_imported_library_is_a_declared_dependency(
    sources: list[Any], pytestconfig: pytest.Config, package: str, extras: list[str]
) -> None:
    """What arrives only because something else needs it may be gone tomorrow."""
    project = tomllib.loads((pytestconfig.rootpath / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    lines = [*project["dependencies"], *(line for name in extras for line in project["optional-dependencies"][name])]
    declared = {normal(re.split(r"[\[<>=!~; ]", line)[0]) for line in lines}
    own = [source for source in sources if within(source.name, package)]
    imported = {name.partition(".")[0] for source in own for name in source.imports()}
    foreign = imported - set(sys.stdlib_module_names) - {"latentia", "spindle"}
    origin = packages_distributions()
    assert not {name for name in foreign if not declared & {normal(one) for one in origin.get(name, [name])}}


@pytest.mark.parametrize("package", ["latentia", "spindle"])
def test_importing_a_package_is_quick_because_nothing_heavy_comes_with_it(package: str) -> None:
    """`spindle --help` and a labelling script need no torch; what needs it imports it."""
    code = (
        f"import sys, {package}; print([name for name in ('torch', 'bokeh', 'pandas', 'mne') if name in sys.modules])"
    )
    printed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert printed.strip() == "[]"
