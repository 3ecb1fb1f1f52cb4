"""Rules that every source file keeps: no code from strings, no pickle, a size that a reader holds in mind."""

from __future__ import annotations

import ast
from typing import Any

MAX_LINES = 400
MAX_FUNCTION_LINES = 60
MAX_PARAMETERS = 10
# Commands as functions: a parameter for each option of the command line (tests/spindle/test_cli.py compares them).
COMMANDS = {"spindle.scoring.score", "spindle.api.train", "spindle.api.evaluate"}


def called(tree: ast.AST) -> set[str]:
    """Names of everything called, `a.b()` as `a.b`."""
    return {ast.unparse(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)}


def functions(tree: ast.AST) -> list[ast.FunctionDef | ast.AsyncFunctionDef]:
    return [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]


def is_kernel(function: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    """Kernels take pointers and sizes one by one: no record can hold them."""
    return any(ast.unparse(decorator) == "triton.jit" for decorator in function.decorator_list)


def test_no_text_is_run_as_code(sources: list[Any]) -> None:
    wrong = [(source.name, sorted(called(source.tree) & {"eval", "exec", "compile"})) for source in sources]
    assert not [row for row in wrong if row[1]]


def test_no_loader_may_run_code_from_a_file(sources: list[Any]) -> None:
    """torch.load, and numpy with allow_pickle, execute what a stranger wrote."""
    loads = [source.name for source in sources if "torch.load" in called(source.tree)]
    pickles = [
        f"{source.name}:{node.lineno}"
        for source in sources
        for node in ast.walk(source.tree)
        if isinstance(node, ast.keyword) and node.arg == "allow_pickle" and ast.unparse(node.value) != "False"
    ]
    assert not loads
    assert not pickles


def test_library_code_prints_nothing(sources: list[Any]) -> None:
    wrong = [source.name for source in sources if "print" in called(source.tree) and not source.name.endswith("cli")]
    assert not wrong


def test_no_module_is_longer_than_a_reader_holds_in_mind(sources: list[Any]) -> None:
    lengths = {source.name: len(source.path.read_text(encoding="utf-8").splitlines()) for source in sources}
    assert not {name: lines for name, lines in lengths.items() if lines > MAX_LINES}


def test_no_function_is_longer_than_a_screen_or_takes_too_much(sources: list[Any]) -> None:
    wrong = []
    for source in sources:
        for function in functions(source.tree):
            lines = (function.end_lineno or function.lineno) - function.lineno + 1
            parameters = len(function.args.args) + len(function.args.kwonlyargs)
            free = is_kernel(function) or f"{source.name}.{function.name}" in COMMANDS
            if lines > MAX_FUNCTION_LINES or (parameters > MAX_PARAMETERS and not free):
                wrong.append(f"{source.name}.{function.name}: {lines} lines, {parameters} parameters")
    assert not wrong


def test_every_module_says_what_it_is_for(sources: list[Any]) -> None:
    assert not [source.name for source in sources if not ast.get_docstring(source.tree)]


def test_no_exception_is_swallowed_unnamed(sources: list[Any]) -> None:
    """A bare `except`, or `except Exception` that does not raise again, hides defects."""
    wrong = [
        f"{source.name}:{node.lineno}"
        for source in sources
        for node in ast.walk(source.tree)
        if isinstance(node, ast.ExceptHandler)
        and (node.type is None or ast.unparse(node.type) in ("Exception", "BaseException"))
        and not any(isinstance(inner, ast.Raise) for inner in ast.walk(node))
    ]
    assert not wrong
