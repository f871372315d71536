"""Comparison of an experiment's gradients with central differences, on its own data."""

from nnlab.build import build
from nnlab.config.schema import Config
from nnlab.core.gradcheck import Checked, check_gradients
from nnlab.core.network import layer_kind
from nnlab.errors import ConfigError
from nnlab.experiment.state import start_weights


def check_config_gradients(config: Config, rows: int) -> list[Checked]:
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
    return check_gradients(built.network, built.plan.loss, x, t, seed=config.seed)
