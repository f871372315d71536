"""Races: the notebook's endings, what diverges alone, and the folder that is left."""

import errno
import json
import math
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import nnlab
from nnlab.errors import ConfigError, RunUnreadable, StorageError, UsageError
from nnlab.experiment.signals import Terminated
from nnlab.race.config import LoadedRace, load_race, parse_race
from nnlab.race.folder import is_race, read_paths
from nnlab.race.landscapes import Point, Quadratic
from nnlab.race.run import Result, Stop, run_race, walk
from nnlab.run import durable, lock
from nnlab.run.folder import RunFolder


def raced(text: str, folder: Path, **options: Any) -> Result:
    return run_race(LoadedRace(parse_race(text, "x.yaml"), text.encode()), folder, **options)


@pytest.fixture(scope="module")
def landscape(tmp_path_factory: pytest.TempPathFactory) -> Result:
    return run_race(load_race("landscape"), tmp_path_factory.mktemp("runs"))


def only(text: str) -> tuple[Any, Point, Any]:
    """The function, start and runner of a race with one run."""
    race = parse_race(text)
    return race.function, race.start_of(race.runs[0]), race.runs[0]


# Steps, value at the end, the nearest minimum, and how near. -2.164 is the notebook's figure, and
# that the first stays in a local minimum; the other two values are those of a loop written apart.
NOTEBOOK = {
    "small steps": (10, 1.2968, (0.6059463371623211, -0.30297316858116053), 0.30),
    "large steps": (13, 0.1007, (-1.0881624098395096, 0.5440812049197548), 0.86),
    "decaying steps": (10, -2.164, (-1.0881624098395096, 0.5440812049197548), 0.35),
}


@pytest.mark.parametrize("name", NOTEBOOK)
def test_the_three_settings_of_the_notebook(landscape: Result, name: str) -> None:
    steps, value, minimum, within = NOTEBOOK[name]
    (found,) = [one for one in landscape.summary["runs"] if one["name"] == name]
    assert found["final"]["step"] == steps
    assert found["final"]["value"] == pytest.approx(value, abs=2e-4)
    assert (found["minimum"]["x"], found["minimum"]["y"]) == minimum
    assert found["minimum"]["distance"] < within


def test_momentum_and_adam_reach_the_lowest_valley(landscape: Result) -> None:
    ends = {one["name"]: one["final"]["value"] for one in landscape.summary["runs"]}
    assert ends["decaying steps"] < -2
    assert ends["momentum"] < -2.28
    assert ends["adam"] < -2.2
    assert landscape.summary["lowest"] == pytest.approx(-2.28070970814705, abs=1e-14)


def test_steps_worked_by_hand() -> None:
    """f = (x^2 + 4 y^2) / 2 from (2, 1), lr 0.1: x 0.9^t, y 0.6^t; then with decay 1/2."""
    found = walk(*only("function: {quadratic: 4}\nstart: [2, 1]\nruns: [{sgd: 0.1}]\n"))
    assert [(stop.step, stop.lr) for stop in found.stops[:3]] == [(0, None), (1, 0.1), (2, 0.1)]
    assert found.stops[0] == Stop(0, 2.0, 1.0, 4.0, math.sqrt(20), None)
    assert found.stops[3].x == pytest.approx(2 * 0.9**3, rel=1e-15)
    assert found.stops[3].y == pytest.approx(0.6**3, rel=1e-15)
    assert found.stops[3].value == pytest.approx((2 * 0.9**3) ** 2 / 2 + 2 * 0.6**6, rel=1e-15)
    assert len(found.stops) == 101
    text = "function: {quadratic: 4}\nstart: [2, 1]\nruns: [{optimizer: {sgd: 0.2}, steps: 3, "
    halved = walk(*only(f"{text}schedule: {{exponential: 0.5}}}}]"))
    assert [stop.lr for stop in halved.stops] == [None, 0.2, 0.1, 0.05]
    assert halved.stops[3].x == pytest.approx(2 * 0.8 * 0.9 * 0.95, rel=1e-15)


@pytest.mark.parametrize("per", ["epoch", "step"])
def test_a_schedule_counts_steps_whatever_it_counts_in(per: str) -> None:
    run = f"{{optimizer: {{sgd: 1}}, schedule: {{name: linear, per: {per}}}, steps: 4}}"
    found = walk(*only(f"function: wavy_bowl\nruns: [{run}]"))
    assert [stop.lr for stop in found.stops] == [None, 1.0, 0.75, 0.5, 0.25]


def test_a_plateau_looks_at_the_value() -> None:
    """On a rate that makes no progress (x jumps between 1 and -1) it halves after every step."""
    schedule = "{name: plateau, patience: 0, factor: 0.5, min: 0.3}"
    run = f"{{optimizer: {{sgd: 2}}, schedule: {schedule}, steps: 4}}"
    found = walk(*only(f"function: {{quadratic: 1}}\nstart: [1, 0]\nruns: [{run}]"))
    assert [stop.lr for stop in found.stops] == [None, 2.0, 2.0, 1.0, 1.0]
    assert [stop.x for stop in found.stops] == [1.0, -1.0, 1.0, 0.0, 0.0]


@pytest.mark.parametrize(
    ("options", "x"),
    [
        ("clip_norm: 0.5", 3 - 0.1 * 0.5),
        ("clip_value: 0.25", 3 - 0.1 * 0.25),
        ("weight_decay: 0.5", 3 - 0.1 * (3 + 0.5 * 3)),
        ("l1: 0.5", 3 - 0.1 * (3 + 0.5)),
    ],
)
def test_what_shapes_a_gradient_does_so_here(options: str, x: float) -> None:
    run = f"{{optimizer: {{name: sgd, lr: 0.1, {options}}}, steps: 1}}"
    found = walk(*only(f"function: quadratic\nstart: [3, 0]\nruns: [{run}]"))
    assert found.stops[1].x == pytest.approx(x, abs=1e-6)  # clip_norm's 1e-6 in the denominator


WILD = """\
function: beale
start: [1, 2]
runs:
  - {name: calm, optimizer: {sgd: 0.001}, steps: 50}
  - {name: wild, optimizer: {sgd: 10}, steps: 50}
"""


def test_a_path_that_leaves_the_numbers_hurts_no_other(tmp_path: Path) -> None:
    both = raced(WILD, tmp_path)
    alone = raced("\n".join(WILD.splitlines()[:-1]), tmp_path)
    assert both.status == "completed"
    assert both.descents[0] == alone.descents[0]
    calm, wild = both.descents
    assert (calm.diverged, len(calm.stops)) == (None, 51)
    assert wild.diverged == len(wild.stops)
    assert wild.diverged < 10
    assert both.summary["runs"][1]["diverged"] == wild.diverged
    numbers = [[s.x, s.y, s.value, s.gradient_norm] for d in both.descents for s in d.stops]
    assert np.isfinite(numbers).all()
    assert both.folder.read_json("run.json")["status"] == "completed"


def test_all_diverged(tmp_path: Path) -> None:
    found = raced(WILD.replace("0.001", "11"), tmp_path)
    assert found.status == found.folder.status() == "diverged"
    assert all(one.diverged for one in found.descents)


def test_the_folder(landscape: Result) -> None:
    folder = landscape.folder
    assert sorted(path.name for path in folder.path.iterdir()) == [
        *("config.yaml", "lock", "paths.csv", "resolved.yaml", "run.json", "summary.json")
    ]
    shipped = Path(__file__).parents[1] / "configs" / "landscape.yaml"
    assert folder.read_text("config.yaml") == shipped.read_text("utf-8")
    assert parse_race(folder.read_text("resolved.yaml")) == landscape.race
    about = folder.read_json("run.json")
    assert (about["kind"], about["format"], about["status"]) == ("race", 1, "completed")
    assert (about["name"], about["function"]) == ("landscape", "wavy_bowl")
    assert about["started"] < about["ended"]
    assert 0 < about["seconds"] < 60
    assert {"argv", "versions", "platform", "threads", "git"} <= set(about)
    assert folder.read_json("summary.json") == landscape.summary
    assert is_race(folder)
    assert not lock.is_held(folder.path)


def test_every_step_is_in_the_table_bit_for_bit(landscape: Result) -> None:
    table = read_paths(landscape.folder, strict=True)
    assert list(table) == ["run", "step", "x", "y", "value", "gradient_norm", "lr"]
    stops = [(n, stop) for n, one in enumerate(landscape.descents) for stop in one.stops]
    assert len(stops) == len(table["run"]) == 10 + 13 + 10 + 20 + 60 + 5
    for row, (number, stop) in enumerate(stops):
        assert table["run"][row] == number
        for name in ("step", "x", "y", "value", "gradient_norm"):
            assert table[name][row] == getattr(stop, name)
        wanted = math.nan if stop.lr is None else stop.lr
        np.testing.assert_equal(table["lr"][row], wanted)


def test_what_a_summary_says(tmp_path: Path) -> None:
    text = "function: {quadratic: 4}\nstart: [4, 0]\nruns: [{optimizer: {sgd: 1.5}, steps: 3}]\n"
    found = raced(text, tmp_path).summary
    assert found == {
        "lowest": 0.0,
        "runs": [
            {
                "name": "sgd lr 1.5",
                "diverged": None,
                "final": {
                    "step": 3,
                    "x": -0.5,
                    "y": 0.0,
                    "value": 0.125,
                    "gradient_norm": 0.5,
                    "lr": 1.5,
                },
                "best": {"step": 3, "value": 0.125},
                "minimum": {"x": 0.0, "y": 0.0, "value": 0.0, "distance": 0.5},
            }
        ],
    }
    saddle = raced("function: saddle\nruns: [sgd]\n", tmp_path).summary
    assert (saddle["lowest"], saddle["runs"][0]["minimum"]) == (None, None)


def test_the_best_value_is_the_earliest_of_equals(tmp_path: Path) -> None:
    text = "function: {quadratic: 1}\nstart: [1, 0]\nruns: [{optimizer: {sgd: 2}, steps: 5}]\n"
    assert raced(text, tmp_path).summary["runs"][0]["best"] == {"step": 0, "value": 0.5}


def test_the_resolved_race_gives_the_same_table(landscape: Result, tmp_path: Path) -> None:
    again = run_race(load_race(landscape.folder.path / "resolved.yaml"), tmp_path)
    table = [one.folder.path / "paths.csv" for one in (landscape, again)]
    assert table[0].read_bytes() == table[1].read_bytes()
    assert again.race == landscape.race


def test_a_race_in_a_mapping(tmp_path: Path) -> None:
    mapping = {"function": {"quadratic": 50}, "runs": [{"sgd": 0.01}, "adam"]}
    race = nnlab.descend(mapping, runs=tmp_path, steps=3)
    assert "-quadratic-" in race.path.name
    texts = [race.folder.read_text(name) for name in ("config.yaml", "resolved.yaml")]
    assert texts[0] == texts[1]
    assert nnlab.verify(race.path).good
    with pytest.raises(ConfigError, match="there is no optimizer 'adm'"):
        nnlab.descend({**mapping, "runs": ["adm"]}, runs=tmp_path)


def test_a_name_from_outside(tmp_path: Path) -> None:
    found = raced(WILD, tmp_path, name="mine")
    assert "-mine-" in found.folder.name
    assert parse_race(found.folder.read_text("resolved.yaml")).name == "mine"
    with pytest.raises(UsageError, match=r"^The name 'a/b' cannot be used: a name cannot"):
        raced(WILD, tmp_path, name="a/b")
    assert len(list(tmp_path.iterdir())) == 1


@pytest.mark.parametrize(
    ("error", "status"),
    [(KeyboardInterrupt(), "interrupted"), (Terminated(), "interrupted"),
     (ZeroDivisionError("x"), "failed")],
)  # fmt: skip
def test_what_goes_wrong_is_written_down(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: BaseException, status: str
) -> None:
    def broken(*arguments: Any) -> Any:
        raise error

    monkeypatch.setattr(Quadratic, "gradient", broken)
    text = "function: beale\nruns: [sgd]\n"
    race = parse_race(text)
    with pytest.raises(type(error)):
        run_race(LoadedRace(replace(race, function=Quadratic()), text.encode()), tmp_path)
    (path,) = tmp_path.iterdir()
    folder = RunFolder.open(path)
    assert folder.status() == status
    assert folder.read_json("run.json")["error"].startswith(type(error).__name__)


@pytest.fixture
def steps() -> Iterator[list[str]]:
    """Every system call of a write, as it is made; what the hook raises is put in by the test."""
    seen: list[str] = []
    yield seen
    durable.hook = None


def test_a_write_that_fails_at_any_moment(tmp_path: Path, steps: list[str]) -> None:
    """R3 for races: one error, and a folder that every reader understands.

    Only the note on who holds the lock may fail unseen.
    """
    durable.hook = lambda step, path: steps.append(f"{step} {path.name}")
    raced(WILD, tmp_path / "whole")
    assert len(steps) > 20
    ended = [told(tmp_path / str(number), number) for number in range(len(steps))]
    unseen = [step for step, how in zip(steps, ended, strict=True) if how == "completed"]
    assert unseen
    assert all(step.endswith("lock.json") for step in unseen)
    assert ended.count("failed") > 10


def told(runs: Path, fail_at: int) -> str:
    """How a race ends, of whose system calls one fails."""
    left = iter(range(fail_at, -1, -1))

    def refuse(step: str, path: Path) -> None:
        if next(left, None) == 0:
            raise OSError(errno.ENOSPC, "No space left on device")

    durable.hook = refuse
    try:
        with suppress(StorageError):
            return raced(WILD, runs).status
    finally:
        durable.hook = None
    whole = [path for path in runs.glob("*") if (path / "run.json").exists()]
    return RunFolder.open(whole[0]).status() if whole else "no run yet"


def test_a_killed_race_is_not_resumable(landscape: Result, tmp_path: Path) -> None:
    """run.json says running, and nobody holds the lock."""
    folder = raced(WILD, tmp_path).folder
    folder.update_status("running")
    assert folder.status() == "interrupted"
    with folder.lock():
        assert folder.status() == "running"


def test_json_holds_every_number(landscape: Result) -> None:
    text = (landscape.folder.path / "summary.json").read_text(encoding="utf-8")
    found = json.loads(text)
    assert found["runs"][2]["final"]["value"] == landscape.descents[2].stops[-1].value


BAD_TABLES = {
    "run,step,x,y,value,gradient_norm,lr\n0.5,0,1,1,1,1,": "'run' of counts",
    "run,x,y,value,gradient_norm,lr\n0,1,1,1,1,": "'step' of counts",
    "run,step,x,y,value,gradient_norm,lr\n0,0,1,nan,1,1,": "'y' of numbers",
    "run,step,x,y,value,gradient_norm,lr\n0,0,1,1,1,far,": "'gradient_norm' of numbers",
    "run,step,x,y,value,gradient_norm\n0,0,1,1,1,1": "'lr' of numbers",
}


@pytest.mark.parametrize("text", BAD_TABLES)
def test_paths_with_another_column_are_refused(text: str, tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    (tmp_path / "paths.csv").write_text(f"{text}\n")
    with pytest.raises(RunUnreadable) as error:
        read_paths(folder, strict=True)
    path = tmp_path / "paths.csv"
    assert str(error.value) == f"Cannot read {path}: it has no column {BAD_TABLES[text]}."


@pytest.mark.parametrize(
    ("kind", "wanted"), [(None, None), ("race", "race"), ("a\x1b[2J", "a\\x1b[2J"), (5, None)]
)
def test_the_kind_of_a_run(kind: Any, wanted: str | None, tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    folder.write_json("run.json", {"status": "running"} | ({} if kind is None else {"kind": kind}))
    assert folder.kind() == wanted
    assert folder.status() == ("resumable" if wanted is None else "interrupted")
