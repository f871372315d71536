import tracemalloc

import numpy as np
import pytest

from nnlab.core.types import Array
from nnlab.data.fill import Filling
from nnlab.data.scale import ScaleKind, fit_scaling
from nnlab.errors import DataError

# Columns: 0, 2, 4 | constant | -1, 0, 1; the last row is not for training.
X = np.array([[0.0, 0.1, -1.0], [2.0, 0.1, 0.0], [4.0, 0.1, 1.0], [1e6, 1e6, 1e6]])
TRAIN = np.arange(3)
ROOT = 1.5**0.5  # of 3 values a, a + d, a + 2 d the deviation is d / sqrt(1.5)


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("none", X[:3]),
        ("unit", [[0, 0, 0], [0.5, 0, 0.5], [1, 0, 1]]),
        ("standardize", [[-ROOT, 0, -ROOT], [0, 0, 0], [ROOT, 0, ROOT]]),
    ],
)
def test_training_rows(kind: ScaleKind, expected: Array) -> None:
    assert fit_scaling(kind, X, TRAIN).apply(X[:3]) == pytest.approx(np.array(expected), abs=1e-15)


def test_standardize_all_uses_one_mean_and_deviation() -> None:
    scaling = fit_scaling("standardize_all", X, TRAIN)
    assert scaling.shift.shape == scaling.factor.shape == ()
    values = scaling.apply(X[:3])
    assert values.mean() == pytest.approx(0, abs=1e-15)
    assert values.std() == pytest.approx(1)


@pytest.mark.parametrize("kind", ["unit", "standardize", "standardize_all"])
def test_fitted_on_the_training_rows_only(kind: ScaleKind) -> None:
    changed = X.copy()
    changed[3] = -5
    assert (
        fit_scaling(kind, X, TRAIN).factor.tolist()
        == fit_scaling(kind, changed, TRAIN).factor.tolist()
    )
    assert (
        fit_scaling(kind, X, TRAIN).shift.tolist()
        == fit_scaling(kind, changed, TRAIN).shift.tolist()
    )
    assert (
        fit_scaling(kind, X, np.arange(4)).factor.tolist()
        != fit_scaling(kind, X, TRAIN).factor.tolist()
    )


HOLES = np.array([[1, 5], [np.nan, 7], [5, np.nan], [3, 9], [np.nan, np.nan], [1e6, 1e6]])


@pytest.mark.parametrize("kind", ["none", "unit", "standardize", "standardize_all"])
def test_missing_numbers_become_the_mean_of_the_training_rows(kind: ScaleKind) -> None:
    scaling = fit_scaling(kind, HOLES, np.arange(4), filling=Filling())
    assert scaling.fill is not None
    assert scaling.fill.tolist() == [3, 7]
    full = np.where(np.isnan(HOLES), [3.0, 7.0], HOLES)
    np.testing.assert_array_equal(scaling.apply(HOLES), scaling.apply(full))
    assert np.isfinite(scaling.apply(HOLES)).all()


def test_statistics_leave_missing_numbers_out() -> None:
    """Against the three numbers 1, 5, 3 and 5, 7, 9 that the columns have."""
    columns = fit_scaling("standardize", HOLES, np.arange(4), filling=Filling())
    assert columns.shift.tolist() == [3, 7]
    assert columns.factor == pytest.approx(1 / np.std([[1, 5], [5, 7], [3, 9]], axis=0))
    uneven = np.array([[1, 5], [np.nan, 7], [np.nan, 9.0]])
    whole = fit_scaling("standardize_all", uneven, np.arange(3), filling=Filling())
    assert whole.shift == pytest.approx(np.mean([1, 5, 7, 9]))
    assert whole.factor == pytest.approx(1 / np.std([1, 5, 7, 9]))
    low = fit_scaling("unit", HOLES, np.arange(4), filling=Filling())
    assert (low.shift.tolist(), low.factor.tolist()) == ([1, 5], [0.25, 0.25])


def test_numbers_missing_in_other_rows_only_are_filled_too() -> None:
    values = np.array([[1.0], [3.0], [np.nan]])
    assert fit_scaling("none", values, np.arange(2), filling=Filling()).apply(values).tolist() == [
        [1],
        [3],
        [2],
    ]


def test_the_mean_of_large_numbers_is_finite() -> None:
    values = np.array([[1e308], [1.5e308], [np.nan]])
    assert fit_scaling("none", values, np.arange(2), filling=Filling()).apply(values)[
        2, 0
    ] == pytest.approx(1.25e308)


def test_a_column_that_is_missing_in_every_training_row() -> None:
    values = np.array([[1, np.nan], [2, np.nan], [3, 4]])
    with pytest.raises(DataError) as caught:
        fit_scaling("none", values, np.arange(2), filling=Filling())
    assert str(caught.value) == (
        "Input column 1 (counted from 0) is missing in every training row, so there is no mean to "
        "fill it with. Leave it out with ignore."
    )


@pytest.mark.parametrize("kind", ["unit", "standardize"])
def test_a_column_constant_in_training_is_0_everywhere(kind: ScaleKind) -> None:
    assert fit_scaling(kind, X, TRAIN).apply(X)[:, 1].tolist() == [0, 0, 0, 0]


@pytest.mark.parametrize(("top", "dtype"), [(255, np.uint8), (16, np.uint8)])
def test_unit_divides_pixels_by_their_range(top: int, dtype: type) -> None:
    pixels: Array = np.array([[0, 1], [1, 3]], dtype)
    scaled = fit_scaling("unit", pixels, np.arange(2), input_range=(0, top)).apply(pixels)
    assert scaled == pytest.approx(np.array([[0, 1], [1, 3]]) / top)


@pytest.mark.parametrize("kind", ["unit", "standardize", "standardize_all"])
def test_one_row(kind: ScaleKind) -> None:
    assert np.isfinite(fit_scaling(kind, X, np.array([2])).apply(X)).all()


@pytest.mark.parametrize("kind", ["standardize", "standardize_all"])
def test_large_bytes_agree_with_numpy_in_bounded_memory(kind: ScaleKind) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (5000, 784), np.uint8)
    rows = np.arange(4500)
    tracemalloc.start()
    scaling = fit_scaling(kind, pixels, rows)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    axis = 0 if kind == "standardize" else None
    floats = pixels[rows].astype(float)
    assert scaling.shift == pytest.approx(floats.mean(axis=axis), rel=1e-12)
    assert scaling.factor == pytest.approx(1 / floats.std(axis=axis), rel=1e-10)
    assert peak < floats.nbytes * 0.75
    assert scaling.shift.dtype == scaling.factor.dtype == np.float64


@pytest.mark.parametrize("kind", ["unit", "standardize", "standardize_all"])
@pytest.mark.parametrize("column", [[-1e308, 1e308], [0.0, 5e-324]])
def test_what_float64_cannot_scale_is_a_sentence(kind: ScaleKind, column: list[float]) -> None:
    values = np.array(column)[:, None]
    if column[1] < 1 and kind != "unit":  # the variance underflows to 0: as good as constant
        assert fit_scaling(kind, values, np.arange(2)).apply(values).tolist() == [[0], [0]]
        return
    with pytest.raises(DataError) as caught:
        fit_scaling(kind, values, np.arange(2))
    assert str(caught.value) == (
        "The values of input column 0 (counted from 0) are too far apart or too close together "
        f"for scale: {kind}."
    )


@pytest.mark.parametrize("kind", ["none", "unit", "standardize", "standardize_all"])
@pytest.mark.parametrize("fills", [False, True])
def test_a_row_with_weight_3_counts_as_3_rows(kind: ScaleKind, fills: bool) -> None:
    x = X.copy()
    if fills:
        x[[0, 1], [0, 2]] = np.nan
    counts = np.array([1, 3, 2])
    weighted = fit_scaling(
        kind, x, TRAIN, filling=Filling() if fills else None, weights=np.array([1.0, 3.0, 2.0, 9.0])
    )
    repeated = fit_scaling(kind, x, np.repeat(TRAIN, counts), filling=Filling() if fills else None)
    np.testing.assert_allclose(weighted.apply(x[:3]), repeated.apply(x[:3]), rtol=1e-13, atol=1e-15)
