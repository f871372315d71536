"""The feature maps: what is drawn, of which pictures, and what is said of the rest."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import nnlab
from nnlab.run.folder import RunFolder
from nnlab.show.figures import FIGURES
from nnlab.show.figures.style import style
from tests.figures.conftest import Runs

Copy = Callable[[str], RunFolder]
SCALES = np.array([1.0, 8.0, 2.0, 7.0, 3.0, 6.0, 4.0, 5.0])
LIVELY = [1, 3, 4, 5, 6, 7]  # where the six largest of them are


def drawn(run: RunFolder) -> Any:
    with style():
        return FIGURES["feature_maps"].draw(run)


def images(figure: Any) -> list[Any]:
    return list(figure.axes[0].get_images())


def texts(figure: Any) -> list[str]:
    return [text.get_text() for text in figure.axes[0].texts]


def heads(figure: Any) -> str:
    return " ".join(text.get_text() for text in figure.texts)


@pytest.fixture
def by_hand(copy: Copy) -> RunFolder:
    """Filters that multiply a picture, and a normalisation that subtracts 0.5 and halves."""
    run = copy("conv")
    weights = run.read_arrays("weights/final.npz")
    weights["1.conv2d.weight"][...] = 0.0
    weights["1.conv2d.weight"][1, 1, 0] = SCALES
    weights["2.batch_norm.gamma"][...] = 1.0
    weights["2.batch_norm.beta"][...] = 0.0
    weights["2.batch_norm.running_mean"][...] = 0.5
    weights["2.batch_norm.running_var"][...] = 4.0
    run.write_arrays("weights/final.npz", weights)  # type: ignore[arg-type]
    return run


def firsts(run: RunFolder) -> Any:
    """The first row of the test part of the classes 0, 1 and 2, as pictures between 0 and 1."""
    kept = run.read_arrays("predictions.npz")
    rows = [np.flatnonzero(kept["test.targets"] == number)[0] for number in range(3)]
    return kept["test.inputs"][rows].reshape(3, 8, 8) / 16


def test_the_pictures_are_the_first_of_three_classes(runs: Runs) -> None:
    run = runs["conv"]
    figure = drawn(run)
    for image, picture in zip(images(figure)[:3], firsts(run), strict=True):
        np.testing.assert_array_equal(np.asarray(image.get_array()), picture)
    kept = run.read_arrays("predictions.npz")
    rows = [np.flatnonzero(kept["test.targets"] == number)[0] for number in range(3)]
    said = [kept["test.outputs"][row].argmax() for row in rows]
    told = [text for text in texts(figure) if text.startswith("true")]
    assert told == [f"true {number}\nsaid {guess}" for number, guess in enumerate(said)]


def test_maps_are_what_the_activation_gives_in_evaluation_mode(by_hand: RunFolder) -> None:
    """With running statistics and without dropout, before the pooling."""
    maps = images(drawn(by_hand))[3 : 3 + 18]
    for line, picture in enumerate(firsts(by_hand)):
        for place, number in enumerate(LIVELY):
            wanted = np.maximum((SCALES[number] * picture[1:-1, 1:-1] - 0.5) / 2, 0)
            found = np.asarray(maps[6 * line + place].get_array())
            np.testing.assert_allclose(found, wanted, atol=1e-4)  # epsilon in the root


def test_of_many_maps_those_that_vary_most_are_drawn_under_their_numbers(
    by_hand: RunFolder,
) -> None:
    found = texts(drawn(by_hand))
    numbers = [text for text in found if text.isdigit()]
    assert numbers == [str(number + 1) for number in LIVELY] * 3 + ["1", "2", "3"] * 3


def test_all_maps_of_a_column_share_a_scale_from_0_to_their_largest(by_hand: RunFolder) -> None:
    figure = drawn(by_hand)
    first, second = images(figure)[3:21], images(figure)[21:]
    largest = max(np.asarray(one.get_array()).max() for one in first)
    assert {one.get_clim() for one in first} == {(0.0, largest)}
    both = [np.asarray(one.get_array()) for one in second]  # no activation: below 0 as well
    bound = max(-np.min(both), np.max(both))  # signs have the colours of all other figures
    limits = -bound, bound
    assert {one.get_clim() for one in second} == {limits}
    labels = [ax.get_xlabel() for ax in figure.axes[1:]]
    assert labels == ["output of 4.relu", "output of 6.conv2d"]


def test_what_stands_above_the_columns(runs: Runs) -> None:
    figure = drawn(runs["conv"])
    assert [text for text in texts(figure) if " x " in text] == [
        "input\n8 x 8",
        "1.conv2d\n+ 2.batch norm, 3.dropout,\n4.relu\n6 x 6 x 8, 6 of 8 maps",
        "6.conv2d\n3 x 3 x 3, all maps",
    ]
    assert heads(figure).endswith(
        "Of each layer the 6 maps that vary most over these images. "
        "All maps of a column share one colour scale."
    )


def test_of_many_convolutions_the_first_and_the_last_are_drawn(runs: Runs) -> None:
    figure = drawn(runs["deep-conv"])
    assert "Of 6 convolutions the first 2 and the last 2." in heads(figure)
    labels = [ax.get_xlabel() for ax in figure.axes[1:]]
    assert labels == [f"output of {number}.relu" for number in (3, 7, 19, 23)]
    assert FIGURES["feature_maps"].alt(runs["deep-conv"]) == (
        "Feature maps of deep-conv: 8 x 8 x 7 after 3.relu, 8 x 8 x 7 after 7.relu, "
        "8 x 8 x 7 after 19.relu, 8 x 8 x 7 after 23.relu."
    )


def test_flat_rows_that_the_network_takes_for_colour_pictures(runs: Runs) -> None:
    """A regression has no classes: the first rows, and nothing is said of them."""
    run = runs["colours"]
    figure = drawn(run)
    kept = run.read_arrays("predictions.npz")["train.inputs"][:3].reshape(3, 5, 6, 3)
    for image, picture in zip(images(figure)[:3], kept, strict=True):
        np.testing.assert_allclose(np.asarray(image.get_array()), picture / 255)
        left, right, bottom, top = image.get_extent()
        assert (bottom - top) / (right - left) == pytest.approx(5 / 6)
    assert len(images(figure)) == 3 + 3 * 4
    assert "All maps of a column share one colour scale." in heads(figure)
    assert "vary most" not in heads(figure)


@pytest.mark.parametrize("value", [1e308, -1e308, 1e80, 0.0])
def test_weights_of_a_run_that_went_wrong(by_hand: RunFolder, value: float) -> None:
    weights = by_hand.read_arrays("weights/final.npz")
    weights["1.conv2d.weight"][...] = value
    by_hand.write_arrays("weights/final.npz", weights)  # type: ignore[arg-type]
    low, high = images(drawn(by_hand))[3].get_clim()
    assert low == 0
    assert np.isfinite(high)
    assert high > 0


def test_why_it_does_not_suit(runs: Runs, copy: Copy, tmp_path: Any) -> None:
    hidden = nnlab.train(
        {
            "name": "hidden",
            "data": "xor",
            "network": [
                {"dense": 16},
                {"reshape": [4, 4, 1]},
                {"conv2d": 2},
                "flatten",
                {"dense": 1},
                "sigmoid",
            ],
            "loss": "bce",
            "training": {"epochs": 0},
        },
        runs=tmp_path,
    )
    without = copy("conv")
    (without.path / "predictions.npz").unlink()
    why_not = FIGURES["feature_maps"].why_not
    assert why_not(runs["digits"]) == "the network has no convolution"
    assert why_not(RunFolder(hidden.path)) == "its rows are no images"
    assert why_not(without) == "no rows are saved"
    assert why_not(runs["race"]) == "it shows a training, and this is a race"
