"""Which runs are one group, and what is concluded over seeds."""

from pathlib import Path
from typing import Any

import pytest

from nnlab.status import Status
from nnlab.study.compare import ComparedRun
from nnlab.study.groups import Group, compare_groups, group_runs, is_better, main_metrics


def run(
    seed: int, loss: float = 1.0, lr: float = 0.1, status: str = "completed", **more: Any
) -> ComparedRun:
    """A run whose result is `loss`."""
    settings = {"name": f"r{seed}", "seed": seed, "optimizer": {"lr": lr}, "sweeps": {}}
    settings |= {"data": {"name": "xor", "seed": more.get("data_seed", seed)}}
    found = ComparedRun(Path(f"{seed}"))
    numbers = {"final.train_loss": loss} | more.get("metrics", {})
    vars(found).update(status=Status(status), settings=settings, numbers=numbers)
    return found


@pytest.mark.parametrize(
    ("runs", "seeds"),
    [
        ([run(0), run(1), run(2)], [[0, 1, 2]]),
        ([run(1), run(0, lr=0.2), run(0), run(1, lr=0.2)], [[0, 1], [0, 1]]),
        ([run(0, data_seed=0), run(1, data_seed=0)], [[0, 1]]),  # the data stay the same
        ([run(0, data_seed=0), run(1, data_seed=1), run(2, data_seed=0)], [[0, 1], [2]]),
        ([run(0), run(0)], [[0]]),
    ],
)
def test_runs_that_differ_in_the_seed_alone(
    runs: list[ComparedRun], seeds: list[list[int]]
) -> None:
    assert [one.seeds for one in group_runs(runs)] == seeds


def two(differences: list[float], **more: Any) -> list[Group]:
    """Two groups whose losses differ by these, seed by seed."""
    first = [run(seed, 1.0 + seed) for seed in range(len(differences))]
    second = [run(seed, 1.0 + seed + d, 0.2, **more) for seed, d in enumerate(differences)]
    return group_runs([*first, *second])


@pytest.mark.parametrize(
    ("differences", "verdict"),
    [
        ([-0.5, -0.4, -0.6, -0.5, -0.5, -0.4], "larger"),
        ([0.5, 0.4, 0.6, 0.5, 0.5, 0.1], "larger"),
        ([-0.5, 0.4, -0.6, 0.5, -0.5, 0.1], "not larger"),
        ([0.0] * 6, "not larger"),
        ([-0.5, -0.4, -0.6, -0.5, -0.5], "too few seeds"),
        ([-0.5], "too few seeds"),
    ],
)
def test_what_is_concluded(differences: list[float], verdict: str) -> None:
    (found,) = compare_groups(two(differences))
    assert found.verdict == verdict
    assert found.metric == "final.train_loss"
    assert found.differences == pytest.approx(differences, abs=1e-12)
    assert (found.interval is None) == (len(differences) < 6)


def test_pairing_takes_away_what_the_seed_does() -> None:
    """The losses of the seeds lie 1 apart, the groups 0.01: unpaired, nothing could be seen."""
    (found,) = compare_groups(two([0.01, 0.011, 0.009, 0.012, 0.01, 0.01]))
    assert found.verdict == "larger"


def test_runs_without_a_result_are_left_out() -> None:
    groups = group_runs([*(run(s) for s in range(6)), *(run(s, 1.5, 0.2) for s in range(5))])
    groups = [groups[0], Group((*groups[1].runs, run(5, 9.0, 0.2, status="diverged")))]
    (found,) = compare_groups(groups)
    assert found.seeds == (0, 1, 2, 3, 4)
    assert [one.status for one in groups[1].unfinished] == ["diverged"]


def test_groups_without_a_shared_seed() -> None:
    first = [run(seed, 1.0 + seed / 100) for seed in range(4)]
    second = [run(seed + 4, 2.0 + seed / 100, lr=0.2) for seed in range(4)]
    (found,) = compare_groups(group_runs([*first, *second]))
    assert (found.seeds, found.sizes, found.interval) == ((), (4, 4), None)
    assert (found.mean, found.p, found.verdict) == (pytest.approx(1.0), 2 / 70, "larger")
    (found,) = compare_groups(group_runs([*first[:3], *second]))
    assert found.verdict == "too few seeds"
    (found,) = compare_groups(
        group_runs([*first, run(9, lr=0.2, status="diverged")]), ["final.train_loss"]
    )
    assert (found.mean, found.verdict) == (None, "no shared seed")


def test_each_group_is_compared_with_the_first() -> None:
    runs = [run(seed, lr=lr) for lr in (0.1, 0.2, 0.3) for seed in range(3)]
    assert [(one.first, one.second) for one in compare_groups(group_runs(runs))] == [(0, 1), (0, 2)]


def test_the_test_part_is_judged_where_all_have_one() -> None:
    tested = {"metrics": {"test.loss": 1.0, "final.val_loss": 2.0}}
    half = {"metrics": {"final.val_loss": 2.0}}
    assert main_metrics(group_runs([run(0, **tested), run(0, lr=0.2, **tested)])) == ["test.loss"]
    assert main_metrics(group_runs([run(0, **tested), run(0, lr=0.2, **half)])) == [
        "final.val_loss"
    ]
    assert main_metrics(group_runs([run(0, **tested), run(0, lr=0.2)])) == ["final.train_loss"]


@pytest.mark.parametrize(
    ("metric", "difference", "wanted"),
    [
        ("test.loss", -0.1, True),
        ("test.accuracy", 0.1, True),
        ("final.val_r2", -0.1, False),
        ("final.train_mae", 0.1, False),
    ],
)
def test_what_is_is_better(metric: str, difference: float, wanted: bool) -> None:
    assert is_better(metric, difference) is wanted
