"""What the commands make of a run of sentences or clips: samples, reconstructions, and what lies between two."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.table import Table

from latentia.command_line.screen import emphasised, say, show, starred, title
from latentia.commands.options import ModelOptions, RunOptions
from latentia.commands.results import write_results, write_text

if TYPE_CHECKING:
    from torch import Tensor

    from latentia.runs import SequenceRun
    from latentia.sequences import Sequences
    from latentia.uses import SequenceInterpolation

WORD_TEMPERATURES, FRAME_TEMPERATURES = (0.0, 0.5, 1.0), (0.0, 1.0)
"""Of samples, where nothing is said; frames are drawn with all their noise or with none."""


def write_samples(
    run: SequenceRun, arguments: ModelOptions, count: int, temperatures: Sequence[float], longest: int | None
) -> None:
    """Draw sequences at each temperature, from the same latent vectors; as text, or as strips and arrays."""
    import torch

    from latentia.evaluation.text import lines
    from latentia.uses import draw_strips, sample_sequences

    chosen = tuple(temperatures) or (FRAME_TEMPERATURES if run.vocabulary is None else WORD_TEMPERATURES)
    drawn = {
        temperature: sample_sequences(
            run.model,
            count,
            temperature=temperature,
            longest=longest,
            batch=arguments.batch,
            seed=arguments.seed,
        )
        for temperature in chosen
    }
    if run.vocabulary is None:
        labelled = {f"temperature {temperature:g}": each for temperature, each in drawn.items()}
        arrays = {"clips": torch.stack([each.values for each in drawn.values()]), "temperatures": torch.tensor(chosen)}
        write_results(arguments.folder("samples"), "samples", draw_strips(labelled, _levels(run)), arrays)
        return
    blocks = []
    for temperature, each in drawn.items():
        numbered = [f"{number:>3}  {line}" for number, line in enumerate(lines(each, run.vocabulary), start=1)]
        title(f"temperature {temperature:g}")
        for line in numbered:
            say(line)
        blocks.append("\n".join([f"temperature {temperature:g}", *numbered, ""]))
    write_text(arguments.folder("samples"), "samples", "\n".join(blocks))


def write_reconstructions(run: SequenceRun, arguments: RunOptions, given: Sequences) -> None:
    """Say sequences again without teacher forcing; as a table and as text, or as strips and arrays."""
    from latentia.evaluation.sequences import reconstruct_freely
    from latentia.uses import draw_strips

    said = reconstruct_freely(run.model, given, batch=arguments.batch)
    folder = arguments.folder("reconstructions")
    if run.vocabulary is None:
        picture = draw_strips({"clip": given, "reconstruction": said}, _levels(run))
        arrays = {"originals": given.values, "clips": said.values, "lengths": given.lengths}
        write_results(folder, "reconstructions", picture, arrays)
        error = float((given.values.double() - said.values.double())[given.mask].square().mean())
        say(f"The mean squared error is {error:.4g} squared levels, of {_levels(run)} levels.")
        return
    _write_sentences(run, arguments, given, said)


def _write_sentences(run: SequenceRun, arguments: RunOptions, given: Sequences, said: Sequences) -> None:
    """Table 3.3 of thesis A, with the words of Table 3.2 marked where it is inferred which are kept."""
    from latentia.evaluation.text import lines, word_accuracy
    from latentia.models.recurrent_vae import RecurrentVAEConfig
    from latentia.runs.sequence_subject import in_pairs
    from latentia.uses import keep_probabilities, mark_kept
    from latentia.uses.kept import MARKED

    config = run.configuration.model
    assert run.vocabulary is not None and isinstance(config, RecurrentVAEConfig)
    words = [line.split() for line in lines(given, run.vocabulary)]
    marked = [[False] * len(each) for each in words]
    if config.forcing.infers:
        kept = mark_kept(keep_probabilities(run.model, given, batch=arguments.batch)).tolist()
        marked = [row[: len(each)] for row, each in zip(kept, words, strict=True)]
    answers = lines(said, run.vocabulary)
    table = Table(show_header=False)
    for each, row, answer in zip(words, marked, answers, strict=True):
        table.add_row("sentence", emphasised(each, row))
        table.add_row("reconstruction", answer, end_section=True)
    show([table])
    if config.forcing.infers:
        say(f"Marked are words that the decoder is told with the highest probability, {MARKED:.0%} of all at most.")
    say(f"Of the words, {word_accuracy(given, said):.1%} are said again at their places.")
    text = in_pairs([starred(*pair) for pair in zip(words, marked, strict=True)], answers)
    write_text(arguments.folder("reconstructions"), "reconstructions", text)


def write_interpolation(run: SequenceRun, arguments: RunOptions, ends: Sequences, between: int) -> None:
    """Go from the first sequence of each pair to the last; as text, or as strips and arrays."""
    import torch

    from latentia.uses import draw_strips, interpolate_sequences

    firsts, lasts = (torch.arange(start, len(ends), 2) for start in (0, 1))
    found = interpolate_sequences(run.model, ends.at(firsts), ends.at(lasts), between=between, batch=arguments.batch)
    folder = arguments.folder("interpolation")
    if run.vocabulary is not None:
        write_text(folder, "interpolation", _between_sentences(run, found))
        return
    labels = [f"{share:.0%}" for share in found.shares.tolist()]
    rows = {"first": found.first, **dict(zip(labels, found.between, strict=True)), "last": found.last}
    arrays: dict[str, Tensor] = {
        "first": found.first.values,
        "last": found.last.values,
        "shares": found.shares,
        "between": torch.stack([each.values for each in found.between]),
    }
    write_results(folder, "interpolation", draw_strips(rows, _levels(run)), arrays)


def _between_sentences(run: SequenceRun, found: SequenceInterpolation) -> str:
    """Say what lies between the sentences of each pair, and give it as text."""
    from latentia.evaluation.text import lines

    assert run.vocabulary is not None
    shares = [f"{share:.0%}" for share in found.shares.tolist()]
    each = [lines(one, run.vocabulary) for one in (found.first, *found.between, found.last)]
    blocks = []
    for column in zip(*each, strict=True):
        named = zip(("first", *shares, "last"), column, strict=True)
        rows = [f"{name:>5}  {line}" for name, line in named]
        for row in rows:
            say(row)
        blocks.append("\n".join([*rows, ""]))
    return "\n".join(blocks)


def _levels(run: SequenceRun) -> int:
    from latentia.sequences import VideoFormat

    form = run.model.sequence_format
    assert isinstance(form, VideoFormat)
    return form.frame.levels
