"""A table of openml.org from config to predictions, without a network."""

import gzip
import hashlib
import json
from collections.abc import Callable
from pathlib import Path

from click.testing import Result

from nnlab.data.openml import _read
from tests.openml import lay_out_answers

PENGUINS = """data: {name: openml, id: 42585, missing: mean, test: 0.2, scale: standardize}
network: [{dense: 4}, tanh, {dense: 3}, softmax]
loss: cross_entropy
optimizer: {adam: 0.05}
training: {epochs: 10}
"""
NEW = """sex,island,culmen_length_mm,culmen_depth_mm,flipper_length_mm,body_mass_g
MALE,Torgersen,39.1,18.7,181,3750
,Biscoe,46.1,13.2,211,
"""


def change_a_cell(openml: Path) -> None:
    """In the stored table, with the MD5 that belongs to it."""
    table = lay_out_answers(42585, openml)
    content = gzip.decompress(table.read_bytes()).replace(b"39.1", b"99.1", 1)
    table.write_bytes(gzip.compress(content))
    about = openml / "openml" / "openml.org" / "api" / "v1" / "json" / "data" / "42585.gz"
    answer = json.loads(gzip.decompress(about.read_bytes()))
    answer["data_set_description"]["md5_checksum"] = hashlib.md5(content).hexdigest()
    about.write_bytes(gzip.compress(json.dumps(answer).encode()))
    _read.cache_clear()


def test_penguins(nnlab: Callable[..., Result], openml: Path, tmp_path: Path) -> None:
    _read.cache_clear()
    (tmp_path / "penguins.yaml").write_text(PENGUINS)
    (tmp_path / "new.csv").write_text(NEW)
    result = nnlab("train", "penguins.yaml", "--no-plots")
    assert result.exit_code == 0, result.output
    (run,) = (tmp_path / "runs").iterdir()
    assert json.loads((run / "run.json").read_text())["data"]["name"] == "openml 42585"
    # The file needs no network, another order of columns is fine, and gaps are filled.
    predictions = nnlab("predict", "latest", "new.csv").stdout.splitlines()
    assert predictions[0] == "Adelie,Chinstrap,Gentoo,predicted"
    assert [line.rpartition(",")[2] for line in predictions[1:]] == ["Adelie", "Gentoo"]
    assert nnlab("verify", "latest").exit_code == 0
    script = nnlab("export", "latest", "--to", "script")
    assert script.exit_code == 0, script.output
    change_a_cell(openml)
    for command in (("verify", "latest"), ("resume", "latest", "--set", "epochs=12")):
        result = nnlab(*command)
        assert result.exit_code == 3
        assert result.stderr.startswith(
            "The data set openml 42585 is not what it was when this run began: SHA-256 "
        )


def test_other_spellings(nnlab: Callable[..., Result], openml: Path, tmp_path: Path) -> None:
    config = tmp_path / "c.yaml"
    rest = "\nnetwork: [{dense: 3}, softmax]\nloss: cross_entropy\n"
    for data in ("{openml: 61}", "{name: openml, id: 61}", "{openml: {id: 61, target: class}}"):
        config.write_text(f"data: {data}{rest}")
        assert nnlab("check", "c.yaml").exit_code == 0
    for data, hint in {
        "{name: openml, data_id: 61}": "openml has no setting 'data_id'. Did you mean 'id'?",
        "iris": "there is no data set 'iris'. Did you mean 'openml'? Write `data: {openml: 61}`",
    }.items():
        config.write_text(f"data: {data}{rest}")
        result = nnlab("check", "c.yaml")
        assert result.exit_code == 2
        assert hint in result.stderr
