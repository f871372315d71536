"""`nnlab check` and `nnlab gradcheck`."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from click.testing import Result

from nnlab.config.load import load_config, parse_config
from nnlab.core.layers.dense import Dense
from nnlab.core.types import Array, Views

Nnlab = Callable[..., Result]

FASHION = """OK: fashion_mlp

rows     70,000: 39,200 to train, 9,800 to validate, 21,000 to test
inputs   784 (images of 28 x 28)
classes  10

layer      output  parameters   FLOPs
0 dense    256         200960  401408
1 relu     256              0     256
2 dense    128          32896   65536
3 relu     128              0     128
4 dense    64            8256   16384
5 relu     64               0      64
6 dense    10             650    1280
7 softmax  10               0      10
                       242762  485066

# the config with all defaults filled in
"""


def test_the_config_and_the_network_without_the_data(
    nnlab: Nnlab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NNLAB_DATA_DIR", str(tmp_path / "empty"))
    result = nnlab("check", "fashion_mlp")
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout.startswith(FASHION)
    resolved = result.stdout.removeprefix(FASHION)
    assert parse_config(resolved) == load_config("fashion_mlp").config
    assert list(tmp_path.iterdir()) == []


def test_the_columns_and_classes_of_a_table(nnlab: Nnlab, flowers: Path) -> None:
    result = nnlab("check", "flowers.yaml")
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout.startswith(
        "OK: flowers.yaml\n\n"
        "rows     6: 6 to train\n"
        "inputs   4: 'length', 'colour=blue', 'colour=red', 'colour=white'\n"
        "classes  2: 'iris', 'rose'\n\n"
        "layer"
    )


def test_check_as_json(nnlab: Nnlab) -> None:
    options = ["--set", "momentum=0.5", "--set", "optimizer=adam", "--json"]
    printed = json.loads(nnlab("check", "identity8", *options).stdout)
    assert printed["config"]["optimizer"]["name"] == "adam"
    assert printed["notes"] == ["optimizer=adam drops momentum, which adam does not have."]
    assert printed["network"][0] == {
        "layer": "0 dense",
        "output": [3],
        "parameters": 27,
        "flops": 48,
    }
    assert (printed["parameters"], printed["flops"]) == (59, 107)
    assert printed["data"] == {"rows": "8: 8 to train", "inputs": "8"}
    assert printed["warnings"] == []


@pytest.mark.parametrize(
    ("rows", "settings", "warning"),
    [
        ("1,3.5 2,3.5 3,3.5", "", "The target of every training row is 3.5"),
        ("1,a 1,b 1,a 1,b", "data.task=classes", "All training rows have the same inputs"),
        ("1,a 2,a 3,a 4,b", "data.validation=1 data.split=ordered", "are of class 'a'"),
        ("1,3.5 2,3.5 3,3", "", ""),
    ],
)
def test_data_that_teaches_nothing_is_warned_of(
    nnlab: Nnlab, tmp_path: Path, rows: str, settings: str, warning: str
) -> None:
    table = tmp_path / "table.csv"
    table.write_text("\n".join(["x,y", *rows.split()]) + "\n")
    end = ", sigmoid], loss: bce" if "a" in rows else "], loss: mse"
    config = tmp_path / "config.yaml"
    config.write_text(
        f"{{data: {{name: csv, path: table.csv, target: y}}, network: [dense: 1{end}}}"
    )
    options = [option for word in settings.split() for option in ("--set", word)]
    warnings = json.loads(nnlab("check", str(config), *options, "--json").stdout)["warnings"]
    assert any(warning in text and "nothing to learn" in text for text in warnings) == bool(warning)


def test_an_engine_that_cannot_run_it(nnlab: Nnlab) -> None:
    """As `train` would say, which has the data by then."""
    network = "network=[{dense: 3}, step, {dense: 8}, sigmoid]"
    settings = (network, "training.epochs=0", "training.engine=compiled")
    result = nnlab("check", "identity8", *(word for one in settings for word in ("--set", one)))
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr == (
        "training.engine: compiled is not possible: layer 1 (step) has no compiled form. "
        "Use numpy, or auto.\n"
    )


def test_gradcheck(nnlab: Nnlab) -> None:
    result = nnlab("gradcheck", "digits_binary", "--rows", "4")
    assert (result.exit_code, result.stderr) == (0, "")
    header, *rows = [line.split() for line in result.stdout.splitlines()]
    assert header == ["gradient", "by", "size", "directions", "worst", "relative", "error"]
    assert sorted(row[0] for row in rows) == [
        "0.dense.bias",
        "0.dense.weight",
        "2.dense.bias",
        "2.dense.weight",
        "input",
    ]
    assert max(float(row[3]) for row in rows) <= 1e-7


def test_gradcheck_as_json(nnlab: Nnlab) -> None:
    printed = json.loads(nnlab("gradcheck", "xor", "--json", "--seed", "2").stdout)
    assert printed["tolerance"] == 1e-7
    assert printed["worst"] == max(row["error"] for row in printed["parameters"]) <= 1e-7
    assert [row["size"] for row in printed["parameters"]] == [6, 9, 3, 32]  # 16 rows of 2 inputs


def test_a_planted_error_of_a_thousandth_is_found(
    nnlab: Nnlab, monkeypatch: pytest.MonkeyPatch
) -> None:
    right = Dense.backward

    def wrong(
        self: Dense, p: Views, g: Views, x: Array, y: Array, dy: Array, dx: Array | None, s: Views
    ) -> None:
        right(self, p, g, x, y, dy, dx, s)
        if self.units == 32:
            np.multiply(g.weight, 1.001, out=g.weight)

    monkeypatch.setattr(Dense, "backward", wrong)
    result = nnlab("gradcheck", "digits_binary")
    assert result.exit_code == 9
    assert result.stderr == (
        "The gradient of 0.dense.weight is wrong: its relative error is above 1e-07.\n"
    )
    assert "0.dense.weight  2048" in result.stdout


def test_a_step_has_no_gradient(nnlab: Nnlab) -> None:
    result = nnlab("gradcheck", "box")
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr == (
        "network.1: step has no derivative, so there is no gradient to check.\n"
    )


def test_a_network_without_parameters(nnlab: Nnlab, tmp_path: Path) -> None:
    (tmp_path / "none.yaml").write_text("data: identity\nnetwork: [tanh]\nloss: mse\n")
    result = nnlab("gradcheck", "none.yaml")
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout == "The network has no parameters, so there is no gradient to check.\n"
