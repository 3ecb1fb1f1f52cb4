"""The command line as a whole: what it says without a command, how errors end, and that help waits for nothing."""

from __future__ import annotations

import inspect
import os
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

import latentia
from latentia.cli import COMMANDS, main

HEAVY = ("torch", "PIL", "safetensors")


@pytest.mark.parametrize("words", [[], ["--help"], ["-h"]])
def test_without_a_command_the_commands_are_listed(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(words) == 0
    printed = capsys.readouterr().out
    assert printed.startswith("usage: latentia COMMAND") and all(f"  {command} " in printed for command in COMMANDS)


def test_the_version_is_that_of_the_distribution(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"latentia {latentia.__version__}\n"


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help_that_names_its_options(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([command, "--help"]) == 0
    printed = capsys.readouterr().out
    records = inspect.get_annotations(
        import_module(f"latentia.commands.{command.replace('-', '_')}").run, eval_str=True
    )
    fields = [one for kind in records.values() if kind is not int for one in kind.__dataclass_fields__.values()]
    assert printed.startswith(f"usage: latentia {command} ")
    for one in fields:
        assert (
            one.metadata["metavar"] if one.metadata.get("positional") else f"--{one.name.replace('_', '-')}"
        ) in printed


def test_help_shows_a_default_of_0_and_that_0_layers_can_be_kept(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["neighbourhood", "--help"]) == 0
    printed = " ".join(capsys.readouterr().out.split())
    assert "every random number (default: 0)" in printed and "from 0 (default: 0)" in printed
    assert "0 keeps none (default: 1, 2 and 4" in printed


def test_the_help_of_training_lists_the_packaged_configurations(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["train", "--help"]) == 0
    assert "mnist-gaussian-vae" in "".join(capsys.readouterr().out.split())  # help may break lines in names


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["tarin"], "There is no command tarin; did you mean train?"),
        (["train"], "CONFIG must be named; see latentia train --help."),
        (
            ["train", "a.yaml", "--sett", "a=1"],
            "There is no option --sett; did you mean --set? See latentia train --help.",
        ),
        (
            ["train", "nowhere.yaml"],
            "There is no file nowhere.yaml, and no packaged configuration of that name; packaged are b",
        ),
        (["train", "."], ". is a folder; wanted a YAML file, or the name of a packaged configuration."),
        (["evaluate", "r", "--images", "few"], "--images: 'few' is not a whole number; see latentia evaluate --help."),
        (
            ["evaluate", "r", "--split", "exam"],
            "--split: 'exam' is not train or validation or test; see latentia evaluate",
        ),
        (
            ["evaluate", "r", "--neighbours", "-1"],
            "--neighbours must be 0 or more, not -1.",
        ),
        (
            ["sample", "r", "--temperatures", "hot"],
            "--temperatures: 'hot' is not numbers such as 0.7,1; see latentia sample",
        ),
        (
            ["sample", "r", "--temperatures", "0,7"],
            "--temperatures: a temperature is at most 2, not 7; decimals have a decimal point",
        ),
        (["sample", "r", "--batch", "0"], "--batch must be 1 or more, not 0."),
        (["sample", "r", "--seed", "-3"], "--seed must be 0 or more, not -3."),
        (["sample", "r", "--count", "-1"], "--count must be 1 or more, not -1."),
        (["sample", "r", "--split", "test"], "There is no option --split"),
        (["sample", "r", "--device", "abacus"], "--device: 'abacus' is not auto or cpu or cuda or mps; see latentia"),
        (["reconstruct", "r", "--images", "1,x"], "--images: '1,x' is not whole numbers such as 0,1,2; see latentia"),
        (["interpolate", "r", "--images", "1,2,3"], "--images wants pairs of places, first and last; there are 3."),
        (["interpolate", "r", "--images", "0"], "--images wants pairs of places, first and last; there is 1."),
        (["interpolate", "r", "--images", "-1,0"], "r is no folder of a run."),
        (["interpolate", "r", "--images"], "--images needs a value; see latentia interpolate --help."),
        (["interpolate", "r", "--frames", "0"], "--frames must be 1 or more, not 0."),
        (["interpolate", "r", "--layer", "0"], "--layer must be 1 or more, not 0."),
        (["neighbourhood", "r", "--kept-layers", "1,1"], "--kept-layers wants each number once, not 1,1."),
        (["neighbourhood", "r"], "r is no folder of a run."),
    ],
)
def test_a_wrong_word_is_one_sentence_and_exit_code_2(
    words: list[str], said: str, capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(words) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.startswith(f"latentia: {said}") and printed.err.count("\n") == 1
    assert not list(tmp_path.iterdir())


def test_no_help_waits_for_torch() -> None:
    words = [["--help"], *([command, "--help"] for command in COMMANDS)]
    code = (
        f"import sys; from latentia.cli import main; [main(one) for one in {words!r}]; "
        f"print([name for name in {HEAVY} if name in sys.modules])"
    )
    printed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert printed.splitlines()[-1] == "[]"


def test_threads_that_wait_sleep_unless_the_user_says_otherwise(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_WAIT_POLICY", "ACTIVE")
    assert main(["--version"]) == 0
    assert os.environ["OMP_WAIT_POLICY"] == "ACTIVE"
    monkeypatch.delenv("OMP_WAIT_POLICY")
    assert main(["--version"]) == 0
    assert os.environ["OMP_WAIT_POLICY"] == "PASSIVE"
