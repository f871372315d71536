"""What a person writes as an axis, and what is said of what is none."""

from pathlib import Path

import pytest

from nnlab.config.schema import SweepConfig
from nnlab.errors import ConfigError, UsageError
from nnlab.study.axes import grid_cells, grid_size, parse_axes

STUDIES = {
    "lr": SweepConfig("lr", (0.1, 0.2), {"training.epochs": 5}, "Two rates."),
    "width": SweepConfig("hidden", (2, 3)),
}


def values(text):
    (axis,) = parse_axes([text], STUDIES, "case", Path())
    return axis.key, axis.plain


@pytest.mark.parametrize(
    ("text", "key", "found"),
    [
        ("lr=0.01,0.1", "lr", [0.01, 0.1]),
        ("lr=1e-3", "lr", [0.001]),
        (" hidden = 2, 3 ,5", "hidden", [2, 3, 5]),
        ("lr", "lr", [0.1, 0.2]),
        ("width", "hidden", [2, 3]),
        ("network.1=relu,tanh", "network.1", ["relu", "tanh"]),
        ("network.1={leaky_relu: 0.1},relu", "network.1", [{"leaky_relu": 0.1}, "relu"]),
        ("network.0.bias=true,[1.0, 2.0]", "network.0.bias", [True, [1.0, 2.0]]),
        ("batch_size=full,1", "batch_size", ["full", 1]),
        ("hidden=range(4)", "hidden", [0, 1, 2, 3]),
        ("hidden=range(2, 6)", "hidden", [2, 3, 4, 5]),
        ("hidden=range(2,10,3)", "hidden", [2, 5, 8]),
        ("lr=linspace(0, 1, 11)", "lr", [0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1]),
        ("lr=linspace(0.5, 0.7, 1)", "lr", [0.5]),
        ("lr=logspace(-4, -1, 4)", "lr", [0.0001, 0.001, 0.01, 0.1]),
        ("hidden=logspace(0, 2, 3)", "hidden", [1, 10, 100]),
    ],
)
def test_values(text: str, key: str, found: list[object]) -> None:
    assert values(text) == (key, found)
    assert [type(one) for one in values(text)[1]] == [type(one) for one in found]


def test_logspace_has_equal_ratios() -> None:
    _, found = values("lr=logspace(-4, -1, 7)")
    assert found == pytest.approx([1e-4, 3.16228e-4, 1e-3, 3.16228e-3, 1e-2, 3.16228e-2, 1e-1])


OFFERED = (
    "has the studies lr, width. For any other setting give values: "
    "lr=0.01,0.1 or hidden=range(2, 6) or lr=logspace(-4, -1, 7)."
)


@pytest.mark.parametrize(
    ("texts", "message"),
    [
        ([], f"Which axis? case {OFFERED}"),
        (["lrr"], f"case has no study 'lrr'. Did you mean 'lr'? It {OFFERED}"),
        (["dropout"], f"case has no study 'dropout'. It {OFFERED}"),
        (["xor", "lr"], "xor is a config, not an axis. Write nnlab sweep lr xor."),
        (["my.yaml"], "my.yaml is a config, not an axis. Write nnlab sweep AXIS my.yaml."),
        (["lr", "0.1", "1e-2"], "The values of an axis follow its name. Write lr=0.1,1e-2."),
        (["lr="], "The axis lr has no values. Write lr=0.01,0.1 or hidden=range(2, 6) or "
                  "lr=logspace(-4, -1, 7)."),
        (["lr=range(5, 5)"], "The axis lr has no values."),
        (["=1,2"], "'=1,2' names no setting."),
        (["lr=0.1", "optimizer.lr=0.2"], "The axis optimizer.lr is given twice."),
        (["lr=range(0.5)"], "range(0.5) is not a series of values. Write range(STOP), "),
        (["lr=range(1, 2, 0)"], "range(1, 2, 0) is not a series of values."),
        (["lr=linspace(1, 2)"], "linspace(1, 2) is not a series of values. Write linspace("),
        (["lr=linspace(1, 2, 0)"], "linspace(1, 2, 0) is not a series of values."),
        (["lr=logspace(a, b, 3)"], "logspace(a, b, 3) is not a series of values. Write logspace("),
        (["lr=logspace(1, 999, 3)"], "logspace(1, 999, 3) is not a series of values."),
        (["lr=range(1000000000000)"], "The axes have more than 5,000 values; that is the most."),
        (["\x1b[31m"], "case has no study '\\x1b[31m'."),
    ],
)  # fmt: skip
def test_refused(texts: list[str], message: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_axes(texts, STUDIES, "case", Path())
    assert str(caught.value).startswith(message)


@pytest.mark.parametrize(
    ("studies", "said"),
    [({}, "no studies. For any"), ({"lr": SweepConfig("lr", (1,))}, "the study lr. For any")],
)
def test_none_or_one_study(studies: dict[str, SweepConfig], said: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_axes(["width"], studies, "case", Path())
    assert str(caught.value).startswith(f"case has no study 'width'. It has {said} other setting")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("lr=0.1]", "axis: this is not valid YAML: "),
        ("lr=0.1,,0.2", "axis: this is not valid YAML: "),
        ("lr=.inf", "axis: nan and inf are no values for a setting"),
        ("lr=0.1,\x07", "axis: the control character U+0007 cannot stand in a config."),
    ],
)
def test_no_yaml(text: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_axes([text], STUDIES, "case", Path())
    assert str(caught.value).startswith(message)


def test_cells_go_through_the_last_axis_fastest() -> None:
    axes = parse_axes(["lr=1,2", "hidden=3,4,5"], {}, "case", Path())
    found = [[node.value for node in cell] for cell in grid_cells(axes)]
    assert found == [[1, 3], [1, 4], [1, 5], [2, 3], [2, 4], [2, 5]]
    assert grid_size(axes) == 6


def test_a_sample_is_part_of_the_grid_and_of_a_larger_sample() -> None:
    axes = parse_axes(["lr=range(20)", "hidden=range(1, 31)"], {}, "case", Path())
    whole = [tuple(node.value for node in cell) for cell in grid_cells(axes)]
    small = [tuple(node.value for node in cell) for cell in grid_cells(axes, 10, seed=1)]
    large = [tuple(node.value for node in cell) for cell in grid_cells(axes, 40, seed=1)]
    other = [tuple(node.value for node in cell) for cell in grid_cells(axes, 10, seed=2)]
    assert len(set(small)) == 10
    assert set(small) <= set(whole)
    assert large[:10] == small
    assert other != small
    assert len(list(grid_cells(axes, 1000))) == 600
