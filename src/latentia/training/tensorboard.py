"""The figures of a training for TensorBoard, where that is installed: `pip install "latentia[tensorboard]"`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

from latentia.errors import SettingError
from latentia.training.task import Progress

if TYPE_CHECKING:
    from torch.utils.tensorboard import SummaryWriter


class TensorBoard:
    """Writes every step's loss and figures, and every evaluation's: an `on_progress` of `fit`.

    Use it in a `with` block, which closes the file. A resumed training goes on in the same folder; what was written
    after the checkpoint that it goes on from is taken back. Errors: SettingError where TensorBoard is not installed;
    OSError where `folder` cannot be written.
    """

    def __init__(self, folder: Path) -> None:
        try:
            from torch.utils.tensorboard import SummaryWriter
        except ImportError as error:
            raise SettingError(
                'TensorBoard is not installed; pip install "latentia[tensorboard]" adds it, or train without it.'
            ) from error
        self._make = SummaryWriter
        self._folder = folder
        self._writer: SummaryWriter | None = None

    def __call__(self, progress: Progress) -> None:
        """Write one report of the loop."""
        # Not before the first report: only then is it known where a resumed run goes on, and of several processes only
        # the first gets here.
        if self._writer is None:
            self._writer = self._make(str(self._folder), purge_step=progress.run_step)
        if progress.evaluation is not None:
            self._write(self._writer, "evaluation", progress.run_step, progress.evaluation.figures)
            self._writer.flush()
            return
        figures = {"loss": progress.loss, **progress.figures, "skipped": progress.skipped}
        self._write(self._writer, "training", progress.run_step, figures)

    def _write(self, writer: SummaryWriter, kind: str, step: int, figures: Mapping[str, float]) -> None:
        for name, value in figures.items():
            writer.add_scalar(f"{kind}/{name}", value, step)

    def __enter__(self) -> TensorBoard:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._writer is not None:
            self._writer.close()
