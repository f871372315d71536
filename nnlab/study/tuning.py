"""What is to be tuned, and the folder that it belongs into."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from nnlab.config.dump import settings_of
from nnlab.config.load import Base
from nnlab.core.metrics import better_when
from nnlab.errors import UsageError
from nnlab.run.sweeps import SweepFolder
from nnlab.study.space import Dimension, space_settings


@dataclass(frozen=True)
class Tuning:
    """What is to be tuned: a checked config, the settings that vary, and what is minimised."""

    name: str
    config: str
    base: Base
    dimensions: tuple[Dimension, ...]
    overrides: tuple[str, ...] = ()
    prune: bool = True
    argv: tuple[str, ...] = ()

    @property
    def metric(self) -> str:
        """What the config monitors; its best value counts."""
        return str(self.base.config.training.monitor)

    @property
    def direction(self) -> Literal["minimize", "maximize"]:
        """Which way that gets better, as Optuna says it."""
        return "maximize" if better_when(self.metric) == "max" else "minimize"


def register(tuning: Tuning, folder: SweepFolder, code: Mapping[str, Any]) -> None:
    """Write sweep.yaml. UsageError when the folder belongs to something else. Under the lock."""
    content = {
        "format": 1,
        "name": tuning.base.config.name,
        "config": tuning.config,
        "axes": [{"key": one.key, "values": []} for one in tuning.dimensions],
        "search": space_settings(tuning.dimensions),
        "metric": tuning.metric,
        "code": dict(code),
        "base": settings(tuning),
    }
    require_same(tuning, folder)
    if not folder.exists():
        folder.write_about(content)


def require_same(tuning: Tuning, folder: SweepFolder) -> None:
    """UsageError when the folder is there and is not of this tuning."""
    if not folder.exists():
        if not folder.is_empty():
            raise UsageError(
                f"{folder.path} is there already and is not the folder of a tuning. Give this one "
                "another with --name."
            )
        return
    before = folder.read_about()
    same = before.get("search") == space_settings(tuning.dimensions)
    if not same or before.get("base") != settings(tuning):
        what = "another config" if same else "another space"
        raise UsageError(
            f"{folder.path} belongs to a search with {what}. Give this one a folder of its own "
            "with --name, or remove that one."
        )


def settings(tuning: Tuning) -> dict[str, Any]:
    """The config that the trials vary, in full form."""
    return {key: value for key, value in settings_of(tuning.base.config).items() if key != "sweeps"}
