"""Gradients compared with central differences: `nnlab.gradcheck`."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from numpy.typing import ArrayLike

from nnlab.api.arguments import CountOf, checks_arguments
from nnlab.api.find import AnyConfig, load_request
from nnlab.api.fitting import member
from nnlab.api.results import Columns, ShownResult, columns_of
from nnlab.build import build
from nnlab.config.schema import Config
from nnlab.core.gradcheck import TOLERANCE, Checked, check_gradients
from nnlab.core.losses import LOSSES, Loss
from nnlab.core.network import Network, layer_kind
from nnlab.errors import ConfigError
from nnlab.experiment.state import start_weights
from nnlab.show.text_tables import format_table
from nnlab.training.targets import checked_pairs


@checks_arguments
def gradcheck(
    network: Network | AnyConfig,
    x: ArrayLike | None = None,
    t: ArrayLike | None = None,
    loss: Loss | str | None = None,
    *,
    data: Any = None,
    rows: CountOf = 16,
    **overrides: object,
) -> "GradientCheck":
    """Compare every gradient with central differences; see `nnlab.core.gradcheck`.

    For a network with rows x (B, n), targets t and a loss; or for a config, on its first training
    rows, in float64 and with the weights before training; `data` is as for `train` then. Raises
    ValueError for arrays that do not fit, ConfigError, DataError.
    """
    if not isinstance(network, Network):
        if any(value is not None for value in (x, t, loss)):
            raise TypeError("gradcheck of a config takes its rows as data=(x, t).")
        config = load_request(network, data, overrides, ("training.dtype", "float64")).config
        return check_config_gradients(config, rows)
    if x is None or t is None or loss is None or data is not None or overrides:
        raise TypeError("gradcheck of a network takes x, t and loss.")
    loss = member(loss, LOSSES, Loss, "loss")
    inputs, targets, loss = checked_pairs(network, x, t, loss, loss.kinds[-1])
    return GradientCheck(tuple(check_gradients(network, loss, inputs, targets)))


def check_config_gradients(config: Config, rows: int) -> "GradientCheck":
    """Every parameter's gradient on the first training rows, with the weights before training.

    `config` must ask for float64. Raises ConfigError for a layer without a derivative, DataError.
    """
    for index, layer in enumerate(config.network):
        if not layer.differentiable:
            raise ConfigError(
                f"network.{index}: {layer_kind(layer)} has no derivative, so there is no "
                "gradient to check."
            )
    built = build(config)
    start_weights(built)
    x, t = built.plan.train.copied(slice(0, rows))
    checks = check_gradients(built.network, built.plan.loss, x, t, seed=config.seed)
    return GradientCheck(tuple(checks))


@dataclass(frozen=True, repr=False)
class GradientCheck(ShownResult):
    """The worst relative error by each parameter array, and by the input."""

    checks: tuple[Checked, ...]

    def __iter__(self) -> Iterator[Checked]:
        return iter(self.checks)

    def __len__(self) -> int:
        return len(self.checks)

    @property
    def worst(self) -> float:
        """The largest relative error."""
        return max((check.error for check in self.checks), default=0.0)

    @property
    def wrong(self) -> list[str]:
        """The arrays whose error is above the tolerance."""
        return [check.name for check in self.checks if not check.error <= TOLERANCE]

    @property
    def table(self) -> Columns:
        """A row per array: name, size, directions, error."""
        return columns_of([vars(check) for check in self.checks])

    def to_dict(self) -> dict[str, Any]:
        parameters = [vars(check) for check in self.checks]
        return {"parameters": parameters, "worst": self.worst, "tolerance": TOLERANCE}

    def __str__(self) -> str:
        if not self.checks:
            return "The network has no parameters, so there is no gradient to check."
        header = ["gradient by", "size", "directions", "worst relative error"]
        lines = [(c.name, c.size, c.directions, f"{c.error:.1e}") for c in self.checks]
        return format_table(header, lines)
