"""Finding configs, relative paths, and what comes back beside the config."""

from pathlib import Path

import pytest

from nnlab.config.annotations import hints
from nnlab.config.dump import settings_of
from nnlab.config.families import SOURCE, own_keys
from nnlab.config.files import locate, shipped, shipped_folder
from nnlab.config.load import from_mapping, load_config, parse_config
from nnlab.config.schema import Data, FromRun
from nnlab.errors import ConfigError
from tests.process import printed_by

TEXT = "data: {csv: {path: rows.csv, target: y}}\nnetwork: [{dense: 1}]\nloss: mse\n"


def test_a_shipped_config_is_found_by_name_and_by_path() -> None:
    path = shipped_folder() / "identity8.yaml"
    assert locate("identity8") == locate("identity8.yaml") == locate(path) == path
    assert locate("identity8-fast") == shipped()["identity8_fast"]
    assert load_config("identity8").config == load_config(path).config


def test_a_file_of_that_name_wins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("xor").mkdir()  # a folder does not
    assert locate("xor") == shipped()["xor"]
    Path("xor.yaml").write_text("mine", encoding="utf-8")
    assert locate("xor.yaml") == Path("xor.yaml")


def test_an_unknown_name_shows_the_nearest() -> None:
    with pytest.raises(ConfigError) as error:
        load_config("identity9")
    assert str(error.value).split("\n") == [
        "There is no file identity9, and no shipped config of that name. Did you mean 'identity8'?",
        f"    shipped: {', '.join(shipped())}",
    ]


@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"], ids=["plain", "with a byte order mark"])
def test_the_bytes_of_the_file_are_kept(tmp_path: Path, mark: bytes) -> None:
    data = mark + b"# a comment\r\ndata: xor\r\nnetwork: [{dense: 2}]\r\nloss: mse\r\n"
    path = tmp_path / "mine.yaml"
    path.write_bytes(data)
    loaded = load_config(path)
    assert loaded.text == data
    assert loaded.path == path
    assert loaded.config.name == "mine"


def test_files_are_named_from_the_folder_of_the_text_that_names_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "configs").mkdir()
    (tmp_path / "here").mkdir()
    path = tmp_path / "configs" / "x.yaml"
    path.write_text(TEXT + "init: {run: ../runs/a}\n", encoding="utf-8")
    monkeypatch.chdir(tmp_path / "here")
    config = load_config(path, check=False).config
    assert settings_of(config)["data"]["path"] == str(tmp_path / "configs" / "rows.csv")
    assert config.init == FromRun(str(tmp_path / "configs" / ".." / "runs" / "a"))
    changed = load_config(path, ["data.path=mine.csv", "init={run: b}"], check=False).config
    assert settings_of(changed)["data"]["path"] == str(tmp_path / "here" / "mine.csv")
    assert changed.init == FromRun(str(tmp_path / "here" / "b"))
    given = {"data": {"csv": {"path": "/a.csv", "target": "y"}}, "network": ["relu"]}
    absolute = from_mapping({**given, "loss": "mse"}, check=False)
    assert settings_of(absolute)["data"]["path"] == str(Path("/a.csv"))


def test_a_home_folder_that_does_not_exist_is_no_crash() -> None:
    config = parse_config(TEXT.replace("rows.csv", "~nobody/rows.csv"), check=False)
    assert settings_of(config)["data"]["path"].endswith("rows.csv")


def test_no_source_has_a_setting_that_data_has_already() -> None:
    for cls in SOURCE.members.values():
        assert not set(hints(cls)) & set(own_keys(Data))


def test_neither_sklearn_nor_matplotlib_is_imported_for_a_toy() -> None:
    code = (
        "import sys; from nnlab.config.load import load_config; load_config('xor');"
        "print([name for name in ('sklearn', 'matplotlib', 'platformdirs', 'numba', 'scipy')"
        " if name in sys.modules])"
    )
    assert printed_by("-c", code).strip() == "[]"


@pytest.mark.parametrize(
    ("data", "overrides", "name"),
    [
        ("xor", [], "xor"),
        ({"xor": "line"}, [], "xor"),
        ("identity8", [], "identity"),
        ({"name": "csv", "path": "some/of my.rows.csv", "target": "y"}, [], "of my.rows"),
        ({"npz": "/x/.hidden.npz"}, [], "hidden"),
        ("xor", ["data=moons"], "moons"),
        ("xor", ["name=mine"], "mine"),
    ],
)
def test_a_mapping_is_named_after_its_data(data: object, overrides: list[str], name: str) -> None:
    config = {"data": data, "network": [{"dense": 1}], "loss": "mse"}
    assert from_mapping(config, overrides, check=False).name == name
