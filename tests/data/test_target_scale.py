"""`data.scale_target`: training on scaled targets, answers in the units of the data."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.metrics import mean_absolute_error, r2_score

import nnlab
from nnlab.core.layers.dense import Rescale
from nnlab.core.losses import LOSSES, Quantile
from nnlab.core.losses.scaled import fitted_rescale, in_units
from nnlab.core.types import Array
from nnlab.errors import ConfigError

EPOCHS = 5
CONFIG: dict[str, Any] = {
    "name": "case",
    "data": {"scale": "standardize", "validation": 0.25, "split": "ordered"},
    "network": [{"dense": 4}, "tanh", {"dense": 2}],
    "loss": "mse",
    "training": {"epochs": EPOCHS, "dtype": "float64"},
}


def rows() -> tuple[Array, Array]:
    rng = np.random.default_rng(3)
    x = rng.normal(size=(60, 3))
    y = x[:, :2] @ [[3e4, 2e-3], [-1e4, 1e-3]] + rng.normal(size=(60, 2)) * [2e3, 1e-4]
    return x, np.add(y, [2.5e5, 0.02])


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Any:
    folder = tmp_path_factory.mktemp("runs")
    data = rows()
    run = nnlab.train(CONFIG, data=data, runs=folder, data__scale_target="standardize")
    return nnlab.load(run.path, data=data)


def test_it_is_training_on_targets_that_were_standardized_before(run: Any, tmp_path: Path) -> None:
    x, y = rows()
    train = y[:45]
    scaled = (y - train.mean(0)) / train.std(0)
    other = nnlab.train(CONFIG, data=(x, scaled), runs=tmp_path)
    for name in ("train_loss", "val_loss", "val_r2"):
        np.testing.assert_allclose(run.metrics[name], other.metrics[name], rtol=1e-9)
    answers = run.predict(x)
    np.testing.assert_allclose(answers, other.predict(x) * train.std(0) + train.mean(0), rtol=1e-9)


def test_metrics_and_answers_are_in_the_units_of_the_data(run: Any) -> None:
    x, y = rows()
    last = run.config.network[-1]
    assert isinstance(last, Rescale)
    np.testing.assert_allclose(last.mean, y[:45].mean(0))
    wanted, answers = y[45:], run.predict(x[45:])
    assert run.metrics["val_mae"][-1] == pytest.approx(mean_absolute_error(wanted, answers))
    assert run.metrics["val_r2"][-1] == pytest.approx(r2_score(wanted, answers))
    shown = nnlab.predict(run, part="validation").table
    np.testing.assert_allclose(
        np.stack([shown["target_output_0"], shown["target_output_1"]], 1), wanted
    )
    np.testing.assert_allclose(shown["output_0"], answers[:, 0])
    assert nnlab.evaluate(run, part="validation")["mae"] == pytest.approx(
        run.metrics["val_mae"][-1]
    )
    np.testing.assert_array_equal(run.rows["validation"].targets, wanted)
    np.testing.assert_allclose(run.rows["validation"].outputs, answers)


def test_the_loss_is_that_of_the_scaled_targets(run: Any) -> None:
    rng = np.random.default_rng(0)
    t, z = rng.normal(size=(6, 2)) * [1e3, 1] + 50, rng.normal(size=(6, 4))
    quantile = Quantile(quantiles=(0.25, 0.75))
    last = fitted_rescale(quantile, t, None)
    loss = in_units(quantile, last)
    np.testing.assert_allclose(loss.decode(loss.encode(t)), t)
    scaled = (t - t.mean(0)) / t.std(0)
    np.testing.assert_allclose(
        loss.terms(z, loss.encode(t)), quantile.terms(z, quantile.encode(scaled))
    )
    np.testing.assert_allclose(loss.answers(loss.outputs(z)), z[:, ::2] * t.std(0) + t.mean(0))
    assert in_units(LOSSES["hinge"](), last) == LOSSES["hinge"]()


def test_a_constant_target_keeps_its_size_and_weights_count() -> None:
    t = np.array([[5.0, 1.0], [5.0, 3.0]])
    last = fitted_rescale(LOSSES["mse"](), t, np.array([1.0, 3.0]))
    assert last == Rescale((5.0, 2.5), (1.0, pytest.approx(0.75**0.5)))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (
            {"data": "moons", "network": [{"dense": 2}, "softmax"], "loss": "cross_entropy"},
            "scale_target is for numbers, and these targets are classes.",
        ),
        (
            {"data": "curve", "network": [{"dense": 1}, "exp"], "loss": "poisson"},
            "poisson cannot take scaled targets.",
        ),
        (
            {"data": "curve", "network": [{"dense": 1}], "training__engine": "compiled"},
            "training.engine: compiled is not possible: data.scale_target has no compiled form.",
        ),
    ],
)
def test_what_it_is_not_for(settings: dict[str, Any], message: str) -> None:
    config = {"name": "case", "loss": "mse", "training": {"epochs": 1}, **settings}
    overrides = {key: config.pop(key) for key in list(config) if "__" in key}
    with pytest.raises(ConfigError, match=message.replace(".", r"\.")):
        nnlab.train(config, data__scale_target="standardize", **overrides)


def test_a_config_keeps_its_scale_where_a_program_gives_the_rows(tmp_path: Path) -> None:
    """A key of `data` that is about any rows is not lost with the data set."""
    x, y = rows()
    config = {**CONFIG, "data": {**CONFIG["data"], "name": "random", "scale_target": "standardize"}}
    run = nnlab.train(config, data=(x, y), runs=tmp_path, epochs=1)
    assert run.config.data.scale_target == "standardize"
    model = nnlab.Regressor(config).fit(x, y)
    assert isinstance(model.network_.layers[-1], Rescale)
    own = {"hidden": 3, "scale_target": "standardize", "epochs": 50, "lr": 0.05, "random_state": 1}
    assert nnlab.Regressor(**own).fit(x, y, sample_weight=np.arange(60.0)).score(x, y) > 0.5


def test_further_training_of_an_estimator_keeps_the_units() -> None:
    x, y = rows()
    model = nnlab.Regressor(hidden=3, scale_target="standardize", epochs=5).fit(x, y)
    first = model.network_.layers[-1]
    assert model.partial_fit(x[:30], 3 * y[:30]).network_.layers[-1] == first
    model.set_params(warm_start=True)
    assert model.fit(x, 3 * y).network_.layers[-1] == first


def test_explain_names_target_and_outputs_in_the_units_of_the_data(run: Any) -> None:
    x, y = rows()
    explained = nnlab.explain(run, row=50)[0]
    record = explained.to_dict()
    np.testing.assert_allclose(record["target"], y[49], rtol=1e-12)
    np.testing.assert_allclose(record["outputs"], run.predict(x[49:50])[0], rtol=1e-9)
    assert f"The target is {y[49, 0]:.5g}, {y[49, 1]:.5g}." in str(explained)
    (loss,) = (b for c in record["chapters"] for b in c["blocks"] if b["title"] == "Loss: mse")
    mean, spread = y[:45].mean(0), y[:45].std(0)
    for place, row in enumerate(loss["rows"]):
        assert row["y"] == pytest.approx(record["outputs"][place])
        assert row["z"] == pytest.approx((row["y"] - mean[place]) / spread[place])
        assert row["t"] == pytest.approx((y[49, place] - mean[place]) / spread[place])


def test_explain_names_a_target_once_for_all_its_quantiles(tmp_path: Path) -> None:
    x, y = rows()
    config = {**CONFIG, "network": [{"dense": 3}], "loss": {"quantile": [0.1, 0.5, 0.9]}}
    trained = nnlab.train(config, data=(x, y[:, 0]), runs=tmp_path, epochs=1)
    explained = nnlab.explain(nnlab.load(trained.path, data=(x, y[:, 0])), row=4)[0]
    assert f"The target is {y[3, 0]:.5g}.\n" in str(explained)
    assert explained.to_dict()["target"] == [pytest.approx(y[3, 0])]


def test_figures_show_targets_in_the_units_of_the_outputs_with_names(tmp_path: Path) -> None:
    x, y = rows()
    lines = ["a,b,c,price,area", *(",".join(map(repr, row)) for row in np.c_[x, y][:8].tolist())]
    (tmp_path / "few.csv").write_text("\n".join(lines))
    data = {"name": "csv", "path": str(tmp_path / "few.csv"), "target": ["price", "area"]}
    config = {**CONFIG, "data": {**data, "scale_target": "standardize"}}
    config |= {"network": [{"dense": 4}], "loss": {"quantile": [0.2, 0.5]}}
    figure = nnlab.train(config, runs=tmp_path, epochs=1).plot("outputs")
    truth = figure.axes[0]
    shown = [text.get_text() for text in truth.texts if text.get_position()[1] == 0]
    assert shown == [f"{value:.1f}" for value in np.repeat(y[0], 2)]
    names = [label.get_text() for label in truth.get_xticklabels()]
    assert [name[-4:] for name in names] == ["q0.2", "q0.5"] * 2
    run = nnlab.load(max(tmp_path.glob("*-case-*")))
    labels = [ax.get_xlabel() for ax in run.plot("targets").axes]
    assert labels == ["target price", "target area"]
    assert [ax.get_xlabel() for ax in run.plot("residuals").axes] == [
        "prediction of price", "prediction of area"
    ]  # fmt: skip
