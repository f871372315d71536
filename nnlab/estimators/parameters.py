"""The parameters of an estimator, and the config that they describe."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import KW_ONLY, dataclass
from numbers import Integral
from os import PathLike
from pathlib import Path
from typing import Any, Self

from sklearn.base import BaseEstimator
from sklearn.utils import check_random_state

from nnlab.config.annotations import MisfitError, allowed, convert, hints
from nnlab.config.builder import Builder
from nnlab.config.dump import in_words, settings_of
from nnlab.config.families import FAMILIES, homes
from nnlab.config.given_rows import SCALES, GivenRows
from nnlab.config.load import resolve_config
from nnlab.config.problems import Problems
from nnlab.config.schema import Config, SavedWeights, Training
from nnlab.config.short_forms import expand
from nnlab.config.tree import Place, Source, find_node, from_plain
from nnlab.data.dataset import DataSource
from nnlab.data.missing import Missing, MissingCategories, MissingRules, missing_rules
from nnlab.data.sources import Identity
from nnlab.data.user_csv import Csv
from nnlab.errors import ConfigError, NnlabError
from nnlab.suggest import did_you_mean

DEEP = ("optimizer", "schedule", "loss", "init")  # `optimizer__lr` reaches into these
# Where a parameter stands in a config; the names of the others are those of the config.
PATHS = {
    "random_state": "seed",
    **{key: f"data.{key}" for key in ("scale", "scale_target", "validation", "split")},
    **{key: f"training.{key}" for key in hints(Training)},
}
MISSING_KEYS = ("missing", "missing_categories", "missing_values")
DATA_KEYS = ("validation", "split", "stratify", *SCALES)  # of `data`; there is no test part
OWN = ("config", *MISSING_KEYS, "categorical", "warm_start", "runs")  # no settings of the config
# Without a config: float64, as scikit-learn computes, and enough epochs for small tables.
OPTIMIZER_ALONE, EPOCHS_ALONE, DTYPE_ALONE = "adam", 200, "float64"
HIDDEN_ALONE, ACTIVATION_ALONE = 100, "relu"

Setting = str | Mapping[str, Any] | None


@dataclass(eq=False, repr=False)
class Parameters(BaseEstimator):
    """Parameters are the config's own keys; what is None is as in `config`, else its default.

    config: a path, the name of a shipped config, a mapping in the words of the YAML file, or a
    Config; the rows of `fit` take the place of its data set. Without it the network has a hidden
    layer of 100 relu and the outputs that the targets need; adam trains it for 200 epochs in
    float64.
    network: all layers, as in a config, the last with an output per class or target.
    hidden, activation: without network and config, the units of the hidden layers, such as 100 or
    (64, 32), and what follows each; else as for `nnlab train --set hidden=...`.
    init, loss, optimizer, schedule: as in a config: "adam", {"name": "adam", "lr": 0.01}, or a
    member of a catalogue. lr: the optimizer's learning rate.
    scale, scale_target, validation, split: as under `data`. validation: the share of the rows that
    are watched and not trained on.
    missing, missing_categories, missing_values: what is done about missing cells, as for csv files
    ("error", "drop", "mean", "median", "most_frequent"; "category"); "drop" leaves out rows of
    `fit` only.
    categorical: the columns that are one-hot, by name or number from 0. In a data frame columns of
    text and of the type category are so anyway.
    epochs and all after it: as under `training`.
    random_state: the config's seed; a RandomState draws one.
    warm_start: whether `fit` starts from the weights of the last fit.
    runs: a folder in which `fit` makes a run folder; None: no file is written.
    """

    config: str | PathLike[str] | Config | Mapping[str, object] | None = None
    _: KW_ONLY
    network: Sequence[Any] | None = None
    hidden: int | Sequence[int] | None = None
    activation: Setting = None
    init: Setting = None
    loss: Setting = None
    optimizer: Setting = None
    lr: float | None = None
    schedule: Setting = None
    scale: str | None = None
    scale_target: str | None = None
    validation: float | None = None
    split: str | None = None
    missing: Missing = "error"
    missing_categories: MissingCategories | None = None
    missing_values: Sequence[str | float] = ()
    categorical: Sequence[str | int] | None = None
    epochs: int | None = None
    batch_size: int | str | None = None
    shuffle: bool | None = None
    drop_last: bool | None = None
    dtype: str | None = None
    engine: str | None = None
    early_stopping: Mapping[str, Any] | None = None
    monitor: str | None = None
    metrics: Sequence[str] | None = None
    checkpoint_every: int | None = None
    record_steps: bool | None = None
    ema: float | None = None
    swa: int | None = None
    augment: Sequence[Any] | None = None
    random_state: Any = None
    warm_start: bool = False
    runs: str | PathLike[str] | None = None

    default_loss = "mse"

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """The parameters; deep: with the settings of optimizer, schedule, loss and init."""
        params: dict[str, Any] = super().get_params(deep=False)
        if deep:
            for key, part in self._parts().items():
                settings = settings_of(part)
                params |= {f"{key}__{name}": value for name, value in settings.items()}
        return params

    def set_params(self, **params: Any) -> Self:
        """Set parameters; `optimizer__lr` sets the lr of the optimizer. Raises ValueError."""
        names = self._get_param_names()
        deep = [key for key in params if "__" in key and key.partition("__")[0] in DEEP]
        for key in params.keys() - names - set(deep):
            near = did_you_mean(key.partition("__")[0], names, "setting")
            raise ValueError(
                f"Invalid parameter {key!r} for {type(self).__name__}. Its parameters are "
                f"{', '.join(names)}, and settings of {', '.join(DEEP)} such as optimizer__lr."
                f"{near}"
            )
        for key in sorted(params, key=deep.count):  # settings come last
            part, _, setting = key.partition("__")
            value = params[key]
            setattr(self, part, self._changed(part, setting, value) if setting else value)
        return self

    def _changed(self, key: str, setting: str, value: object) -> dict[str, Any]:
        """An optimizer, schedule, loss or init with another setting."""
        if key not in (parts := self._parts()):
            raise ValueError(f"Cannot set {key}__{setting}: the parameters describe no {key}.")
        member = parts[key]
        family = next(family for family in FAMILIES if type(member) in family.members.values())
        settings, name = settings_of(member), family.name_of(member)
        if setting not in settings:
            near = did_you_mean(setting, settings, "setting")
            raise ValueError(
                f"Invalid parameter {key}__{setting} for {type(self).__name__}: {name} has no "
                f"setting {setting!r}. Its settings are {', '.join(settings)}.{near}"
            )
        return {"name": name, **settings, setting: value}

    def _parts(self) -> dict[str, Any]:
        """Optimizer, schedule, loss and init; `fit` says what is wrong with one that lacks."""
        with suppress(NnlabError):
            config = self.outline()
            parts = {key: getattr(config, key) for key in DEEP}
            return {key: part for key, part in parts.items() if not isinstance(part, SavedWeights)}
        parts = {}
        for key in DEEP:
            with suppress(NnlabError):
                parts[key] = read_part(key, getattr(self, key))
        return parts

    def outline(self) -> Config:
        """The config for two outputs, without a look at data and seed. Raises ConfigError."""
        return self.settings(Identity(2), 2, check=False)

    def settings(
        self,
        rows: DataSource,
        outputs: int,
        changes: Sequence[tuple[str, object]] = (),
        *,
        check: bool = True,
    ) -> Config:
        """The config for these rows, with targets of so many classes or numbers.

        Raises ConfigError.
        """
        config, own = self.config, self._overrides()
        if check and "random_state" in own:
            own["random_state"] = self._seed()
        if not isinstance(config, str | PathLike | Config | Mapping | None):
            raise ConfigError(f"config must be a path, a name or a mapping, not {config!r:.60}")
        if config is None:
            own = {"loss": self.default_loss, **own}
            if self.network is None:
                own["network"] = self._usual_network(outputs, own["loss"])
                own.pop("hidden", None)
                own.pop("activation", None)
            start = {"epochs": EPOCHS_ALONE, "dtype": DTYPE_ALONE}
            name = type(self).__name__.lower()
            config = {"name": name, "optimizer": OPTIMIZER_ALONE, "training": start}
            config |= {key: own.pop(key) for key in ("network", "loss")}
        own = {key: value for key, value in own.items() if check or key != "random_state"}
        pairs = [(PATHS.get(key, key), value) for key, value in own.items()]
        given = GivenRows(lambda _: rows, DATA_KEYS)
        return resolve_config(config, [*pairs, *changes], check=check, rows=given).config

    def _overrides(self) -> dict[str, Any]:
        """The parameters that are set, in the words of a config."""
        params: dict[str, Any] = super().get_params(deep=False)
        return {k: in_words(v) for k, v in params.items() if v is not None and k not in OWN}

    def _seed(self) -> int:
        if isinstance(self.random_state, Integral):
            return int(self.random_state)
        return int(check_random_state(self.random_state).randint(2**31 - 1))

    def missing_rules(self) -> MissingRules:
        """What is done about missing cells. Raises ConfigError for an unknown rule."""
        rules = [in_words(getattr(self, key)) for key in MISSING_KEYS]
        for key, rule in zip(MISSING_KEYS, rules, strict=True):
            try:
                convert(hints(Csv)[key], rule)
            except MisfitError:
                raise ConfigError(f"{key} is {rule!r}; it is {allowed(hints(Csv)[key])}.") from None
        return missing_rules(rules[0], rules[1], values=rules[2])

    def _usual_network(self, outputs: int, loss: object) -> list[Any]:
        """Hidden layers, and the outputs that targets and loss need."""
        own = read_part("loss", loss)
        classes, last = self.default_loss == "cross_entropy", own.fuses
        width = 1 if classes and outputs == 2 and last == "sigmoid" else own.width(outputs)
        hidden = HIDDEN_ALONE if self.hidden is None else in_words(self.hidden)
        units = hidden if isinstance(hidden, list) else [hidden]
        follows = in_words(self.activation or ACTIVATION_ALONE)
        layers = [layer for count in units for layer in ({"dense": count}, follows)]
        return [*layers, {"dense": width}, *([last] if last else [])]


def read_part(key: str, value: object) -> Any:
    """What a key of a config describes, without the others. Raises ConfigError."""
    problems, place = Problems(), Place(Source("parameters", "", Path.cwd(), "values"))
    try:
        root = expand(from_plain({key: in_words(value)}, place), Config)
    except (TypeError, ValueError) as error:
        raise ConfigError(f"{key}: {error}") from None
    builder = Builder(problems, homes(Config))
    part = builder.attempt(builder.value, hints(Config)[key], find_node(root, key), key)
    problems.raise_any()
    return part


@contextmanager
def as_value_errors() -> Iterator[None]:
    """Raises a ValueError, as scikit-learn expects, in place of an error of nnlab."""
    try:
        yield
    except NnlabError as error:
        raise ValueError(str(error)) from error
