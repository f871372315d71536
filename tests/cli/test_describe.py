"""`nnlab data describe` on messy files, and the config that it proposes."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result

from benchmarks import messy
from nnlab.api.describe import describe_table

Run = Callable[..., Result]
ADDED = {
    "semicolons and decimal commas": {"delimiter": ";", "decimal": ","},
    "tabs": {"delimiter": "\t"},
    "bars": {"delimiter": "|"},
    "blanks": {"delimiter": " "},
    "no header": {"header": False, "categorical": [2]},
    "index of pandas": {"ignore": [0]},
    "id column": {"ignore": ["customer_id"]},
    "constant column": {"ignore": ["country"]},
    "empty column": {"ignore": ["remarks"]},
    "dates": {"ignore": ["day"]},
    "money": {"ignore": ["price"]},
    "per cent": {"ignore": ["share"]},
    "true and false": {"categorical": ["member", "colour"]},
    "names of persons": {"ignore": ["person"]},
    "empty cells": {"missing": "median"},
    "words for missing cells": {"missing": "median", "missing_values": ["not measured"]},
    "-999 for missing cells": {"missing": "median", "missing_values": [-999]},
    "empty categories": {"missing_categories": "category"},
    "empty targets": {"missing_targets": "drop"},
    "separators of thousands": {"thousands": ","},
    "Windows-1252": {"encoding": "windows-1252"},
    "UTF-16": {"encoding": "utf-16"},
    "line breaks in cells": {"categorical": ["note", "colour"]},
    "the same name twice": {"ignore": [1]},
    "trailing delimiter": {"ignore": [4]},
}


@pytest.mark.parametrize("name", messy.FILES)
def test_the_proposal_reads_the_file(name: str, tmp_path: Path) -> None:
    """describe_table itself refuses a proposal that is not a valid config of readable rows."""
    described = describe_table(messy.write(name, tmp_path), messy.target(name))
    expected = {"categorical": ["colour"]} | ADDED.get(name, {})
    settings = described.profile.settings
    assert {k: v for k, v in settings.items() if k not in ("name", "path", "target")} == expected
    assert described.profile.rows == messy.ROWS


@pytest.mark.parametrize(("rows", "stratified"), [(3, None), (14, None), (15, True)])
def test_stratified_where_each_class_can_have_a_test_row(
    tmp_path: Path, rows: int, stratified: bool | None
) -> None:
    path = tmp_path / "t.csv"
    path.write_text("a,kind\n" + "".join(f"{i}.5,{'xyz'[i % 3]}\n" for i in range(rows)))
    assert describe_table(path).config["data"].get("stratify") is stratified


def test_the_target_is_guessed_by_name_and_else_the_last_column(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    rows = "\n".join(f"{i % 7}.5,{i % 2},{i % 5}.25" for i in range(30))
    path.write_text(f"a,Class,b\n{rows}\n")
    assert describe_table(path).profile.settings["target"] == "Class"
    path.write_text(f"a,c,b\n{rows}\n")
    described = describe_table(path)
    assert described.profile.settings["target"] == "b"
    assert described.config["loss"] == "mse"
    assert described.config["data"]["scale_target"] == "standardize"


def test_a_config_that_check_and_train_accept(nnlab: Run, tmp_path: Path) -> None:
    messy.write("index of pandas", tmp_path)
    folder = tmp_path / "configs"
    folder.mkdir()
    words = ("data", "describe", "index_of_pandas.csv", "-o", "configs/my.yaml")
    result = nnlab(*words)
    assert result.exit_code == 0, result.output
    assert "has no name, as row numbers and a trailing delimiter have none" in result.stdout
    assert "path: ../index_of_pandas.csv" in (folder / "my.yaml").read_text()
    assert nnlab("check", "configs/my.yaml").exit_code == 0
    trained = nnlab("train", "configs/my.yaml", "--no-plots", "--json")
    assert json.loads(trained.stdout)["summary"]["test"]["accuracy"] > 0.8
    refused = nnlab(*words)
    assert refused.exit_code == 2
    assert "configs/my.yaml exists already; --force overwrites it." in refused.stderr
    answer = json.loads(nnlab(*words, "--force", "--json").stdout)
    assert answer["config"]["data"]["path"] == "../index_of_pandas.csv"
    assert [column["use"] for column in answer["columns"]] == [
        *("ignore", "numbers", "numbers", "category", "target")
    ]


@pytest.mark.parametrize(
    ("content", "options", "problem"),
    [
        ("", (), "t.csv is empty."),
        ("a,b\n", (), "t.csv has a header and no row."),
        ("a,b\n1,2\n3,4\n", ("--target", "c"), "has no column 'c'; its columns are 'a', 'b'."),
        ("a,b,c\n1,2,3,\n1,2,4,\n", (), "line 2: there are 4 cells, but 3 columns"),
        ("PK\x03\x04", (), "is no CSV text but a zip archive"),
        ("a\n1\n2\n", (), "has target columns only, and no input"),
    ],
)
def test_files_that_cannot_be_read(
    nnlab: Run, tmp_path: Path, content: str, options: tuple[str, ...], problem: str
) -> None:
    (tmp_path / "t.csv").write_text(content)
    result = nnlab("data", "describe", "t.csv", *options)
    assert result.exit_code == 3, result.output
    assert problem in result.stderr
    assert nnlab("data", "describe", "absent.csv").exit_code == 3
