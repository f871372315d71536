"""`nnlab lr`: the losses under a rising rate, the marks on them, and a sweep beside them."""

import csv
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from click.testing import Result

import nnlab as package
from nnlab.core.rate_range import RateCurve, exponential_average, longest_fall
from nnlab.errors import UsageError
from nnlab.show.figures.rate_curve import draw_rate_curve
from nnlab.show.figures.style import style

Nnlab = Callable[..., Result]
FEW = ["--updates", "60", "--seeds", "2"]
X, Y = np.array([[0.0], [1.0], [2.0]]), np.array([[1.0], [0.0], [3.0]])
LINE = {
    "name": "line",
    "data": "memory",
    "network": [{"dense": {"units": 1, "bias": False, "weight": [[0.5]]}}],
    "loss": "mse",
    "training": {"batch_size": "full", "dtype": "float64"},
}


def curve(*losses: list[float], start: float = 1.0) -> RateCurve:
    """A curve whose averages are its losses."""
    rates = np.geomspace(1e-3, 1.0, len(losses[0]))
    found = RateCurve(rates, np.array(losses), np.full(len(losses), start))
    vars(found)["smoothed"] = found.losses
    return found


def test_losses_are_those_of_gradient_descent_by_hand():
    test = package.lr(LINE, data=(X, Y), low=1e-4, high=0.5, updates=50, seeds=1, progress=False)
    w, expected = 0.5, []
    rates = np.geomspace(1e-4, 0.5, 50)
    for rate in rates:
        expected.append(float(np.mean((X * w - Y) ** 2)))
        w -= rate * float(np.mean(2 * (X * w - Y) * X))
    np.testing.assert_allclose(test.curve.rates, rates, rtol=1e-12)
    np.testing.assert_allclose(test.curve.losses[0], expected, rtol=1e-9)
    assert test.curve.start == pytest.approx(expected[0])
    np.testing.assert_allclose(test.table["smoothed"], exponential_average(expected, 0.9))


def test_weights_of_a_run_are_where_the_test_begins(nnlab: Nnlab, tmp_path: Path):
    nnlab("train", "xor", "--set", "epochs=500", "--no-plots")
    last = json.loads(nnlab("evaluate", "latest", "--json").stdout)["loss"]
    (run,) = (tmp_path / "runs").iterdir()
    test = package.lr("xor", updates=50, seeds=1, init={"run": str(run)}, progress=False)
    assert test.curve.start == pytest.approx(last)


def test_a_schedule_a_warmup_and_an_average_change_nothing_and_the_first_is_named():
    same = {"data": (X, Y), "updates": 50, "seeds": 1, "progress": False}
    plain = package.lr(LINE, **same)
    shaped = package.lr(
        LINE, **same, schedule={"name": "cosine", "warmup": 3}, training__ema=0.9, lr=7.0,
        training__early_stopping={"patience": 1}
    )  # fmt: skip
    late = package.lr(LINE, **same, epochs=90, training__swa=80)
    for other in (shaped, late):
        np.testing.assert_array_equal(plain.curve.losses, other.curve.losses)
    assert "put aside" not in str(plain)
    assert "The schedule of the config was put aside" in str(shaped)


@pytest.mark.parametrize("optimizer", package.OPTIMIZERS)
def test_each_optimizer_gets_the_rising_rate(optimizer: str):
    test = package.lr("xor", updates=60, seeds=1, optimizer=optimizer, sweeps={}, progress=False)
    assert np.isfinite(test.curve.losses).all()
    assert len(set(test.curve.losses[0])) > 30
    assert ("searches for each step" in str(test)) is (optimizer == "lbfgs")


def test_a_seed_ends_where_it_diverges_and_counts_as_the_highest_loss():
    test = package.lr(LINE, data=(X, Y), high=1e20, updates=80, seeds=1, progress=False)
    ended = np.isnan(test.curve.losses[0])
    assert ended[[0, -1]].tolist() == [False, True]
    assert (np.diff(ended.astype(int)) >= 0).all()
    low, median, _ = curve([0.5, 0.5], [0.7, np.nan], [0.9, np.nan]).quartiles
    assert median.tolist() == [0.7, np.inf]
    assert low.tolist() == [pytest.approx(0.6), np.inf]  # between a loss and none


def test_marks_of_a_curve_by_hand():
    flat, fall, rise = [1.0] * 20, list(np.linspace(1.0, 0.2, 40)), [0.3, 0.7, 0.9, 2.0]
    marks = curve([*flat, *fall, *rise]).marks
    assert marks["lowest loss"] == 59
    assert marks["edge of divergence"] == 61  # 0.6 is half of the way back
    assert marks["valley"] in (39, 40)  # the fall goes from 20 to 59
    steps = [1.0] * 40 + list(np.linspace(1.0, 0.5, 11)) + [0.5] * 20 + [0.4]
    assert curve(steps).marks["steepest fall"] in range(40, 51)
    assert "edge of divergence" not in curve(steps).marks


@pytest.mark.parametrize("losses", [[1.0] * 60, [1.0, 2.0] * 30, [np.nan] * 60, [0.995] * 60])
def test_no_marks_where_the_loss_does_not_fall(losses: list[float]):
    assert curve(losses).marks == {}


def test_the_longest_fall_against_all_subsequences():
    rng = np.random.default_rng(0)
    for _ in range(30):
        values = rng.integers(0, 6, 9).astype(float)
        chosen = [[i for i in range(9) if mask >> i & 1] for mask in range(1, 512)]
        falling = [c for c in chosen if (np.diff(values[c]) < 0).all()]
        first, last = longest_fall(values)
        ends = {(c[0], c[-1]) for c in falling if len(c) == max(map(len, falling))}
        assert (first, last) in ends


def test_text_json_csv_and_figure_of_the_command(nnlab: Nnlab, tmp_path: Path):
    shown = nnlab("lr", "xor", *FEW, "-o", str(tmp_path / "rates.svg"))
    assert shown.exit_code == 0
    assert shown.stdout.startswith("xor: 60 updates with lr 1e-05 to 10, 2 seeds; loss before")
    assert "steepest fall" in shown.stdout
    drawn = (tmp_path / "rates.svg").read_text()
    assert drawn.startswith("<?xml")
    printed = json.loads(nnlab("lr", "xor", *FEW, "--json").stdout)
    assert printed["marks"].keys() <= {
        "steepest fall",
        "valley",
        "lowest loss",
        "edge of divergence",
    }
    assert printed["seed"] == 3
    rows = list(csv.DictReader(nnlab("lr", "xor", *FEW, "--csv").stdout.splitlines()))
    assert [float(row["loss"]) for row in rows[:60]] == printed["losses"][0]
    assert not (tmp_path / "runs").exists()


def test_the_seed_and_its_data_are_those_of_a_run(nnlab: Nnlab):
    nnlab("train", "xor", "--seed", "4", "--set", "epochs=1", "--no-plots")
    started = json.loads(nnlab("evaluate", "latest", "--weights", "initial", "--json").stdout)
    printed = json.loads(nnlab("lr", "xor", "--seed", "3", *FEW, "--json").stdout)
    assert printed["losses"][1][0] == pytest.approx(started["loss"])


def test_a_sweep_is_found_and_compared(nnlab: Nnlab, tmp_path: Path):
    short, named = ["--set", "epochs=2", "--no-plots"], ["--sweep", "sweep-textbook-lr", "--json"]
    name = ["--name", "sweep-textbook-lr"]
    nnlab("sweep", "lr=0.01,0.1,10", "textbook", "--seeds", "2", *short, *name)
    result = nnlab("lr", "textbook", *FEW, "-o", str(tmp_path / "a.png"))  # of other epochs
    assert "Compares with the final losses of" in result.stderr
    assert "best of the sweep" in result.stdout
    printed = json.loads(nnlab("lr", "textbook", *FEW, *named).stdout)
    swept = package.Sweep.load(tmp_path / "runs" / "sweep-textbook-lr")
    assert printed["sweep"]["of"] == "train_loss"
    finals = printed["sweep"]["finals"]
    for cell in swept.cells[:2]:
        assert finals[str(cell.cell["lr"])]["median"] == cell.numbers["train_loss"].median
    assert finals["10.0"] is None  # both trials diverged
    other = nnlab("lr", "textbook", *FEW, "--set", "hidden=7")
    assert other.exit_code == 0
    assert "Compares" not in other.stderr
    refused = nnlab("lr", "textbook", *FEW, "--set", "hidden=7", *named)
    assert refused.exit_code == 2
    assert "is no sweep of lr alone: network.0.units" in refused.stderr
    nnlab("sweep", "momentum=0.1,0.2", "textbook", "--name", "m", *short)
    assert (
        "is no sweep of lr alone: optimizer.momentum"
        in nnlab("lr", "textbook", "--sweep", "m").stderr
    )


def test_a_rate_at_which_trials_fail_has_no_final_loss():
    sizes = [0.05, 1.0]
    test = curve([1.0] * 20 + [0.5] * 40)
    settings = {"name": "x", "optimizer": {"name": "sgd", "lr": 1}, "training": {}, "loss": "mse"}
    with style():
        figure = draw_rate_curve(test, settings, {0.05: (0.1, 0.2, 0.3), 1.0: None}, "training")
    lines = {line.get_label(): list(line.get_xdata()) for line in figure.axes[1].get_lines()}
    assert lines["final loss of the sweep"] == sizes[:1]
    assert lines["worse than before training"] == sizes[1:]


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["xor", "--from", "1", "--to", "0.1"], 2, "cannot rise from 1 to 0.1: give numbers 0 <"),
        (["xor", "--to", "inf"], 2, "to at most 1e+30 times from"),
        (["xor", "--updates", "9"], 2, "9 is not in the range x>=50"),
        (["xor", "-o", "x.gif"], 2, "x.gif does not end in .png, .svg or .pdf"),
        (["xor", "--csv", "--json"], 2, "exclude each other"),
        (["xor", "--sweep", "none"], 6, "There is no sweep none."),
        (["box"], 2, "step has no useful derivative"),
        (["digits_deep", *FEW], 0, None),
    ],
)
def test_odd_requests(nnlab: Nnlab, arguments: list[str], code: int, message: str | None):
    result = nnlab("lr", *arguments)
    assert result.exit_code == code
    if message is None:
        assert "The loss does not fall at any of these rates." in result.stdout
    else:
        assert message in " ".join(result.stderr.split())


def test_python_refuses_arguments_as_the_command_does():
    with pytest.raises(UsageError, match="cannot rise"):
        package.lr("xor", low=0.0)
    with pytest.raises(UsageError, match=r"updates is 3; it is a whole number >= 50"):
        package.lr("xor", updates=3)
