"""`nnlab.Classifier` and `nnlab.Regressor` where their users use them."""

import pickle
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.calibration import CalibratedClassifierCV
from sklearn.datasets import load_digits, make_moons
from sklearn.exceptions import ConvergenceWarning, NotFittedError
from sklearn.inspection import permutation_importance
from sklearn.model_selection import GridSearchCV, cross_val_score, learning_curve
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import nnlab
from nnlab.config.annotations import hints
from nnlab.config.schema import Training
from nnlab.core.types import Array
from nnlab.estimators.classifier import Classifier
from nnlab.estimators.regressor import Regressor
from nnlab.experiment.verify import Finding, Verifier
from nnlab.run.folder import RunFolder
from tests.process import python

X, Y = make_moons(60, noise=0.1, random_state=0)
T = X @ [[1.0, 0.5], [-2.0, 1.0]]
WORDS = np.array(["lower", "upper"])[Y]
SHORT: dict[str, Any] = {"hidden": (8,), "lr": 0.05, "epochs": 20}


def arrays(estimator: Any) -> dict[str, Array]:
    return {name: array.copy() for name, array in estimator.network_.arrays.items()}


def assert_same(first: dict[str, Array], second: dict[str, Array]) -> None:
    assert first.keys() == second.keys()
    for name, array in first.items():
        assert array.tobytes() == second[name].tobytes(), name


# --- the same training as of a config ---------------------------------------------------------

LAYERS = [{"dense": 8}, "relu", {"dense": 2}, "softmax"]
CONFIG: dict[str, Any] = {
    "seed": 4,
    "data": {"scale": "standardize", "validation": 0.2},
    "network": LAYERS,
    "loss": {"cross_entropy": {"class_weight": "balanced"}},
    "optimizer": {"adam": {"lr": 0.05}},
    "training": {"epochs": 6, "batch_size": 16, "early_stopping": {"patience": 3}},
}


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> nnlab.Run:
    folder = tmp_path_factory.mktemp("rows")
    np.savez(folder / "moons.npz", x=X, y=WORDS)
    data = {**CONFIG["data"], "name": "npz", "path": str(folder / "moons.npz")}
    return nnlab.train({**CONFIG, "data": data}, runs=folder)


@pytest.mark.parametrize(
    "estimator",
    [
        Classifier(CONFIG),
        Classifier({**CONFIG, "data": "moons", "seed": 1}, random_state=4, scale="standardize",
                   validation=0.2),
        Classifier(hidden=8, lr=0.05, epochs=6, batch_size=16, dtype="float32", random_state=4,
                   loss={"cross_entropy": {"class_weight": "balanced"}}, scale="standardize",
                   validation=0.2, early_stopping={"patience": 3}),
        Classifier(network=[nnlab.LAYERS["dense"](8), nnlab.LAYERS["relu"](), *LAYERS[2:]],
                   loss=nnlab.LOSSES["cross_entropy"](class_weight="balanced"), epochs=6,
                   optimizer=nnlab.OPTIMIZERS["adam"](lr=0.05), batch_size=16, dtype="float32",
                   random_state=4, scale="standardize", validation=0.2,
                   early_stopping={"patience": 3}),
    ],
    ids=["config", "config-and-parameters", "parameters", "members"],
)  # fmt: skip
def test_the_bits_are_those_of_train(estimator: Classifier, trained: nnlab.Run) -> None:
    estimator.fit(X, WORDS)
    assert_same(arrays(estimator), trained.network().arrays)
    metrics = trained.metrics
    assert estimator.loss_curve_ == metrics["train_loss"][1:].tolist()
    assert estimator.validation_curve_ == metrics["val_loss"][1:].tolist()
    assert estimator.n_iter_ == len(metrics["epoch"]) - 1
    np.testing.assert_array_equal(estimator.predict_proba(X), trained.predict(X))


def test_a_path_and_a_shipped_config(tmp_path: Path) -> None:
    (tmp_path / "net.yaml").write_text(
        "data: {name: moons, test: 0.2, noise: 0.3}\nnetwork: [{dense: 4}, tanh, {dense: 2}, "
        "softmax]\nloss: cross_entropy\ntraining: {epochs: 2}\n"
        "sweeps: {noise: {key: data.noise, values: [0.1]}}\n"
    )
    assert Classifier(tmp_path / "net.yaml").fit(X, Y).n_iter_ == 2
    assert Classifier("xor", epochs=3).fit(X, Y).n_iter_ == 3
    with pytest.raises(ValueError, match=r"net\.yaml:2:37: the network's output is 2 numbers wide"):
        Classifier(tmp_path / "net.yaml").fit(X, np.arange(60) % 3)


def test_hidden_layers_in_every_form() -> None:
    for hidden in (3, np.int64(3), (3,), [3], np.array([3])):
        assert Classifier(hidden=hidden, epochs=0).fit(X, Y).network_.shapes[1] == (3,)
    assert len(Regressor(hidden=(), epochs=0).fit(X, T).network_.layers) == 1
    assert Classifier("xor", hidden=5, epochs=0).fit(X, Y).network_.shapes[1] == (5,)


def test_every_key_of_training_is_a_parameter() -> None:
    assert hints(Training).keys() <= Classifier().get_params().keys()


# --- where scikit-learn takes them ------------------------------------------------------------


def test_scikit_learn_s_tools_take_them() -> None:
    model = make_pipeline(StandardScaler(), Classifier(**SHORT))
    grid = {"classifier__optimizer__lr": [1e-6, 0.05], "classifier__hidden": [(8,)]}
    model.set_params(classifier__lr=None)
    search = GridSearchCV(model, grid, cv=2).fit(X, WORDS)
    assert search.best_params_["classifier__optimizer__lr"] == 0.05
    best = search.best_estimator_
    assert best[-1].optimizer == {**best[-1].optimizer, "name": "adam", "lr": 0.05}
    assert search.score(X, WORDS) > 0.8
    importance = permutation_importance(best, X, WORDS, n_repeats=2, random_state=0)
    assert importance.importances_mean.shape == (2,)
    calibrated = CalibratedClassifierCV(Classifier(**SHORT), cv=2)
    calibrated.fit(X, WORDS, sample_weight=np.ones(60))
    assert calibrated.predict_proba(X).shape == (60, 2)
    regressor = Regressor(**SHORT)
    assert cross_val_score(regressor, X, T, cv=2).mean() > 0.5
    _, train, test = learning_curve(regressor, X, T[:, 0], cv=2, train_sizes=[0.5, 1.0])
    assert train.shape == test.shape == (2, 2)


def test_the_example_of_the_page_runs(capsys: pytest.CaptureFixture[str]) -> None:
    text = (Path(__file__).parents[2] / "docs" / "sklearn.md").read_text("utf-8")
    (example,) = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    exec(compile(example, "docs/sklearn.md", "exec"), {})
    scores, best, curves, shape = capsys.readouterr().out.strip().splitlines()
    assert min(map(float, scores.strip("[]").split())) > 0.9
    assert "optimizer__beta1" in best
    assert len(curves.split()) == 3
    assert shape == "(13, 32)"


def test_set_params_reaches_the_settings_of_a_part() -> None:
    model = Classifier("xor")
    params = model.get_params()
    assert params["optimizer"] is None
    assert params["loss__reduction"] == "sum"
    model.set_params(optimizer__momentum=0.5, optimizer="sgd", schedule__warmup=3)
    assert model.get_params()["optimizer__momentum"] == 0.5
    assert (model.schedule["name"], model.schedule["warmup"]) == ("constant", 3)
    with pytest.raises(ValueError, match=r"sgd has no setting 'momentun'.*Did you mean 'momentum'"):
        model.set_params(optimizer__momentun=1)
    with pytest.raises(ValueError, match=r"'epoch' for Classifier.*Did you mean 'epochs'"):
        model.set_params(epoch=1)
    with pytest.raises(TypeError, match="epoch"):
        Classifier(epoch=1)  # type: ignore[call-arg]


def test_pickle_continues_with_the_same_bits() -> None:
    model = Classifier(hidden=8, optimizer={"adam": {"lr": 0.05}}, ema=0.9)
    for _ in range(3):
        model.partial_fit(X, Y, classes=[0, 1])
    again = pickle.loads(pickle.dumps(model))
    assert_same(arrays(model), arrays(again))
    assert again.network_.theta.base is again.network_.values
    for each in (model, again):
        each.partial_fit(X[::-1], Y[::-1])
    assert_same(arrays(model), arrays(again))
    assert not np.shares_memory(model.network_.values, model._state.network.values)


# --- partial_fit and warm_start ---------------------------------------------------------------


def test_partial_fit_on_all_rows_is_an_epoch_of_fit() -> None:
    """With the schedule's epochs, the optimizer's state and new orders of the rows."""
    settings = {**SHORT, "epochs": 4, "schedule": "cosine", "batch_size": 16}
    whole, parts = Classifier(**settings).fit(X, Y), Classifier(**settings)
    for _ in range(4):
        parts.partial_fit(X, Y, classes=[0, 1])
    assert_same(arrays(whole), arrays(parts))
    assert parts.loss_curve_ == whole.loss_curve_
    assert parts.n_iter_ == 4
    parts.partial_fit(X[:5], Y[:5])  # beyond the epochs of the config, and without all classes
    assert parts.n_iter_ == 5


def test_lbfgs_needs_the_same_rows_each_time() -> None:
    model = Regressor(optimizer="lbfgs", batch_size="full", epochs=30)
    with pytest.raises(ValueError, match="Use fit, or optimizer='adam'"):
        model.partial_fit(X, T)
    assert model.fit(X, T).score(X, T) > 0.9
    weights = model.network_.values.copy()
    assert not np.array_equal(weights, model._state.network.values)  # a trial, which is not used
    with pytest.raises(ValueError, match="lbfgs compares losses, so"):
        Classifier(optimizer="lbfgs").fit(X, Y)


def test_partial_fit_keeps_scaling_and_classes() -> None:
    model = Regressor(hidden=4, scale="standardize").partial_fit(X, T)
    shift = model._scaling.shift
    model.partial_fit(X + 100, T)
    assert model._scaling.shift is shift
    model = Classifier(hidden=4)
    with pytest.raises(ValueError, match="classes must be passed on the first call"):
        model.partial_fit(X, Y)
    model.partial_fit(X[:3], Y[:3], classes=[0, 1, 7])
    assert model.predict_proba(X).shape == (60, 3)
    with pytest.raises(ValueError, match=r"y holds 5, and classes are \[0, 1, 7\]"):
        model.partial_fit(X[:1], [5])
    with pytest.raises(ValueError, match="another network"):
        model.set_params(hidden=5).partial_fit(X, Y)
    with pytest.raises(ValueError, match="another network"):
        model.set_params(hidden=4, dtype="float32").partial_fit(X, Y)
    with pytest.raises(ValueError, match="the optimizer, ema or swa is another"):
        model.set_params(dtype=None, optimizer="sgd").partial_fit(X, Y)


def test_partial_fit_continues_where_early_stopping_restored() -> None:
    stops = {"early_stopping": {"patience": 2}, "validation": 0.3, "lr": 0.5}
    model = Classifier(**{**SHORT, **stops}).fit(X, Y)
    best = arrays(model)
    assert np.argmin(model.validation_curve_) < model.n_iter_ - 1
    assert_same(best, {name: array.copy() for name, array in model._state.network.arrays.items()})


def test_warm_start_continues_from_the_weights() -> None:
    model = Classifier(**SHORT, warm_start=True).fit(X, Y)
    first = model.loss_curve_[0]
    assert model.fit(X, Y).loss_curve_[0] < 0.7 * first
    assert model.n_iter_ == 20
    with pytest.raises(ValueError, match="y holds 2, and classes are"):
        model.fit(X, Y + 2)


# --- weights, classes, answers ----------------------------------------------------------------


def test_weights_of_rows() -> None:
    weights = np.array([0.0, 1.0, 3.0] * 20)
    counts = weights.astype(int)
    settings = {**SHORT, "batch_size": "full", "scale": "standardize", "epochs": 5}
    for kind, y in ((Classifier, Y), (Regressor, T)):
        weighted = kind(**settings).fit(X, y, sample_weight=weights)
        repeated = kind(**settings).fit(X.repeat(counts, 0), y.repeat(counts, 0))
        np.testing.assert_allclose(
            weighted.network_.values, repeated.network_.values, rtol=1e-9, atol=1e-12
        )
        np.testing.assert_allclose(weighted.loss_curve_, repeated.loss_curve_, rtol=1e-9)
    balanced = {"cross_entropy": {"class_weight": "balanced"}}
    Classifier(**settings, loss=balanced).fit(X, Y, sample_weight=weights)
    with pytest.raises(ValueError, match="weights of rows have no compiled form"):
        Classifier(engine="compiled").fit(X, Y, sample_weight=weights)
    with pytest.raises(ValueError, match="must not be negative, as -1 is"):
        Classifier().fit(X, Y, sample_weight=weights - 1)


@pytest.mark.parametrize(
    ("settings", "classes"),
    [
        ({"loss": "bce"}, 2),
        ({"loss": "bce"}, 3),
        ({"loss": "mse"}, 2),
        ({"loss": "mse"}, 3),
        ({"loss": "mse", "network": [{"dense": 8}, "tanh", {"dense": 1}, "sigmoid"]}, 2),
        ({"loss": "mae", "network": [{"dense": 8}, "tanh", {"dense": 3}, "softmax"]}, 3),
    ],
)
def test_answers_of_each_kind_of_output(settings: dict[str, Any], classes: int) -> None:
    y = Y if classes == 2 else np.where(X[:, 0] > 1.2, 2, Y)
    model = Classifier(**{**SHORT, "hidden": None, **settings}).fit(X, y)
    predicted, scores = model.predict(X), model.decision_function(X)
    if classes == 2:
        assert scores.shape == (60,)
        np.testing.assert_array_equal(predicted, scores > 0)
    else:
        np.testing.assert_array_equal(predicted, scores.argmax(axis=1))
    if model.network_.layers[-1] == nnlab.LAYERS["dense"](classes):
        with pytest.raises(AttributeError, match="predict_proba"):
            model.predict_proba(X)
        return
    probabilities = model.predict_proba(X)
    assert probabilities.sum(axis=1) == pytest.approx(1)
    np.testing.assert_array_equal(probabilities.argmax(axis=1), predicted)


def test_classes_may_lack_rows() -> None:
    with pytest.warns(UserWarning, match="Class 'z' has no row in the training part"):
        model = Classifier(**SHORT).fit(X, WORDS, classes=["z", "upper", "lower"])
    assert model.classes_.tolist() == ["lower", "upper", "z"]
    assert model.predict_proba(X).shape == (60, 3)
    assert set(model.predict(X)) == {"lower", "upper"}


def test_images_are_rows() -> None:
    """uint8 images (N, h, w) keep their type and shape, for conv2d and augmentation."""
    digits = load_digits()
    images = digits.images[:50].astype(np.uint8)
    model = Classifier("digits_conv", epochs=1)
    with pytest.warns(UserWarning, match="have no row in the validation part"):
        model.fit(images, digits.target[:50], classes=range(10))
    assert (model.n_features_in_, model.predict(images).shape) == (64, (50,))


# --- clear errors -----------------------------------------------------------------------------


def test_errors_are_those_that_scikit_learn_expects() -> None:
    for kind in (Classifier, Regressor):
        with pytest.raises(NotFittedError, match=f"This {kind.__name__} instance is not fitted"):
            kind().predict(X)
        with pytest.raises(ValueError, match=r"training\.epochs is -1"):
            kind(epochs=-1).fit(X, Y)
        with pytest.raises(ValueError, match=r"there is no optimizer 'adm'\. Did you mean 'adam'"):
            kind(optimizer="adm").fit(X, Y)
        with pytest.raises(ValueError, match="config must be a path, a name or a mapping, not 3"):
            kind(3).fit(X, Y)
        with pytest.raises(ValueError, match="missing is 'fill'; it is one of error, drop"):
            kind(missing="fill").fit(X, Y)
    bad = X.copy()
    bad[3, 1] = np.nan
    with pytest.raises(ValueError, match=r"NaN\) in row 3, column 1 .* set missing to 'mean' or"):
        Classifier().fit(bad, Y)
    with pytest.raises(ValueError, match="all rows are of one class"):
        Classifier().fit(X, np.zeros(60))
    model = Classifier(**SHORT).fit(X, Y)
    with pytest.raises(ValueError, match=r"in row 3, column 1 .*was not trained"):
        model.predict(bad)
    with pytest.raises(ValueError, match="X has 1 features"):
        model.predict(X[:, :1])
    assert Classifier(loss="bce", epochs=1).fit(X, Y).n_iter_ == 1
    before = arrays(model)
    with pytest.raises(ValueError, match=r"training\.epochs"):
        model.set_params(epochs="many").fit(X, Y)
    assert_same(arrays(model), before)  # a failed fit leaves the last one


def test_a_divergence_is_a_warning() -> None:
    with pytest.warns(ConvergenceWarning, match=r"diverged in epoch \d.*Set a smaller lr"):
        model = Regressor(optimizer="sgd", lr=1e9, epochs=9).fit(X, T)
    assert np.isfinite(model.network_.values).all()
    assert model.n_iter_ < 9


# --- run folders ------------------------------------------------------------------------------


def test_a_run_folder_that_verify_accepts(tmp_path: Path) -> None:
    settings = {**SHORT, "epochs": 3, "validation": 0.2}
    plain = Classifier(**settings).fit(X, WORDS)
    assert plain.run_folder_ is None
    model = Classifier(**settings, runs=tmp_path).fit(X, WORDS)
    Classifier(**settings, runs=tmp_path).fit(X, WORDS)
    assert_same(arrays(model), arrays(plain))
    assert model.loss_curve_ == plain.loss_curve_
    assert len(list(tmp_path.glob("rows-*.npz"))) == 1
    run = nnlab.load(model.run_folder_)
    assert (run.config.name, run.data.class_names) == ("classifier", ("lower", "upper"))
    assert repeated_problems(model.run_folder_) == []


def repeated_problems(folder: Path) -> list[str | None]:
    """What `nnlab verify` finds wrong."""
    verifier = Verifier(RunFolder.open(folder))
    findings = [*verifier.files(), *verifier.replay()]
    return [each.problem for each in findings if isinstance(each, Finding) and each.problem]


def test_what_no_file_can_hold_is_refused(tmp_path: Path) -> None:
    model = Classifier(**SHORT, runs=tmp_path)
    with pytest.raises(ValueError, match="runs cannot record sample_weight"):
        model.fit(X, Y, sample_weight=np.ones(60))
    with pytest.raises(ValueError, match="runs cannot record these rows"):
        model.fit(X, Y, classes=[0, 1, 2])
    with pytest.raises(ValueError, match="partial_fit makes no run folder"):
        model.partial_fit(X, Y, classes=[0, 1])
    assert list(tmp_path.iterdir()) == []


def test_scikit_learn_is_imported_with_an_estimator_only() -> None:
    code = "import sys, nnlab; print('sklearn' in sys.modules); nnlab.Classifier; "
    done = python("-c", code + "print('sklearn' in sys.modules)")
    assert done.stdout.split() == ["False", "True"], done.stderr


def test_losses_for_counts_quantiles_and_margins() -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(200, 2))
    common = {"hidden": (), "optimizer": {"adam": 0.05}, "epochs": 40, "random_state": 0}
    counts = rng.poisson(np.exp(0.5 + 0.8 * x[:, 0])).astype(float)
    rates = Regressor(loss="poisson", **common).fit(x, counts)
    weights = rates.network_.theta[:2]
    np.testing.assert_allclose(weights, [0.8, 0], atol=0.15)
    assert (rates.predict(x) > 0).all()
    with pytest.raises(ValueError, match=r"^loss: poisson is for counts, and a target is -1\.$"):
        Regressor(loss="poisson", **common).fit(x, -np.ones(200))
    y = x[:, 0] + rng.normal(size=200)
    bands = Regressor(loss={"quantile": [0.1, 0.5, 0.9]}, **common).fit(x, y)
    low, middle, high = bands.predict_quantiles(x).T
    np.testing.assert_array_equal(bands.predict(x), middle)
    assert 0.7 < ((low < y) & (y < high)).mean() < 0.9
    assert 0.3 < bands.score(x, y) < 0.7
    margin = Classifier(loss="hinge", **common).fit(x, x[:, 0] > 0)
    assert margin.score(x, x[:, 0] > 0) > 0.97
    assert not hasattr(margin, "predict_proba")
