"""Names that are not UTF-8, and halves of surrogate pairs: everything completes or says why not."""

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result

from nnlab.show.figures import FIGURES

Nnlab = Callable[..., Result]

BYTE = os.fsdecode(b"\xff")  # U+DCFF
TABLE = "a,b,kind\n1,2,x\n2,1,y\n1,3,x\n2,2,y\n"
CONFIG = """data: {name: csv, path: PATH, target: kind}
network: [{dense: 2}, softmax]
loss: cross_entropy
training: {epochs: 2, batch_size: full}
"""


@pytest.fixture(autouse=True)
def _few_figures(monkeypatch: pytest.MonkeyPatch) -> None:
    """Those that read the names of classes, and the curves."""
    for name in FIGURES.keys() - {"confusion", "curves"}:
        monkeypatch.delitem(FIGURES, name)
    monkeypatch.setattr("nnlab.show.page.run.FIGURES", {"confusion": FIGURES["confusion"]})


def able(folder: Path) -> bool:
    try:
        (folder / f"probe{BYTE}").touch()
    except OSError:
        return False
    return sys.getfilesystemencoding() == "utf-8"


def test_folders_and_files_whose_names_are_not_utf8(
    nnlab: Nnlab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All commands, in such a folder, with such a config, table and runs folder."""
    if not able(tmp_path):
        pytest.skip("a file system whose names are text")
    folder = tmp_path / f"d{BYTE}"
    folder.mkdir()
    monkeypatch.chdir(folder)
    runs, config = f"r{BYTE}", f"c{BYTE}.yaml"
    (folder / f"t{BYTE}.csv").write_text(TABLE)
    (folder / config).write_text(CONFIG.replace("PATH", '"t\\udcff.csv"'))
    sweep = ("sweep", "lr=0.1,0.2", "-c", config, "--runs", runs, "--name", "s", "--yes")
    commands = [
        ("train", config, "--runs", runs),
        ("train", config, "--runs", runs, "--no-plots", "--set", f"data.path=t{BYTE}.csv"),
        ("verify", "latest", "--runs", runs),
        ("resume", "latest", "--runs", runs),
        ("report", "latest", "--runs", runs),
        ("plot", "latest", "--runs", runs, "--only", "confusion", "--out", f"o{BYTE}"),
        ("predict", "latest", f"t{BYTE}.csv", "--runs", runs, "-o", f"o{BYTE}.csv"),
        ("evaluate", "latest", "--data", f"t{BYTE}.csv", "--runs", runs),
        ("runs", runs, "--csv"),
        ("runs", runs, "--json"),
        (*sweep, "--no-plots"),
        sweep,  # which reads the sweep.yaml of the first
        ("report", f"{runs}/s"),
        ("compare", "latest", *[f"{runs}/{name}" for name in ("s",)], "--runs", runs),
    ]
    for command in commands:
        result = nnlab(*command)
        assert result.exit_code == 0, (command, result.stderr)


@pytest.mark.parametrize("escape", ["\\ud800", "\\udc7f", "\\udd00", "\\udfff"])
def test_half_a_pair_in_a_config_is_refused(nnlab: Nnlab, tmp_path: Path, escape: str) -> None:
    (tmp_path / "c.yaml").write_text(f'name: "x{escape}"\n')
    result = nnlab("train", "c.yaml")
    assert result.exit_code == 2
    assert f"this text holds the character U+{escape[2:].upper()}." in result.stderr


@pytest.mark.parametrize("half", ["\ud800", BYTE])
def test_half_a_pair_in_a_folder(nnlab: Nnlab, tmp_path: Path, half: str) -> None:
    """The classes of data.json, as another program may have written them."""
    (tmp_path / "t.csv").write_text(TABLE)
    (tmp_path / "c.yaml").write_text(CONFIG.replace("PATH", "t.csv"))
    assert nnlab("train", "c.yaml", "--no-plots").exit_code == 0
    (run,) = (tmp_path / "runs").iterdir()
    data = json.loads((run / "data.json").read_text())
    data["class_names"] = [f"x{half}", "y"]
    (run / "data.json").write_text(json.dumps(data))
    for command in (
        ("report", "latest"),
        ("plot", "latest", "--out", "out"),
        ("predict", "latest", "t.csv", "-o", "o.csv"),
        ("runs",),
        ("evaluate", "latest", "--json"),
    ):
        result = nnlab(*command)
        assert result.exit_code in (0, 3, 6), (command, result.stderr)
    assert "\\ud" in (tmp_path / "o.csv").read_text("utf-8")


def test_classes_named_as_the_columns_of_predict(nnlab: Nnlab, tmp_path: Path) -> None:
    names = ("row", "target", "predicted", "loss", ".loss")
    (tmp_path / "t.csv").write_text("a,b,kind\n" + "".join(f"{n},1,{n}\n" for n in names))
    text = CONFIG.replace("PATH", "t.csv").replace("kind}", "kind, categorical: [a]}")
    (tmp_path / "c.yaml").write_text(text.replace("dense: 2", "dense: 5"))
    assert nnlab("train", "c.yaml", "--no-plots").exit_code == 0
    for arguments, columns in (
        (["t.csv"], [".loss", "loss", ".predicted", "row", "target", "predicted"]),
        (
            ["--targets"],
            [
                *("row", "target", ".loss", "..loss", ".predicted", ".row", ".target"),
                *("predicted", "loss"),
            ],
        ),
    ):
        header, *_ = nnlab("predict", "latest", *arguments).stdout.splitlines()
        assert header.split(",") == columns
        (first, *_) = json.loads(nnlab("predict", "latest", *arguments, "--json").stdout)["rows"]
        assert list(first) == columns
