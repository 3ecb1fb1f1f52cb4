"""Write docs/results.md: what the experiments came to, from their result files.

    python tools/results.py           write the page
    python tools/results.py --check   say what is wrong, and fail, without writing

Each experiments/NAME/results/BUDGET.json says with what it was made, BUDGET.md beside it has the tables.
"""

from __future__ import annotations

import argparse
import json
import posixpath
import re
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
PAGE = Path("docs") / "results.md"
BUDGETS = ("paper", "quarter", "hour")
"""Those that say something, the largest first; the smallest one, smoke, only shows that an experiment runs."""
TITLE = re.compile(r"\A# .*\n")
HEADING = re.compile(r"^(#+) ", re.MULTILINE)
LINK = re.compile(r"\]\((?!https?:|#)([^)]+)\)")

HEAD = """\
<!-- Written by `make results`. Change the experiments and their result files instead. -->

# Results

Every table and figure of the theses that was done again, from the result files of `experiments`: the claim, what was
spent on it, and our figures beside the published ones. The README of each experiment says what differs from the thesis
and what the figures show. Thesis A is Miladinović 2021, thesis B is Zakovskis 2024. The budgets: `paper` is the thesis'
own size, `hour` about an hour on two processor cores, others as the README says.
**SIMULATED** stands where data were made by a simulator instead of being recorded.
"""


@dataclass(frozen=True, kw_only=True)
class Result:
    """One result file and the text beside it."""

    experiment: str
    budget: str
    title: str
    record: dict[str, Any]
    text: str

    @property
    def key(self) -> tuple[bool, bool, bool, list[int], str, int]:
        """Order: thesis A as it is numbered, its appendix, thesis B, then what has no number; larger budgets first."""
        kind, *rest = self.experiment.split("_")
        numbered, appendix = kind in ("table", "figure", "chapter"), rest[:1] == ["a"]
        numbers = [int(part) for part in rest if part.isdigit()]
        of_b = "thesis b" in self.record["claim"].lower()
        return not numbered, of_b, appendix, numbers, self.experiment, BUDGETS.index(self.budget)

    @property
    def page(self) -> str:
        """The section of this result."""
        record, hardware = self.record, self.record["hardware"]
        cards = ", ".join(map(str, hardware["accelerators"])) or "no graphics card"
        commit = f"commit {record['source'][:8]}{'+changes' if record['source'].endswith('+changes') else ''}"
        made = f"{hardware['cores']} cores, {cards}; {record['started'][:10]}, {commit}, seed {record['seed']}"
        mark = "**SIMULATED data.** " if record.get("simulated") else ""
        head = f"*{mark}Budget {self.budget}: {made}; `experiments/{self.experiment}`.*"
        return f"## {self.title}\n\n{head}\n\n{record['claim']}\n\n{self._body}"

    @property
    def _body(self) -> str:
        """The text without its title and the claim, headings a level lower, links from where the page is."""
        body = TITLE.sub("", self.text, count=1).replace(self.record["claim"], "", 1)
        folder = f"experiments/{self.experiment}/results"

        def linked(link: re.Match[str]) -> str:
            return f"]({posixpath.relpath(posixpath.join(folder, link[1]), PAGE.parent.as_posix())})"

        moved = LINK.sub(linked, HEADING.sub(r"#\1 ", body))
        return re.sub(r"\n{3,}", "\n\n", moved).strip() + "\n"


def read_results(experiments: Path) -> list[Result]:
    """Read all result files, in the order of the page."""
    found = []
    for path in experiments.glob("*/results/*.json"):
        if path.stem in BUDGETS and path.with_suffix(".md").is_file():
            record = json.loads(path.read_text(encoding="utf-8"))
            text = path.with_suffix(".md").read_text(encoding="utf-8")
            folder = path.parents[1]
            readme = (folder / "README.md").read_text(encoding="utf-8")
            title = readme.partition("\n")[0].removeprefix("# ")
            found.append(Result(experiment=folder.name, budget=path.stem, title=title, record=record, text=text))
    return sorted(found, key=lambda result: result.key)


def make_page(experiments: Path) -> str:
    """The whole page."""
    return "\n".join([HEAD, *(result.page for result in read_results(experiments))])


def main(words: list[str] | None = None) -> int:
    """Write or check the page; return the exit code."""
    parser = argparse.ArgumentParser(description="Write docs/results.md from the experiments' result files.")
    parser.add_argument("--check", action="store_true", help="compare and fail where the page is old")
    check = parser.parse_args(words).check
    page = make_page(ROOT / "experiments")
    if not check:
        (ROOT / PAGE).write_text(page, encoding="utf-8", newline="\n")
        return 0
    if (ROOT / PAGE).read_text(encoding="utf-8") != page:
        sys.stderr.write(f"{PAGE} is not what the result files say; run `make results`.\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
