"""Mistakes between parts: each is told at the key that is best changed."""

from pathlib import Path

import numpy as np
import pytest

from nnlab.config.load import parse_config
from nnlab.errors import ConfigError, DataError

IMAGES = {"data": "digits", "loss": "cross_entropy"}
PARTS = {"data": "moons", "network": "[{dense: 2}]", "loss": "mse"}


def message(**parts: str) -> str:
    """What is said about a config of these parts; "" if it is good."""
    lines = [f"{key}: {value}" for key, value in {**PARTS, **parts}.items()]
    try:
        parse_config("\n".join(lines), "x.yaml")
    except ConfigError as error:
        return str(error)
    return ""


GOOD = [
    {"network": "[{dense: 1}]"},
    {"network": "[{dense: 1}, sigmoid]", "loss": "bce"},
    {"network": "[{dense: 2}, sigmoid]", "loss": "bce"},
    {"network": "[{dense: 2}, softmax]", "loss": "cross_entropy"},
    {"network": "[{dense: 2}, softmax]", "loss": "mse"},
    {"network": "[{dense: 3}, softmax, {dense: 2}]"},
    {"data": "identity", "network": "[{dense: 3}, {dense: 8}, softmax]", "loss": "cross_entropy"},
    {"data": "curve", "network": "[{dense: 1}]"},
    {"data": "{random: {outputs: 4}}", "network": "[{dense: 4}]"},
    {"data": "digits", "network": "[{dense: 10}, softmax]", "loss": "cross_entropy"},
    {"network": "[{dense: 2}, step]", "training": "{epochs: 0}"},
    {"training": "{batch_size: 200, drop_last: true}"},
    {"training": "{batch_size: 500}"},
    {"training": "{batch_size: full, drop_last: true}"},
    {"training": "{monitor: train_accuracy}"},
    {"data": "{moons: {validation: 0.2}}", "training": "{monitor: val_accuracy}"},
    {"data": "curve", "network": "[{dense: 1}]", "training": "{monitor: train_r2}"},
    {"data": "{moons: {test: 9, validation: test}}", "training": "{monitor: val_loss}"},
    {
        "data": "{moons: {test: 9, validation: test}}",
        "training": "{monitor: train_loss, early_stopping: {patience: 1}}",
    },
    {
        "network": "[{dense: 2}, softmax]",
        "loss": "{name: cross_entropy, class_weight: [1, 2]}",
    },
    {"network": "[{dense: 1}, sigmoid]", "loss": "{name: bce, class_weight: [1, 2]}"},
    {"network": "[{dense: 1}, sigmoid]", "loss": "{name: bce, class_weight: balanced}"},
    {"network": "[{dense: {units: 1, weight: [[1], [2]]}}]"},
]


@pytest.mark.parametrize("parts", GOOD, ids=str)
def test_what_goes_together(parts: dict[str, str]) -> None:
    assert message(**parts) == ""


BAD: list[tuple[dict[str, str], str]] = [
    (
        {"network": "[{dense: 3}]"},
        """\
x.yaml:2:19: the network's output is 3 numbers wide, but the data has 2 classes.
    network: [{dense: 3}]
                      ^
    allowed: 1 or 2""",
    ),
    (
        {"network": "[{dense: 1}, softmax]", "loss": "cross_entropy"},
        """\
x.yaml:2:19: the network's output is 1 number wide, but the data has 2 classes.
    network: [{dense: 1}, softmax]
                      ^
    allowed: 2""",
    ),
    (
        {"data": "digits", "network": "[{dense: 32}, relu]"},
        """\
x.yaml:2:19: the network's output is 32 numbers wide, but the data has 10 classes.
    network: [{dense: 32}, relu]
                      ^
    allowed: 10""",
    ),
    (
        {"data": "identity", "network": "[relu, {dense: 3}]"},
        """\
x.yaml:2:25: the network's output is 3 numbers wide, but the targets have 8 columns.
    network: [relu, {dense: 3}]
                            ^
    allowed: 8""",
    ),
    (
        {"data": "{blobs: {centers: 3}}", "network": "[relu]"},
        """\
x.yaml:2:11: the network's output is 2 numbers wide, but the data has 3 classes.
    network: [relu]
              ^
    allowed: 3""",
    ),
    (
        {"data": "curve", "network": "[{dense: 2}]"},
        """\
x.yaml:2:19: the network's output is 2 numbers wide, but a target is one number.
    network: [{dense: 2}]
                      ^
    allowed: 1""",
    ),
    (
        {"loss": "cross_entropy"},
        """\
x.yaml:2:11: cross_entropy needs softmax as the last layer, and this is dense.
    network: [{dense: 2}]
              ^
    allowed: softmax""",
    ),
    (
        {"network": "[{dense: 2}, softmax]", "loss": "bce"},
        """\
x.yaml:2:23: bce needs sigmoid as the last layer, and this is softmax.
    network: [{dense: 2}, softmax]
                          ^
    allowed: sigmoid, or the loss cross_entropy""",
    ),
    (
        {"network": "[{dense: 2}, sigmoid]", "loss": "cross_entropy"},
        """\
x.yaml:2:23: cross_entropy needs softmax as the last layer, and this is sigmoid.
    network: [{dense: 2}, sigmoid]
                          ^
    allowed: softmax, or the loss bce""",
    ),
    (
        {"network": "[{dense: 2}, step, {dense: 2}]"},
        """\
x.yaml:2:23: step has no useful derivative, so it cannot be trained.
    network: [{dense: 2}, step, {dense: 2}]
                          ^
    allowed: another activation, or epochs: 0""",
    ),
    (
        {"network": "[{dense: {units: 2, weight: [[1, 2]]}}]"},
        """\
x.yaml:2:12: dense cannot take rows of shape (2): weight must be a list of 2 rows with 2 \
numbers each (in, out).
    network: [{dense: {units: 2, weight: [[1, 2]]}}]
               ^""",
    ),
    (
        {"training": "{batch_size: 201, drop_last: true}"},
        """\
x.yaml:4:24: a batch of 201 is larger than the 200 training rows, and drop_last would drop \
them all.
    training: {batch_size: 201, drop_last: true}
                           ^
    allowed: at most 200, or drop_last: false""",
    ),
    (
        {"data": "{moons: {test: 100}}", "training": "{batch_size: 101, drop_last: true}"},
        """\
x.yaml:4:24: a batch of 101 is larger than the 100 training rows, and drop_last would drop \
them all.
    training: {batch_size: 101, drop_last: true}
                           ^
    allowed: at most 100, or drop_last: false""",
    ),
    (
        {"data": "{moons: {test: 200}}"},
        """\
x.yaml:1:22: data.test: 200 takes 200 of 200 rows and leaves none for training.
    data: {moons: {test: 200}}
                         ^""",
    ),
    (
        {"data": "{moons: {validation: test}}"},
        """\
x.yaml:1:28: data.validation: there is no test part; set data.test as well.
    data: {moons: {validation: test}}
                               ^""",
    ),
    (
        {"data": "{moons: {test: 0.2, split: ordered, stratify: true}}"},
        """\
x.yaml:1:53: stratify needs a random order, and split is ordered.
    data: {moons: {test: 0.2, split: ordered, stratify: true}}
                                                        ^
    allowed: split: shuffled""",
    ),
    (
        {"training": "{monitor: val_loss}"},
        """\
x.yaml:4:21: there is no value 'val_loss' to monitor. There is no validation part: \
data.validation is not set.
    training: {monitor: val_loss}
                        ^
    allowed: train_loss, train_accuracy; likewise auc, average_precision, balanced_accuracy, mcc, \
top_2, top_3, top_5""",
    ),
    (
        {"data": "{moons: {validation: 0.2}}", "training": "{monitor: val_acuracy}"},
        """\
x.yaml:4:21: there is no value 'val_acuracy' to monitor. Did you mean 'val_accuracy'?
    training: {monitor: val_acuracy}
                        ^
    allowed: train_loss, train_accuracy, val_loss, val_accuracy; \
likewise auc, average_precision, balanced_accuracy, mcc, \
top_2, top_3, top_5""",
    ),
    (
        {"data": "curve", "network": "[{dense: 1}]", "training": "{monitor: train_accuracy}"},
        """\
x.yaml:4:21: there is no value 'train_accuracy' to monitor.
    training: {monitor: train_accuracy}
                        ^
    allowed: train_loss, train_mae, train_r2; likewise explained_variance""",
    ),
    (
        {
            "data": "{moons: {test: 9, validation: test}}",
            "training": "{early_stopping: {patience: 2}}",
        },
        """\
x.yaml:4:28: early stopping would choose by the test part, because data.validation is 'test'.
    training: {early_stopping: {patience: 2}}
                               ^
    allowed: a validation part of its own: data.validation: 0.2""",
    ),
    (
        {"network": "[{dense: 2}, softmax]", "loss": "{cross_entropy: {class_weight: [1]}}"},
        """\
x.yaml:3:38: class_weight has 1 numbers for 2 classes.
    loss: {cross_entropy: {class_weight: [1]}}
                                         ^
    allowed: a list of 2 numbers >= 0, or balanced""",
    ),
    (
        {
            "data": "{random: {outputs: 1}}",
            "network": "[{dense: 1}, sigmoid]",
            "loss": "{bce: {class_weight: balanced}}",
        },
        """\
x.yaml:3:8: bce needs classes, and this data is a regression.
    loss: {bce: {class_weight: balanced}}
           ^
    allowed: mse, mae, huber, log_cosh, quantile""",
    ),
    (
        {"data": "{random: {outputs: 2}}", "network": "[{dense: 2}]", "loss": "quantile"},
        """\
x.yaml:2:19: the network's output is 2 numbers wide, but the targets have 2 columns, and \
quantile has 3 outputs for each.
    network: [{dense: 2}]
                      ^
    allowed: 6""",
    ),
    (
        {"network": "[{dense: 2}]", "loss": "quantile"},
        """\
x.yaml:3:7: quantile needs numbers to predict, and this data has classes.
    loss: quantile
          ^
    allowed: bce, cross_entropy, hinge""",
    ),
    (
        {"network": "[{dense: 1}]", "loss": "hinge"},
        """\
x.yaml:2:19: the network's output is 1 number wide, but the data has 2 classes.
    network: [{dense: 1}]
                      ^
    allowed: 2""",
    ),
    (
        {
            "data": "identity",
            "network": "[{dense: 8}, softmax]",
            "loss": "{cross_entropy: {class_weight: balanced}}",
        },
        """\
x.yaml:3:38: class_weight needs classes; this is identity.
    loss: {cross_entropy: {class_weight: balanced}}
                                         ^""",
    ),
    (
        {
            "data": "{blobs: {centers: 3}}",
            "network": "[{dense: 3}, sigmoid]",
            "loss": "{bce: {class_weight: balanced}}",
        },
        """\
x.yaml:3:28: class_weight with bce needs a single output, and there are 3.
    loss: {bce: {class_weight: balanced}}
                               ^
    allowed: dense: 1 for two classes, or softmax with cross_entropy""",
    ),
    (
        {
            "data": "{name: moons, validation: 0.2}",
            "training": "{early_stopping: {patience: 2, mode: max}}",
        },
        """\
x.yaml:4:48: val_loss is better when it is minimal, so mode is min.
    training: {early_stopping: {patience: 2, mode: max}}
                                                   ^
    allowed: min""",
    ),
]


@pytest.mark.parametrize(("parts", "wanted"), BAD, ids=lambda value: str(value)[:60])
def test_what_does_not_go_together(parts: dict[str, str], wanted: str) -> None:
    assert message(**parts) == wanted


def test_mistakes_between_parts_and_in_parts_are_told_together() -> None:
    found = message(network="[{dense: 3}, step]", optimizer="adma", training="{epochs: 1}")
    assert [line for line in found.split("\n") if line.startswith("x.yaml")] == [
        "x.yaml:2:19: the network's output is 3 numbers wide, but the data has 2 classes.",
        "x.yaml:2:23: step has no useful derivative, so it cannot be trained.",
        "x.yaml:4:12: there is no optimizer 'adma'. Did you mean 'adam'?",
    ]


def test_data_that_cannot_be_read_is_an_error_of_the_data(tmp_path: Path) -> None:
    text = "data: {csv: {path: none.csv, target: y}}\nnetwork: [{dense: 1}]\nloss: mse"
    filename = str(tmp_path / "x.yaml")
    with pytest.raises(DataError):
        parse_config(text, filename)
    with pytest.raises(ConfigError, match="there is no optimizer 'x'"):
        parse_config(f"{text}\noptimizer: x", filename)
    assert parse_config(text, filename, check=False).loss is not None


@pytest.mark.parametrize(
    ("loss", "name", "allowed"),
    [
        ("mse", "csv", "5, or data.task: regression"),
        ("huber", "npz", "5, or data.task: regression"),
        ("mae", "digits", "10"),
    ],
)
def test_whole_numbers_as_numbers(tmp_path: Path, loss: str, name: str, allowed: str) -> None:
    """A count of rooms is read as classes; the message says how it becomes a number."""
    rows = [(i, i % 5) for i in range(20)]
    (tmp_path / "t.csv").write_text("x,y\n" + "".join(f"{x},{y}\n" for x, y in rows))
    numbers = np.array(rows)
    np.savez(tmp_path / "t.npz", x=numbers[:, :1], y=numbers[:, 1])
    data = {
        "csv": f"{{name: csv, path: {tmp_path}/t.csv, target: y}}",
        "npz": f"{{name: npz, path: {tmp_path}/t.npz}}",
        "digits": "digits",
    }[name]
    with pytest.raises(ConfigError) as error:
        parse_config(f"data: {data}\nnetwork: [{{dense: 1}}]\nloss: {loss}\n", "x.yaml")
    first, *_, last = str(error.value).split("\n")
    classes = allowed.partition(",")[0]
    assert first == (
        f"x.yaml:2:19: the network's output is 1 number wide, but the data has {classes} classes"
        + ("." if name == "digits" else ": '0', '1', '2', '3', '4'.")
    )
    assert last == f"    allowed: {allowed}"
    if name != "digits":
        told = data.replace("}", ", task: regression}")
        parse_config(f"data: {told}\nnetwork: [{{dense: 1}}]\nloss: {loss}\n", "x.yaml")


def test_parts_that_are_not_there_cannot_be_pooled() -> None:
    with pytest.raises(ConfigError) as error:
        parse_config("data: {name: xor, pool: true}\nnetwork: [{dense: 1}]\nloss: mse\n", "x.yaml")
    assert str(error.value) == (
        "x.yaml:1:25: data.pool: this data set has no official test part to pool.\n"
        "    data: {name: xor, pool: true}\n                            ^"
    )


def images(*layers: str, **parts: str) -> str:
    """What is said about these layers before a dense one on digits."""
    stack = ", ".join([*layers, "flatten, {dense: 10}, softmax"])
    return message(**{**IMAGES, "network": f"[{stack}]", **parts})


FIT = "{reshape: [8, 8, 1]}"
IMAGE_MISTAKES = {
    ("{conv2d: 4}",): (
        "conv2d cannot take rows of shape (64): it takes images (height, width, channels); put "
        "`reshape: [8, 8, 1]` before it."
    ),
    (FIT, "{conv2d: {filters: 4, kernel: 9}}"): (
        "conv2d cannot take rows of shape (8, 8, 1): a window of 9 x 9 is larger than the image "
        "of 8 x 8."
    ),
    (FIT, "max_pool", "max_pool", "max_pool", "max_pool"): (
        "max_pool cannot take rows of shape (1, 1, 1): a window of 2 x 2 is larger than the image "
        "of 1 x 1."
    ),
    (FIT, "{conv2d: {filters: 4, stride: [8, 1]}}"): (
        "conv2d cannot take rows of shape (8, 8, 1): a stride of 8 leaves nothing of the image of "
        "8 x 8 but its first corner."
    ),
    (FIT, "{conv2d: {filters: 4, padding: 3}}"): (
        "conv2d cannot take rows of shape (8, 8, 1): a padding of 3 is not smaller than the "
        "kernel, 3."
    ),
    ("{reshape: [7, 9]}",): (
        "reshape cannot take rows of shape (64): 7 x 9 makes 63 numbers, and a row has 64."
    ),
}


@pytest.mark.parametrize("layers", IMAGE_MISTAKES)
def test_images_that_do_not_fit(layers: tuple[str, ...]) -> None:
    found = images(*layers)
    assert found.partition("\n")[0].endswith(f": {IMAGE_MISTAKES[layers]}")
    line = found.splitlines()
    name = layers[-1].strip("{").partition(":")[0]
    assert line[1][line[2].index("^") :].lstrip("{").startswith(name)  # the caret's layer


def test_images_that_fit() -> None:
    assert images(FIT, "{conv2d: 4}", "batch_norm", "max_pool", "layer_norm") == ""
    assert images(FIT, "{conv2d: {filters: 4, kernel: 8, stride: 8}}") == ""
    assert images(FIT, "batch_norm", training="{batch_size: 1}") == ""  # 64 numbers a channel


BATCHES = {
    "{batch_size: 1}": (
        "batch_norm trains on batches of 2 rows or more, and training.batch_size is 1.",
        "a batch_size of at least 2",
    ),
    "{batch_size: 4}": (
        "batch_norm trains on batches of 2 rows or more, and the last batch of an epoch has 1 of "
        "the 1797 rows.",
        "training.drop_last: true, or another batch_size",
    ),
    "{batch_size: 4, drop_last: true}": ("", ""),
    "{batch_size: 5}": ("", ""),
    "{batch_size: full}": ("", ""),
    "{batch_size: 1, epochs: 0}": ("", ""),
}


@pytest.mark.parametrize("training", BATCHES)
def test_a_batch_too_small_for_its_variance(training: str) -> None:
    sentence, allowed = BATCHES[training]
    found = images("{dense: 5}", "batch_norm", training=training)
    if not sentence:
        assert found == ""
        return
    assert sentence in found
    assert f"allowed: {allowed}" in found
    line = found.splitlines()
    assert line[1][line[2].index("^") :].startswith("batch_norm")


AUGMENTED = {
    "moons": "augment changes images, and this data has none.",
    "{name: digits, scale: standardize}": (
        "standardize gives every pixel a scale of its own, so that augment cannot move it."
    ),
    "{name: digits, scale: standardize_all}": "",
    "mnist": "",
}


@pytest.mark.parametrize("data", AUGMENTED)
def test_only_pictures_can_be_changed(data: str) -> None:
    units = 2 if data == "moons" else 10
    network = f"[{{dense: {units}}}, softmax]"
    training = "{augment: [{shift: 1}]}"
    found = message(data=data, network=network, loss="cross_entropy", training=training)
    assert AUGMENTED[data] in found
    assert bool(found) == bool(AUGMENTED[data])


CHANGED = {
    "shift: 8": "a shift of 8 moves images of 8 x 8 out of sight.",
    "shift: 7": "",
    "cutout: 9": "a cutout of 9 is larger than images of 8 x 8.",
    "cutout: 8": "",
}


@pytest.mark.parametrize("change", CHANGED)
def test_something_of_a_picture_is_left(change: str) -> None:
    found = message(
        data="digits",
        network="[{dense: 10}, softmax]",
        loss="cross_entropy",
        training=f"{{augment: [flip, {{{change}}}]}}",
    )
    assert CHANGED[change] in found
    assert bool(found) == bool(CHANGED[change])


def test_pictures_of_a_file_can_be_changed_and_columns_cannot(tmp_path: Path) -> None:
    x = np.zeros((6, 4, 4), np.uint8)
    np.savez(tmp_path / "pictures.npz", x=x, y=np.arange(6) % 2)
    np.savez(tmp_path / "columns.npz", x=x.reshape(6, 16), y=np.arange(6) % 2)
    settings = {"network": "[{dense: 2}, softmax]", "loss": "cross_entropy"}
    for name, said in (("pictures", ""), ("columns", "augment changes images")):
        data = f"{{name: npz, path: {tmp_path / name}.npz}}"
        found = message(**settings, data=data, training="{augment: [flip]}")
        assert said in found
        assert bool(found) == bool(said)
