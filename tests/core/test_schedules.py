"""Every schedule against the rates of PyTorch's scheduler."""

import json
from pathlib import Path
from typing import Any

import pytest

from nnlab.core.schedules import SCHEDULES, Patience

REFERENCE = json.loads(
    (Path(__file__).parents[1] / "references" / "schedules.json").read_text("utf-8")
)
LR = REFERENCE["lr"]
OURS = {  # PyTorch's names for our settings
    "step_size": "every",
    "start_factor": "start",
    "end_factor": "end",
    "eta_min": "min",
    "pct_start": "rise",
    "div_factor": "div",
    "final_div_factor": "final_div",
    "min_lr": "min",
}
REQUIRED = {"multistep": {"milestones": (3, 6)}}  # settings without a default
each_schedule = pytest.mark.parametrize("name", SCHEDULES)


def ours(settings: dict[str, Any]) -> dict[str, Any]:
    return {
        OURS.get(key, key): tuple(value) if isinstance(value, list) else value
        for key, value in settings.items()
    }


def test_every_schedule_has_a_reference():
    assert {case["name"] for case in REFERENCE["cases"]} | {"plateau"} == set(SCHEDULES)
    assert REFERENCE["plateaus"]


@pytest.mark.parametrize(
    "case",
    REFERENCE["cases"],
    ids=lambda c: f"{c['name']}-{c['settings']}-warmup{c['warmup']}-{len(c['rates'])}",
)
def test_rates_equal_pytorchs(case):
    schedule = SCHEDULES[case["name"]](warmup=case["warmup"], **ours(case["settings"]))
    total = len(case["rates"])
    found = [schedule.rate(t, LR, total) for t in range(total)]
    # PyTorch multiplies rate after rate, so its own roundings add up.
    assert found == pytest.approx(case["rates"], rel=1e-12, abs=1e-14)


@pytest.mark.parametrize("case", REFERENCE["plateaus"], ids=lambda case: str(case["settings"]))
def test_plateau_equals_pytorchs(case):
    settings = ours(case["settings"])
    higher_is_better = settings.pop("mode") == "max"
    schedule = SCHEDULES["plateau"](**settings)
    state, found = Patience(), []
    for t, metric in enumerate(REFERENCE["metrics"]):
        found.append(max(schedule.rate(t, LR, 20) * state.factor, schedule.min))
        state = schedule.observe(state, metric, higher_is_better)
    assert found == pytest.approx(case["rates"], rel=1e-12)


def test_plateau_takes_a_nan_for_no_improvement():
    schedule = SCHEDULES["plateau"](patience=1, factor=0.5)
    state = Patience()
    for value in (float("nan"), 1.0, float("nan"), float("nan")):
        state = schedule.observe(state, value, higher_is_better=False)
    assert state == Patience(factor=0.5, best=1.0, bad=0, rest=0)


@each_schedule
@pytest.mark.parametrize("total", [1, 2, 5])
@pytest.mark.parametrize("warmup", [0, 1, 2, 9])
def test_short_trainings(name, total, warmup):
    """A rate for every time, also where the warm-up is longer than the training."""
    schedule = SCHEDULES[name](warmup=warmup, **REQUIRED.get(name, {}))
    for t in range(total):
        assert 0 <= schedule.rate(t, LR, total) <= LR
        if t < warmup:
            assert schedule.rate(t, LR, total) == pytest.approx(LR * (t + 1) / warmup, rel=1e-15)


@each_schedule
def test_a_rate_is_a_pure_function_of_time(name):
    schedule = SCHEDULES[name](warmup=2, **REQUIRED.get(name, {}))
    forward = [schedule.rate(t, LR, 10) for t in range(10)]
    assert [schedule.rate(t, LR, 10) for t in reversed(range(10))] == forward[::-1]
    assert [schedule.rate(t, 2 * LR, 10) for t in range(10)] == pytest.approx(
        [2 * rate for rate in forward], rel=1e-15
    )


@pytest.mark.parametrize(
    ("name", "settings", "end"),
    [
        ("linear", {"end": 0.25}, 0.025),
        ("cosine", {"min": 0.01}, 0.01),
        ("one_cycle", {}, 4e-7),
    ],
)
def test_what_holds_after_a_chosen_length(name, settings, end):
    schedule = SCHEDULES[name](length=5, **settings)
    assert [schedule.rate(t, LR, 9) for t in (5, 6, 8)] == pytest.approx([end] * 3, rel=1e-12)
    whole = SCHEDULES[name](**settings)
    for t in range(5):
        assert schedule.rate(t, LR, 9) == whole.rate(t, LR, 5)


def test_one_cycle_counts_updates_and_the_others_epochs():
    per = {name: schedule(**REQUIRED.get(name, {})).per for name, schedule in SCHEDULES.items()}
    assert per == dict.fromkeys(SCHEDULES, "epoch") | {"one_cycle": "step"}


def test_the_notebooks_decay():
    """Assignment B: eta_t = 0.2 * 0.8^t, t from 0."""
    schedule = SCHEDULES["exponential"](gamma=0.8)
    assert [schedule.rate(t, 0.2, 10) for t in range(4)] == pytest.approx(
        [0.2, 0.16, 0.128, 0.1024], rel=1e-15
    )


@pytest.mark.parametrize("warmup", [0, 2])
@each_schedule
def test_a_constant_schedule_has_one_rate(name, warmup):
    schedule = SCHEDULES[name](warmup=warmup, **REQUIRED.get(name, {}))
    rates = {schedule.rate(t, LR, 20) for t in range(20)}
    assert schedule.is_constant == (len(rates) == 1 and name != "plateau")
