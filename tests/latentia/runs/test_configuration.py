"""Configurations are read from YAML strictly, changed by whole names, and written with every setting."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from latentia.configs import packaged
from latentia.data import Split
from latentia.errors import SettingError
from latentia.images import ImageFormat
from latentia.masks import Masking
from latentia.models.ladder_vae import LadderVAEConfig
from latentia.models.vq_vae import VQVAEConfig
from latentia.runs import Transforms, configuration_of, read_configuration, write_yaml
from latentia.runs.configuration import changed
from latentia.training.density import DensityTraining
from latentia.training.multitask import Balancing, MultitaskTraining


def test_a_file_becomes_typed_records(config: Path, pictures: Path) -> None:
    configuration = read_configuration(str(config))
    assert isinstance(configuration.model, LadderVAEConfig)
    assert configuration.model.layers == (1, 1)
    assert configuration.data.name == pictures.name
    assert configuration.training.steps == 8 and configuration.seed == 0


def test_what_is_written_is_read_as_it_was_and_hides_no_default(config: Path, tmp_path: Path) -> None:
    configuration = read_configuration(str(config))
    written = tmp_path / "again.yaml"
    written.write_text(write_yaml(configuration), encoding="utf-8")
    assert read_configuration(str(written)) == configuration
    assert yaml.safe_load(written.read_text(encoding="utf-8"))["training"]["average_decay"] == 0.999


def test_changes_set_settings_that_were_and_were_not_in_the_file(config: Path) -> None:
    changes = ["training.steps=99", "seed=7", "model.layers=[2, 1]", "training.learning_rate=1e-3"]
    configuration = read_configuration(str(config), changes)
    assert (configuration.training.steps, configuration.seed) == (99, 7)
    assert isinstance(configuration.model, LadderVAEConfig) and configuration.model.layers == (2, 1)
    assert configuration.training.learning_rate == 1e-3


def multitask(values: dict[str, Any], training: dict[str, Any], **model: Any) -> dict[str, Any]:
    """Values of a configuration of the tiny pictures and a VQ-VAE."""
    model = {"kind": "vq_vae", "embeddings": 8, "decoders": "multi", **model}
    return {"data": values["data"], "model": model, "training": {"steps": 8, **training}}


def test_a_multitask_model_and_its_objective_become_typed_records(
    settings: Callable[[], dict[str, Any]], tmp_path: Path
) -> None:
    masking, balancing = {"places": "gaussian", "share": 0.1}, {"kind": "loss_weighted", "beta": "5e-3"}
    training = {"objective": "tasks", "masking": masking, "balancing": balancing, "conditioned_steps": 5}
    configuration = configuration_of(multitask(settings(), training), "here")
    assert configuration.model == VQVAEConfig(embeddings=8, decoders="multi")
    assert configuration.training == MultitaskTraining(
        steps=8,
        masking=Masking(places="gaussian", share=0.1),
        balancing=Balancing(kind="loss_weighted", beta=0.005),
        conditioned_steps=5,
    )
    written = tmp_path / "again.yaml"
    written.write_text(write_yaml(configuration), encoding="utf-8")
    assert read_configuration(str(written)) == configuration


def test_without_an_objective_a_model_is_trained_by_its_bound(config: Path) -> None:
    configuration = read_configuration(str(config))
    assert isinstance(configuration.training, DensityTraining)
    assert yaml.safe_load(write_yaml(configuration))["training"]["objective"] == "bound"
    assert read_configuration(str(config), ["training.objective=bound"]) == configuration


def test_without_an_objective_a_multitask_model_is_trained_on_its_tasks(
    settings: Callable[[], dict[str, Any]],
) -> None:
    masked = multitask(settings(), {"masking": {"share": 0.1}})
    said = {**masked, "training": {"objective": "tasks", **masked["training"]}}
    assert configuration_of(masked, "here") == configuration_of(said, "here")


def test_a_model_with_the_objective_of_another_kind_is_refused(
    settings: Callable[[], dict[str, Any]], config: Path
) -> None:
    with pytest.raises(SettingError) as error:
        configuration_of(multitask(settings(), {"objective": "bound"}), "here")
    assert str(error.value) == "here: A vq_vae is trained with training.objective tasks."
    change = "training={objective: tasks, steps: 3}"
    with pytest.raises(SettingError) as error:
        read_configuration(str(config), [change])
    assert str(error.value) == (f"--set {change}: A ladder_vae is trained with training.objective bound.")


@pytest.mark.parametrize(
    ("training", "model", "said"),
    [
        ({"masking": {}}, {}, "Places 'uniform' need exactly one of share, number and exponent"),
        ({"masking": {"shares": 0.1}}, {}, "training.masking has no setting 'shares'; did you mean share?"),
        ({"masking": {"places": "random"}}, {}, "training.masking.places must be grid, uniform, "),
        ({"balancing": {"kind": "soft"}}, {}, "training.balancing.kind must be fixed, original, "),
        ({"balancing": {"kind": "original", "every": 1}}, {}, "SoftAdapt of order 1 renews its weights after 2 steps"),
        ({"free_bits": 0.1}, {}, "training has no setting 'free_bits'; it has objective, "),
        ({}, {"decoders": "two"}, "model.decoders must be plain, multi or single, not 'two'."),
        ({}, {"condition": "conv"}, "model.condition must be flat or convolution, not 'conv'."),
        ({}, {"widths": [8]}, "widths must be two numbers, each 1 or more; it is [8]."),
    ],
)
def test_a_wrong_setting_of_a_multitask_model_is_named(
    training: dict[str, Any], model: dict[str, Any], said: str, settings: Callable[[], dict[str, Any]]
) -> None:
    with pytest.raises(SettingError) as error:
        configuration_of(multitask(settings(), {"objective": "tasks", **training}, **model), "here")
    assert str(error.value).startswith(f"here: {said}")


@pytest.mark.parametrize("name", packaged())
def test_every_packaged_configuration_can_be_read(name: str) -> None:
    configuration = read_configuration(name)
    assert configuration_of(yaml.safe_load(write_yaml(configuration)), name) == configuration


def test_the_largest_packaged_configurations_are_those_of_table_a_1() -> None:
    """Depth, SDN channels and directions, mixture components, learning rate and moving average, thesis A."""
    rows: dict[str, tuple[Any, ...]] = {
        "cifar10-sdn-vae": (15, (120, 240, 260), 2, 5, 0.002, 0.999),
        "imagenet32-sdn-vae": (16, (424,) * 4, 3, 10, 0.002, 0.9995),
        "celebahq256-sdn-vae": (17, (360,) * 5 + (0, 0), 2, 30, 0.001, 0.999),
    }
    for name, wanted in rows.items():
        configuration = read_configuration(name)
        model, training = configuration.model, configuration.training
        assert isinstance(model, LadderVAEConfig) and model.sdn is not None
        found = (sum(model.layers), model.sdn.features, model.sdn.directions, model.components)
        assert (*found, training.learning_rate, training.average_decay) == wanted


@pytest.mark.parametrize(
    ("section", "changes", "said"),
    [
        ("model", {"chanels": 3}, "model has no setting 'chanels'; did you mean channels?"),
        ("data", {"validations": 3}, "data has no setting 'validations'; did you mean validation?"),
        (
            "data",
            {"set": "cifar"},
            "data.set must be cifar10, imagenet32, celeba, celeba_hq, mnist, omniglot, shapes3d, dsprites, "
            "rendered_shapes, rendered_sprites, image_folder, npz, npz_fields, "
            "penn_treebank, text, bouncing_balls, npz_clips or kth, not 'cifar'; did you mean cifar10?",
        ),
        (
            "model",
            {"kind": "vae"},
            "model.kind must be ladder_vae, gaussian_vae, beta_vae, multitask_gaussian_vae, vq_vae or recurrent_vae, "
            "not 'vae'",
        ),
        (
            "model",
            {"kind": "sdn_vae"},
            "model.kind must be ladder_vae, gaussian_vae, beta_vae, multitask_gaussian_vae, vq_vae or recurrent_vae, "
            "not 'sdn_vae'; SDN-VAE is kind ladder_vae with model.sdn.",
        ),
        ("model", {"layers": [0]}, "A ladder has 1 or more layers"),
        ("training", {"passes": 3}, "A training lasts either a number of steps or of passes"),
        ("training", {"batch": 5, "micro_batches": 2}, "batch must be a multiple of micro_batches"),
        ("training", {"learning_rate": "quick"}, "training.learning_rate must be a number, not 'quick'."),
        ("training", {"optimizer": "sgd"}, "training.optimizer must be adamax, adam or adamw, not 'sgd'."),
        ("training", {"accelerator": "tpu"}, "training.accelerator must be auto, cpu, cuda or mps, not 'tpu'."),
        ("modle", {}, "A configuration has no setting 'modle'; did you mean model?"),
        ("transforms", {"flop": True}, "transforms has no setting 'flop'; did you mean flip?"),
    ],
)
def test_a_wrong_setting_is_named_with_its_file(
    section: str, changes: dict[str, object], said: str, settings: Callable[[], dict[str, Any]], config: Path
) -> None:
    values = settings()
    values[section] = {**values.get(section, {}), **changes}
    config.write_text(yaml.safe_dump(values), encoding="utf-8")
    with pytest.raises(SettingError) as error:
        read_configuration(str(config))
    assert str(error.value).startswith(f"{config}: {said}")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", " is empty; a configuration has data, model and training."),
        (b"# nothing\n", " is empty; a configuration has data, model and training."),
        (b"- 1\n", ": A configuration holds settings, each with its name, not [1]."),
        (b"data: {set: mnist}\ndata: {set: npz}\n", ": 'data' is given twice, the second time by line 2."),
        (b"data: [}\n", ": there is no YAML in line 1: expected the node content, but found '}'."),
        (b"data:\n  set: mnist: 3\n", ": there is no YAML in line 2: mapping values are not allowed here."),
        (b"\xff\xfe\x00\x01\xd8", ": there is no YAML: truncated data."),
        (
            b"seed: !!python/object/apply:os.system [echo]\n",
            ": there is no YAML in line 1: could not determine a constructor for the tag "
            "'tag:yaml.org,2002:python/object/apply:os.system'.",
        ),
    ],
)
def test_a_file_that_is_no_configuration_is_one_sentence(content: bytes, said: str, config: Path) -> None:
    config.write_bytes(content)
    with pytest.raises(SettingError) as error:
        read_configuration(str(config))
    assert str(error.value) == f"{config}{said}"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("training.steps", "a change is written as section.setting=value."),
        ("trainning.steps=3", "A configuration has no setting 'trainning'; did you mean training?"),
        ("training.stepps=3", "training has no setting 'stepps'; did you mean steps?"),
        ("training.batch=0", "batch must be 1 or more; it is 0."),
        (
            "model.layers=[1, -1]",
            "A ladder has 1 or more layers at each scale, or 0 at the finest alone; layers is [1, -1].",
        ),
        ("model=", "model must hold settings, each with its name, not empty."),
        ("model.layers.top=3", "what is to be changed holds no settings."),
        ("seed=[", "there is no YAML in line 1: expected the node content, but found '<stream end>'."),
        ("=3", "a change is written as section.setting=value."),
    ],
)
def test_a_change_that_cannot_be_made_is_one_sentence(change: str, said: str, config: Path) -> None:
    with pytest.raises(SettingError) as error:
        read_configuration(str(config), ["seed=3", change])
    assert str(error.value).startswith(f"--set {change}: {said}")


def test_what_the_file_has_wrong_is_not_put_down_to_a_change(config: Path) -> None:
    config.write_text(config.read_text(encoding="utf-8").replace("batch: 4", "batch: 0"), encoding="utf-8")
    with pytest.raises(SettingError) as error:
        read_configuration(str(config), ["seed=3"])
    assert str(error.value) == f"{config}: batch must be 1 or more; it is 0."
    assert read_configuration(str(config), ["training.batch=8"]).training.batch == 8


def test_the_data_of_a_configuration_can_be_changed_but_not_their_kind(config: Path) -> None:
    configuration = read_configuration(str(config))
    assert changed(configuration, ["data.set=image_folder", "data.test=3"], "run") == replace(
        configuration, data=replace(configuration.data, test=3)
    )
    with pytest.raises(SettingError, match=r"^--set data.set=mnist: of a trained run only settings of the same kind"):
        changed(configuration, ["data.set=mnist"], "run")
    with pytest.raises(SettingError, match=r"^--set data.tset=3: data has no setting 'tset'"):
        changed(configuration, ["data.tset=3"], "run")


def test_a_name_that_is_neither_file_nor_packaged_lists_what_there_is() -> None:
    with pytest.raises(
        SettingError, match=r"There is no file dance, and no packaged configuration of that name; packaged are .*mnist"
    ):
        read_configuration("dance")
    with pytest.raises(
        SettingError, match=r"no file cifar10-sdn-vea, and no packaged .* name; did you mean cifar10-sdn-vae\?"
    ):
        read_configuration("cifar10-sdn-vea")


def test_images_that_are_drawn_binary_are_the_same_at_each_evaluation(config: Path) -> None:
    configuration = replace(read_configuration(str(config)), transforms=Transforms(binarise=True))
    first, again = configuration.images(Split.TEST), configuration.images(Split.TEST)
    assert first.format == ImageFormat(channels=1, height=8, width=8, bits=1)
    assert first.sha256 == again.sha256
