"""What a page may change: the controls follow the catalogues, and none of them names a file."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nnlab.config.annotations import required_fields
from nnlab.config.schema import Config
from nnlab.core.layers import LAYERS
from nnlab.core.layers.activations import ACTIVATIONS, Tanh
from nnlab.core.losses import LOSSES
from nnlab.core.optimizers import OPTIMIZERS, Sgd
from nnlab.core.schedules import SCHEDULES
from nnlab.errors import ConfigError, NnlabError, UsageError
from nnlab.play.form import is_live, layer_kinds, sections
from nnlab.play.settings import Start, require_small


@pytest.fixture(scope="module")
def start() -> Start:
    return Start.of(None, [])


def section(start: Start, key: str, *pairs: str) -> dict[str, Any]:
    (chosen,) = (s for s in sections(start.checked(pairs), start.config) if s["key"] == key)
    return chosen


def test_each_menu_is_a_catalogue(start: Start) -> None:
    catalogues = {"optimizer": OPTIMIZERS, "loss": LOSSES, "schedule": SCHEDULES}
    for key, catalogue in catalogues.items():
        known = (name for name, cls in catalogue.items() if not required_fields(cls))
        assert section(start, key)["members"] == tuple(known)
    assert layer_kinds().keys() == LAYERS.keys()


def test_whatever_a_menu_offers_can_be_chosen(start: Start) -> None:
    for key in ("optimizer", "schedule", "init"):
        for name in section(start, key)["members"]:
            full = ["training.batch_size=full"] if name == "lbfgs" else []
            assert start.checked([f"{key}={name}", *full]) is not None
    constant = section(start, "init", "init=constant", "init.value=0.5")
    assert (constant["member"], "constant" in constant["members"]) == ("constant", True)


def test_the_fields_are_those_of_the_chosen_member(start: Start) -> None:
    fields = section(start, "optimizer", "optimizer=adam", "optimizer.lr=0.5")["fields"]
    shown = {field["name"]: field["value"] for field in fields}
    assert shown["lr"] == "0.5"
    assert shown["beta1"] == "0.9"
    rate = next(field for field in fields if field["name"] == "lr")
    assert (rate["allowed"], rate["live"]) == ("a number > 0", True)


def test_a_new_member_appears_by_itself(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    @dataclass(frozen=True, kw_only=True)
    class Mine(Sgd):
        wildness: float = 2.0

    class Softer(Tanh):
        pass

    monkeypatch.setitem(OPTIMIZERS, "mine", Mine)
    monkeypatch.setitem(LAYERS, "softer", Softer)
    monkeypatch.setitem(ACTIVATIONS, "softer", Softer)
    fresh = Start(start.base)  # its keys are found anew
    chosen = section(fresh, "optimizer", "optimizer=mine", "optimizer.wildness=3")
    assert chosen["member"] == "mine"
    assert [f["value"] for f in chosen["fields"] if f["name"] == "wildness"] == ["3.0"]
    assert layer_kinds()["softer"]["activation"]


@pytest.mark.parametrize(
    ("pair", "message"),
    [
        ("data.path=/etc/passwd", "A page cannot set 'data.path'."),
        ("data.csv=/etc/passwd", "A page cannot set 'data.csv'."),
        ("data={name: csv, path: /etc/passwd}", "data is one of identity, xor,"),
        ("data=csv", "data is one of identity, xor,"),
        ("data=mnist", "data is one of identity, xor,"),
        ("data.name=csv", "A page cannot set 'data.name'."),
        ("init={run: /tmp/run}", "init is one of zeros,"),
        ("init.run=/tmp/run", "A page cannot set 'init.run'."),
        ("name=../../x", "A page cannot set 'name'."),
        ("sweeps={}", "A page cannot set 'sweeps'."),
        ("nothing", "A page cannot set 'nothing'."),
    ],
)
def test_no_setting_names_a_file(
    start: Start, monkeypatch: pytest.MonkeyPatch, pair: str, message: str
) -> None:
    def refuse(*arguments: object, **more: object) -> None:
        raise AssertionError(f"{pair} opened a file")

    monkeypatch.setattr("nnlab.data.dataset.file_state", refuse)
    for call in (start.checked, lambda pairs: start.fitted(pairs, start.config)):
        with pytest.raises(UsageError, match=message.replace(".", r"\.").replace("/", "/")):
            call([pair])


def test_the_table_of_a_config_stays_and_its_page_names_no_other(tmp_path: Path) -> None:
    table = tmp_path / "rows.csv"
    lines = [f"{x},{y},{x > y}" for x, y in np.random.default_rng(0).random((20, 2))]
    table.write_text("\n".join(["a,b,class", *lines]))
    data = f"data: {{name: csv, path: {table}, target: class}}"
    text = data + "\nnetwork: [{dense: 1}, sigmoid]\nloss: bce\n"
    (tmp_path / "my.yaml").write_text(text)
    start = Start.of(str(tmp_path / "my.yaml"), [])
    assert start.checked(["data=csv", "optimizer.lr=0.3"]).data == start.config.data
    for pair in ("data.path=/etc/passwd", f"data.path={table}", "data.targets=[a]"):
        with pytest.raises(UsageError, match="A page cannot set"):
            start.checked([pair])


@pytest.mark.parametrize(
    "pairs",
    [
        ["network=[{dense: 1000000}, {dense: 1}, sigmoid]"],
        ["network=[{dense: 999999999}, {dense: 999999999}, {dense: 1}, sigmoid]"],
        ["network=[" + "{dense: 4}, tanh, " * 30 + "{dense: 1}, sigmoid]"],
        ["data.samples=1000000"],
        ["data=random", "data.samples=20000", "data.inputs=2000"],
        [
            "data.samples=20000",
            "training.batch_size=full",
            "network=[{dense: 90000}, {dense: 1}, sigmoid]",
        ],
        ["network=[{dense: 100000}, tanh, {dense: 1}, sigmoid]"],  # the picture of the plane
        ["data=identity", "network=[{dense: 90000}, " + "tanh, " * 30 + "{dense: 8}]"],
    ],
)
def test_what_is_too_large_for_a_page(start: Start, pairs: list[str]) -> None:
    with pytest.raises(UsageError, match=r"too large for a page: .* at most [\d,]+ "):
        start.checked(pairs)


def test_many_operations_in_an_update_are_too_many(start: Start) -> None:
    rows = ["data=random", "data.samples=20000", "data.inputs=100", "training.batch_size=full"]
    with pytest.raises(UsageError, match=r"an update has [\d,]+ operations, and at most"):
        start.checked([*rows, "network=[{dense: 3000}, {dense: 1}, sigmoid]"])


def test_the_start_may_be_larger_than_a_page_may_ask_for() -> None:
    start = Start.of(None, ["network=[{dense: 2000000}, {dense: 1}, sigmoid]"])
    assert start.checked(["optimizer.lr=0.3"]).optimizer.lr == 0.3


@pytest.mark.parametrize("name", ["conv_fashion", "fashion_best", "lenet_mnist"])
def test_a_setting_of_a_large_start_may_change(name: str) -> None:
    start = Start.of(name, [])
    config = start.vary(["optimizer.lr=0.3"], check=False)
    assert config != start.config
    require_small(config, start.config)


def test_a_wrong_value_is_one_line(start: Start) -> None:
    with pytest.raises(ConfigError) as error:
        start.checked(["optimizer.lr=-1"])
    assert str(error.value) == "optimizer.lr is -1. Allowed: a number > 0."


def test_only_what_differs_stands_in_the_address(start: Start) -> None:
    pairs = ["seed=0", "optimizer.lr=0.1", "optimizer.lr=0.3", "data=moons", "data.noise=0.5"]
    assert start.needed(pairs) == ["optimizer.lr=0.3", "data.noise=0.5"]
    network = (
        "network=[{name: dense, units: 3, bias: true}, {name: tanh}, {dense: {units: 1}}, sigmoid]"
    )
    short = ["network=[{dense: 3}, tanh, {dense: 1}, sigmoid]"]
    assert start.needed([network]) == short
    assert start.checked(short) == start.checked([network])


@pytest.mark.parametrize(
    ("data", "end", "loss"),
    [
        ("spirals", [], ""),  # two classes as before: nothing changes
        ("blobs", ["dense 3", "softmax"], "cross_entropy"),
        ("digits", ["dense 10", "softmax"], "cross_entropy"),
        ("curve", ["tanh", "dense 1"], "mse"),
        ("identity", ["tanh", "dense 8"], "mse"),
    ],
)
def test_the_end_of_the_network_follows_the_data(
    start: Start, data: str, end: list[str], loss: str
) -> None:
    pairs = start.fitted([f"data={data}"], start.config)
    config = start.checked(pairs)
    if not end:
        assert pairs == [f"data={data}"]
        return
    shown = [
        f"{type(layer).__name__.lower()} {getattr(layer, 'units', '')}" for layer in config.network
    ]
    assert [text.strip() for text in shown][-2:] == end
    assert f"loss={loss}" in pairs


def test_what_needs_no_reset(start: Start) -> None:
    assert is_live("optimizer.lr")
    assert is_live("training.batch_size")
    assert is_live("schedule")
    assert not any(map(is_live, ("optimizer", "network", "data", "seed", "loss", "init")))


def test_every_control_of_a_form_is_taken(start: Start) -> None:
    """What a page shows it may send back, and that changes nothing."""
    for chosen in sections(start.config, start.config):
        pairs = [f"{field['key']}={field['value']}" for field in chosen["fields"]]
        pairs += [f"{chosen['key']}={chosen['member']}"] if chosen["member"] else []
        assert start.checked(pairs) == start.config


def test_errors_are_expected_ones(start: Start) -> None:
    for pair in ("network=[", "network=5", "network=[{dense: x}]", "seed=[[[[", "optimizer.lr=nan"):
        with pytest.raises(NnlabError):
            start.checked([pair])


def test_the_config_is_the_start(start: Start) -> None:
    assert isinstance(start.config, Config)
    assert start.checked([]) == start.config
