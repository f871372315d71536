"""Experiments of a fraction of a second that together use all there is to save.

Three data sets and four optimizers, with convolution, dropout, shuffle, schedules, early stopping,
an average of the weights, steps on record, both engines, and every way of saving.
"""

import csv
import random
from pathlib import Path

CASES = {
    "identity": """
data: identity
network: [{dense: 16}, tanh, {dropout: 0.2}, {dense: 8}, softmax]
loss: cross_entropy
optimizer: {name: adam, lr: 0.01}
schedule: {name: cosine}
training: {epochs: 100, batch_size: 2, dtype: float64, checkpoint_every: 7,
           early_stopping: {patience: 1000}}
seed: 3
""",
    "digits": """
data: {name: digits, validation: 0.2, test: 0.2}
network: [{dense: 24}, relu, {dropout: 0.3}, {dense: 10}, softmax]
loss: cross_entropy
optimizer: {name: sgd, lr: 0.05, momentum: 0.9, nesterov: true}
schedule: {name: plateau, patience: 0, factor: 0.5, threshold: 0.1}
training: {epochs: 12, batch_size: 32, early_stopping: {patience: 2, min_delta: 0.05}, ema: 0.98}
seed: 4
""",
    "csv": """
data: {name: csv, path: table.csv, target: y, categorical: [c], validation: 0.25,
       scale: standardize}
network: [{dense: 12}, sigmoid, {dropout: 0.1}, {dense: 1}]
loss: mse
optimizer: {name: rmsprop, lr: 0.01, momentum: 0.5, centered: true}
schedule: {name: one_cycle}
training: {epochs: 20, batch_size: 7, record_steps: true,
           early_stopping: {patience: 12, restore_best: false}}
seed: 5
""",
}
# Several epochs in one go: nothing is shuffled, and nothing decided between them.
CASES["bursts"] = """
data: {name: identity, size: 6}
network: [{dense: 4}, sigmoid, {dropout: 0.1}, {dense: 6}, softmax]
loss: cross_entropy
optimizer: {name: adamw, lr: 0.01}
schedule: {name: exponential, gamma: 0.999}
training: {epochs: 3000, batch_size: 2, shuffle: false, dtype: float64, ema: 0.9}
seed: 6
"""
CASES["compiled"] = """
data: {name: identity, size: 6}
network: [{dense: 4}, sigmoid, {dense: 6}, softmax]
loss: cross_entropy
optimizer: {name: adam, lr: 0.01}
schedule: {name: exponential, gamma: 0.9999}
training: {epochs: 30000, batch_size: 2, dtype: float64, ema: 0.9, engine: compiled}
seed: 7
"""
# Running statistics, their average, and pictures that are others in every epoch.
CASES["images"] = """
data: {name: digits, test: 0.8, validation: 0.2}
network: [{reshape: [8, 8, 1]}, {conv2d: {filters: 4, padding: same}}, batch_norm, relu, max_pool,
          flatten, {dense: 12}, batch_norm, relu, {dropout: 0.2}, {dense: 10}, softmax]
loss: {name: cross_entropy, label_smoothing: 0.1}
optimizer: {name: adamw, lr: 0.01}
schedule: {name: cosine, warmup: 3, per: step}
training: {epochs: 4, batch_size: 32, ema: 0.95, early_stopping: {patience: 100},
           augment: [{shift: 1}, {rotate: {degrees: 10, zoom: 0.1}}, flip, {cutout: 3}]}
seed: 8
"""
# The same in compiled code, which gets the changed images of a call, and what it drops, before it.
CASES["filters"] = """
data: {name: digits, test: 0.8, validation: 0.2}
network: [{reshape: [8, 8, 1]}, {conv2d: {filters: 4, padding: same}}, batch_norm, relu, max_pool,
          flatten, {dropout: 0.2}, {dense: 10}, softmax]
loss: cross_entropy
optimizer: {name: sgd, lr: 0.05, momentum: 0.9}
schedule: {name: cosine}
training: {epochs: 4, batch_size: 32, ema: 0.95, early_stopping: {patience: 100},
           engine: compiled, augment: [{shift: 1}, {rotate: {degrees: 10, zoom: 0.1}}, flip]}
seed: 9
"""
# An equal average with statistics of its own, and layers that are frozen.
CASES["averaged"] = """
data: {name: digits, test: 0.8, validation: 0.2}
network: [{name: dense, units: 12, freeze: true}, {name: batch_norm, freeze: true}, tanh,
          {dense: 8}, batch_norm, relu, {dropout: 0.2}, {dense: 10}, softmax]
loss: cross_entropy
optimizer: {name: adam, lr: 0.01}
training: {epochs: 6, batch_size: 32, swa: 3, early_stopping: {patience: 100}}
seed: 10
"""

SHORTER = {"bursts": ["epochs=300"], "compiled": ["epochs=3000"]}  # where nothing kills them

# Few system calls, for the proofs that try each of them.
SMALL = {
    "small": """
data: {name: identity, size: 4}
network: [{dense: 3}, tanh, {dropout: 0.2}, {dense: 4}, softmax]
loss: cross_entropy
optimizer: adam
training: {epochs: 4, batch_size: 1, dtype: float64, checkpoint_every: 3, record_steps: true}
"""
}


def write(folder: Path) -> None:
    """The cases as files <case>.yaml in `folder`, with the table that one of them reads."""
    for name, text in (CASES | SMALL).items():
        (folder / f"{name}.yaml").write_text(text)
    draw = random.Random(0)
    with (folder / "table.csv").open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["a", "b", "c", "y"])
        for _ in range(150):
            a, b, c = draw.gauss(0, 1), draw.gauss(5, 2), draw.choice(["red", "blue"])
            rows.writerow([a, b, c, a * b + (c == "red") + draw.gauss(0, 0.1)])
