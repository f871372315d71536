"""`expect` in a config: what train, sweep and check say of a run that is not as expected."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result

from nnlab.config.expectations import Expectation, Seeds, expectations
from nnlab.config.load import parse_config
from nnlab.errors import ConfigError
from nnlab.experiment.expected import SeedCount

Nnlab = Callable[..., Result]
CONFIG = """data: xor
network: [{dense: 3}, tanh, {dense: 1}, sigmoid]
loss: bce
optimizer: {name: adam, lr: 0.1}
training: {epochs: 3, batch_size: full, metrics: [auc]}
"""


@pytest.fixture
def xor(nnlab: Nnlab, tmp_path: Path) -> Callable[..., Result]:
    """Runs a command on the config with these expectations."""

    def run(command: str, expect: str, *options: str) -> Result:
        (tmp_path / "a.yaml").write_text(f"{CONFIG}expect: {expect}\n")
        named = (command, *options) if command == "sweep" else (command, "a.yaml", *options)
        return nnlab(*named, *(["a.yaml"] if command == "sweep" else []))

    return run


def test_a_run_as_expected(xor: Nnlab, nnlab: Nnlab) -> None:
    expect = '{parameters: "= 13", epochs: "<= 3", train_loss: "< 10", train_auc: ">= 0"}'
    trained = xor("train", expect, "--no-plots")
    assert (trained.exit_code, "parameters = 13" in trained.stdout) == (0, True)
    checked = nnlab("check", "latest")
    assert (checked.exit_code, checked.stderr) == (0, "")
    assert checked.stdout in trained.stdout
    rows = json.loads(nnlab("check", "latest", "--json").stdout)["expected"]
    assert rows[1] == {"expected": "epochs <= 3", "reached": 3, "met": "yes"}


def test_a_run_that_misses_its_expectations(xor: Nnlab, nnlab: Nnlab, tmp_path: Path) -> None:
    expect = '{parameters: "< 13", epochs: "= 3", status: early_stopped}'
    result = xor("train", expect, "--no-plots")
    sentence = "does not meet 2 expectations: parameters < 13, status = early_stopped.\n"
    assert (result.exit_code, result.stderr.endswith(sentence)) == (9, True)
    (run,) = (tmp_path / "runs").iterdir()
    assert json.loads((run / "run.json").read_text())["status"] == "completed"
    again = nnlab("check", str(run))
    assert (again.exit_code, again.stderr.endswith(sentence)) == (9, True)


def test_seeds_are_counted(xor: Nnlab, nnlab: Nnlab) -> None:
    options = ("seed=range(0, 3)", "--no-plots", "--name", "s")
    good = xor("sweep", '{epochs: "= 3", seeds: 2/3}', *options)
    assert (good.exit_code, "3/3    2/3       yes" in good.stdout) == (0, True)
    # Trials are the same whatever a config expects of them: none is trained again.
    bad = xor("sweep", '{epochs: "= 4", seeds: 2/3}', *options)
    assert (bad.exit_code, "3 done, 0 to run" in bad.stderr) == (9, True)
    assert bad.stderr.endswith("s does not meet 1 expectation: seeds 2/3.\n")
    result = nnlab("check", "s", "--json")
    rows = json.loads(result.stdout)["expected"]
    assert (result.exit_code, rows) == (9, [{"seeds": "0/3", "expected": "2/3", "met": "no"}])


def test_counts_stand_in_the_order_of_the_axes(xor: Nnlab, nnlab: Nnlab) -> None:
    values = ["1.0", "0.3", "0.03", "0.1", "0.01"]
    xor(
        "sweep",
        '{epochs: "= 3", seeds: 1/1}',
        f"lr={','.join(values)}",
        "--no-plots",
        "--name",
        "s",
    )
    rows = json.loads(nnlab("check", "s", "--json").stdout)["expected"]
    assert [float(row["lr"]) for row in rows] == [float(value) for value in values]


@pytest.mark.parametrize(
    ("trials", "share", "met"),
    [
        ([True] * 4 + [False], (4, 5), True),
        ([True] * 3 + [False] * 2, (4, 5), False),
        ([True] * 4, (4, 5), False),  # too few seeds
        ([True] * 8 + [False] * 2, (4, 5), True),
        ([True] * 7 + [False] * 3, (4, 5), False),
    ],
)
def test_a_share_of_seeds(trials: list[bool], share: tuple[int, int], met: bool) -> None:
    assert SeedCount({}, trials, Seeds(*share)).met is met


def test_a_number_that_is_missing_or_no_number_meets_nothing() -> None:
    for sign in ("<", "<=", ">", ">=", "="):
        expected = Expectation("val_loss", sign, 1.0)
        assert [expected.holds(value) for value in (None, float("nan"), "high", [2])] == [False] * 4
        assert expected.holds(1.0) is ("=" in sign)


@pytest.mark.parametrize(
    ("expect", "message"),
    [
        ("{parameters: 20}", "expect.parameters is 20. Write `parameters: '<= 20'`."),
        ('{train_accuracy: "0.9"}', "is '0.9'. Write `train_accuracy: '>= 0.9'`."),
        ("{seeds: 6/5}", "expect.seeds is '6/5'."),
        ("{status: fine}", "expect.status is 'fine'."),
        ('{epoch: "< 3"}', "this run has no value 'epoch' to expect. Did you mean 'epochs'?"),
        ('{val_loss: "< 3"}', "this run has no value 'val_loss' to expect."),
        ("{train_loss: > 0.5}", "Write '> 0.5' in quotes."),
        ("\n  train_loss: >= 0.5", "Write '>= 0.5' in quotes."),
        ("[1]", "expect is a list."),
    ],
)
def test_expectations_without_a_meaning(xor: Nnlab, expect: str, message: str) -> None:
    result = xor("check", expect)
    assert (result.exit_code, result.stdout) == (2, "")
    assert message in result.stderr


def test_nothing_to_compare(xor: Nnlab, nnlab: Nnlab) -> None:
    assert nnlab("check", "latest").exit_code == 6  # there is no run
    xor("train", "{}", "--no-plots")
    result = nnlab("check", "latest")
    assert (result.exit_code, "expects nothing" in result.stderr) == (2, True)
    result = nnlab("check", "latest", "--set", "lr=1")
    assert (result.exit_code, "--set changes a config" in result.stderr) == (2, True)
    with pytest.raises(ConfigError, match=r"expect.'seeds' is 'all'; allowed: a share of seeds"):
        expectations({"seeds": "all"})


TEMPLATE = """data: {name: moons, samples: 40, noise: 0.1}
network: [{dense: ???}, ???, {dense: 2}, softmax]
loss: cross_entropy
optimizer: {name: ???, lr: ???}
seed: ???
training:
  batch_size: ???
"""
FILLED = (
    "network.0.units=3",
    "network.1=tanh",
    "optimizer=sgd",
    "lr=0.1",
    "seed=1",
    "batch_size=8",
)


def test_a_blank_network_is_a_list_of_layers(nnlab: Nnlab, tmp_path: Path) -> None:
    (tmp_path / "t.yaml").write_text("data: xor\nnetwork: ???\nloss: mse\n")
    result = nnlab("check", "t.yaml")
    assert (result.exit_code, result.stdout.count("blank;")) == (0, 1)
    assert result.stdout.endswith("    allowed: a list of layers\n")


def test_a_template_with_blanks(nnlab: Nnlab, tmp_path: Path) -> None:
    (tmp_path / "t.yaml").write_text(TEMPLATE)
    result = nnlab("check", "t.yaml")
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout.startswith(
        "OK: t.yaml, a template with 5 blanks\n\nt.yaml:2:19: network.0"
    )
    assert "t.yaml:4:19: optimizer is a blank; write a value in its place.\n" in result.stdout
    trained = nnlab("train", "t.yaml", "--no-plots")
    assert (trained.exit_code, trained.stdout) == (2, "")
    assert "t.yaml:7:15: training.batch_size is a blank" in trained.stderr
    assert list(tmp_path.iterdir()) == [tmp_path / "t.yaml"]
    changes = [word for setting in FILLED for word in ("--set", setting)]
    assert nnlab("check", "t.yaml", *changes).stdout.startswith("OK: t.yaml\n\nrows")
    (tmp_path / "t.yaml").write_text(TEMPLATE.replace("samples", "sample"))
    result = nnlab("check", "t.yaml")  # a mistake of the template
    assert (result.exit_code, "moons has no setting 'sample'" in result.stderr) == (2, True)


def test_question_marks_that_are_no_blanks() -> None:
    for text in ("name: what???\nx", "name: ???x", "? name\n: x", "{? name : x}", "{name: '??'}"):
        with pytest.raises(ConfigError) as error:
            parse_config(text)
        assert "blank" not in str(error.value)
