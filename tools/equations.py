"""Write docs/equations.md: which numbered equation of the theses lives where in the code.

    python tools/equations.py           write the page
    python tools/equations.py --check   say what is wrong, and fail, without writing

The list of equations is docs/equations.toml; the homes are docstring lines of the form `Equation: A 5.1`. The code
is parsed, never imported, so this takes no time.
"""

from __future__ import annotations

import argparse
import ast
import re
import sys
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
TAG = re.compile(r"^\s*Equation: (.*?)\s*$", re.MULTILINE)
Documented = ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef

HEAD = """\
<!-- Written by `make equations`. Change docs/equations.toml or the docstrings instead. -->

# Equations

Every numbered equation of the theses that this version implements, and its one home in the code.
Thesis A is Miladinović 2021, thesis B is Zakovskis 2024.

| equation | what it says | home |
|---|---|---|
"""


@dataclass(frozen=True, kw_only=True)
class Equation:
    """A numbered equation that the project claims to implement."""

    name: str
    """Thesis and number, as tags spell them: "A 5.1"."""
    says: str


def read_list(path: Path) -> list[Equation]:
    """Read the claimed equations, in the order of the file."""
    rows = tomllib.loads(path.read_text(encoding="utf-8"))["equation"]
    return [Equation(name=f"{row['thesis']} {row['number']}", says=row["says"]) for row in rows]


def find_homes(source: Path) -> dict[str, list[str]]:
    """Map each tag found under `source` to the dotted names of the objects that carry it."""
    homes: dict[str, list[str]] = {}
    for path in sorted(source.rglob("*.py")):
        parts = path.relative_to(source).with_suffix("").parts
        module = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
        for name, node in _documented(ast.parse(path.read_text(encoding="utf-8")), module):
            for tag in TAG.findall(ast.get_docstring(node) or ""):
                homes.setdefault(tag, []).append(name)
    return homes


def _documented(node: Documented, name: str) -> Iterator[tuple[str, Documented]]:
    yield name, node
    for child in node.body:
        if isinstance(child, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            yield from _documented(child, f"{name}.{child.name}")


def find_problems(equations: list[Equation], homes: dict[str, list[str]]) -> list[str]:
    """Say in sentences which equation has no home or two, and which tag names none."""
    problems = []
    for equation in equations:
        found = homes.get(equation.name, [])
        if not found:
            problems.append(f"Equation {equation.name} has no home: no docstring says `Equation: {equation.name}`.")
        if len(found) > 1:
            problems.append(f"Equation {equation.name} has {len(found)} homes: {', '.join(found)}.")
    listed = {equation.name for equation in equations}
    for tag in sorted(set(homes) - listed):
        problems.append(f"{homes[tag][0]} says `Equation: {tag}`, which docs/equations.toml does not list.")
    return problems


def render(equations: list[Equation], homes: dict[str, list[str]]) -> str:
    """Lay out the page as MyST Markdown."""
    rows = [
        f"| {equation.name} | {equation.says} | {', '.join(f'{{py:obj}}`{home}`' for home in homes[equation.name])} |\n"
        for equation in equations
        if equation.name in homes
    ]
    return HEAD + "".join(rows)


def main(arguments: list[str] | None = None) -> int:
    """Write or check the page; 1 when something is wrong."""
    parser = argparse.ArgumentParser(description="Write docs/equations.md from docs/equations.toml and the docstrings.")
    parser.add_argument("--check", action="store_true", help="only say whether the page is complete and current")
    check = parser.parse_args(arguments).check
    equations, homes = read_list(ROOT / "docs" / "equations.toml"), find_homes(ROOT / "src")
    page, text = ROOT / "docs" / "equations.md", render(equations, homes)
    problems = find_problems(equations, homes)
    if not check:
        page.write_text(text, encoding="utf-8")
    elif not page.exists() or page.read_text(encoding="utf-8") != text:
        problems.append("docs/equations.md is stale: run `make equations`.")
    for problem in problems:
        print(problem, file=sys.stderr)
    return int(bool(problems))


if __name__ == "__main__":
    sys.exit(main())
