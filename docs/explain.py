"""The page docs/explain.md: the smallest network, by hand and by `nnlab explain`, and --json."""

import tempfile
from dataclasses import dataclass, replace
from pathlib import Path

import nnlab
from nnlab.config.load import load_config
from nnlab.explanation.row import RowExplanation

TABLE = """\
a,b,y
1,2,1
0,1,0
2,0,1
"""
CONFIG = """\
data: {name: csv, path: table.csv, target: y, task: regression}
network:
  - dense: {units: 2, bias: [0, 0.5], weight: [[0.5, -0.5], [0.25, 1.0]]}
  - relu
  - dense: {units: 1, bias: [0.5], weight: [[2], [-1]]}
loss: mse
optimizer: {name: sgd, lr: 0.1, momentum: 0.5}
training: {epochs: 2, batch_size: 1, shuffle: false, dtype: float64}
"""
NAME = "by-hand"


@dataclass(frozen=True)
class HandWorked:
    """A number worked out by hand, and where --json has it: kind, layer, name of the row, key."""

    what: str
    formula: str
    numbers: str
    value: float
    place: tuple[str, str | None, str | int, str]


FORWARD = (
    HandWorked("`0.dense`, unit 0", "x W + b", "1 · 0.5 + 2 · 0.25 + 0", 1, ("outputs", "0.dense", 0, "y")),
    HandWorked("`0.dense`, unit 1", "", "1 · (-0.5) + 2 · 1 + 0.5", 2, ("outputs", "0.dense", 1, "y")),
    HandWorked("`1.relu`, unit 0", "max(x, 0)", "max(1, 0)", 1, ("outputs", "1.relu", 0, "y")),
    HandWorked("`1.relu`, unit 1", "", "max(2, 0)", 2, ("outputs", "1.relu", 1, "y")),
    HandWorked("`2.dense`, the output y", "x W + b", "1 · 2 + 2 · (-1) + 0.5", 0.5, ("outputs", "2.dense", 0, "y")),
    HandWorked("the loss L", "(y - t)²", "(0.5 - 1)²", 0.25, ("loss", None, "y", "loss")),
)  # fmt: skip
BACKWARD = (
    HandWorked("dL/dy", "2 (y - t)", "2 · (0.5 - 1)", -1, ("loss_slope", None, "y", "dy")),
    HandWorked("`2.dense`, by weight[0,0]", "x dy", "1 · (-1)", -1, ("gradients", "2.dense", "weight[0,0]", "gradient")),
    HandWorked("`2.dense`, by weight[1,0]", "", "2 · (-1)", -2, ("gradients", "2.dense", "weight[1,0]", "gradient")),
    HandWorked("`2.dense`, by bias[0]", "dy", "-1", -1, ("gradients", "2.dense", "bias[0]", "gradient")),
    HandWorked("by the output of relu unit 0", "W dy", "2 · (-1)", -2, ("input_slopes", "2.dense", 0, "dx")),
    HandWorked("by the output of relu unit 1", "", "(-1) · (-1)", 1, ("input_slopes", "2.dense", 1, "dx")),
    HandWorked("by the input of relu unit 0", "dy where x > 0", "-2, as 1 > 0", -2, ("input_slopes", "1.relu", 0, "dx")),
    HandWorked("by the input of relu unit 1", "", "1, as 2 > 0", 1, ("input_slopes", "1.relu", 1, "dx")),
    HandWorked("`0.dense`, by weight[0,0]", "x dy", "1 · (-2)", -2, ("gradients", "0.dense", "weight[0,0]", "gradient")),
    HandWorked("`0.dense`, by weight[0,1]", "", "1 · 1", 1, ("gradients", "0.dense", "weight[0,1]", "gradient")),
    HandWorked("`0.dense`, by weight[1,0]", "", "2 · (-2)", -4, ("gradients", "0.dense", "weight[1,0]", "gradient")),
    HandWorked("`0.dense`, by weight[1,1]", "", "2 · 1", 2, ("gradients", "0.dense", "weight[1,1]", "gradient")),
    HandWorked("`0.dense`, by bias[0]", "dy", "-2", -2, ("gradients", "0.dense", "bias[0]", "gradient")),
    HandWorked("`0.dense`, by bias[1]", "", "1", 1, ("gradients", "0.dense", "bias[1]", "gradient")),
    HandWorked("by the input a", "W dy", "0.5 · (-2) + (-0.5) · 1", -1.5, ("input_slopes", "0.dense", "a", "dx")),
    HandWorked("by the input b", "", "0.25 · (-2) + 1 · 1", 0.5, ("input_slopes", "0.dense", "b", "dx")),
)  # fmt: skip
UPDATE = (
    HandWorked("`0.dense`, weight[0,0]", "w - lr (momentum v + g)", "0.5 - 0.1 · (0.5 · 0 + (-2))", 0.7, ("update", "0.dense", "weight[0,0]", "new_w")),
    HandWorked("`0.dense`, weight[1,0]", "", "0.25 - 0.1 · (0.5 · 0 + (-4))", 0.65, ("update", "0.dense", "weight[1,0]", "new_w")),
    HandWorked("`0.dense`, bias[1]", "", "0.5 - 0.1 · (0.5 · 0 + 1)", 0.4, ("update", "0.dense", "bias[1]", "new_w")),
    HandWorked("`2.dense`, weight[0,0]", "", "2 - 0.1 · (0.5 · 0 + (-1))", 2.1, ("update", "2.dense", "weight[0,0]", "new_w")),
    HandWorked("`2.dense`, weight[1,0]", "", "-1 - 0.1 · (0.5 · 0 + (-2))", -0.8, ("update", "2.dense", "weight[1,0]", "new_w")),
)  # fmt: skip

PAGE = """\
# A row through the network and back

`nnlab explain RUN --row N` shows one row of the data on its way through a network: what each unit makes of it, its loss, each
derivative, and the update of each weight. This page works the smallest example out by hand, shows what the command
prints, and describes the object that `--json` prints. In Python, `nnlab.explain(run, row)` gives the same.

## The example

`table.csv` has two inputs and a target:

```text
{table}```

`{name}.yaml` gives a network of two inputs, two hidden units and one output its weights:

```yaml
{config}```

`weight[i,j]` leads from input i of a layer to its unit j. Rows are taken one by one in their order, so the first update uses row
1: x = (1, 2), t = 1.

## By hand

Forward: each unit adds up its inputs times its weights, and its bias.

{forward}

Backward: the chain rule, from the loss to the inputs. dy is the derivative of L by the output of a layer.

{backward}

The update: sgd with momentum 0.5 and lr 0.1. The velocity v of each weight is 0 before the first update, g is the gradient.
Five of the nine:

{update}

## By the command

```sh
nnlab train {name}.yaml --name {name}
nnlab explain latest --row 1 --epoch 0
```

The *difference* beside each derivative is computed without the chain rule: the number is moved a little up and down, and L
is computed again, `(L(w + h) - L(w - h)) / 2h`. Both agree to about ten digits where the derivative is right.

```text
{output}
```

`--html row.html` writes the same as a web page with the formulas set as formulas.

## Which weights

* `--epoch N` takes the weights after N epochs, 0 those before training; the default is the last epoch that was trained. All numbers are
  those just before the next update that uses the row, so up to an epoch of further updates may come in between. The
  first lines of the output say so.
* With early stopping and `restore_best`, `weights/final.npz` is from the best epoch, which is earlier than the last. With
  `training.ema` or `swa` it holds averaged weights, but the optimizer updates those that are not averaged. The first lines say this, too.
* The update leaves frozen layers (`freeze: true`) as they are; the rule names them. Their gradients are shown in the backward chapter.
* A row of the validation or test part is used by no update. Its update is what this row alone would cause, with the weights
  that are evaluated.
* `batch_norm` makes the outputs of a row depend on its whole batch. The batch of the update is then computed with the row, and
  the derivatives are those of the row's own loss. `nnlab predict` uses the running statistics, so its outputs are others. A row of a
  table that no update uses cannot pass alone there.
* `training.augment` changes images as they are gathered: the scaled inputs are those of the changed image.
* `dropout` drops what it drops in that update.

## As JSON

`--json` prints one object, `{{"explanations": [...]}}`, with an entry per epoch. An entry is what `to_dict` of a result of
`nnlab.explain` returns. Numbers have all their digits; nan and inf are null.

| key | value |
|---|---|
| `run`, `row`, `part` | the name of the run; the number of the row in the data, from 1; `train`, `validation` or `test` |
| `epoch`, `update`, `lr`, `batch_rows` | after how many epochs; the number of the update, from 1; its learning rate; the rows of its batch |
| `sentences` | which moment and which weights these are |
| `target`, `outputs`, `loss` | lists of numbers, target and outputs in the units of the data; L |
| `chapters` | the four parts of the text: objects with `title`, `text` and `blocks` |

A block is a table of the text:

| key | value |
|---|---|
| `kind` | `inputs`, `outputs`, `channels` (of images), `loss`, `loss_slope`, `gradients`, `input_slopes`, `rule`, `update` or `rule_steps` |
| `layer` | the name of the layer, `0.dense`; null for the whole network |
| `title`, `text`, `left_out` | as printed; `left_out` says which rows of the table are not shown; `--unit` shows them |
| `formulas` | objects with `name` and `formula`, in the words of the text; the lines of a rule in their order |
| `rows` | objects with the columns of the table; a column without a value is absent |

The columns:

| key | value |
|---|---|
| `input`, `output`, `unit`, `channel`, `parameter`, `name` | which number the row of the table is about: a name, or a number counted from 0 |
| `raw`, `scaled` | an input as in the data, and as the network gets it |
| `x`, `y`, `t`, `loss` | input and output of a unit, the target, the loss of an output |
| `dx`, `dy`, `dz`, `gradient`, `norm`, `norm_y`, `norm_dy` | derivatives of L by x, y, z (before the activation that is part of the loss) or a parameter; lengths of arrays |
| `central_difference` | the same derivative without the chain rule |
| `w`, `row_g`, `g`, `new_w` | a parameter before and after; the gradient of the row, in a batch of several; that of the batch |
| `value`, and the optimizer's state by its names | the result of a line of the rule; `velocity`, `m`, `v`, ... before the update |
| `formula` | the formula with its numbers: `formula`, `numbers` (name → number, or a list where it is summed over; `norm(g)` and `mean(x)` are names, too), `at` (the element of such a list that stands outside the sum), `text` |
"""


def explain_page() -> str:
    """The page; trains the example."""
    return PAGE.format(
        table=TABLE,
        config=CONFIG,
        name=NAME,
        forward=_table(FORWARD),
        backward=_table(BACKWARD),
        update=_table(UPDATE),
        output=explained_example(),
    )


def explained_example() -> RowExplanation:
    """Row 1 before training, under a name without a date."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        (folder / "table.csv").write_text(TABLE, encoding="utf-8")
        (folder / f"{NAME}.yaml").write_text(CONFIG, encoding="utf-8")
        run = nnlab.train(load_config(folder / f"{NAME}.yaml").config, runs=folder)
        (explained,) = nnlab.explain(run, 1, 0)
    return replace(explained, facts=replace(explained.facts, run=NAME))


def _table(numbers: tuple[HandWorked, ...]) -> str:
    rows = [f"| {n.what} | {n.formula} | {n.numbers} | {n.value:g} |" for n in numbers]
    return "\n".join(["| | formula | with numbers | value |", "|---|---|---|---|", *rows])
