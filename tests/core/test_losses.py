"""One battery for every loss of the catalogue: gradients, PyTorch's values, extreme numbers."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nnlab.core.losses import LOSSES, Loss, Quantile
from nnlab.core.types import Array

CASES = json.loads((Path(__file__).parents[1] / "references" / "losses.json").read_text("utf-8"))
REDUCTIONS = ("mean", "batch_mean", "sum")
DTYPES = [np.float32, np.float64]

# name -> the settings to try, each with every reduction, and the number of outputs
EXAMPLES: dict[str, tuple[int, list[dict[str, Any]]]] = {
    "mse": (3, [{}]),
    "mae": (3, [{}]),
    "huber": (3, [{}, {"delta": 0.3}]),
    "log_cosh": (3, [{}]),
    "poisson": (3, [{}]),
    "quantile": (3, [{}, {"quantiles": (0.05, 0.6, 0.95)}, {"quantiles": (0.25,)}]),
    "hinge": (3, [{}, {"margin": 0.4}]),
    "bce": (
        2,
        [
            {},
            {"label_smoothing": 0.2},
            {"class_weight": (0.25, 4.0)},
            {"class_weight": (0.25, 4.0), "label_smoothing": 0.2},
        ],
    ),
    "cross_entropy": (
        3,
        [
            {},
            {"label_smoothing": 0.2},
            {"class_weight": (0.25, 1.0, 4.0)},
            {"class_weight": (0.25, 0.0, 4.0), "label_smoothing": 0.2},
        ],
    ),
}
MEMBERS = [
    pytest.param(name, LOSSES[name](reduction=reduction, **one), m, id=f"{name}-{reduction}-{one}")
    for name, (m, settings) in EXAMPLES.items()
    for one in settings
    for reduction in REDUCTIONS
]
each_loss = pytest.mark.parametrize(("name", "loss", "m"), MEMBERS)
each_dtype = pytest.mark.parametrize("dtype", DTYPES)


def targets(name: str, rows: int, m: int) -> Array:
    """One-hot rows, 0/1 questions, or numbers."""
    rng = np.random.default_rng(5)
    if name in ("cross_entropy", "hinge"):
        return np.eye(m)[np.arange(rows) % m]
    if name == "bce":
        return (rng.random((rows, m)) < 0.5).astype(float)
    if name == "poisson":
        return rng.poisson(2, (rows, m)).astype(float)
    width = m // LOSSES[name]().width(1)  # of a target row
    return rng.normal(size=(rows, width))


def gradient(loss: Loss, z: Array, t: Array) -> Array:
    """The gradient in memory that started as nan; the arguments may not be written."""
    z, t = z.copy(), loss.encode(t).astype(z.dtype)
    z.setflags(write=False)
    t.setflags(write=False)
    dz = np.full_like(z, np.nan)
    loss.gradient(z, t, dz, loss.bind(*z.shape, z.dtype))
    return dz


def reduced(loss: Loss, z: Array, t: Array) -> float:
    """The function whose gradient the loss claims to give, from its reported per-sample loss."""
    rows = loss.per_sample(z, loss.encode(t))
    return float(rows.sum() if loss.reduction == "sum" else rows.mean())


def test_every_loss_has_an_example():
    assert set(EXAMPLES) == set(LOSSES)
    assert {case["name"] for case in CASES} == set(LOSSES)


@each_loss
@pytest.mark.parametrize("direction", range(3))
def test_gradient_against_central_differences(name, loss, m, direction):
    rng = np.random.default_rng([11, direction])
    z, t, d = rng.normal(size=(6, m)), targets(name, 6, m), rng.normal(size=(6, m))
    found = gradient(loss, z, t)
    h = 1e-5
    slope = (reduced(loss, z + h * d, t) - reduced(loss, z - h * d, t)) / (2 * h)
    scale = np.linalg.norm(found) * np.linalg.norm(d)
    assert abs((found * d).sum() - slope) <= 1e-7 * max(abs(slope), 1e-2 * scale)


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case['name']}-{case['settings']}")
def test_loss_equals_pytorch(case):
    settings = {
        key: tuple(value) if isinstance(value, list) else value
        for key, value in case["settings"].items()
    }
    loss = LOSSES[case["name"]](**settings)
    z, t = np.array(case["logits"]), np.array(case["targets"])
    with np.errstate(all="raise", under="ignore"):
        rows = loss.per_sample(z, loss.encode(t))
        found = gradient(loss, z, t)
        value = reduced(loss, z, t)
    # The logarithm of a sum near 1 keeps an absolute error of an ulp of 1.
    np.testing.assert_allclose(rows, case["rows"], rtol=1e-13, atol=1e-15)
    np.testing.assert_allclose(value, case["loss"], rtol=1e-13)
    np.testing.assert_allclose(found, case["gradient"], rtol=1e-13, atol=1e-15)


@each_loss
@each_dtype
def test_gradient_overwrites_and_keeps_the_dtype(name, loss, m, dtype):
    z = np.random.default_rng(2).normal(size=(4, m)).astype(dtype)
    found = gradient(loss, z, targets(name, 4, m))
    assert found.dtype == dtype
    assert np.isfinite(found).all()
    wanted = gradient(loss, z.astype(np.float64), targets(name, 4, m))
    np.testing.assert_allclose(found, wanted, rtol=1e-5, atol=1e-6)  # float32 has 6e-8
    rows = loss.per_sample(z, loss.encode(targets(name, 4, m)).astype(dtype))
    assert rows.shape == (4,)
    assert rows.dtype == dtype


@each_loss
@each_dtype
def test_no_warning_and_no_inf_for_extreme_numbers(name, loss, m, dtype):
    size = 1e18 if name == "mse" and dtype is np.float32 else 1e30
    magnitudes = [0.0, 1e-30, 1.0, 40.0, 89.0, 710.0, 1e10, size]
    extremes = np.array([sign * value for value in magnitudes for sign in (1, -1)])
    grid = np.array(np.meshgrid(*[extremes[::3]] * m)).reshape(m, -1).T
    z = np.concatenate([grid, np.repeat(extremes[:, None], m, axis=1)]).astype(dtype)
    t = targets(name, len(z), m).astype(dtype)
    with np.errstate(all="raise", under="ignore"):
        rows = loss.per_sample(z, loss.encode(t).astype(dtype))
        assert np.isfinite(rows).all()
        assert (rows >= 0).all()
        assert np.isfinite(rows.mean(dtype=np.float64))
        assert np.isfinite(gradient(loss, z, t)).all()


@each_loss
@each_dtype
def test_an_empty_batch_gives_no_warning(name, loss, m, dtype):
    z = np.empty((0, m), dtype)
    assert gradient(loss, z, targets(name, 0, m)).shape == (0, m)
    assert loss.per_sample(z, z).shape == (0,)


@each_loss
def test_one_row(name, loss, m):
    z, t = np.ones((1, m)), targets(name, 1, m)
    factor = {"mean": m, "batch_mean": 1, "sum": 1}[loss.reduction]
    whole = gradient(loss, np.repeat(z, 4, axis=0), np.repeat(t, 4, axis=0))
    rows = {"mean": 4, "batch_mean": 4, "sum": 1}[loss.reduction]
    np.testing.assert_allclose(whole[0] * rows, gradient(loss, z, t)[0], rtol=1e-14)
    alone = LOSSES[name](**{**vars(loss), "reduction": "sum"})
    np.testing.assert_allclose(gradient(loss, z, t) * factor, gradient(alone, z, t), rtol=1e-14)


@each_loss
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_what_is_not_finite_is_never_hidden(name, loss, m, bad):
    """Divergence is found by looking at the loss; the rows beside the bad one stay right."""
    z, t = np.random.default_rng(0).normal(size=(3, m)), targets(name, 3, m)
    good = gradient(loss, z, t)
    z[1] = bad
    with np.errstate(invalid="ignore", over="ignore"):
        rows = loss.per_sample(z, loss.encode(t))
        found = gradient(loss, z, t)
    assert not np.isfinite(rows[1])
    assert np.isfinite(rows[[0, 2]]).all()
    np.testing.assert_array_equal(found[[0, 2]], good[[0, 2]])
    if np.isnan(bad):
        assert np.isnan(found[1]).all()


@each_loss
def test_rows_that_are_not_contiguous(name, loss, m):
    z, t = np.random.default_rng(0).normal(size=(8, m)), targets(name, 8, m)
    dz = np.empty((4, m))
    loss.gradient(z[::2], loss.encode(t)[::2], dz, loss.bind(4, m, np.float64))
    np.testing.assert_array_equal(dz, gradient(loss, z[::2].copy(), t[::2].copy()))
    np.testing.assert_array_equal(
        loss.per_sample(z[::2], loss.encode(t)[::2]),
        loss.per_sample(z[::2].copy(), loss.encode(t)[::2].copy()),
    )


def test_one_class_leaves_nothing_to_learn():
    loss = LOSSES["cross_entropy"]()
    z, t = np.array([[3.0], [-1e30]]), np.ones((2, 1))
    np.testing.assert_array_equal(loss.per_sample(z, t), 0)
    np.testing.assert_array_equal(gradient(loss, z, t), 0)


def test_default_reductions():
    found = {name: loss().reduction for name, loss in LOSSES.items()}
    assert found == {
        "mse": "mean",
        "mae": "mean",
        "huber": "mean",
        "log_cosh": "mean",
        "poisson": "mean",
        "quantile": "mean",
        "bce": "mean",
        "cross_entropy": "batch_mean",
        "hinge": "batch_mean",
    }


def test_mse_with_batch_mean_is_the_notebooks_loss():
    loss = LOSSES["mse"](reduction="batch_mean")
    z, t = np.array([[1.0, 2.0]]), np.array([[0.5, 4.0]])
    assert loss.per_sample(z, t).mean() == 0.25 + 4.0
    np.testing.assert_array_equal(gradient(loss, z, t), [[1.0, -4.0]])


# --- class weights and label smoothing --------------------------------------------------------


@pytest.mark.parametrize("name", ["bce", "cross_entropy"])
def test_balanced_weights_are_scikit_learns(name):
    from sklearn.utils.class_weight import compute_class_weight

    labels = np.array([0, 0, 0, 0, 1, 1])
    wanted = compute_class_weight("balanced", classes=np.array([0, 1]), y=labels)
    loss = LOSSES[name](class_weight="balanced").prepare(labels, 2)
    assert loss.class_weight == pytest.approx(tuple(wanted), rel=1e-15)


def test_a_class_without_a_row_has_no_balanced_weight():
    """As scikit-learn refuses it too."""
    loss = LOSSES["cross_entropy"](class_weight="balanced")
    message = r"^class 1 has no row, so class_weight: balanced has no weight for it$"
    with pytest.raises(ValueError, match=message):
        loss.prepare(np.array([0, 2, 2]), 3)


@pytest.mark.parametrize("settings", [{}, {"class_weight": (1.0, 2.0)}])
@pytest.mark.parametrize("name", ["bce", "cross_entropy"])
def test_prepare_leaves_other_weights_alone(name, settings):
    loss = LOSSES[name](**settings)
    assert loss.prepare(np.array([0, 1]), 2) == loss


@pytest.mark.parametrize("name", ["bce", "cross_entropy"])
def test_balanced_weights_want_labels_first(name):
    message = r"^balanced class weights need the training labels: call prepare first$"
    with pytest.raises(ValueError, match=message):
        LOSSES[name](class_weight="balanced").bind(4, 2, np.float64)


@pytest.mark.parametrize("name", ["bce", "cross_entropy"])
def test_equal_weights_change_nothing(name):
    z = np.random.default_rng(0).normal(size=(4, 2))
    t = targets(name, 4, 2)
    plain, weighted = LOSSES[name](), LOSSES[name](class_weight=(1.0, 1.0))
    np.testing.assert_allclose(gradient(weighted, z, t), gradient(plain, z, t), rtol=1e-13)
    np.testing.assert_allclose(weighted.per_sample(z, t), plain.per_sample(z, t), rtol=1e-13)


def test_smoothing_does_not_change_the_callers_targets():
    for name in ("bce", "cross_entropy"):
        t = np.eye(2)
        smooth = LOSSES[name](label_smoothing=0.1).encode(t)
        np.testing.assert_array_equal(t, np.eye(2))
        np.testing.assert_allclose(smooth, [[0.95, 0.05], [0.05, 0.95]], rtol=1e-15)


def test_which_losses_are_fused_with_an_activation():
    fused = {name: loss.fuses for name, loss in LOSSES.items() if loss.fuses}
    assert fused == {"poisson": "exp", "bce": "sigmoid", "cross_entropy": "softmax"}


@each_loss
def test_weights_multiply_the_gradient_of_their_rows(name: str, loss: Loss, m: int) -> None:
    z, t = np.random.default_rng(2).normal(size=(4, m)), loss.encode(targets(name, 4, m))
    weights = np.array([[0.0], [1.0], [2.5], [1e-3]])
    memory, plain, weighted = loss.bind(4, m, np.float64), np.empty((4, m)), np.empty((4, m))
    loss.gradient(z, t, plain, memory)
    for _ in range(2):  # a second batch has weights of its own
        loss.weigh(memory, weights)
        loss.gradient(z, t, weighted, memory)
    np.testing.assert_allclose(weighted, weights * plain, rtol=1e-14)


def test_balanced_weights_count_the_weights_of_rows() -> None:
    loss = LOSSES["cross_entropy"](class_weight="balanced")
    labels, weights = np.array([0, 1, 1, 2]), np.array([3.0, 1.0, 2.0, 1.0])
    repeated = loss.prepare(np.repeat(labels, weights.astype(int)), 3)
    assert loss.prepare(labels, 3, weights) == repeated


# --- against scikit-learn ---------------------------------------------------------------------


def test_poisson_is_half_of_scikit_learns_deviance() -> None:
    from sklearn.metrics import mean_poisson_deviance

    rng = np.random.default_rng(4)
    z, t = rng.normal(size=(50, 1)), rng.poisson(2, (50, 1)).astype(float)
    mine = LOSSES["poisson"]().per_sample(z, t).mean()
    assert mine == pytest.approx(mean_poisson_deviance(t, np.exp(z)) / 2, rel=1e-13)
    assert LOSSES["poisson"]().refusal(t) == ""
    assert LOSSES["poisson"]().refusal(-t) == f"poisson is for counts, and a target is {-t.max():g}"


def test_quantile_is_scikit_learns_pinball_loss() -> None:
    from sklearn.metrics import mean_pinball_loss

    rng = np.random.default_rng(4)
    z, t = rng.normal(size=(50, 6)), rng.normal(size=(50, 2))
    loss = Quantile(quantiles=(0.1, 0.5, 0.8))
    mine = loss.terms(z, loss.encode(t)).mean(axis=0)
    wanted = [
        mean_pinball_loss(t[:, i // 3], z[:, i], alpha=(0.1, 0.5, 0.8)[i % 3]) for i in range(6)
    ]
    np.testing.assert_allclose(mine, wanted, rtol=1e-13)
    np.testing.assert_array_equal(loss.answers(z), z[:, [1, 4]])
    assert loss.output_names(["a", "b"])[2:4] == ["a q0.8", "b q0.1"]
    for pair in ((0.1, 0.9), (0.3, 0.7), (0.45, 0.55)):  # 0.7 - 0.5 is below 0.5 - 0.3
        np.testing.assert_array_equal(Quantile(quantiles=pair).answers(z[:, :2]), z[:, :1])


def test_hinge_of_two_classes_is_scikit_learns() -> None:
    from sklearn.metrics import hinge_loss

    rng = np.random.default_rng(4)
    z, labels = rng.normal(size=(50, 2)), rng.integers(0, 2, 50)
    mine = LOSSES["hinge"]().per_sample(z, np.eye(2)[labels]).mean()
    assert mine == pytest.approx(hinge_loss(labels, z[:, 1] - z[:, 0]), rel=1e-13)


@pytest.mark.parametrize("error", [1e-12, 1e-5, 0.999, 1.0, 30.0, 800.0])
def test_log_cosh_is_exact_for_small_and_large_errors(error: float) -> None:
    from mpmath import cosh, log, mp

    with mp.workdps(60):
        wanted = float(log(cosh(mp.mpf(error))))
    found = LOSSES["log_cosh"]().per_sample(np.array([[error]]), np.zeros((1, 1)))
    assert found[0] == pytest.approx(wanted, rel=4e-16 / min(error, 1))
