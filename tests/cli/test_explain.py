"""`nnlab explain`: its numbers are those of the training; what it says of wrong arguments."""

import json
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from shutil import copytree
from typing import Any

import numpy as np
import pytest
from click.testing import Result

import nnlab as api
from docs.explain import BACKWARD, CONFIG, FORWARD, TABLE, UPDATE, explained_example
from nnlab.core.layers import LAYERS
from nnlab.core.losses import LOSSES
from nnlab.core.optimizers import OPTIMIZERS
from nnlab.experiment.resume import initial_state, rebuild
from nnlab.explanation.formula import Written, compute
from nnlab.explanation.moments import explain_row, find_row
from nnlab.explanation.saved import explain_first_update
from nnlab.explanation.story import chapters
from nnlab.run.run import Run
from nnlab.show.page.explanation import explained_row
from nnlab.training import run_training
from tests.test_made_up import Arctan, Quartic, SignDescent

PARTS = ("train", "validation")
Nnlab = Callable[..., Result]

CASE: dict[str, Any] = {
    "name": "case",
    "data": {"name": "linear", "samples": 60, "validation": 0.2},
    "network": [{"dense": 4}, "tanh", {"dropout": 0.25}, {"dense": 1}, "sigmoid"],
    "loss": "bce",
    "optimizer": {"name": "adam", "lr": 0.05, "weight_decay": 0.01, "clip_norm": 0.5},
    "schedule": {"name": "exponential", "gamma": 0.9},
    "training": {"epochs": 6, "batch_size": 16, "dtype": "float64"},
}
NORMED = {
    "network": [{"dense": 4}, "batch_norm", "relu", {"dense": 1}, "sigmoid"],
    "optimizer": {"name": "sgd", "lr": 0.1, "momentum": 0.9},
    "training": {**CASE["training"], "ema": 0.9},
}


@pytest.fixture(scope="module")
def case(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return api.train(CASE, runs=tmp_path_factory.mktemp("case"))


def rows_of(run: Run, part: str) -> list[int]:
    """The numbers of the rows of a part, from 1."""
    built = rebuild(run)
    rows = {"train": built.plan.train.rows, "validation": built.plan.validation}[part]
    chosen = rows if part == "train" else rows.rows  # type: ignore[union-attr]
    return (built.dataset.rows_in_file(chosen) + 1).tolist()  # type: ignore[arg-type]


def weights_by_update(run: Run) -> dict[int, np.ndarray[Any, Any]]:
    """theta after each update of the training, which is done again batch by batch."""
    built = rebuild(run)
    state = initial_state(run, built)
    plan = replace(built.plan, record_steps=True, validation=None)
    found = {0: state.network.theta.copy()}
    update = OPTIMIZERS[run.settings["optimizer"]["name"]].update
    with pytest.MonkeyPatch.context() as patch:

        def noted(self: Any, o: Any, lr: float, t: int) -> None:
            update(self, o, lr, t)
            found[t] = o.theta.copy()

        patch.setattr(OPTIMIZERS[run.settings["optimizer"]["name"]], "update", noted)
        for _ in run_training(plan, state):
            pass
    return found


@pytest.mark.parametrize("normed", [False, True])
def test_the_explained_update_is_that_of_the_training(normed: bool, case: Run, tmp_path: Path):
    run = api.train({**CASE, **NORMED}, runs=tmp_path) if normed else case
    updates, numbers = weights_by_update(run), rows_of(run, "train")
    scaled, _ = rebuild(run).plan.train.copied(slice(None))
    for row in (numbers[0], numbers[20]):
        for explained in api.explain(run, row, [0, 3, 5]):
            moment = explained.passage.moment
            assert 3 * moment.epoch < moment.step <= 3 * (moment.epoch + 1)
            np.testing.assert_array_equal(moment.x[moment.at], scaled[numbers.index(row)])
            np.testing.assert_array_equal(explained.passage.theta, updates[moment.step - 1])
            np.testing.assert_allclose(
                explained.passage.new_theta, updates[moment.step], rtol=1e-12, atol=1e-14
            )
            assert moment.lr == pytest.approx(run.config.optimizer.lr * 0.9**moment.epoch)


def test_the_state_is_that_of_the_checkpoint_or_of_the_training_again(case: Run):
    row = rows_of(case, "train")[3]
    (ended,) = api.explain(case, row)
    assert ended.passage.moment.epoch == 6
    assert "the checkpoint" in ended.facts.sentences[1]
    assert ended.facts.sentences[0].startswith("The training has ended: the row's batch, of ")
    np.testing.assert_array_equal(ended.passage.values, case.network().values)
    (middle,) = api.explain(case, row, 4)
    assert "training again up to epoch 4" in middle.facts.sentences[1]
    dropped = re.search(r"(\d) of 4 inputs are dropped in this update; the .*", str(middle))
    assert dropped is not None
    assert dropped[0].endswith("the others are multiplied by 1.3333.")
    # The end of the training again is the checkpoint's, bit by bit.
    notes: list[str] = []
    run = Run(case.path)
    vars(run)["checkpoint"] = None
    (again,) = explain_row(run, row, None, (), notes.append)
    assert "training again up to epoch 6" in again.facts.sentences[1]
    np.testing.assert_array_equal(again.passage.new_theta, ended.passage.new_theta)
    assert notes == []


def test_a_row_that_no_update_uses_is_its_own_batch(case: Run):
    row = rows_of(case, "validation")[0]
    (explained,) = api.explain(case, row, 2)
    passage = explained.passage
    assert "No update uses a row of the validation part" in str(explained)
    assert "2.dropout" in str(explained)  # which drops nothing
    assert len(passage.moment.x) == 1
    np.testing.assert_allclose(passage.batch_gradient, passage.row_gradient, rtol=1e-14)
    built = rebuild(case)
    x, _ = built.plan.validation.copied(slice(0, 1))  # type: ignore[union-attr]
    built.network.values[...] = case.snapshots[1][list(case.snapshots[0]).index(2)]
    np.testing.assert_allclose(passage.outputs, built.network.predict(x)[0], rtol=1e-14)


@pytest.mark.parametrize("normed", [False, True])
def test_every_formula_with_numbers_gives_the_number_beside_it(
    normed: bool, case: Run, tmp_path: Path
):
    run = api.train({**CASE, **NORMED}, runs=tmp_path) if normed else case
    row = rows_of(run, "train")[3]
    (explained,) = api.explain(run, row, 2, [f"{layer}.{n}" for layer in (0, 3) for n in (0,)])
    told = [*chapters(explained), *chapters(*api.explain(run, row, 2))]
    blocks = [block for chapter in told for block in chapter.blocks]
    assert all(any(row[-1] != "" for row in block.rows) for block in blocks if block.rows)
    rows = [row for block in blocks for row in block.rows]
    written = [r for r in rows if isinstance(r[-1], Written)]
    assert len(written) > 50
    for *cells, formula in written:
        value = float(compute(formula.formula, formula.numbers, formula.at))
        numbers = [cell for cell in cells if isinstance(cell, float)]
        assert any(value == pytest.approx(n, rel=1e-9, abs=1e-15) for n in numbers), (
            cells,
            formula,
        )
    assert ("other rows too" in str(explained)) == normed
    statistics = "batch_norm uses the mean and variance of the 16 rows of the batch"
    assert (statistics in str(explained)) == normed


def test_a_member_without_formulas_shows_its_numbers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    for catalogue, member in ((LAYERS, Arctan), (LOSSES, Quartic), (OPTIMIZERS, SignDescent)):
        monkeypatch.setitem(catalogue, "made_up", member)  # type: ignore[arg-type]
    network = [{"dense": 3}, "made_up", {"dense": 1}, "sigmoid"]
    run = api.train(
        {**CASE, "network": network, "loss": "made_up", "optimizer": "made_up"}, runs=tmp_path
    )
    text = str(*api.explain(run, rows_of(run, "train")[0], 1))
    assert "made_up has no formulas here: its result is shown." in text
    assert "1.arctan: 3 to 3" in text
    assert "Loss: made_up" in text


def columns_of(record: dict[str, Any]) -> list[tuple[dict[str, Any], dict[str, Any]]]:
    """Each block with each of its rows."""
    blocks = [block for chapter in record["chapters"] for block in chapter["blocks"]]
    return [(block, row) for block in blocks for row in block["rows"]]


def test_the_object_has_what_a_formula_needs(case: Run):
    row = rows_of(case, "train")[3]
    for units in ((), ("0.0", "3.0")):
        (explained,) = api.explain(case, row, 2, units)
        rows = columns_of(explained.to_dict())
        written = [row for _, row in rows if "formula" in row]
        assert len(written) > 20
        for cells in written:
            given, formula = cells["formula"], cells["formula"]["formula"]
            numbers = {name: np.array(value) for name, value in given["numbers"].items()}
            formula = formula.replace("norm(g)", "length")
            numbers = {name.replace("norm(g)", "length"): n for name, n in numbers.items()}
            value = float(compute(formula, numbers, given["at"]))
            results = [n for n in cells.values() if isinstance(n, float)]
            assert any(value == pytest.approx(n, rel=1e-9, abs=1e-15) for n in results), cells
    assert any("norm(g)" in row["formula"]["numbers"] for row in written)


def test_the_object_has_the_numbers_of_the_text_with_all_digits(case: Run, nnlab: Nnlab):
    row = rows_of(case, "train")[3]
    result = nnlab("explain", str(case.path), "--row", str(row), "--epoch", "2,0", "--json")
    assert result.exit_code == 0, result.output
    records = json.loads(result.stdout)["explanations"]
    explanations = api.explain(case, row, [0, 2])
    assert records == [explained.to_dict() for explained in explanations]
    for record, explained in zip(records, explanations, strict=True):
        texts = [block for chapter in chapters(explained) for block in chapter.blocks]
        numbers = [n for block in texts for r in block.rows for n in r if isinstance(n, float)]
        inside = [n for _, r in columns_of(record) for n in r.values() if isinstance(n, float)]
        assert numbers == inside
        assert record["loss"] == explained.passage.value
        inner = [block for chapter in record["chapters"] for block in chapter["blocks"]]
        for shown, block in zip(texts, inner, strict=True):
            lines = [(line["name"], line["formula"]) for line in block["formulas"]]
            assert lines == [(line.name, line.formula) for line in shown.formulas]
        new = [row["new_w"] for block, row in columns_of(record) if block["kind"] == "update"]
        assert set(new) <= set(explained.passage.new_theta.tolist())


def test_every_key_of_the_object_is_documented(case: Run):
    page = (Path(__file__).parents[2] / "docs" / "explain.md").read_text(encoding="utf-8")
    words = set(re.findall(r"`(\w+)`", page))
    record = case_record = api.explain(case, rows_of(case, "train")[3], 2)[0].to_dict()
    rows = columns_of(case_record)
    keys = {*record, *record["chapters"][0]}
    kinds = {block["kind"] for block, _ in rows}
    for block, row in rows:
        keys |= {*block, *row, *row.get("formula", ())}
    assert (keys | kinds) - {"m", "v"} <= words


# --- the command --------------------------------------------------------------------------------


@pytest.fixture
def by_hand(nnlab: Nnlab, tmp_path: Path) -> Path:
    (tmp_path / "table.csv").write_text(TABLE)
    (tmp_path / "hand.yaml").write_text(CONFIG)
    result = nnlab("train", "hand.yaml", "--no-plots", "--name", "hand")
    assert result.exit_code == 0, result.output
    (folder,) = (tmp_path / "runs").iterdir()
    return folder


def lines(text: str) -> list[list[str]]:
    return [re.split(r"  +", line.strip()) for line in text.splitlines()]


def test_the_text_shows_the_numbers_worked_out_by_hand(nnlab: Nnlab, by_hand: Path):
    result = nnlab("explain", "latest", "--row", "1", "--epoch", "0")
    assert result.exit_code == 0, result.output
    text = lines(result.stdout)
    assert ["a", "1.000000", "1.000000"] in text
    assert ["1", "2.000000", "1 * (-0.5) + 2 * 1 + 0.5"] in text
    assert ["0", "0.500000", "1 * 2 + 2 * (-1) + 0.5"] in text
    assert ["y", "0.500000", "1.000000", "0.250000", "(0.5 - 1)^2"] in text
    assert ["y", "-1.000000", "-1.000000", "2 * (0.5 - 1)"] in text
    assert ["weight[1,0]", "-4.000000", "-4.000000", "2 * (-2)"] in text
    assert ["b", "0.500000", "0.500000", "0.25 * (-2) + 1 * 1"] in text
    assert ["velocity = momentum * velocity + g"] in text
    assert ["velocity", "-4.000000", "0.5 * 0 + (-4)"] in text
    assert ["w", "0.650000", "0.25 - 0.1 * (-4)"] in text
    assert max(map(len, result.stdout.splitlines())) <= 80
    several = nnlab("explain", "latest", "--row", "1", "--epoch", "0,2,1").stdout
    titles = [line for line in several.splitlines() if line.startswith(by_hand.name)]
    ends = [line.rpartition(", ")[2] for line in titles]
    assert ends == ["before training", "after 1 epoch", "after 2 epochs"]


def test_the_page_of_the_docs_is_right():
    rows = columns_of(explained_example().to_dict())
    for worked in (*FORWARD, *BACKWARD, *UPDATE):
        kind, layer, name, key = worked.place
        found = [
            row[key]
            for block, row in rows
            if (block["kind"], block["layer"]) == (kind, layer) and next(iter(row.values())) == name
        ]
        assert found == [pytest.approx(worked.value, rel=1e-12)], worked.what
        sum_of = worked.numbers.replace("·", "*").replace("²", "**2").partition(", as")[0]
        assert eval(sum_of) == pytest.approx(worked.value), worked.what


def test_the_weights_are_told_apart_from_those_of_final_npz(tmp_path: Path):
    stopped = {
        "name": "best",
        "data": {"name": "curve", "samples": 40, "validation": 0.25},
        "network": [{"dense": 4}, "tanh", {"dense": 1}],
        "loss": "mse",
        "optimizer": {"name": "adam", "lr": 0.5},
        "training": {"epochs": 40, "batch_size": 8, "early_stopping": {"patience": 3}},
    }
    run = api.train(stopped, runs=tmp_path)
    last, best = run.last_row["epoch"], run.summary["final"]["epoch"]
    assert best < last
    row = rows_of(run, "train")[0]
    ended, earlier = api.explain(run, row), api.explain(run, row, best)
    assert f"not from this epoch but from epoch {best}, the best" in str(*ended)
    assert f"see epoch {best}." in str(*ended)
    assert "final.npz" not in str(*earlier)
    averaged = api.train({**CASE, "training": {**CASE["training"], "ema": 0.9}}, runs=tmp_path)
    parts = {part: str(*api.explain(averaged, rows_of(averaged, part)[0])) for part in PARTS}
    assert "figures and final.npz use\naverages of them (training.ema)." in parts["train"]
    assert "They are averages of the weights (training.ema)" in parts["validation"]
    first = str(*api.explain(averaged, rows_of(averaged, "train")[0], 0))
    assert "averages" not in first


def test_a_unit_that_is_asked_for_is_written_out(nnlab: Nnlab, by_hand: Path):
    result = nnlab("explain", "latest", "--row", "1", "--epoch", "0", "--unit", "0.dense.1")
    text = result.stdout
    assert "0.dense.weight[0,1]" in text
    assert "0.dense.bias[1]" in text
    assert "weight[0,0]" not in text
    assert "1.relu: 2 to 2" not in text
    assert text == nnlab("explain", "latest", "--row", "1", "--epoch", "0", "--unit", "0.1").stdout


def test_the_page_is_one_file_that_loads_nothing(nnlab: Nnlab, by_hand: Path):
    arguments = ("explain", "latest", "--row", "1", "--epoch", "0,2", "--html", "row.html")
    result = nnlab(*arguments)
    assert (result.exit_code, result.stdout) == (0, "row.html\n")
    page = Path("row.html").read_text(encoding="utf-8")
    assert page.count("<math>") > 60
    assert "Before training" in page
    assert "After 2 epochs" in page
    assert not re.search(r"(src|href)=\"(?!#|data:)", page)
    assert "−4.000000" in page


def test_a_report_shows_the_first_update_of_a_small_network(by_hand: Path):
    first = explain_first_update(Run(by_hand))
    assert first is not None
    row = explained_row(first, folded=True)
    assert row.title == "Row 1 (train part), before training"
    blocks = [block for chapter in row.chapters for block in chapter.blocks]
    cells = [row.html(cell) for block in blocks for line in block.rows for cell in line]
    assert "−4.000000" in cells
    (explained,) = api.explain(by_hand, 1, 0)
    np.testing.assert_array_equal(first.passage.new_theta, explained.passage.new_theta)


def test_the_row_of_a_report_is_numbered_as_explain_numbers_it(case: Run):
    first = explain_first_update(case)
    assert first is not None
    (explained,) = api.explain(case, first.facts.number, 0)
    assert explained.facts.row == first.facts.row
    np.testing.assert_array_equal(explained.facts.raw, first.facts.raw)


@pytest.mark.parametrize("normed", [False, True])
def test_the_first_update_of_a_report_is_that_of_the_training(
    normed: bool, case: Run, tmp_path: Path
):
    run = api.train({**CASE, **NORMED}, runs=tmp_path) if normed else case
    first = explain_first_update(run)
    assert first is not None
    updates = weights_by_update(run)
    np.testing.assert_array_equal(first.passage.theta, updates[0])
    np.testing.assert_allclose(first.passage.new_theta, updates[1], rtol=1e-12, atol=1e-14)


WRONG = {
    ("--row", "4"): (2, "table.csv are numbered 1 to 3."),
    ("--row", "0"): (2, "0 is not in the range x>=1"),
    ("--row", "1", "--epoch", "3"): (
        2,
        "The run {run} has 2 epochs, so there is no epoch 3; the nearest is 2.",
    ),
    ("--row", "1", "--epoch", "1,x"): (2, "--epoch takes whole numbers with commas"),
    ("--row", "1", "--unit", "0.dense.2"): (
        2,
        "0.dense.2: the units of 0.dense are numbered 0 to 1.",
    ),
    ("--row", "1", "--unit", "3.dense.2"): (
        2,
        "Layers and their units: 0.dense (2), 1.relu (2), 2.dense (1).",
    ),
    ("--row", "1", "--unit", "0"): (2, "write a layer and a number, as 0.2 or 0.dense.2."),
    ("--row", "1", "--json", "--html", "row.html"): (2, "choose one."),
    ("--row", "1", "--html", "missing/row.html"): (7, "missing"),
}


def test_wrong_arguments_are_one_clear_line(nnlab: Nnlab, by_hand: Path):
    for arguments, (code, message) in WRONG.items():
        result = nnlab("explain", "latest", *arguments)
        assert (result.exit_code, result.stdout) == (code, ""), arguments
        assert message.format(run=by_hand.name) in result.stderr.replace("\n", " "), arguments


def test_what_cannot_be_explained_is_said(nnlab: Nnlab, by_hand: Path, tmp_path: Path):
    (tmp_path / "table.csv").write_text(TABLE.replace("2,0,1", "2,0,7"))
    changed = nnlab("explain", "latest", "--row", "1")
    assert changed.exit_code == 3
    assert "is not what it was when this run began" in changed.stderr
    (tmp_path / "table.csv").write_text(TABLE)
    wild = nnlab("train", "hand.yaml", "--no-plots", "--set", "lr=1e200", "--name", "wild")
    assert wild.exit_code == 4
    diverged = nnlab("explain", "latest", "--row", "3", "--epoch", "0")
    assert diverged.exit_code == 4
    assert "Choose an earlier epoch." in diverged.stderr or "diverges" in diverged.stderr


def test_rows_that_cannot_pass_alone(tmp_path: Path):
    run = api.train({**CASE, **NORMED, "training": {"epochs": 1}}, runs=tmp_path)
    first = rows_of(run, "train")[0]
    alone = rf"batches of 2 rows or more.*training part, as row {first}\."
    with pytest.raises(api.NnlabError, match=alone):
        api.explain(run, rows_of(run, "validation")[0])
    steps = {**CASE, "network": [{"dense": 2}, "step", {"dense": 1}, "sigmoid"]}
    run = api.train({**steps, "training": {"epochs": 0}}, runs=tmp_path)
    with pytest.raises(api.NnlabError, match=r"layer 1 \(step\) has no derivative"):
        api.explain(run, 1)


def test_large_networks_are_shortened(tmp_path: Path):
    layers = [
        *({"reshape": [8, 8, 1]}, {"conv2d": 4}, "relu", {"max_pool": 2}, "flatten"),
        *({"dense": 20}, "layer_norm", "relu", {"dense": 10}, "softmax"),
    ]
    config = {
        "data": "digits",
        "network": layers,
        "loss": "cross_entropy",
        "optimizer": {"name": "sgd", "lr": 0.1},
        "training": {"epochs": 0, "batch_size": 4},
    }
    config["training"] |= {"augment": [{"shift": 1}]}
    run = api.train(config, runs=tmp_path)
    row = find_row(rebuild(run), 1).number
    text = str(*api.explain(run, row))
    assert "training.augment changes the image for this update" in text
    assert len(text.splitlines()) < 400
    assert "60 of 64 inputs are left out" in text
    assert "weight[r,c,i,j] is row r and column c of a window" in text
    # The formula of layer_norm has the mean and the variance of the row.
    (explained,) = api.explain(run, row)
    blocks = [block for chapter in chapters(explained) for block in chapter.blocks]
    (normed,) = (b for b in blocks if (b.kind, b.layer) == ("outputs", "6.layer_norm"))
    for _, _, y, written in normed.rows:
        assert isinstance(written, Written)
        found = float(compute(written.formula, written.numbers or {}, written.at))
        assert found == pytest.approx(y, rel=1e-6)
    # Units of a layer with one input per unit are those of the layer before.
    rows = columns_of(api.explain(run, row)[0].to_dict())
    units = {
        layer: [row["unit"] for block, row in rows if block["layer"] == layer and "y" in row]
        for layer in ("6.layer_norm", "7.relu")
    }
    assert len(units["7.relu"]) == 4
    assert units["6.layer_norm"] == units["7.relu"]
    # Windows of a max_pool after relu are often all 0.
    assert "Where both differ, L most likely has a kink" in text.replace("\n  ", " ")
    assert "16 of 20 units are left out: --unit 5.dense.0 shows a unit" in text
    assert "1.conv2d: 8 x 8 x 1 to 6 x 6 x 4" in text
    assert "more parameters: --unit 5.dense.0 shows those of a unit" in text
    for first, second in re.findall(r"norm of \w+ +([-\d.e]+) +([-\d.e]+)", text):
        assert float(first) == pytest.approx(float(second), rel=1e-4, abs=1e-6)
    filters = str(*api.explain(run, row, unit="1.conv2d.3"))
    assert filters.count("weight[2,2,0,3]") == 2  # its gradient and its update
    assert "5.dense" not in filters


@pytest.mark.parametrize("command", [("explain", "--row", "1"), ("resume",), ("verify",)])
def test_a_run_without_its_config(
    command: tuple[str, ...], case: Run, nnlab: Nnlab, tmp_path: Path
) -> None:
    """It is the run that cannot be read; the user named no config."""
    copytree(case.path, tmp_path / "run")
    (tmp_path / "run" / "resolved.yaml").unlink()
    result = nnlab(command[0], str(tmp_path / "run"), *command[1:])
    assert result.exit_code == 6
    assert "it has no resolved.yaml, which holds the config." in result.stderr
    assert "shipped config" not in result.stderr
