"""Words a second of training a recurrent VAE on text, beside a plain loop over words with torch's GRU cell.

    python benchmarks/recurrent_step.py [--folder PTB] [--rounds 7] [--batches 3] [--threads 2]
    python benchmarks/recurrent_step.py --quick

The plain way is how such models are often written: batches in random order, padded to their longest sentence, an
encoder and a decoder that call a GRU cell for each word, and logits and loss at each word with a mask. Ours are the
library's model and batches, without dropout and with dynamic word dropout, which must wait for each state. All have the
sizes of thesis A, 3.5.1, the same optimizer, and count the words that are no padding. Every round trains on the same
number of batches in each way, so that a slow minute of a shared machine does not fall on one of them.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from latentia.data import Split
from latentia.data.sequence_sets import SequenceSet, ShuffledSequences
from latentia.data.text import PennTreebank
from latentia.models.recurrent_vae import ForcingConfig, RecurrentVAE, RecurrentVAEConfig
from latentia.randomness import seeded
from latentia.sequences import Sequences
from latentia.training.record import run_record

WAYS = PLAIN, OURS, DYNAMIC = "plain loop", "teacher forcing", "dynamic word dropout"


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What to measure."""

    rounds: int = 7
    batches: int = 3
    batch: int = 128
    size: int = 512
    latent_size: int = 64


class PlainVAE(nn.Module):
    """A recurrent VAE that is written as one would at first: word by word."""

    def __init__(self, words: int, plan: Plan) -> None:
        super().__init__()
        self.vectors = nn.Embedding(words, plan.size)
        self.reader, self.writer = nn.GRUCell(plan.size, plan.size), nn.GRUCell(plan.size, plan.size)
        self.to_posterior = nn.Linear(plan.size, 2 * plan.latent_size)
        self.start = nn.Linear(plan.latent_size, plan.size)
        self.head = nn.Linear(plan.size, words)

    def forward(self, sequences: Sequences) -> Tensor:
        """Give the loss in nats per sentence."""
        words, mask = sequences.values, sequences.mask.float()
        vectors = self.vectors(words)
        state = vectors.new_zeros(len(words), vectors.shape[-1])
        for step in range(words.shape[1]):
            after = self.reader(vectors[:, step], state)
            state = torch.where(mask[:, step, None] > 0, after, state)
        mean, log_variance = self.to_posterior(state).chunk(2, 1)
        latent = mean + (0.5 * log_variance).exp() * torch.randn_like(mean)
        divergence = 0.5 * (mean.square() + log_variance.exp() - 1 - log_variance).sum()
        state, loss = self.start(latent).tanh(), divergence
        for step in range(words.shape[1]):
            each = cross_entropy(self.head(state), words[:, step], reduction="none")
            loss = loss + (each * mask[:, step]).sum()
            state = self.writer(vectors[:, step], state)
        return loss / len(words)


def loss_of(model: RecurrentVAE, sequences: Sequences) -> Tensor:
    """Loss of ours in nats per sentence."""
    terms = model(sequences)
    bound = terms.log_likelihood - terms.divergence.sum(1) - terms.dropout_divergence
    return -bound.mean()


def batches_of(sentences: SequenceSet, plan: Plan, *, like: bool) -> Iterator[Sequences]:
    """Batches for ever, of sentences of like length or of any."""
    shuffled = ShuffledSequences(sequence_set=sentences, batch=plan.batch, seed=0, window=50 if like else 1)
    number = 0
    while True:
        for tensors in shuffled.of_pass(number):
            yield Sequences.of(tensors)
        number += 1


def benchmark(sentences: SequenceSet, plan: Plan) -> list[dict[str, Any]]:
    """One row for each way."""
    words = len(sentences.vocabulary or ())
    config = RecurrentVAEConfig(hidden=plan.size, features=plan.size, latent_size=plan.latent_size)
    dynamic = RecurrentVAEConfig(
        hidden=plan.size,
        features=plan.size,
        latent_size=plan.latent_size,
        forcing=ForcingConfig(kind="dynamic_word_dropout"),
    )
    with seeded(0):
        models: dict[str, nn.Module] = {
            PLAIN: PlainVAE(words, plan),
            OURS: config.build(sentences.format),
            DYNAMIC: dynamic.build(sentences.format),
        }
    losses = {PLAIN: lambda model, batch: model(batch), OURS: loss_of, DYNAMIC: loss_of}
    optimizers = {way: torch.optim.Adam(model.parameters(), lr=0.003, fused=True) for way, model in models.items()}
    batches = {way: batches_of(sentences, plan, like=way != PLAIN) for way in models}
    speeds: dict[str, list[float]] = {way: [] for way in WAYS}
    for number in range(plan.rounds + 1):
        for way in WAYS:
            seen = [next(batches[way]) for _ in range(plan.batches)]
            started = time.perf_counter()
            for batch in seen:
                optimizers[way].zero_grad()
                losses[way](models[way], batch).backward()
                optimizers[way].step()
            if number:  # the first round of all warms up
                speeds[way].append(sum(int(batch.lengths.sum()) for batch in seen) / (time.perf_counter() - started))
    return [row(way, speeds) for way in WAYS]


def row(way: str, speeds: Mapping[str, Sequence[float]]) -> dict[str, Any]:
    """Median and quartiles of the words a second, and of the ratios to the plain loop round by round."""
    ratios = [one / plain for one, plain in zip(speeds[way], speeds[PLAIN], strict=True)]
    made = {"way": way, "words_per_second": spread(speeds[way]), "times_plain": spread(ratios)}
    print(
        f"{way}: {made['words_per_second']['median']:.0f} words a second, {made['times_plain']['median']:.2f} times "
        f"({made['times_plain']['lower']:.2f} to {made['times_plain']['upper']:.2f}) the plain loop"
    )
    return made


def spread(values: Sequence[float]) -> dict[str, float]:
    """Median and quartiles."""
    lower, median, upper = np.quantile(values, [0.25, 0.5, 0.75]).tolist()
    return {"lower": lower, "median": median, "upper": upper}


def main() -> None:
    """Measure by the words of the command line, and keep the result."""
    parser = argparse.ArgumentParser(description="Words a second of training a recurrent VAE on text.")
    parser.add_argument("--folder", type=Path, default=None, help="Mikolov's Penn Treebank (default: $LATENTIA_DATA)")
    parser.add_argument("--rounds", type=int, default=Plan.rounds)
    parser.add_argument("--batches", type=int, default=Plan.batches, help="per round and way")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--quick", action="store_true", help="small networks, to see that it runs; nothing is kept")
    words = parser.parse_args()
    torch.set_num_threads(words.threads)
    folder = words.folder or Path(os.environ.get("LATENTIA_DATA", "../shared/data")) / "ptb"
    sentences = PennTreebank(folder=folder).load(Split.TRAIN)
    if words.quick:
        benchmark(sentences.first(600), Plan(rounds=1, batches=1, batch=16, size=16, latent_size=4))
        return
    plan = Plan(rounds=words.rounds, batches=words.batches)
    rows = benchmark(sentences, plan)
    record = run_record(
        config={**asdict(plan), "threads": words.threads},
        seed=0,
        data={"train": sentences.sha256},
        source=Path(__file__),
    )
    path = Path(__file__).with_name("results") / f"recurrent_step-cpu-{words.threads}-{date.today()}.json"
    path.write_text(json.dumps({**record, "rows": rows}, indent=1) + "\n", encoding="utf-8")
    print(f"Kept in {path}.")


if __name__ == "__main__":
    main()
