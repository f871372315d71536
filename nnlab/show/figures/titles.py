"""What a figure says above itself: which experiment, and how it was set up."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from nnlab.config.problems import Problems
from nnlab.config.reader import read
from nnlab.config.tree import Source, plain
from nnlab.core import columns
from nnlab.core.losses import plain_losses
from nnlab.core.metrics import label_of
from nnlab.run.folder import RESUMABLE, RunFolder

SEPARATOR = " · "
WIDTHS = {"dense": "units", "conv2d": "filters"}  # layers whose width is told, and its setting
UNSAID = ("dense", "flatten", "reshape")
_LONGEST = 60


def settings(run: RunFolder) -> dict[str, Any]:
    """resolved.yaml as plain values; ConfigError when it is no YAML."""
    problems = Problems()
    content = plain(read(Source("resolved.yaml", run.read_resolved(), run.path), problems))
    problems.raise_any()
    return content if isinstance(content, dict) else {}


# What is said of a run that ended before its last epoch.
ENDINGS = {
    "early_stopped": "stopped early",
    "diverged": "diverged",
    "interrupted": "interrupted",
    "failed": "failed",
    "running": "still running",
    RESUMABLE: "killed",
}


@dataclass(frozen=True)
class Trained:
    """How many epochs a run has finished, and its status."""

    epochs: int
    status: str


def title(
    folder: str,
    config: Mapping[str, Any],
    inputs: Sequence[int] | None = None,
    trained: Sequence[Trained] = (),
) -> tuple[str, str]:
    """The experiment's name, else the folder's, and its setting: the head of a figure."""
    return str(config.get("name", folder)), setting(config, inputs, trained)


def setting(
    config: Mapping[str, Any],
    inputs: Sequence[int] | None = None,
    trained: Sequence[Trained] = (),
) -> str:
    """The setting of a resolved config in one line.

    inputs: the shape of one row. trained: how far each run of this setting came, where known.

    8-3-8 sigmoid · mse batch_mean · sgd lr 0.1 · batch 1 · 10,000 epochs · seed 0. A part that the
    config does not have is left out: a figure with a shorter title beats no figure.
    """
    parts = [
        _network(config.get("network"), inputs),
        _named(config.get("loss"), ("reduction",)),
        *_training(config, _mapping(config.get("training")), trained),
        f"seed {config['seed']}" if "seed" in config else "",
    ]
    return SEPARATOR.join(part for part in parts if part)


def _training(
    config: Mapping[str, Any], training: Mapping[str, Any], trained: Sequence[Trained]
) -> list[str]:
    """How the weights were moved; nothing of it matters where they were not."""
    batch, epochs = training.get("batch_size"), training.get("epochs")
    if epochs == 0:
        return ["not trained"]
    return [
        _named(config.get("optimizer"), ("lr", "momentum")),
        _schedule(config.get("schedule")),
        "full batch" if batch == "full" else f"batch {batch}" if batch else "",
        epochs_text(epochs, trained),
    ]


def quantity_words(quantity: str, config: Mapping[str, Any]) -> str:
    """What a quantity is called; the loss with its name, and whether it is summed."""
    loss = config.get("loss")
    if quantity != columns.LOSS or not loss:
        return label_of(quantity)
    name = str(loss.get("name") if isinstance(loss, Mapping) else loss).replace("_", " ")
    reduction = loss.get("reduction") if isinstance(loss, Mapping) else None
    summed = name in plain_losses() and reduction in ("sum", "batch_mean")
    return f"loss ({name}, summed over outputs)" if summed else f"loss ({name})"


def epochs_text(asked: Any, trained: Sequence[Trained] = ()) -> str:
    """300 epochs; 54 of 300 epochs, stopped early; of several runs: 54 to 300 of 300 epochs."""
    if not isinstance(asked, int):
        return ""
    whole = f"{asked:,} epoch{'s' * (asked != 1)}"
    short = [run for run in trained if run.status in ENDINGS and run.epochs < asked]
    if not short:
        return whole
    first, last = (f(run.epochs for run in trained) for f in (min, max))
    ends = list(dict.fromkeys(ENDINGS[run.status] for run in short))
    span = f"{first:,}" if first == last else f"{first:,} to {last:,}"
    end = f", {ends[0]}" if len(ends) == 1 and len(short) == len(trained) else ""
    return f"{span} of {whole}{end}"


def _network(layers: Any, inputs: Sequence[int] | None) -> str:
    """How wide the input and the layers with weights are, then the others by first use.

    784-20-40-10 conv2d, relu, max_pool: what is too long ends between two names.
    """
    named = [_layer(item) for item in layers] if isinstance(layers, list) else []
    widths = ["x".join(map(str, inputs))] if inputs else []
    widths += [str(options.get(WIDTHS[name], "?")) for name, options in named if name in WIDTHS]
    text = "-".join(widths)
    others = list(dict.fromkeys(name for name, _ in named if name not in UNSAID))
    for number, name in enumerate(others):
        longer = f"{text}{',' if number else ''} {name}".strip()
        if len(longer) > _LONGEST:
            return f"{text[:_LONGEST]} ..."
        text = longer
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]} ..."


def _layer(item: Any) -> tuple[str, Mapping[str, Any]]:
    """The name and the options of a layer in any of the ways to write one."""
    if isinstance(item, Mapping) and "name" in item:
        return str(item["name"]), item
    if isinstance(item, Mapping) and len(item) == 1:
        ((name, options),) = item.items()
        return str(name), options if isinstance(options, Mapping) else {"units": options}
    return str(item), {}


def _named(value: Any, wanted: tuple[str, ...]) -> str:
    """`{name: sgd, lr: 0.1, momentum: 0}` -> "sgd lr 0.1": options that are 0 or unset say nothing.

    A text option stands alone ("batch_mean"), a number with its name; the plain mean goes without
    saying.
    """
    if not isinstance(value, Mapping):
        return str(value or "")
    options = {key: value[key] for key in wanted if value.get(key) not in (None, 0, "mean")}
    texts = [v if isinstance(v, str) else f"{key} {v:g}" for key, v in options.items()]
    return " ".join([str(value.get("name", "")), *texts])


def _schedule(value: Any) -> str:
    name = value.get("name") if isinstance(value, Mapping) else value
    return "" if name in (None, "constant") else f"{name} schedule"


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
