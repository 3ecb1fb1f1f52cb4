"""The command line as a whole: what it says without a command, how errors end, and that help waits for nothing."""

from __future__ import annotations

import inspect
import subprocess
import sys
from dataclasses import Field
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

import spindle
from latentia.command_line.options import name_of
from spindle.cli import COMMANDS, main
from spindle.commands.remote import PROGRAM
from spindle.density import DensityConfig, with_density
from spindle.options import AnalysisOptions, DensityOptions, TrainingOptions
from spindle.training import TrainingConfig

HEAVY = ("torch", "bokeh", "matplotlib", "mne")

# Parameters that are no option: what the command takes by its place, and hooks for programs.
BY_PLACE = {
    "score": {"recording"}, "train": {"recordings", "config"}, "learning-curve": {"recordings", "config"},
    "evaluate": {"scoring", "labels"}, "analyze": {"cohort", "settings"}, "simulate": set(),
    "report": {"recording", "scores"},
}  # fmt: skip
# Programs that a function in Python would not be: they serve, or look after what is served.
WITHOUT_FUNCTION = {"serve", "worker", "backup", "restore", "remote"}
FUNCTIONS = [command for command in COMMANDS if command not in WITHOUT_FUNCTION]
# Every command, those of a command that is a program of its own by two words.
WORDS = [command for command in COMMANDS if command != "remote"] + [f"remote {inner}" for inner in PROGRAM.commands]
SEE = "see spindle score --help."
HOOKS = {"progress"}
# Options that write what a function returns, and those of a density, which in Python comes with the model.
FILES = {
    "score": {
        "out",
        "formats",
        "report",
        "figure",
        "list",
        "workers",
        "cluster",
        "again",
        *DensityOptions.__dataclass_fields__,
    },
    "evaluate": {"json", "csv", "figures", "from_hour", *DensityOptions.__dataclass_fields__},
    "train": {"density"},
}


def help_of(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    assert main([*words, "--help"]) == 0
    return capsys.readouterr().out


def declared(command: str) -> list[Field[Any]]:
    """Every option of a command, from the records that it takes."""
    run = import_module(f"spindle.commands.{command.replace('-', '_').replace(' ', '.')}").run
    records = inspect.get_annotations(run, eval_str=True)
    fields = [
        field for name, kind in records.items() if name != "return" for field in kind.__dataclass_fields__.values()
    ]
    return [field for field in fields if not field.metadata.get("positional")]


def options(command: str) -> dict[str, object]:
    """Every option with its default."""
    return {field.name: field.default for field in declared(command)}


@pytest.mark.parametrize("words", [[], ["--help"], ["-h"]])
def test_without_a_command_the_commands_are_listed(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(words) == 0
    printed = capsys.readouterr().out
    assert all(f"  {command} " in printed for command in COMMANDS)


def test_the_version_is_that_of_the_distribution(capsys: pytest.CaptureFixture[str]) -> None:
    import latentia

    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"spindle {latentia.__version__}\n"


@pytest.mark.parametrize("command", WORDS)
def test_every_command_has_help_that_names_its_options(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    printed = help_of(capsys, *command.split())
    assert printed.startswith(f"usage: spindle {command}")
    assert all(f"--{name_of(field).replace('_', '-')}" in printed for field in declared(command))


@pytest.mark.parametrize("command", FUNCTIONS)
def test_python_and_the_command_line_share_names_and_defaults(command: str) -> None:
    function = getattr(spindle, command.replace("-", "_"))
    flags = {name: value for name, value in options(command).items() if name not in FILES.get(command, set())}
    if command in ("train", "learning-curve"):
        flags = {name: value for name, value in flags.items() if name not in TrainingOptions.__dataclass_fields__}
    if command == "analyze":
        flags = {name: value for name, value in flags.items() if name not in AnalysisOptions.__dataclass_fields__}
    parameters = {
        name: parameter.default
        for name, parameter in inspect.signature(function).parameters.items()
        if name not in BY_PLACE[command] | HOOKS
    }
    as_text = {name: str(value) if isinstance(value, Path) else value for name, value in flags.items()}
    assert parameters == as_text


def test_training_options_are_fields_of_the_training_with_the_same_defaults() -> None:
    known = {name: field.default for name, field in TrainingConfig.__dataclass_fields__.items()}
    flags = {name: field.default for name, field in TrainingOptions.__dataclass_fields__.items()}
    assert flags == {name: known[name] for name in flags}


def test_options_of_a_density_have_the_defaults_that_python_has() -> None:
    parameters = inspect.signature(with_density).parameters
    flags = {name: field.default for name, field in DensityOptions.__dataclass_fields__.items()}
    named = {"density_threshold": "threshold_nats", "density_layers": "layers", "density_samples": "samples"}
    assert {name: flags[name] for name in named} == {name: parameters[one].default for name, one in named.items()}
    shared = ("seed", "passes", "patience", "threads", "accelerator", "precision", "rows")
    usual = TrainingOptions()
    assert all(getattr(DensityConfig(), name) == getattr(usual, name) for name in shared)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["scor"], "There is no command scor; did you mean score?"),
        (["dance"], "There is no command dance; see spindle --help."),
        (["score"], f"RECORDING must be named; {SEE}"),
        (
            ["score", "a.edf", "--emgg", "EMG"],
            "There is no option --emgg; did you mean --emg? See spindle score --help.",
        ),
        (["score", "a.edf", "--eeg"], f"--eeg needs a value; {SEE}"),
        (["score", "a.edf", "--rate-hz", "fast"], f"--rate-hz: 'fast' is not a number; {SEE}"),
        (
            ["score", "a.edf", "--by-position=no"],
            f"--by-position takes no value, and --no-by-position says the opposite; {SEE}",
        ),
        (
            ["score", "a.edf", "--formats", "csv,xml"],
            f"--formats: 'xml' is no format; there are csv, service, edf, bids; {SEE}",
        ),
        (["score", "a.edf", "--artifact-threshold", "7"], "The artifact threshold must lie between 0 and 1, not at 7."),
        (
            ["score", "a.edf", "--density-layers", "3"],
            "The density's options want its file: --density FILE, made by spindle train --density.",
        ),
        (
            ["train", "a.edf", "--density", "small", "--from", "starter", "--batch", "7"],
            "A density starts anew and has a rate and batches of its own; leave out --from, --batch.",
        ),
        (["train", "a.edf", "--rows", "odd"], "--rows: 'odd' is not narrow or wide; see spindle train --help."),
        (["train", "a.edf", "--passes", "2.5"], "--passes: '2.5' is not a whole number; see spindle train --help."),
    ],
)
def test_a_wrong_word_is_one_sentence_and_exit_code_2(
    words: list[str], said: str, capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(words) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err == f"spindle: {said}\n"
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "there is no file"),
        ("eegs: [EEG1]\n", "There is no option eegs; did you mean --eeg"),
        ("artifact_threshold: high\n", "'high' is not a number"),
        ("{][x", "not YAML"),
        ("just words", "not YAML"),
    ],
)
def test_a_settings_file_that_cannot_be_used_is_one_sentence(
    content: str | None, said: str, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    path = tmp_path / "lab.yaml"
    if content is not None:
        path.write_text(content, encoding="utf-8")
    assert main(["score", "a.edf", "--config", str(path)]) == 2
    printed = capsys.readouterr().err
    assert said in printed and printed.count("\n") == 1


def test_an_interruption_is_said_and_has_its_own_exit_code(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupt() -> int:
        raise KeyboardInterrupt

    import spindle.commands.report as command

    monkeypatch.setattr(command, "run", interrupt)
    assert main(["report"]) == 130
    assert capsys.readouterr().err == "spindle: Interrupted.\n"


@pytest.mark.parametrize(
    "error", [PermissionError(13, "Permission denied", "results"), MemoryError(), OSError("strange")]
)
def test_what_the_machine_refuses_is_a_sentence_too(
    error: Exception, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse() -> int:
        raise error

    import spindle.commands.report as command

    monkeypatch.setattr(command, "run", refuse)
    assert main(["report"]) == 2
    said = capsys.readouterr().err
    assert said.startswith("spindle: ") and said.endswith(".\n") and said.count("\n") == 1


def test_a_command_that_is_a_program_lists_its_own_commands(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["remote"]) == 0
    printed = capsys.readouterr().out
    assert printed.startswith("usage: spindle remote COMMAND")
    assert all(f"  {inner} " in printed for inner in PROGRAM.commands)
    assert main(["remote", "uplod"]) == 2
    assert capsys.readouterr().err == "spindle: There is no command uplod; did you mean upload?\n"


@pytest.mark.parametrize("words", [["--help"], *([*command.split(), "--help"] for command in WORDS)])
def test_no_help_waits_for_torch(words: list[str]) -> None:
    code = f"import sys; from spindle.cli import main; main({words!r}); print([n for n in {HEAVY} if n in sys.modules])"
    printed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert printed.splitlines()[-1] == "[]"


def test_the_package_can_be_run_as_a_module() -> None:
    done = subprocess.run([sys.executable, "-m", "spindle", "nonsense"], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr == "spindle: There is no command nonsense; see spindle --help.\n"


def test_the_package_offers_a_function_for_each_command_and_refuses_others() -> None:
    functions = {command.replace("-", "_") for command in FUNCTIONS}
    assert functions <= set(dir(spindle))
    assert all(callable(getattr(spindle, name)) for name in functions)
    with pytest.raises(AttributeError, match="no attribute 'scores_of'"):
        _ = spindle.scores_of


def test_a_name_that_is_no_text_can_still_be_said(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["score", "nobody\udcff.edf"]) == 2
    assert capsys.readouterr().err == "spindle: There is no file nobody\\udcff.edf.\n"
