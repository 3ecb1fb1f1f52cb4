"""Folds hold out every training image once, and cross-validation gives what its folds' own trainings give."""

from __future__ import annotations

import json
import os
import signal
import statistics
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from latentia.data import FieldSet, NpzFields, Split
from latentia.errors import DataError, SettingError, TrainingError
from latentia.runs import Configuration, cross_validation, load_run, read_configuration, train
from latentia.runs.cross_validation import FoldResult, cross_validate, fold_folder
from latentia.runs.fold import Fold


@pytest.fixture
def configuration(config: Path) -> Configuration:
    return read_configuration(str(config))


def contents(fold: Fold, configuration: Configuration, split: Split) -> list[bytes]:
    return [image.tobytes() for image in fold.load(configuration.data, split).images]


@pytest.mark.parametrize("folds", [2, 3, 7, 20])
def test_each_image_is_held_out_once_and_trained_on_otherwise(folds: int, configuration: Configuration) -> None:
    whole = replace(configuration.data, validation=0).load(Split.TRAIN)  # type: ignore[type-var]
    everything = [image.tobytes() for image in whole.images]
    held_out = [contents(fold, configuration, Split.VALIDATION) for fold in Fold.all(folds)]
    assert [image for part in held_out for image in part] == everything
    assert max(map(len, held_out)) - min(map(len, held_out)) <= 1
    for fold, part in zip(Fold.all(folds), held_out, strict=True):
        trained = contents(fold, configuration, Split.TRAIN)
        assert len(trained) + len(part) == len(everything)
        assert [image for image in everything if image not in part] == trained


def test_test_images_are_in_no_fold(configuration: Configuration) -> None:
    test = contents(Fold(number=1, of=2), configuration, Split.TEST)
    for fold in Fold.all(4):
        for split in (Split.TRAIN, Split.VALIDATION):
            assert not set(test) & set(contents(fold, configuration, split))


def test_all_parts_of_a_folds_fields_have_one_scale(tmp_path: Path) -> None:
    np.savez(tmp_path / "ramp.npz", depth=np.arange(20.0)[:, None, None] + np.zeros((4, 6)))
    source = NpzFields(file=tmp_path / "ramp.npz", fields=("depth",), validation=5, test=5)
    test = Fold(number=1, of=3).load(source, Split.TEST)
    train = Fold(number=1, of=3).load(source, Split.TRAIN)
    assert isinstance(test, FieldSet) and isinstance(train, FieldSet)
    assert (
        (float(train.lowest[0]), float(train.highest[0])) == (0, 14) == (float(test.lowest[0]), float(test.highest[0]))
    )
    assert test.values[:, 0, 0, 0] * 14 == pytest.approx(np.arange(15.0, 20.0))


def test_a_part_of_a_fold_can_be_measured_and_the_rest_is_not_trained_on(configuration: Configuration) -> None:
    whole, part = (Fold(number=2, of=4, most=most) for most in (None, 3))
    assert contents(part, configuration, Split.VALIDATION) == contents(whole, configuration, Split.VALIDATION)[:3]
    assert contents(part, configuration, Split.TRAIN) == contents(whole, configuration, Split.TRAIN)


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"number": 1, "of": 1}, "Cross-validation takes 2 or more folds, not 1."),
        ({"number": 4, "of": 3}, "There are folds 1 to 3, not 4."),
        ({"number": 0, "of": 3}, "There are folds 1 to 3, not 0."),
        ({"number": 1, "of": 3, "most": 0}, "fold.most must be 1 or more; it is 0."),
    ],
)
def test_folds_that_make_no_sense_are_refused(values: dict[str, int], said: str) -> None:
    with pytest.raises(SettingError) as error:
        Fold(**values)
    assert str(error.value) == said


def test_more_folds_than_images_are_refused(configuration: Configuration) -> None:
    with pytest.raises(DataError, match="has 20 training images, which cannot be cut into 21 folds"):
        Fold(number=1, of=21).load(configuration.data, Split.TRAIN)


def test_each_fold_is_the_run_that_its_configuration_alone_gives(configuration: Configuration, tmp_path: Path) -> None:
    seen: list[FoldResult] = []
    validation = cross_validate(configuration, tmp_path / "folds", folds=2, on_fold=seen.append)
    assert [fold.number for fold in seen] == [1, 2] == [fold.number for fold in validation.folds]
    alone = train(replace(configuration, fold=Fold(number=2, of=2)), tmp_path / "alone", pictures=False)
    best = alone.history[alone.best]
    assert validation.folds[1].figures["bits_per_dimension"] == best["bits_per_dimension"]
    assert validation.folds[1].step == best["step"]
    run = load_run(fold_folder(tmp_path / "folds", 2))
    assert run.configuration.fold == Fold(number=2, of=2)
    assert np.array_equal(run.images(Split.VALIDATION).images, run.configuration.load(Split.VALIDATION).images)


def test_means_and_deviations_are_those_of_the_folds(configuration: Configuration, tmp_path: Path) -> None:
    validation = cross_validate(configuration, tmp_path / "folds", folds=3)
    scores = [fold.figures["score"] for fold in validation.folds]
    assert len(set(scores)) == 3
    assert validation.mean("score") == pytest.approx(sum(scores) / 3)
    assert validation.deviation("score") == pytest.approx(
        statistics.pvariance(scores, sum(scores) / 3) ** 0.5 * 1.5**0.5
    )
    record = json.loads((tmp_path / "folds" / "cross-validation.json").read_text(encoding="utf-8"))
    assert record["mean"]["score"] == validation.mean("score")
    assert record["standard_deviation"]["score"] == validation.deviation("score")
    assert "seconds" not in record["mean"]


def test_several_workers_give_what_one_gives(configuration: Configuration, tmp_path: Path) -> None:
    one = cross_validate(configuration, tmp_path / "one", folds=2)
    two = cross_validate(configuration, tmp_path / "two", folds=2, workers=2)
    for there, here in zip(two.folds, one.folds, strict=True):
        assert there.figures == pytest.approx(here.figures, rel=1e-4)


def test_a_dask_cluster_gives_what_one_process_gives(configuration: Configuration, tmp_path: Path) -> None:
    distributed = pytest.importorskip("distributed")
    one = cross_validate(configuration, tmp_path / "one", folds=2)
    with distributed.LocalCluster(
        n_workers=1, threads_per_worker=1, host="127.0.0.1", dashboard_address=None
    ) as cluster:
        many = cross_validate(configuration, tmp_path / "many", folds=2, cluster=cluster.scheduler_address)
    for there, here in zip(many.folds, one.folds, strict=True):  # with another number of threads, perhaps
        assert there.figures == pytest.approx(here.figures, rel=1e-4)


def test_folds_that_are_done_are_not_trained_again(configuration: Configuration, tmp_path: Path) -> None:
    folder = tmp_path / "folds"
    first = cross_validate(configuration, folder, folds=2)
    weights = fold_folder(folder, 1) / "model.safetensors"
    changed = weights.stat().st_mtime_ns
    with pytest.raises(SettingError, match="holds a training already"):
        cross_validate(configuration, folder, folds=2)
    again = cross_validate(configuration, folder, folds=2, resume=True)
    assert [fold.figures for fold in again.folds] == [fold.figures for fold in first.folds]
    assert weights.stat().st_mtime_ns == changed


def test_nothing_is_trained_where_some_fold_cannot_be(configuration: Configuration, tmp_path: Path) -> None:
    folder = tmp_path / "folds"
    train(replace(configuration, fold=Fold(number=2, of=3)), fold_folder(folder, 2), pictures=False)
    with pytest.raises(SettingError, match="fold-2 holds a training already"):
        cross_validate(configuration, folder, folds=3)
    with pytest.raises(SettingError, match=r"fold\.of was 3 and is now 2"):
        cross_validate(configuration, folder, folds=2, resume=True)
    assert [path.name for path in folder.iterdir()] == ["fold-2"]


def test_a_problem_of_a_worker_is_the_callers(configuration: Configuration, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="cannot be cut into 30 folds"):
        cross_validate(configuration, tmp_path / "folds", folds=30, workers=2)


def test_a_worker_that_is_killed_is_one_sentence(
    configuration: Configuration, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(*arguments: object) -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    monkeypatch.setattr(cross_validation, "_train_fold", killed)
    with pytest.raises(TrainingError, match=r"^A process that trained a fold came to its end from outside"):
        cross_validate(configuration, tmp_path / "folds", folds=2, workers=2)


def test_a_scheduler_that_is_not_there_is_said(configuration: Configuration, tmp_path: Path) -> None:
    pytest.importorskip("distributed")
    with pytest.raises(SettingError, match="There is no Dask scheduler at tcp"):
        cross_validate(configuration, tmp_path / "folds", folds=2, cluster="tcp://127.0.0.1:9")
