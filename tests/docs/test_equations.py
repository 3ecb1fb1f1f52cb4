"""Every equation that the project claims has one home, and docs/equations.md says so."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

Tools = Callable[[str], ModuleType]


@pytest.fixture(scope="module")
def tool(tools: Tools) -> ModuleType:
    return tools("equations")


def test_every_claimed_equation_has_one_home_and_the_page_is_current(
    tool: ModuleType, capsys: pytest.CaptureFixture[str]
) -> None:
    assert tool.main(["--check"]) == 0, capsys.readouterr().err


def test_tags_are_found_in_modules_classes_methods_and_functions(tool: ModuleType, tmp_path: Path) -> None:
    package = tmp_path / "package"
    package.mkdir()
    (package / "__init__.py").write_text('"""All.\n\nEquation: A 1.1\n"""\n', encoding="utf-8")
    (package / "part.py").write_text(
        'class Law:\n    """It.\n\n    Equation: A 1.2\n    """\n\n'
        '    def holds(self):\n        """It holds.\n\n        Equation: B 2.1\n        Equation: B 2.2\n        """\n'
        'def plain():\n    """See Equation: A 9.9 in a sentence."""\n',
        encoding="utf-8",
    )
    assert tool.find_homes(tmp_path) == {
        "A 1.1": ["package"],
        "A 1.2": ["package.part.Law"],
        "B 2.1": ["package.part.Law.holds"],
        "B 2.2": ["package.part.Law.holds"],
    }


def test_a_missing_a_double_and_an_unlisted_equation_are_each_named(tool: ModuleType) -> None:
    listed = [tool.Equation(name=name, says="…") for name in ("A 1.1", "A 1.2", "A 1.3")]
    problems = tool.find_problems(listed, {"A 1.1": ["here"], "A 1.2": ["here", "there"], "B 7.7": ["elsewhere"]})
    assert len(problems) == 3
    assert "A 1.2 has 2 homes: here, there" in problems[0]
    assert "A 1.3 has no home" in problems[1]
    assert "elsewhere" in problems[2] and "B 7.7" in problems[2]
