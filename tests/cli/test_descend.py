"""`nnlab descend`, and what the other commands make of its folder."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result

from nnlab.run.folder import RunFolder

Nnlab = Callable[..., Result]
RACE = """\
function: himmelblau
runs:
  - {optimizer: {sgd: 0.01}, steps: 20}
  - {optimizer: {sgd: 9}, steps: 20}
"""


@pytest.fixture
def race(nnlab: Nnlab, tmp_path: Path) -> Path:
    """The only run in tmp_path/runs: a run that converges and a run that diverges."""
    (tmp_path / "race.yaml").write_text(RACE)
    result = nnlab("descend", "race.yaml", "--no-plots")
    assert result.exit_code == 0, result.output
    (folder,) = (tmp_path / "runs").iterdir()
    return folder


def cells(text: str) -> list[list[str]]:
    return [re.split(r"  +", line) for line in text.splitlines()]


def test_the_table(nnlab: Nnlab, tmp_path: Path) -> None:
    result = nnlab("descend", "landscape", "--no-plots")
    assert (result.exit_code, result.stderr) == (0, "")
    (folder,) = (tmp_path / "runs").iterdir()
    title, _, header, *runs, _, steps, where = cells(result.stdout)
    assert title == ["wavy_bowl, a function with the lowest value -2.281"]
    assert header == [
        *("run", "steps", "x", "y", "value", "nearest minimum", "value there", "distance")
    ]
    assert [run[0] for run in runs] == [
        *("small steps", "large steps", "decaying steps", "momentum", "adam")
    ]
    assert [float(run[4]) for run in runs[:3]] == [1.2968, 0.1007, -2.1642]
    assert [run[5] for run in runs] == ["(0.6059, -0.303)", *["(-1.088, 0.5441)"] * 4]
    assert steps[0].startswith("113 steps in ")
    assert where == [str(folder.relative_to(tmp_path))]


def test_a_run_that_blows_up_stands_in_the_table(race: Path, nnlab: Nnlab) -> None:
    result = nnlab("descend", "race.yaml", "--no-plots")
    header, calm, wild = cells(result.stdout)[2:5]
    assert header[-1] == "diverged"
    assert calm[-1] == "-"
    assert re.fullmatch(r"at step \d", wild[-1])
    assert result.exit_code == 0


def test_all_blow_up(nnlab: Nnlab, tmp_path: Path) -> None:
    (tmp_path / "race.yaml").write_text(RACE)
    result = nnlab("descend", "race.yaml", "--no-plots", "--set", "lr=9")
    (folder,) = (tmp_path / "runs").iterdir()
    assert result.exit_code == 4
    step = RunFolder.open(folder).read_json("summary.json")["runs"][0]["diverged"]
    assert result.stderr == (
        f"All runs diverged, the first at step {step}: a number is not finite. The steps before "
        f"are in runs/{folder.name}/paths.csv. Try a smaller lr: --set lr=...\n"
    )
    assert "at step" in result.stdout


def test_json(race: Path, nnlab: Nnlab) -> None:
    result = nnlab("descend", "race.yaml", "--json", "--no-plots", "--name", "j", "--quiet")
    printed = json.loads(result.stdout)
    assert (printed["status"], printed["lowest"]) == ("completed", 0.0)
    folder = RunFolder.open(Path(printed["folder"]))
    assert "-j-" in folder.name
    assert printed["runs"] == folder.read_json("summary.json")["runs"]


def test_the_picture_is_drawn_and_drawn_again(nnlab: Nnlab, tmp_path: Path) -> None:
    (tmp_path / "race.yaml").write_text(RACE)
    result = nnlab("descend", "race.yaml", "--verbose")
    (folder,) = (tmp_path / "runs").iterdir()
    assert result.stderr == f"runs/{folder.name}/figures/landscape.png\n"
    figure = folder / "figures" / "landscape.png"
    first = figure.read_bytes()
    figure.unlink()
    result = nnlab("plot", "latest")
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout == f"runs/{folder.name}/figures/landscape.png\n"
    assert figure.read_bytes() == first


def test_a_mistake(nnlab: Nnlab, tmp_path: Path) -> None:
    (tmp_path / "race.yaml").write_text(RACE)
    result = nnlab("descend", "race.yaml", "--set", "function=himelblau", "--set", "steps=0")
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr == (
        "--set: runs.0.steps is 0.\n"
        "    --set steps=0\n"
        "                ^\n"
        "    allowed: a whole number >= 1 and <= 10000\n"
        "--set: there is no function 'himelblau'. Did you mean 'himmelblau'?\n"
        "    --set function=himelblau\n"
        "                   ^\n"
        "    allowed: wavy_bowl, rosenbrock, himmelblau, beale, saddle, quadratic\n"
    )
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize(
    "arguments",
    [["train"], ["check"], ["gradcheck"], ["train", "--no-plots"]],
    ids=" ".join,
)
def test_commands_that_train_say_where_a_race_belongs(nnlab: Nnlab, arguments: list[str]) -> None:
    result = nnlab(*arguments, "landscape")
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr == (
        "landscape is a race of optimizers on a function, and trains no network: "
        "`nnlab descend landscape` runs it.\n"
    )


def test_a_training_is_no_race(nnlab: Nnlab) -> None:
    result = nnlab("descend", "xor")
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr == (
        "xor trains a network, and is no race of optimizers on a function: "
        "`nnlab train xor` runs it.\n"
    )


@pytest.mark.parametrize(
    "arguments",
    [["resume", "latest"], ["evaluate", "latest"], ["predict", "latest", "race.yaml"]],
    ids=lambda words: str(words[0]),
)
def test_commands_that_need_a_network_say_so(
    race: Path, nnlab: Nnlab, arguments: list[str]
) -> None:
    result = nnlab(*arguments)
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr == (
        f"runs/{race.name} is a race of optimizers on a function, and has no network. "
        f"`nnlab descend runs/{race.name}/resolved.yaml` runs it again.\n"
    )


def test_it_is_listed(race: Path, nnlab: Nnlab) -> None:
    header, row = cells(nnlab("runs").stdout)
    assert header == ["run", "status", "data", "time"]
    assert row[:3] == [race.name, "completed", "himmelblau"]


def test_verify_runs_it_again(race: Path, nnlab: Nnlab) -> None:
    rows = len((race / "paths.csv").read_text().splitlines()) - 1
    result = nnlab("verify", "latest")
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout == (
        f"runs/{race.name} is whole; {rows} rows of paths.csv came out the same.\n"
    )
    assert json.loads(nnlab("verify", "latest", "--json").stdout)["good"] is True


def change_cell(race: Path) -> None:
    lines = (race / "paths.csv").read_text().splitlines()
    cells = lines[3].split(",")
    cells[2] = repr(float(cells[2]) * (1 + 2**-52))
    (race / "paths.csv").write_text("\n".join([*lines[:3], ",".join(cells), *lines[4:], ""]))


def fill_empty_cell(race: Path) -> None:
    text = (race / "paths.csv").read_text()
    first = text.splitlines()[1]
    assert first.endswith(",")
    (race / "paths.csv").write_text(text.replace(first, f"{first}0.01", 1))


def drop_rows(race: Path) -> None:
    lines = (race / "paths.csv").read_text().splitlines(keepends=True)
    (race / "paths.csv").write_text("".join(lines[:-2]))


def change_rate(race: Path) -> None:
    text = (race / "resolved.yaml").read_text()
    (race / "resolved.yaml").write_text(text.replace("lr: 0.01,", "lr: 0.02,"))


def change_summary(race: Path) -> None:
    text = (race / "summary.json").read_text()
    (race / "summary.json").write_text(text.replace('"lowest": 0.0', '"lowest": 1.0'))


DAMAGE: dict[str, tuple[Callable[[Path], Any], str]] = {
    "a last bit": (change_cell, "x in row 4 of paths.csv came out otherwise."),
    "a rate before the first step": (fill_empty_cell, "lr in row 2 of paths.csv came out"),
    "rows": (drop_rows, "rows, and 2[0-9] came out now."),
    "the rate": (change_rate, "x in row 3 of paths.csv came out otherwise."),
    "the summary": (change_summary, "summary.json does not say what came out."),
}


@pytest.mark.parametrize("what", DAMAGE)
def test_verify_finds_what_was_changed(race: Path, nnlab: Nnlab, what: str) -> None:
    change, line = DAMAGE[what]
    change(race)
    result = nnlab("verify", "latest")
    assert (result.exit_code, result.stdout) == (9, "")
    assert result.stderr.startswith(f"runs/{race.name} is not what was recorded.\n")
    assert re.search(line, result.stderr)


# What is put into a file, and how the commands that look at it end.
BROKEN: dict[str, tuple[str, bytes, dict[str, int]]] = {
    "no rows": ("paths.csv", b"", {"plot": 0, "verify": 6, "runs": 0}),
    "other columns": ("paths.csv", b"run,step\n0,0\n", {"plot": 6, "verify": 6}),
    "text for numbers": (
        "paths.csv",
        b"run,step,x,y,value,gradient_norm,lr\n0,0,a,b,c,d,e\n",
        {"plot": 6, "verify": 6},
    ),
    "a rate that is text": (
        "paths.csv",
        b"run,step,x,y,value,gradient_norm,lr\n0,0,0,0,0,0,x\n",
        {"plot": 6, "verify": 6},
    ),
    "no rate": (
        "paths.csv",
        b"run,step,x,y,value,gradient_norm\n0,0,0,0,0,0\n",
        {"plot": 6, "verify": 6},
    ),
    "inf": (
        "paths.csv",
        b"run,step,x,y,value,gradient_norm,lr\n0,0,inf,0,0,0,\n",
        {"plot": 6, "verify": 6},
    ),
    "huge numbers": (
        "paths.csv",
        b"run,step,x,y,value,gradient_norm,lr\n0,0,1e308,-1e308,1e308,1e308,\n",
        {"plot": 0, "verify": 9},
    ),
    "runs that are not there": (
        "paths.csv",
        b"run,step,x,y,value,gradient_norm,lr\n7,0,0,0,0,0,\n",
        {"plot": 6, "verify": 9},
    ),
    "not UTF-8": ("paths.csv", b"\xff\xfe\0", {"plot": 0, "verify": 6}),
    "no config": ("resolved.yaml", b"", {"plot": 6, "verify": 2}),
    "a training": (
        "resolved.yaml",
        b"data: xor\nnetwork: [{dense: 1}]\nloss: mse\n",
        {"plot": 6, "verify": 2},
    ),
    "a bomb": ("resolved.yaml", b"a: &a [*a]", {"plot": 6, "verify": 2}),
    "an escape": (
        "resolved.yaml",
        b'name: "\\e[2J"\nfunction: beale\nruns: [sgd]\n',
        {"plot": 6, "verify": 2},
    ),
    "no summary": ("summary.json", b"[1]", {"plot": 0, "verify": 6, "runs": 0}),
    "no run.json": ("run.json", b"{", {"plot": 6, "verify": 6, "resume": 6, "runs": 0}),
    "odd seconds": (
        "run.json",
        b'{"kind": "race", "status": 5, "seconds": "x", "function": [1]}',
        {"plot": 0, "verify": 0, "resume": 2, "runs": 0},
    ),
}


@pytest.mark.parametrize("what", BROKEN)
@pytest.mark.filterwarnings("error")
def test_a_broken_folder_costs_one_clear_line(race: Path, nnlab: Nnlab, what: str) -> None:
    name, content, ends = BROKEN[what]
    (race / name).write_bytes(content)
    for command, code in ends.items():
        result = nnlab(command, "latest") if command != "runs" else nnlab("runs")
        assert result.exit_code == code, (command, result.output)
        assert "Traceback" not in result.stderr
        assert all(char.isprintable() or char == "\n" for char in result.output)
        if command == "plot" and name == "paths.csv":
            assert len(result.stderr.splitlines()) == 1 or result.stdout


def test_init_says_how_it_is_run(nnlab: Nnlab, tmp_path: Path) -> None:
    result = nnlab("init", "landscape")
    assert result.stderr.endswith(".\nRun it with: nnlab descend landscape.yaml\n")
    assert "Optimizers race on a bowl" in nnlab("init").stdout


def test_ctrl_c_leaves_a_folder_that_says_so(process: Callable[..., Any], tmp_path: Path) -> None:
    code = """
import os, signal
from nnlab.cli import main
from nnlab.race.landscapes import Beale

calls = iter(range(10**9))
value = Beale.value

def slow(self, x, y):
    if next(calls) == 5000:
        os.kill(os.getpid(), signal.SIGINT)
    return value(self, x, y)

Beale.value = slow
signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored where tests run behind a shell
main(["descend", "race.yaml", "--no-plots"])
"""
    (tmp_path / "race.yaml").write_text("function: beale\nruns: [{optimizer: sgd, steps: 10000}]\n")
    done = process("-c", code)
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "\nInterrupted.\n")
    (folder,) = (tmp_path / "runs").iterdir()
    assert RunFolder.open(folder).status() == "interrupted"


def test_no_plots_imports_no_matplotlib(process: Callable[..., Any]) -> None:
    code = """
import sys
from nnlab.cli import main
try:
    main(["descend", "landscape", "--no-plots", "--quiet"])
except SystemExit as end:
    heavy = {"matplotlib", "sklearn", "scipy", "numba", "rich", "platformdirs"} & set(sys.modules)
    sys.exit(f"{end.code} {sorted(heavy)}")
"""
    done = process("-c", code)
    assert done.stderr == "0 []\n"
