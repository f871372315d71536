"""Tests that draw all figures of a run, without those that take long and have their own tests."""

import pytest


def leave_out_figures_on_request(patch: pytest.MonkeyPatch) -> None:
    """The catalogue without the figures that `train` leaves out."""
    from nnlab.show.figures import FIGURES

    for name in [name for name, plot in FIGURES.items() if plot.on_request]:
        patch.delitem(FIGURES, name)
