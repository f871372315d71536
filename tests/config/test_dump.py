"""resolved.yaml: everything written out, and read back as the same config to the last bit."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nnlab.config.dump import dump, settings_of, to_yaml
from nnlab.config.files import shipped
from nnlab.config.load import describes_race, from_mapping, load_config, parse_config
from nnlab.config.problems import Problems
from nnlab.config.tree import Source, to_plain
from nnlab.config.yaml12 import MAX_NODES, read_yaml
from nnlab.core.initializers import LARGEST
from nnlab.errors import ConfigError


@pytest.mark.parametrize("name", [n for n, path in shipped().items() if not describes_race(path)])
def test_a_shipped_config_survives(name: str) -> None:
    config = load_config(name).config
    text = dump(config)
    assert parse_config(text, "other.yaml") == config
    assert dump(parse_config(text, "other.yaml")) == text


def test_the_text_is_complete_and_in_order() -> None:
    config = from_mapping(
        {
            "name": "small",
            "seed": 3,
            "data": "xor",
            "network": [{"dense": {"units": 2, "init": {"normal": 0.1}}}, "softmax"],
            "loss": "cross_entropy",
            "training": {"early_stopping": {"patience": 2}},
            "sweeps": {"rates": {"key": "lr", "values": [0.1, 1e-05], "set": {"epochs": 5}}},
        }
    )
    assert (
        dump(config)
        == """\
name: small
seed: 3
data: {name: xor, variant: square, test: null, validation: null, pool: false, split: shuffled,
  stratify: false, rows: null, fold: null, folds: 5, scale: none, seed: 3, scale_target: none,
  learn: targets}
network:
- name: dense
  units: 2
  bias: true
  init: {name: normal, std: 0.1}
  weight: null
  freeze: false
- {name: softmax}
init: {name: xavier_uniform}
loss: {name: cross_entropy, reduction: batch_mean, class_weight: null, label_smoothing: 0.0}
optimizer: {name: sgd, lr: 0.01, weight_decay: 0.0, l1: 0.0, clip_norm: null, clip_value: null,
  momentum: 0.0, nesterov: false}
schedule: {name: constant, warmup: 0, per: epoch}
training:
  epochs: 10
  batch_size: 32
  shuffle: true
  drop_last: false
  dtype: float32
  engine: auto
  early_stopping: {patience: 2, min_delta: 0.0, mode: min, restore_best: true}
  monitor: train_loss
  metrics: []
  checkpoint_every: null
  record_steps: false
  ema: null
  swa: null
  augment: []
sweeps:
  rates:
    key: lr
    values: [0.1, 1.0e-05]
    set: {epochs: 5}
    caption: ''
expect: {}
"""
    )


BASE: dict[str, Any] = {"data": "xor", "network": ["relu"], "loss": "mse"}
first = st.floats(-LARGEST, LARGEST)
# Every text that YAML 1.1 or 1.2 might read as something else, and any printable one.
tricky = st.one_of(
    st.sampled_from(
        ["no", "1e-3", "010", "1:30", "2024-01-01", "null", "~", "", "=", "<<", "0x1f", "-", "? a"]
    ),
    st.text(st.characters(exclude_categories=("C",)), max_size=30),
    st.sampled_from(["a\nb", "a\tb", " a ", "a: b", "a #b", "é日\U0001f600", "\u2028", "\x85"]),
)


def survives(**parts: object) -> None:
    config = from_mapping({**BASE, **parts}, check=False)
    again = parse_config(dump(config), check=False)
    assert again == config
    assert repr(settings_of(again)) == repr(settings_of(config))  # also the sign of 0


@settings(deadline=None)
@given(first, st.lists(first, min_size=1, max_size=5))
def test_floats_keep_their_bits(value: float, row: list[float]) -> None:
    survives(init={"constant": value}, network=[{"dense": {"units": len(row), "weight": [row]}}])


@settings(deadline=None)
@given(tricky, tricky)
def test_texts_stay_texts(path: str, target: str) -> None:
    survives(data={"csv": {"path": "/" + path, "target": target}})


@settings(deadline=None)
@given(st.lists(st.one_of(tricky, st.integers(0, 2**63 - 1)), min_size=1, max_size=5))
def test_values_of_a_study_stay_what_they_are(values: list[object]) -> None:
    study = {"key": "data.target", "values": values}
    survives(data={"csv": {"path": "/a", "target": "y"}}, sweeps={"columns": study})


@pytest.mark.parametrize(
    ("weight", "name", "message"),
    [
        (
            [[0.5] * 100] * 100,
            "wide",
            "This config holds 10,110 values, and a config has at most 10,000, so it could not be "
            "read again. Most of it is network.0.weight. Such a large number of weights can come "
            "from another run: init: {run: FOLDER}.",
        ),
        ([[1.0]], "a\ud800", "name holds the character U+D800, which no config can hold."),
        ([[1.0]], "a\x07", "name holds the character U+0007, which no config can hold."),
    ],
)
def test_what_could_not_be_read_again_is_not_written(
    weight: list[list[float]], name: str, message: str
) -> None:
    content = {"name": name, "network": [{"name": "dense", "weight": weight}]}
    with pytest.raises(ConfigError) as caught:
        to_yaml(content)
    assert str(caught.value) == message


def test_the_limit_is_that_of_the_reader() -> None:
    """As many values as the reader takes are written, and not one more."""
    for more in (-1, 0, 1):
        content = {"a": [0] * (MAX_NODES - 3 + more)}
        source = Source("c", yaml_text(content), Path(), "file")
        if more > 0:
            with pytest.raises(ConfigError):
                to_yaml(content)
            with pytest.raises(ConfigError):
                read_yaml(source, Problems())
        else:
            assert to_plain(read_yaml(source, Problems())) == content
            assert to_yaml(content)


def yaml_text(content: dict[str, list[int]]) -> str:
    return f"a: {content['a']}\n"
