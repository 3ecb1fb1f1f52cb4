"""The source files of both packages, parsed once."""

from __future__ import annotations

import ast
from dataclasses import dataclass
from pathlib import Path

import pytest

PACKAGES = ("latentia", "spindle")


@dataclass(frozen=True, kw_only=True)
class Source:
    """One module: its dotted name, its file and its syntax tree."""

    name: str
    path: Path
    tree: ast.Module

    def imports(self) -> set[str]:
        """Dotted names of everything imported anywhere in the file; `from a import b` gives `a` and `a.b`."""
        found = set()
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Import):
                found |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                base = self._absolute(node)
                found |= {base} | {f"{base}.{alias.name}" for alias in node.names}
        return found

    def _absolute(self, node: ast.ImportFrom) -> str:
        if not node.level:
            return node.module or ""
        package = self.name if self.path.name == "__init__.py" else self.name.rpartition(".")[0]
        parents = package.split(".")[: len(package.split(".")) - node.level + 1]
        return ".".join([*parents, *([node.module] if node.module else [])])


def read_sources(root: Path) -> list[Source]:
    """Parse every Python file under src."""
    sources = []
    for package in PACKAGES:
        for path in sorted((root / "src" / package).rglob("*.py")):
            parts = path.relative_to(root / "src").with_suffix("").parts
            name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
            sources.append(Source(name=name, path=path, tree=ast.parse(path.read_text(encoding="utf-8"))))
    return sources


@pytest.fixture(scope="session")
def sources(pytestconfig: pytest.Config) -> list[Source]:
    """Every module of `latentia` and `spindle`."""
    return read_sources(pytestconfig.rootpath)
