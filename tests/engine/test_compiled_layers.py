"""Every compiled layer against the reference: in float64, shared by threads, cut, stopped."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

pytest.importorskip("numba")

from nnlab.core.layers import LAYERS, Layer
from nnlab.core.losses import LOSSES
from nnlab.core.network import Network
from nnlab.core.optimizers import OPTIMIZERS
from nnlab.core.schedules import SCHEDULES
from nnlab.data.augment import AUGMENTATIONS, Augmenter
from nnlab.data.batches import Part
from nnlab.data.scale import Scaling
from nnlab.engine.compiled import convolution, program
from nnlab.engine.compiled import engine as compiled
from nnlab.engine.compiled.activations import COMPILED_ACTIVATIONS
from nnlab.engine.compiled.layers import COMPILED_LAYERS
from nnlab.experiment.state import freeze, thaw
from nnlab.training import Epoch, Plan, run_training, start
from tests.engine.test_agreement import NONE, compare, run

SHAPE, COUNT = (9, 8, 3), 45
compiled_arrays = compiled.own_arrays


def layer(name: str, **settings: Any) -> Layer:
    return LAYERS[name](**settings)


END = [layer("flatten"), layer("dense", units=3)]
NETWORKS = {
    "convolution": [layer("conv2d", filters=5, kernel=3), layer("tanh"), *END],
    "margin": [
        layer("conv2d", filters=5, padding="same"),
        *(layer("relu"), layer("max_pool")),
        layer("conv2d", filters=20, kernel=(2, 3), padding=1, bias=False),
        *(layer("sigmoid"), layer("avg_pool", size=3, stride=2), *END),
    ],
    "stride": [
        *(layer("conv2d", filters=4, stride=2, padding="same"), layer("gelu")),
        layer("conv2d", filters=40, kernel=(3, 2), stride=(1, 2), padding=1),
        *(layer("global_avg_pool"), layer("dense", units=3)),
    ],
    "channels": [  # rows of windows are copied, of some images at a time; margins are uneven
        *(layer("conv2d", filters=20, padding="same"), layer("tanh")),
        *(layer("conv2d", filters=18, kernel=(2, 4), padding="same"), layer("tanh")),
        *(layer("conv2d", filters=5, kernel=(1, 2)), layer("tanh"), *END),
    ],
    "few_places": [  # slopes are no convolution of slopes: it would multiply zeros
        *(layer("conv2d", filters=17, stride=2), layer("tanh")),
        *(layer("conv2d", filters=20, bias=False), layer("tanh"), *END),
    ],
    "overlap": [
        *(layer("max_pool", size=3, stride=1), layer("conv2d", filters=6, kernel=5, padding=2)),
        *(layer("max_pool", size=2, stride=1), layer("max_pool", size=(1, 2)), layer("softmax")),
        *(layer("reshape", shape=(3, 24)), *END),
    ],
    "ties": [  # windows that share a pixel have the same largest number
        layer("conv2d", filters=5, padding="same"),
        *(layer("max_pool", size=3, stride=1), layer("max_pool"), *END),
    ],
    "batch_norm": [
        *(layer("conv2d", filters=5, bias=False), layer("batch_norm"), layer("relu")),
        *(layer("max_pool"), layer("batch_norm", momentum=0.3)),
        *(layer("flatten"), layer("dense", units=12, bias=False), layer("batch_norm")),
        *(layer("tanh"), layer("dense", units=3)),
    ],
    "layer_norm": [  # it stores numbers for each row; the margin's zeros come behind them
        *(layer("layer_norm"), layer("conv2d", filters=5, padding="same"), layer("layer_norm")),
        *END,
    ],
    "dropout": [
        *(layer("dropout", rate=0.1), layer("conv2d", filters=5), layer("dropout", rate=0.3)),
        *(layer("tanh"), layer("flatten"), layer("dense", units=12), layer("dropout"), *END[1:]),
    ],
}
NETWORKS["all"] = [*NETWORKS["batch_norm"][:4], layer("dropout", rate=0.3), *END]


def images(batch: int, dtype: Any = np.float64, **changes: Any) -> Plan:
    rng = np.random.default_rng(5)
    x, t = rng.normal(size=(COUNT, *SHAPE)), rng.normal(size=(COUNT, 3))
    given: dict[str, Any] = {"epochs": 2, "schedule": SCHEDULES["constant"]()}
    given |= {"loss": LOSSES["mse"](), "optimizer": OPTIMIZERS["sgd"](lr=0.01, momentum=0.5)}
    given |= {"validation": None, "kind": "regression", "batch_size": batch}
    return Plan(train=Part(x, np.arange(COUNT), NONE, t, dtype), **given | changes)


def augmented(what: Plan) -> Plan:
    """The same plan, whose images are shifted and mirrored."""
    steps = (AUGMENTATIONS["shift"](pixels=2), AUGMENTATIONS["flip"]())
    what.train.augmenter = Augmenter(steps, SHAPE, blank=0.0, seed=1)
    return what


def network(name: str, dtype: Any = np.float64) -> Network:
    return Network(NETWORKS[name], SHAPE, seed=3, dtype=dtype)


@pytest.fixture(params=[1, 2, 4])
def threads(request: Any, monkeypatch: pytest.MonkeyPatch) -> int:
    monkeypatch.setattr(compiled, "team_size", lambda batch, flops: min(request.param, batch))
    return int(request.param)


def poisoned(*given: Any) -> dict[str, Any]:
    """A thread's arrays, not 0 where the kernels must write before they read.

    An update with nan would be refused, and NumPy would do it.
    """
    arrays = compiled_arrays(*given)
    for name in ("a", "d", "room", "outputs"):
        arrays[name].fill(100)
    arrays["g"][: given[1].parameters] = 100  # behind, those of buffers stay 0
    return arrays


def test_every_layer_is_compared():
    kinds = {kind for layers in NETWORKS.values() for kind in map(type, layers)}
    wanted = [LAYERS[name] for name in COMPILED_LAYERS if name not in COMPILED_ACTIVATIONS]
    assert set(wanted) <= kinds


@pytest.mark.parametrize("name", NETWORKS)
def test_every_layer(name, threads, monkeypatch):
    """The last batch is shorter: of its 3 rows one thread gets none."""
    monkeypatch.setattr(program, "CACHE_BYTES", 40_000)  # of one image, or a few
    monkeypatch.setattr(convolution, "CACHE_NUMBERS", 20_000)  # likewise
    monkeypatch.setattr(compiled, "own_arrays", poisoned)
    first = 1 if not any(one.least_batch((4,)) > 1 for one in NETWORKS[name]) else COUNT
    for batch in (first, 7, 21):
        what = images(batch, ema=0.9 if batch == 7 else None)
        compare(replace(what, record_steps=batch == 21), network(name), 1e-9)


@pytest.mark.parametrize("name", ["margin", "all"])
def test_in_float32(name, threads):
    """To the rounding of float32."""
    what = images(21, np.float32)
    losses = {}
    for engine in ("numpy", "compiled"):
        state = start(replace(what, engine=engine), network(name, np.float32))
        records = run_training(replace(what, engine=engine), state)
        losses[engine] = [one.train["loss"] for one in records if isinstance(one, Epoch)]
    assert losses["compiled"] == pytest.approx(losses["numpy"], rel=1e-4)


def test_images_go_through_the_layers_some_at_a_time():
    """As many as stay in the cache; all of them where a layer needs the whole batch."""
    small, loss = network("margin"), LOSSES["mse"]()
    numbers = 2 * sum(int(np.prod(shape)) for shape in small.shapes[1:-2]) + 2 * 3
    fitting = program.CACHE_BYTES // (8 * numbers)
    portion = program.compose(small, loss, 1000, 0).portion
    assert 0 < portion <= fitting < 2 * portion
    assert program.compose(network("all"), loss, 1000, 0, 2).portion == 500


@pytest.mark.parametrize("given", [1, 9_000, 2**22])  # numbers per call: of 1, 4, all batches
def test_augmented_images(threads, given, monkeypatch):
    """Each batch as the NumPy engine sees it, whatever a call gets; also full batches."""
    monkeypatch.setattr(compiled, "GIVEN_NUMBERS", given)
    for changes in ({"epochs": 5, "burst": 5}, {"drop_last": True}, {"shuffle": False}):
        compare(augmented(images(7, **changes)), network("all"), 1e-9)
    compare(augmented(images(COUNT)), network("margin"), 1e-9)


def test_augmented_pixels():
    """Rows in uint8, some of the file's, are scaled before they are changed."""
    rng = np.random.default_rng(2)
    pixels, targets = (
        rng.integers(0, 256, (60, *SHAPE)).astype(np.uint8),
        rng.normal(size=(COUNT, 3)),
    )
    scaling = Scaling("standardize", np.array(100.0), np.array(1 / 50))
    part = Part(pixels, rng.permutation(60)[:COUNT], scaling, targets, np.float64)
    compare(augmented(replace(images(7), train=part)), network("all"), 1e-9)


def test_stopped_at_any_record_it_ends_the_same(threads, monkeypatch):
    """Bit for bit: masks, running statistics, their average, changed images."""
    monkeypatch.setattr(compiled, "GIVEN_NUMBERS", 4_000)  # two batches
    what = augmented(images(7, ema=0.9, record_steps=True, engine="compiled"))
    records, state = run(what, network("all"), "compiled")
    wanted, meta = freeze(state)
    wanted = {key: array.copy() for key, array in wanted.items()}
    for after in range(0, len(records), max(1, len(records) // 4)):
        begun = start(what, network("all"))
        for number, _ in enumerate(run_training(what, begun)):
            if number == after:
                break
        arrays, numbers = freeze(begun)
        again = start(what, network("all"))
        thaw(again, {key: array.copy() for key, array in arrays.items()}, numbers)
        list(run_training(what, again))
        arrays, numbers = freeze(again)
        assert numbers == meta, after
        for key, array in wanted.items():
            np.testing.assert_array_equal(arrays[key], array, err_msg=f"{key} after {after}")


def test_what_is_drawn_for_an_update_that_numpy_does():
    """The generators stand where NumPy's would: the refused update draws and changes again."""
    schedule = SCHEDULES["one_cycle"](per="step")
    what = images(7, optimizer=OPTIMIZERS["sgd"](lr=1.2e3), loss=LOSSES["mae"](), schedule=schedule)
    compare(augmented(what), network("dropout"), 1e-7)


@pytest.mark.parametrize("name", ["batch_norm", "dropout"])
def test_what_is_not_finite_is_named_as_by_numpy(name, threads):
    what = images(21)
    what.train.inputs[-1, 4, 4, 0] = np.inf
    compare(what, network(name))
    compare(augmented(what), network(name))
