"""The wording of numbers, durations, counts, settings and runs, on terminals, figures and pages."""

import math
import shlex
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from nnlab.status import Status

NOTHING = "\N{EN DASH}"
SEPARATOR = " · "
SMALL, LARGE = 1e-4, 1e7  # outside this range a number is written with a power of ten
LONGEST_NETWORK = 60  # characters
WIDTHS = {"dense": "units", "conv2d": "filters"}  # layers with a width, and its setting
UNNAMED_LAYERS = ("dense", "flatten", "reshape")
_RAISED = str.maketrans("0123456789-", "⁰¹²³⁴⁵⁶⁷⁸⁹⁻")

# How a run ended before its last epoch.
ENDINGS: dict[str, str] = {
    Status.EARLY_STOPPED: "stopped early",
    Status.DIVERGED: "diverged",
    Status.INTERRUPTED: "interrupted",
    Status.FAILED: "failed",
    Status.RUNNING: "still running",
    Status.RESUMABLE: "killed",
}


def format_number(value: Any, digits: int = 4) -> str:
    """A number for a page: 20,000; 0.0123; 1.2 × 10⁻⁶; a dash for None, nan and inf.

    digits: significant digits of numbers that are not whole.
    """
    if value is None or isinstance(value, bool | str):
        return NOTHING if value is None else str(value)
    if isinstance(value, int):
        return f"{value:,}"
    number = float(value)
    if not math.isfinite(number):
        return NOTHING
    if number == 0 or SMALL <= abs(number) < LARGE:
        places = digits - 1 - (math.floor(math.log10(abs(number))) if number else 0)
        return true_minus(f"{number:,.{max(places, 0)}f}")
    mantissa, _, exponent = f"{number:.{digits - 1}e}".partition("e")
    return f"{true_minus(mantissa)} × 10{str(int(exponent)).translate(_RAISED)}"


def true_minus(number: str) -> str:
    """The number with a minus sign that is as wide as a plus sign."""
    return number.replace("-", "\N{MINUS SIGN}")


def duration(seconds: Any) -> str:
    """A time: 45 ms, 1.25 s, 12.3 s, 2 min 5 s, 1 h 2 min; a dash where it is unknown."""
    if not isinstance(seconds, int | float) or not math.isfinite(seconds) or seconds < 0:
        return NOTHING
    if seconds < 0.1:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 60:
        return f"{seconds:.2f} s" if seconds < 10 else f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s"


def count(number: int, noun: str, plural: str = "") -> str:
    """1 row; 2,000 rows; plural: where it is not the noun with an s."""
    return f"{number:,} {noun if number == 1 else plural or f'{noun}s'}"


def shape_text(sizes: Iterable[int], sign: str = " x ") -> str:
    """28 x 28."""
    return sign.join(map(str, sizes))


def parameter_words(parameters: int, trained: int) -> str:
    """2,410 parameters; where layers are frozen also how many are trained."""
    part = f", {trained:,} of them trained" if trained < parameters else ""
    return f"{count(parameters, 'parameter')}{part}"


def percent(share: float, digits: int = 0) -> str:
    """0.25 as 25 %."""
    return f"{100 * share:.{digits}f} %"


def after(epochs: Any) -> str:
    """The moment of weights: after 20 epochs."""
    if not isinstance(epochs, int):
        return "as saved"
    return f"after {count(epochs, 'epoch')}" if epochs else "before training"


def moment_words(epoch: Any, update: Any) -> str:
    """After which epoch and update something appeared; empty where that is not known."""
    if not isinstance(epoch, int):
        return ""
    if epoch == 0:
        return after(0)
    more = f", update {format_number(update)}" if isinstance(update, int) else ""
    return f"epoch {format_number(epoch)}{more}"


def first_few(names: Sequence[str], most: int, separator: str = ", ") -> str:
    """The first names, and how many more there are."""
    more = [f"and {len(names) - most:,} more"] if len(names) > most else []
    return separator.join([*names[:most], *more])


def shorten(text: str, most: int = 80) -> str:
    """A text of at most `most` characters."""
    return text if len(text) <= most else f"{text[: most - 1]}\N{HORIZONTAL ELLIPSIS}"


def setting_value(value: Any, digits: int | None = None) -> str:
    """A value as YAML writes it in one line: true, null, 0.001, relu, {leaky_relu: 0.1}.

    digits: significant digits of numbers with a fraction; None keeps all of them.
    """
    if isinstance(value, bool) or value is None:
        return {True: "true", False: "false", None: "null"}[value]
    if isinstance(value, float):
        return _float_value(value, digits)
    if isinstance(value, Mapping):
        pairs = (f"{key}: {setting_value(inner, digits)}" for key, inner in value.items())
        return f"{{{', '.join(pairs)}}}"
    if isinstance(value, list | tuple):
        return f"[{', '.join(setting_value(inner, digits) for inner in value)}]"
    return str(value)


def _float_value(value: float, digits: int | None) -> str:
    rounded = f"{value:.{digits or 6}g}"
    return rounded if digits or float(rounded) == value else str(value)


def set_options(settings: Iterable[str]) -> str:
    """Settings as a shell takes them: --set lr=0.1 --set 'init={normal: 1}'."""
    return " ".join(f"--set {shlex.quote(setting)}" for setting in settings)


def axis_value(value: Any) -> str:
    """A value of a sweep's axis, rounded to six digits."""
    return setting_value(value, digits=6)


def short_value(value: Any) -> str:
    """A value of an axis in a table or a legend; a whole network as its widths: 8-8-1 tanh."""
    layers = isinstance(value, list) and any(_layer(item)[0] in WIDTHS for item in value)
    return _network_line(value, None) if layers else axis_value(value)


def cell_name(cell: Mapping[str, Any]) -> str:
    """A cell of a sweep: lr 0.001, hidden 3."""
    return ", ".join(f"{key} {axis_value(value)}" for key, value in cell.items())


def trial_name(cell: Mapping[str, Any], seed: int | None) -> str:
    """A trial of a sweep: lr=0.001 hidden=3 seed 0."""
    settings = [f"{key}={axis_value(value)}" for key, value in cell.items() if key != "seed"]
    return " ".join([*settings, *([] if seed is None else [f"seed {seed}"])])


@dataclass(frozen=True)
class Trained:
    """How many epochs a run has finished, and its status."""

    epochs: int
    status: str


def run_title(
    folder: str,
    config: Mapping[str, Any],
    inputs: Sequence[int] | None = None,
    trained: Sequence[Trained] = (),
) -> tuple[str, str]:
    """The head of a figure: the experiment's name, else the folder's, and the setup."""
    return str(config.get("name", folder)), setup_line(config, inputs, trained)


def setup_line(
    config: Mapping[str, Any], inputs: Sequence[int] | None = None, trained: Sequence[Trained] = ()
) -> str:
    """The setup of a resolved config in one line; missing parts are left out.

    8-3-8 sigmoid · mse batch_mean · sgd lr 0.1 · batch 1 · 10,000 epochs · seed 0

    inputs: the shape of one row. trained: how far each run of this setup came, where known.
    """
    parts = [
        _network_line(config.get("network"), inputs),
        _member(config.get("loss"), ("reduction",)),
        *_training_parts(config, trained),
        f"seed {config['seed']}" if "seed" in config else "",
    ]
    return SEPARATOR.join(part for part in parts if part)


def _training_parts(config: Mapping[str, Any], trained: Sequence[Trained]) -> list[str]:
    training = config.get("training")
    if not isinstance(training, Mapping):
        training = {}
    batch, epochs = training.get("batch_size"), training.get("epochs")
    if epochs == 0:
        return ["not trained"]
    schedule = _member(config.get("schedule"), ())
    return [
        _member(config.get("optimizer"), ("lr", "momentum")),
        "" if schedule in ("", "constant") else f"{schedule} schedule",
        "full batch" if batch == "full" else f"batch {batch}" if batch else "",
        epochs_line(epochs, trained),
    ]


def epochs_line(planned: Any, trained: Sequence[Trained] = ()) -> str:
    """300 epochs; 54 of 300 epochs, stopped early; several runs: 54 to 300 of 300 epochs."""
    if not isinstance(planned, int):
        return ""
    unfinished = [run for run in trained if run.status in ENDINGS and run.epochs < planned]
    if not unfinished:
        return count(planned, "epoch")
    first, last = min(run.epochs for run in trained), max(run.epochs for run in trained)
    span = " to ".join(dict.fromkeys([f"{first:,}", f"{last:,}"]))
    endings = {ENDINGS[run.status] for run in unfinished}
    same = len(endings) == 1 and len(unfinished) == len(trained)
    return ", ".join([f"{span} of {count(planned, 'epoch')}", *(endings if same else ())])


def _network_line(layers: Any, inputs: Sequence[int] | None) -> str:
    """784-20-40-10 conv2d, relu, max_pool: widths, then the other layers by first use."""
    named = [_layer(item) for item in layers] if isinstance(layers, list) else []
    widths = ["x".join(map(str, inputs))] if inputs else []
    widths += [str(options.get(WIDTHS[name], "?")) for name, options in named if name in WIDTHS]
    text = "-".join(widths)
    names = dict.fromkeys(name for name, _ in named if name not in UNNAMED_LAYERS)
    for number, name in enumerate(names):
        longer = f"{text}{',' if number else ''} {name}".strip()
        if len(longer) > LONGEST_NETWORK:
            return f"{text[:LONGEST_NETWORK]} ..."
        text = longer
    return text if len(text) <= LONGEST_NETWORK else f"{text[:LONGEST_NETWORK]} ..."


def _layer(item: Any) -> tuple[str, Mapping[str, Any]]:
    """The name and the options of a layer in any of the forms that a config allows."""
    if isinstance(item, Mapping) and "name" in item:
        return str(item["name"]), item
    if isinstance(item, Mapping) and len(item) == 1:
        ((name, options),) = item.items()
        return str(name), options if isinstance(options, Mapping) else {"units": options}
    return str(item), {}


def _member(value: Any, wanted: tuple[str, ...]) -> str:
    """`{name: sgd, lr: 0.1, momentum: 0}` as "sgd lr 0.1": without options that are 0 or unset.

    A text option stands alone ("batch_mean"), a number with its name; the plain mean is omitted.
    """
    if not isinstance(value, Mapping):
        return str(value or "")
    options = {key: value[key] for key in wanted if value.get(key) not in (None, 0, "mean")}
    texts = [v if isinstance(v, str) else f"{key} {v:g}" for key, v in options.items()]
    return " ".join([str(value.get("name", "")), *texts])
