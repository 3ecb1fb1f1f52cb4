"""Sequences that a model says by itself: each step goes on from what the model has said before (thesis A, Figure 3.3c).

Whoever calls puts the model in evaluation mode, as `latentia.evaluation_mode` does.
"""

from __future__ import annotations

import math

import torch
from jaxtyping import Bool, Float, Int64
from torch import Tensor

from latentia.errors import SettingError
from latentia.models.base.sequence import SequenceModel
from latentia.sequences import END, Sequences, WordFormat


def run_freely(
    model: SequenceModel, latent: Float[Tensor, "batch latent"], longest: int, temperature: float = 0.0
) -> Sequences:
    """Say a sequence for each latent vector, without teacher forcing.

    At temperature 0 each step is the likeliest one (greedy decoding), else it is drawn from torch's random state, as
    the model's `draw` has it. A sentence ends with `END`, which counts in its length, or has `longest` words and no
    end; after its end it is padded with `END`. A clip has `longest` frames. Values are on the latent vectors' device.
    Errors: SettingError where `longest` is below 1 or the temperature is negative.
    """
    _check_longest(longest)
    if not (math.isfinite(temperature) and temperature >= 0):
        raise SettingError(f"temperature must be 0 or more; it is {temperature}.")
    ends = isinstance(model.sequence_format, WordFormat)
    state, said = model.start(latent), []
    ended = torch.zeros(len(latent), dtype=torch.bool, device=latent.device)
    for step in range(longest):
        values = model.likeliest(state) if temperature == 0 else model.draw(state, temperature)
        said.append(values)
        if ends:
            ended |= values == END
            if bool(ended.all()):
                break
        if step < longest - 1:
            state = model.advance(values, state, latent)
    together = torch.stack(said, 1)
    if ends:
        return _cut_at_end(together)
    return Sequences(values=together, lengths=torch.full((len(latent),), longest))


def beam_search(
    model: SequenceModel,
    latent: Float[Tensor, "batch latent"],
    longest: int,
    width: int,
    length_penalty: float = 0.0,
) -> Sequences:
    """Search a probable sentence for each latent vector among `width` beginnings of each length.

    At each step the `width` most probable of all beginnings by one word more stay; those of them that end are set
    aside, and of all that ended the best is given. A sentence of `longest` words that has not ended counts as it is.
    With width 1 this is greedy decoding; the wider, the nearer to the most probable sentence. Sentences are compared by
    log p / ((5 + words) / 6)^α, their end counted as a word, with α the length penalty (Wu et al. 2016): at 0 by their
    probability alone; more favours longer ones.

    Errors: SettingError where the model is not of words, `longest` or `width` is below 1, or the penalty is negative.
    """
    _check_beams(model, longest, width, length_penalty)
    batch, spread = len(latent), latent.repeat_interleave(width, 0)
    state = model.start(spread)
    # In float64 where there is such a thing, so that probabilities of like sentences stay apart.
    dtype = torch.float32 if latent.device.type == "mps" else torch.float64
    totals = torch.full((batch, width), -math.inf, dtype=dtype, device=latent.device)
    totals[:, 0] = 0.0  # all begin alike, so one of them is enough
    values = torch.full((batch, width, longest), END, device=latent.device)
    found, best = values[:, 0], totals.new_full((batch,), -math.inf)
    first = torch.arange(0, batch * width, width, device=latent.device)[:, None]
    for step in range(longest):
        scores = torch.unflatten(model.scores(state).to(dtype), 0, (batch, width))
        words = scores.shape[-1]
        totals, chosen = (totals[:, :, None] + scores).flatten(1).topk(width)
        beams, said = first + chosen // words, chosen % words
        values = values.flatten(0, 1)[beams]
        values[:, :, step] = said
        ended = (said == END) | (step == longest - 1)
        found, best = _better(found, best, values, totals / _penalty(step + 1, length_penalty), ended)
        totals = totals.masked_fill(ended, -math.inf)
        # Probabilities fall with every word: the most that a beginning can still come to.
        if bool((best >= totals.amax(1) / _penalty(longest, length_penalty)).all()):
            break
        state = model.advance(said.flatten(), state[beams.flatten()], spread)
    return _cut_at_end(found)


def _better(
    found: Int64[Tensor, "batch steps"],
    best: Float[Tensor, " batch"],
    values: Int64[Tensor, "batch beams steps"],
    scores: Float[Tensor, "batch beams"],
    ended: Bool[Tensor, "batch beams"],
) -> tuple[Int64[Tensor, "batch steps"], Float[Tensor, " batch"]]:
    """Give the best sentences so far and their scores, after some have ended."""
    top, place = scores.masked_fill(~ended, -math.inf).max(1)
    sentences = values[torch.arange(len(values), device=values.device), place]
    return torch.where((top > best)[:, None], sentences, found), torch.maximum(top, best)


def _penalty(words: int, length_penalty: float) -> float:
    return float(((5 + words) / 6) ** length_penalty)


def _cut_at_end(values: Int64[Tensor, "batch steps"]) -> Sequences:
    """Take sentences up to their first end, with what follows it made `END`."""
    ends = values == END
    after = ends.cumsum(1) > ends.long()
    lengths = (~after).sum(1).cpu()
    return Sequences(values=values.masked_fill(after, END)[:, : int(lengths.max())], lengths=lengths)


def _check_longest(longest: int) -> None:
    if longest < 1:
        raise SettingError(f"longest must be 1 step or more; it is {longest}.")


def _check_beams(model: SequenceModel, longest: int, width: int, length_penalty: float) -> None:
    _check_longest(longest)
    if not isinstance(model.sequence_format, WordFormat):
        raise SettingError(f"Beam search wants a model of words; this one is of {model.sequence_format}.")
    if width < 1:
        raise SettingError(f"width must be 1 beam or more; it is {width}.")
    if not (math.isfinite(length_penalty) and length_penalty >= 0):
        raise SettingError(f"length_penalty must be 0 or more; it is {length_penalty}.")
