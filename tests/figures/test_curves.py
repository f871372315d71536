"""Learning curves: what is drawn, how it is scaled and what is marked."""

from typing import Any

import numpy as np
import pandas as pd
import pytest

from nnlab.core.rate_range import exponential_average
from nnlab.show.figures import FIGURES, view
from nnlab.show.figures.style import style
from tests.figures.conftest import RESOLVED, MakeRun

EPOCHS = [0, 1, 2, 3]


def lines(ax: Any) -> dict[str, list[float]]:
    """Label -> the y values of each line of a panel."""
    return {line.get_label(): list(np.atleast_1d(line.get_ydata())) for line in ax.get_lines()}


@pytest.mark.parametrize(("rows", "suits"), [(0, False), (1, False), (2, True)])
def test_curves_need_a_trained_epoch(make_run: MakeRun, rows: int, suits: bool) -> None:
    run = make_run({"epoch": EPOCHS[:rows], "train_loss": [1.0] * rows})
    assert FIGURES["curves"].suits(run) is suits


def test_one_panel_for_each_quantity(make_run: MakeRun) -> None:
    run = make_run(
        {
            "epoch": EPOCHS,
            "step": [0, 9, 18, 27],
            "lr": [0.1] * 4,
            "train_loss": [2.0, 1.0, 0.6, 0.4],
            "train_accuracy": [0.1, 0.5, 0.7, 0.9],
            "val_loss": [2.1, 1.1, 0.8, 0.9],
            "val_accuracy": [0.1, 0.4, 0.6, 0.6],
            "seconds": [0.0, 1.0, 2.0, 3.0],
        },
        summary={"best": {"epoch": 2}},
    )
    loss, accuracy = FIGURES["curves"].draw(run).axes
    assert lines(loss) == {
        "training": [2.0, 1.0, 0.6, 0.4],
        "validation": [2.1, 1.1, 0.8, 0.9],
        "best: epoch 2": [0.8],
    }
    assert lines(accuracy) == {
        "training": [0.1, 0.5, 0.7, 0.9],
        "validation": [0.1, 0.4, 0.6, 0.6],
        "best: epoch 2": [0.6],
    }
    assert [ax.get_ylabel() for ax in (loss, accuracy)] == ["loss (cross entropy)", "accuracy"]
    assert [ax.get_xlabel() for ax in (loss, accuracy)] == ["epoch", "epoch"]


def test_the_best_epoch_is_on_the_training_curve_without_a_validation_part(
    make_run: MakeRun,
) -> None:
    metrics = {"epoch": EPOCHS, "train_loss": [2.0, 1.0, 0.6, 0.7]}
    (loss,) = FIGURES["curves"].draw(make_run(metrics, summary={"best": {"epoch": 2}})).axes
    assert lines(loss)["best: epoch 2"] == [0.6]


@pytest.mark.parametrize("summary", [None, {}, {"best": None}, {"best": {"epoch": 99}}])
def test_no_best_epoch_no_circle(make_run: MakeRun, summary: dict[str, Any] | None) -> None:
    run = make_run({"epoch": EPOCHS, "train_loss": [2.0, 1.0, 0.6, 0.7]}, summary=summary)
    (loss,) = FIGURES["curves"].draw(run).axes
    assert list(lines(loss)) == ["training"]


def test_a_watched_test_part_is_called_test(make_run: MakeRun) -> None:
    run = make_run(
        {"epoch": EPOCHS, "train_loss": [2.0, 1.0, 0.6, 0.7], "val_loss": [2.0, 1.0, 0.6, 0.7]},
        resolved=RESOLVED.replace("validation: 0.2", "validation: test"),
    )
    assert list(lines(FIGURES["curves"].draw(run).axes[0])) == ["training", "test"]


@pytest.mark.parametrize("bad", ["nan", "inf"])
def test_divergence_is_marked_where_the_numbers_end(make_run: MakeRun, bad: str) -> None:
    run = make_run(
        {"epoch": EPOCHS, "train_loss": [2.0, 1.0, 5.0, float(bad)]},
        ended={"status": "diverged", "failure": {"epoch": 4, "step": 31, "what": "loss"}},
    )
    (loss,) = FIGURES["curves"].draw(run).axes
    assert lines(loss)["training"][:3] == [2.0, 1.0, 5.0]
    assert np.isnan(lines(loss)["training"][3])
    (mark,) = (line for line in loss.get_lines() if line.get_label() == "diverged in epoch 4")
    assert list(mark.get_xdata()) == [4, 4]


def test_a_run_without_a_single_finite_loss_is_drawn_empty(make_run: MakeRun) -> None:
    run = make_run({"epoch": [0, 1], "train_loss": [float("inf"), float("nan")]})
    (loss,) = FIGURES["curves"].draw(run).axes
    assert lines(loss) == {}


@pytest.mark.parametrize(
    ("losses", "scale"),
    [
        ([2.0, 1.0, 0.5, 0.2], "linear"),
        ([2.0, 0.5, 0.1, 0.05], "log"),  # a factor of 40
        ([2.0, 0.5, 0.1, 0.0], "linear"),  # a logarithm of 0 cannot be drawn
        ([2.0, float("inf"), 1.0, 0.5], "linear"),
    ],
)
def test_the_axis_is_logarithmic_where_that_helps(
    make_run: MakeRun, losses: list[float], scale: str
) -> None:
    (loss,) = FIGURES["curves"].draw(make_run({"epoch": EPOCHS, "train_loss": losses})).axes
    assert loss.get_yscale() == scale
    assert scale == "log" or loss.get_ylim()[0] == 0


@pytest.mark.parametrize(
    ("values", "lowest"),
    [([-50.0, -2.0, 0.4, 0.9], -1.1), ([0.5, 0.6, 0.7, 0.8], 0.475), ([1.0] * 4, 0.9475)],
)
def test_r2_and_accuracy_end_at_one(make_run: MakeRun, values: list[float], lowest: float) -> None:
    (r2,) = FIGURES["curves"].draw(make_run({"epoch": EPOCHS, "val_r2": values})).axes
    bottom, top = r2.get_ylim()
    assert bottom == pytest.approx(lowest)
    assert 1 < top <= 1.1
    assert r2.get_ylabel() == "R²"


def test_an_r2_that_is_always_far_below_zero_is_seen(make_run: MakeRun) -> None:
    run = make_run({"epoch": EPOCHS, "train_r2": [-9.0, -8.0, -7.0, -6.0]})
    assert FIGURES["curves"].draw(run).axes[0].get_ylim()[0] < -9


@pytest.mark.parametrize(("per", "drawn"), [("epoch", "steps-pre"), ("step", "default")])
def test_rates_that_move_at_every_update_are_not_flat_over_an_epoch(
    make_run: MakeRun, per: str, drawn: str
) -> None:
    rates = {"epoch": EPOCHS, "lr": [None, 0.3, 0.2, 0.1]}
    run = make_run(rates, resolved=f"schedule: {{name: cosine, per: {per}}}\n")
    (line,) = FIGURES["lr"].draw(run).axes[0].lines
    assert line.get_drawstyle() == drawn


def test_a_best_epoch_below_the_axis_is_not_drawn_under_it(make_run: MakeRun) -> None:
    run = make_run(
        {"epoch": EPOCHS, "train_r2": [-9.0, -8.0, -0.5, -6.0]}, summary={"best": {"epoch": 3}}
    )
    assert list(lines(FIGURES["curves"].draw(run).axes[0])) == ["training"]


@pytest.mark.parametrize(
    ("loss", "label"),
    [
        ("{name: mse, reduction: batch_mean}", "loss (mse, summed over outputs)"),
        ("{name: mse, reduction: sum}", "loss (mse, summed over outputs)"),
        ("{name: mse, reduction: mean}", "loss (mse)"),
        ("{name: log_cosh, reduction: sum}", "loss (log cosh, summed over outputs)"),
        ("{name: cross_entropy, reduction: batch_mean}", "loss (cross entropy)"),
        ("bce", "loss (bce)"),
        ("null", "loss"),
    ],
)
def test_the_axis_says_which_loss_it_is(make_run: MakeRun, loss: str, label: str) -> None:
    resolved = f"name: a\nloss: {loss}\n"
    run = make_run({"epoch": [0, 1], "train_loss": [1.0, 0.5]}, resolved=resolved)
    assert FIGURES["curves"].draw(run).axes[0].get_ylabel() == label


def test_steps_show_each_update_and_the_mean_of_each_epoch(make_run: MakeRun) -> None:
    run = make_run(
        steps={
            "epoch": [1, 1, 1, 2, 2],
            "step": [1, 2, 3, 4, 5],
            "lr": [0.1] * 5,
            "loss": [3.0, 2.0, 1.0, 2.0, 1.0],
        }
    )
    assert FIGURES["steps"].suits(run)
    (ax,) = FIGURES["steps"].draw(run).axes
    assert lines(ax) == {"one update": [3.0, 2.0, 1.0, 2.0, 1.0], "mean of an epoch": [2.0, 1.5]}
    mean = ax.get_lines()[1]
    assert list(mean.get_xdata()) == [3, 5]


def test_steps_of_a_run_that_recorded_none(make_run: MakeRun) -> None:
    assert not FIGURES["steps"].suits(make_run({"epoch": EPOCHS, "train_loss": [1.0] * 4}))


def test_the_moving_average_has_its_weights_by_hand_and_by_pandas() -> None:
    values = np.random.default_rng(0).normal(size=50)
    values[[7, 8, 20]] = [np.nan, np.inf, np.nan]
    mean = exponential_average(values, 0.9)
    finite = np.isfinite(values)
    assert np.isnan(mean[~finite]).all()
    whole = pd.Series(values[finite]).ewm(alpha=0.1, adjust=True).mean()  # corrected for the start
    np.testing.assert_allclose(mean[finite], whole, rtol=1e-12)
    assert mean[0] == pytest.approx(values[0], rel=1e-12)
    np.testing.assert_allclose(exponential_average(np.full(5, 3.0), 0.99), 3.0, rtol=1e-12)


def test_smoothed_curves_keep_their_values_pale(make_run: MakeRun) -> None:
    losses = [2.0, 1.0, 0.6, 0.4]
    steps = {"step": [1, 2, 3, 4], "loss": losses, "epoch": [1, 1, 2, 2], "lr": [0.1] * 4}
    run = make_run({"epoch": EPOCHS, "train_loss": losses}, steps=steps)
    with style(smooth=0.5):
        curves, updates = FIGURES["curves"].draw(run), FIGURES["steps"].draw(run)
    mean = [2.0, 4 / 3, 6.4 / 7, 9.6 / 15]
    for figure, name in ((curves, "training"), (updates, "moving average, decay 0.5")):
        (ax,) = figure.axes
        drawn = [list(line.get_ydata()) for line in ax.get_lines()]
        assert losses in drawn
        np.testing.assert_allclose(lines(ax)[name], mean, rtol=1e-12)


@pytest.mark.parametrize(
    ("epochs", "counted"), [(["two", "nan"], []), ([0, "nan"], [0]), ([0, "inf"], [0])]
)
def test_epochs_that_are_no_numbers_are_not_counted(
    make_run: MakeRun, epochs: list[Any], counted: list[int]
) -> None:
    """What is left of a damaged metrics.csv is drawn."""
    run = make_run({"epoch": epochs, "train_loss": [1.0, 0.5]})
    drawn = view(run)
    assert [one.epochs for one in drawn.trained] == counted
    assert FIGURES["curves"].draw(drawn) is not None
