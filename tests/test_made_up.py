"""A member that is added to a catalogue alone works from YAML to report.

Each test adds a made-up member by one entry and finds it at work in `check`, `train`, `verify`,
`plot`, `report` and the reference of settings: no second place names the members of a family.
tests/test_metric_table.py does the same for a metric, in more places.
"""

import sys
from collections.abc import Iterator, Mapping, MutableMapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import pytest
import yaml
from annotated_types import Gt
from click.testing import CliRunner

from docs.settings import config_reference
from nnlab import build
from nnlab.cli import main
from nnlab.config import schema
from nnlab.core.initializers import INITIALIZERS, Initializer
from nnlab.core.layers import LAYERS
from nnlab.core.layers.activations import Activation
from nnlab.core.layers.base import Layer, Parameter
from nnlab.core.losses import LOSSES, Loss
from nnlab.core.optimizers import OPTIMIZERS, Optimizer
from nnlab.core.schedules import SCHEDULES, Schedule
from nnlab.core.types import Array, Shape, Views
from nnlab.data.dataset import Dataset, DataSource
from nnlab.data.sources import SOURCES
from nnlab.show.figures import FIGURES
from nnlab.show.figures.plot import Plot
from nnlab.show.figures.sweep_plots import SWEEP_FIGURES
from nnlab.show.figures.sweep_view import SweepPlot
from nnlab.training import Plan

pytestmark = pytest.mark.usefixtures("quick_figures")

BASE: dict[str, Any] = {
    "name": "case",
    "data": {"name": "linear", "samples": 40, "validation": 0.25},
    "network": [{"dense": 3}, "tanh", {"dense": 1}, "sigmoid"],
    "loss": "mse",
    "training": {"epochs": 3, "batch_size": 10},
}


@dataclass(frozen=True)
class Arctan(Activation):
    """f(x) = arctan(stretch x)."""

    stretch: float = 1.0

    def forward(self, p: Views, x: Array, y: Array, s: Views, train: bool) -> None:
        y[...] = np.arctan(self.stretch * x)

    def derivative(self, x: Array, y: Array, dy: Array, dx: Array, s: Views) -> None:
        dx[...] = dy * self.stretch / (1 + np.square(self.stretch * x))


@dataclass(frozen=True)
class Stretch(Layer):
    """y = x w, element by element."""

    stretch: float = 1.0

    def parameters(self, shape: Shape) -> tuple[Parameter, ...]:
        return (Parameter("weight", shape, value=self.stretch),)

    def forward(self, p: Views, x: Array, y: Array, s: Views, train: bool) -> None:
        np.multiply(x, p.weight, y)

    def backward(
        self, p: Views, g: Views, x: Array, y: Array, dy: Array, dx: Array | None, s: Views
    ) -> None:
        g.weight[...] = (x * dy).sum(axis=0)
        if dx is not None:
            np.multiply(dy, p.weight, dx)


@dataclass(frozen=True)
class Quartic(Loss):
    """(z - t)^4 stretch."""

    stretch: float = 1.0

    def gradient(self, z: Array, t: Array, dz: Array, s: Views) -> None:
        dz[...] = 4 * self.stretch * (z - t) ** 3 * s.scale

    def terms(self, z: Array, t: Array) -> Array:
        return self.stretch * (z - t) ** 4


@dataclass(frozen=True, kw_only=True)
class SignDescent(Optimizer):
    """theta -= lr stretch sign(g)."""

    stretch: float = 1.0

    def update(self, o: Views, lr: float, t: int) -> None:
        o.theta -= lr * self.stretch * np.sign(o.g)


@dataclass(frozen=True, kw_only=True)
class Harmonic(Schedule):
    """lr / (1 + stretch t)."""

    stretch: float = 1.0

    def after_warmup(self, t: int, lr: float, total: int) -> float:
        return lr / (1 + self.stretch * t)


@dataclass(frozen=True)
class Ramp(Initializer):
    """Evenly spaced numbers from -stretch to stretch."""

    stretch: float = 1.0

    def draw(self, rng: np.random.Generator, shape: Shape, fans: tuple[int, int]) -> Array:
        return np.linspace(-self.stretch, self.stretch, int(np.prod(shape))).reshape(shape)


@dataclass(frozen=True)
class Diagonal(DataSource):
    """Points on a line; class 1 in its upper half."""

    stretch: float = 1.0

    def load(self, seed: int) -> Dataset:
        points = self.stretch * np.linspace(-1, 1, 40)
        table = np.column_stack([points, points])
        labels = points > 0
        return Dataset("made_up", table, labels, "classes", class_names=("low", "high"))


@dataclass(frozen=True)
class Case:
    """A family: its catalogue, a member, and the part of a config that names it."""

    catalogue: Mapping[str, type[Any]]
    member: type[Any]
    config: dict[str, Any]


CHOICE = {"name": "made_up", "stretch": 0.5}
ITEM = {"made_up": 0.5}
CASES = {
    "activation": Case(LAYERS, Arctan, {"network": [{"dense": 3}, ITEM, {"dense": 1}, "sigmoid"]}),
    "layer": Case(LAYERS, Stretch, {"network": [{"dense": 3}, ITEM, {"dense": 1}, "sigmoid"]}),
    "loss": Case(LOSSES, Quartic, {"loss": CHOICE}),
    "optimizer": Case(OPTIMIZERS, SignDescent, {"optimizer": {**CHOICE, "lr": 0.01}}),
    "schedule": Case(SCHEDULES, Harmonic, {"schedule": CHOICE}),
    "initializer": Case(INITIALIZERS, Ramp, {"init": CHOICE}),
    "data set": Case(SOURCES, Diagonal, {"data": {**CHOICE, "validation": 0.25}}),
}


def command(*arguments: str, exit_code: int = 0) -> str:
    result = CliRunner().invoke(main, arguments, prog_name="nnlab")
    assert result.exit_code == exit_code, result.output
    return result.output


SEEN_BY_FIGURES = ("activation", "layer", "schedule", "data set")


def add(monkeypatch: pytest.MonkeyPatch, catalogue: Mapping[str, Any], member: object) -> None:
    assert isinstance(catalogue, MutableMapping)
    monkeypatch.setitem(catalogue, "made_up", member)


def draw_curves_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """From now on a page has no other figures."""
    monkeypatch.setattr("nnlab.show.page.run.FIGURES", {})
    monkeypatch.setattr("nnlab.show.page.replay._still", lambda *_: None)


def write(config: dict[str, Any]) -> str:
    Path("case.yaml").write_text(yaml.safe_dump(config))
    return "case.yaml"


@pytest.fixture(autouse=True)
def _in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize("family", CASES)
def test_a_member_works_from_yaml_to_report(family: str, monkeypatch: pytest.MonkeyPatch) -> None:
    case = CASES[family]
    config = write({**BASE, **case.config})
    refusal = command("check", config, exit_code=2)
    assert "made_up" in refusal

    add(monkeypatch, case.catalogue, case.member)
    assert "made_up" in command("check", config)
    command("train", config, "--no-plots")
    (run,) = Path("runs").iterdir()
    rows = (run / "metrics.csv").read_text().splitlines()
    assert len(rows) == 1 + 4  # a header; before training and after each epoch
    resolved = (run / "resolved.yaml").read_text()
    assert "made_up" in resolved
    assert "stretch: 0.5" in resolved
    command("verify", str(run))
    command("gradcheck", config)
    figures = () if family in SEEN_BY_FIGURES else ("--only", "curves")
    assert "could not be drawn" not in command("plot", str(run), *figures)
    draw_curves_alone(monkeypatch)  # `plot` has drawn the others
    assert "could not" not in command("report", str(run), "--out", "page.html")
    assert "made_up" in Path("page.html").read_text(encoding="utf-8")
    command("resume", str(run), "--set", "training.epochs=4", "--no-plots")

    reference = config_reference()
    assert "made_up" in reference
    assert str(case.member.__doc__) in reference


@pytest.mark.parametrize("family", CASES)
def test_a_wrong_setting_of_a_member_is_a_sentence(
    family: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    case = CASES[family]
    add(monkeypatch, case.catalogue, case.member)
    text = yaml.safe_dump({**BASE, **case.config}).replace("0.5", "wide")
    Path("case.yaml").write_text(text)
    assert "wide" in command("check", "case.yaml", exit_code=2)


@pytest.mark.parametrize("family", ["activation", "layer", "loss", "optimizer"])
def test_the_compiled_engine_gives_way(family: str, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("numba")
    case = CASES[family]
    add(monkeypatch, case.catalogue, case.member)
    config = write({**BASE, **case.config})
    command("check", config, "--set", "epochs=1000000")
    refusal = command("check", config, "--set", "training.engine=compiled", exit_code=2)
    assert "training.engine: compiled is not possible" in refusal


def test_a_sweep_over_a_setting_of_a_member(monkeypatch: pytest.MonkeyPatch) -> None:
    add(monkeypatch, OPTIMIZERS, SignDescent)
    config = write({**BASE, **CASES["optimizer"].config})
    command("sweep", "optimizer.stretch=0.5,1", "-c", config)
    (folder,) = Path("runs").iterdir()
    summary = (folder / "summary.csv").read_text().splitlines()
    assert "optimizer.stretch" in summary[0]
    assert len(summary) == 3


def empty_figure(seen: object) -> Any:
    from matplotlib.figure import Figure

    return Figure()


def test_a_figure_of_a_run(monkeypatch: pytest.MonkeyPatch) -> None:
    config = write(BASE)
    command("train", config, "--no-plots")
    (run,) = Path("runs").iterdir()
    plot = Plot("A made-up figure", "Nothing is drawn.", lambda view: None, empty_figure)
    add(monkeypatch, FIGURES, plot)
    assert "made_up" in command("plot", str(run), "--list")
    command("plot", str(run), "--only", "made_up")
    assert [path.stem for path in (run / "figures").iterdir()] == ["made_up"]
    monkeypatch.setattr("nnlab.show.page.replay._still", lambda *_: None)
    for name in FIGURES.keys() - {"made_up"}:
        monkeypatch.delitem(FIGURES, name)
    command("report", str(run), "--out", "page.html")
    assert "A made-up figure" in Path("page.html").read_text(encoding="utf-8")


def test_a_figure_of_a_sweep(monkeypatch: pytest.MonkeyPatch) -> None:
    command("sweep", "lr=0.1,0.2", "-c", write(BASE))
    (folder,) = Path("runs").iterdir()
    captions = ("One run each.", "Several seeds.")
    plot = SweepPlot("A made-up figure", captions, lambda study: True, empty_figure)
    add(monkeypatch, SWEEP_FIGURES, plot)
    command("plot", str(folder))
    assert (folder / "figures" / "made_up.png").exists()
    command("report", str(folder), "--out", "page.html")
    assert "A made-up figure" in Path("page.html").read_text(encoding="utf-8")


@dataclass(frozen=True)
class Training(schema.Training):
    lr_factor: Annotated[float, Gt(0)] = 1.0


Training.__doc__ = f"{schema.Training.__doc__}\n    lr_factor: multiplies the rate.\n"


def clear_caches() -> None:
    for name, module in list(sys.modules.items()):
        if name.startswith("nnlab.config"):
            for value in vars(module).values():
                getattr(value, "cache_clear", lambda: None)()


@pytest.fixture
def _key_of_training(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A field of the schema, and the code that uses it."""
    make_plan = build.make_plan

    def plan_with_factor(config: schema.Config, *arguments: Any) -> Plan:
        plan = make_plan(config, *arguments)
        assert isinstance(config.training, Training)
        lr = plan.optimizer.lr * config.training.lr_factor
        return replace(plan, optimizer=replace(plan.optimizer, lr=lr))

    with monkeypatch.context() as patch:
        patch.setattr(schema, "Training", Training)
        patch.setattr(build, "make_plan", plan_with_factor)
        clear_caches()
        yield
    clear_caches()


@pytest.mark.usefixtures("_key_of_training")
def test_a_key_of_training_works_from_yaml_to_report(monkeypatch: pytest.MonkeyPatch) -> None:
    config = write({**BASE, "training": {**BASE["training"], "lr_factor": 0.5}})
    assert "lr_factor: 0.5" in command("check", config)
    command("train", config, "--no-plots")
    (run,) = Path("runs").iterdir()
    header, *_, last = (run / "metrics.csv").read_text().splitlines()
    lr = float(last.split(",")[header.split(",").index("lr")])
    assert lr == pytest.approx(0.5 * OPTIMIZERS["sgd"]().lr)
    assert "lr_factor: 0.5" in (run / "resolved.yaml").read_text()
    command("verify", str(run))
    draw_curves_alone(monkeypatch)
    command("report", str(run), "--out", "page.html")
    assert "lr_factor" in Path("page.html").read_text(encoding="utf-8")
    refusal = command("check", config, "--set", "training.lr_factor=-1", exit_code=2)
    assert "training.lr_factor is -1" in refusal
    refusal = command("check", config, "--set", "training.lr_facto=1", exit_code=2)
    assert "Did you mean 'lr_factor'?" in refusal
    reference = config_reference()
    assert "| lr_factor" in reference
    assert "multiplies the rate" in reference
