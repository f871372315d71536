"""Every figure in the catalogue draws its example, and none ever costs a run."""

import io
from pathlib import Path

import numpy as np
import pytest

from nnlab import plots
from nnlab.plots import FIGURES, Drawn, Plot, draw_all
from nnlab.run.folder import RunFolder
from tests.plots.conftest import PATHS, RACE, MakeRun

# A run that suits each figure; a new figure without one fails below.
EXAMPLES = {
    "curves": {"metrics": {"epoch": [0, 1, 2], "train_loss": [1.0, 0.5, 0.2]}},
    "steps": {"steps": {"epoch": [1, 1], "step": [1, 2], "lr": [0.1, 0.1], "loss": [1.0, 0.5]}},
    "landscape": {"paths": PATHS, "resolved": RACE},
}


def test_every_figure_has_an_example() -> None:
    assert EXAMPLES.keys() == FIGURES.keys()


@pytest.mark.parametrize("name", FIGURES)
def test_draws_its_example(make_run: MakeRun, name: str) -> None:
    from matplotlib.image import imread

    run = make_run(**EXAMPLES[name])
    assert draw_all(run) == Drawn((run.path / "figures" / f"{name}.png",), ())
    pixels = imread(io.BytesIO((run.path / "figures" / f"{name}.png").read_bytes()))
    assert pixels.shape[0] > 300
    assert pixels.shape[1] > 300
    assert 0.005 < np.mean(pixels[..., :3].min(axis=2) < 0.9) < 0.5  # ink, and paper


@pytest.mark.parametrize("name", FIGURES)
def test_names_the_experiment_and_its_axes(make_run: MakeRun, name: str) -> None:
    figure = FIGURES[name].draw(make_run(**EXAMPLES[name]))
    assert figure.texts[0].get_text() == "by-hand"
    assert all(ax.get_xlabel() and ax.get_ylabel() for ax in figure.axes)


@pytest.mark.parametrize("name", FIGURES)
def test_does_not_suit_an_empty_run(make_run: MakeRun, name: str) -> None:
    assert FIGURES[name].suits(make_run()) is False


def test_each_kind_asked_for_is_written(make_run: MakeRun) -> None:
    drawn = draw_all(make_run(**EXAMPLES["curves"]), ("png", "svg", "pdf"))
    assert [path.name for path in drawn.paths] == ["curves.png", "curves.svg", "curves.pdf"]


def test_a_figure_that_fails_costs_a_warning(
    make_run: MakeRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(run: RunFolder) -> bool:
        raise ValueError("no such column")

    broken = {"suits": Plot(fail, fail), "draws": Plot(lambda run: True, fail)}
    monkeypatch.setattr(plots, "FIGURES", {**broken, **FIGURES})
    drawn = draw_all(make_run(**EXAMPLES["curves"]))
    assert [path.name for path in drawn.paths] == ["curves.png"]
    assert drawn.warnings == (
        "The figure suits could not be drawn (ValueError: no such column).",
        "The figure draws could not be drawn (ValueError: no such column).",
    )


def test_a_folder_that_cannot_be_read_costs_a_warning(tmp_path: Path) -> None:
    (tmp_path / "metrics.csv").write_text("epoch,train_loss\n0,1\n1,2,3\n")
    drawn = draw_all(RunFolder(tmp_path))
    assert drawn.paths == ()
    assert len(drawn.warnings) == 1
    assert drawn.warnings[0].startswith("The figure curves could not be drawn (RunUnreadable:")


def test_an_interrupt_is_not_swallowed(make_run: MakeRun, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(run: RunFolder) -> bool:
        raise KeyboardInterrupt

    monkeypatch.setattr(plots, "FIGURES", {"slow": Plot(interrupt, interrupt)})
    with pytest.raises(KeyboardInterrupt):
        draw_all(make_run())
