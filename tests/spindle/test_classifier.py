from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from torch import Generator

from spindle.classifier import (
    EpochClassifier,
    initialise,
    pooled_columns,
    pooled_images,
    probabilities,
)
from spindle.spectrogram import FRAMES_PER_EPOCH, RowChoice, TimeFrequency


def network(classes: int = 3, seed: int = 0) -> EpochClassifier:
    made = EpochClassifier(classes)
    initialise(made, Generator().manual_seed(seed))
    return made.eval()


@pytest.fixture(scope="module")
def stage_network() -> EpochClassifier:
    return network()


def noise(usable: list[bool], seed: int = 0) -> TimeFrequency:
    """Rows of noise, different in every frame, so that a window cut one frame off would be noticed."""
    rng = np.random.default_rng(seed)
    frames = len(usable) * FRAMES_PER_EPOCH
    return TimeFrequency(
        eeg=rng.normal(size=(2, frames, 24)).astype(np.float32),
        emg=rng.normal(size=frames).astype(np.float32),
        usable=np.array(usable),
        rows=RowChoice.NARROW,
        centre=np.zeros(24, dtype=np.float32),
        scale=np.ones(24, dtype=np.float32),
    )


def one_image_at_a_time(net: EpochClassifier, time_frequency: TimeFrequency) -> NDArray[np.float32]:
    """What the network says of each epoch's image by itself."""
    result = np.full((len(time_frequency), net.output.out_features), np.nan, dtype=np.float32)
    with torch.inference_mode():
        for epoch in np.flatnonzero(time_frequency.usable):
            result[epoch] = net(time_frequency.images(np.array([epoch]))).softmax(dim=1)[0].numpy()
    return result


def test_the_stage_network_has_the_thesis_number_of_parameters() -> None:
    assert sum(parameter.numel() for parameter in EpochClassifier(3).parameters()) == 6_856_403


def test_the_artifact_network_differs_in_its_last_layer_alone() -> None:
    stage, artifact = EpochClassifier(3).state_dict(), EpochClassifier(2).state_dict()
    assert stage.keys() == artifact.keys()
    assert {name for name in stage if stage[name].shape != artifact[name].shape} == {"output.weight", "output.bias"}


def test_layers_have_the_sizes_of_the_thesis(stage_network: EpochClassifier) -> None:
    pooled = stage_network.first_pool(torch.zeros(2, 3, 160, 24))
    assert pooled.shape == (2, 3, 80, 8)
    assert stage_network.convolution(pooled).shape == (2, 50, 78, 6)
    assert stage_network.features(pooled).shape == (2, 50, 39, 3)
    assert stage_network(torch.zeros(2, 3, 160, 24)).shape == (2, 3)


def test_every_parameter_gets_a_gradient() -> None:
    net = network().train()
    net(torch.randn(4, 3, 160, 24, generator=Generator().manual_seed(1))).square().sum().backward()
    for name, parameter in net.named_parameters():
        assert parameter.grad is not None and parameter.grad.abs().sum() > 0, name


def test_initial_weights_have_variance_one_over_fan_in() -> None:
    net = network()
    fan_in = {"convolution": 27, "hidden_1": 5850, "hidden_2": 1000, "output": 1000}
    for name, inputs in fan_in.items():
        weight = net.get_submodule(name).get_parameter("weight").detach().double()
        # Four standard errors of a mean and of a variance.
        assert abs(float(weight.mean())) < 4 * (inputs * weight.numel()) ** -0.5
        assert float(weight.var()) * inputs == pytest.approx(1, abs=4 * (2 / weight.numel()) ** 0.5)
        assert not net.get_submodule(name).get_parameter("bias").any()


def test_initial_weights_are_the_generators() -> None:
    assert torch.equal(network(seed=1).hidden_1.weight, network(seed=1).hidden_1.weight)
    assert not torch.equal(network(seed=1).hidden_1.weight, network(seed=2).hidden_1.weight)


def test_dropout_acts_in_training_only(stage_network: EpochClassifier) -> None:
    images = torch.randn(2, 3, 160, 24, generator=Generator().manual_seed(1))
    assert torch.equal(stage_network(images), stage_network(images))
    training = network().train()
    assert not torch.equal(training(images), training(images))


def test_pooling_before_windows_are_cut_equals_pooling_after(stage_network: EpochClassifier) -> None:
    # A long stretch, a stretch of two, one of one: their windows reflect once, twice and more often.
    time_frequency = noise([True] * 7 + [False] + [True] * 2 + [False, True])
    epochs = np.flatnonzero(time_frequency.usable)
    frames = time_frequency.frame_indices(epochs)
    columns = torch.from_numpy(pooled_columns(time_frequency)[frames[:, ::2] // 2])
    assert torch.equal(pooled_images(columns), stage_network.first_pool(time_frequency.images(epochs)))


@settings(max_examples=15)
@given(
    usable=st.lists(st.booleans(), min_size=1, max_size=16).filter(any),
    batch=st.integers(1, 6),
    seed=st.integers(0, 99),
)
def test_sharing_the_convolution_changes_nothing(usable: list[bool], batch: int, seed: int) -> None:
    net = network(seed=3)
    time_frequency = noise(usable, seed)
    expected = one_image_at_a_time(net, time_frequency)
    np.testing.assert_allclose(probabilities(net, time_frequency, batch=batch), expected, atol=1e-5)


def test_probabilities_sum_to_one_where_usable_and_are_nan_elsewhere(stage_network: EpochClassifier) -> None:
    usable = [False, True, True, False, True]
    result = probabilities(stage_network, noise(usable))
    assert result.dtype == np.float32
    np.testing.assert_allclose(result[usable].sum(axis=1), 1, atol=1e-6)
    assert np.isnan(result[np.logical_not(usable)]).all()


def test_a_mask_limits_the_epochs_but_not_their_neighbours(stage_network: EpochClassifier) -> None:
    time_frequency = noise([True] * 9)
    mask = np.array([False, True, True, False, False, True, False, False, True])
    everything = probabilities(stage_network, time_frequency)
    some = probabilities(stage_network, time_frequency, epochs=mask)
    np.testing.assert_allclose(some[mask], everything[mask], atol=1e-5)
    assert np.isnan(some[~mask]).all()


def test_advance_is_told_of_every_usable_epoch(stage_network: EpochClassifier) -> None:
    told: list[int] = []
    probabilities(stage_network, noise([True] * 5 + [False] + [True] * 4), batch=2, advance=told.append)
    assert told == [2, 2, 1, 2, 2]


@pytest.mark.parametrize("training", [False, True])
def test_the_networks_mode_stays_as_it_was(training: bool) -> None:
    net = network().train(training)
    first = probabilities(net, noise([True] * 3))
    assert net.training is training
    np.testing.assert_array_equal(first, probabilities(net, noise([True] * 3)))  # no dropout either way
