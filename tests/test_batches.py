"""Batches: every row once, converted as a float64 calculation would, through the same memory."""

import tracemalloc

import numpy as np
import pytest

from nnlab.core.layers import LAYERS
from nnlab.core.losses import LOSSES
from nnlab.core.network import Network
from nnlab.core.optimizers import OPTIMIZERS
from nnlab.data import batches
from nnlab.data.batches import Batches, Part
from nnlab.data.scale import Scaling, fit_scaling
from nnlab.engine.numpy_engine import NumpyEngine

NONE = Scaling("none", np.zeros(()), np.ones(()))


def numbered(rows, width=2, dtype=np.float64):
    """A part whose row i holds i everywhere, in the inputs and in the target."""
    column = np.arange(rows, dtype=np.float64)[:, None]
    return Part(np.repeat(column, width, axis=1), np.arange(rows), NONE, column, dtype)


def walked(loader, order=None, first=0):
    """Row numbers in the order of an epoch, sizes of the batches, and numbers of the chunks."""
    rows, sizes, firsts = [], [], []
    for chunk in loader.epoch(order, first):
        firsts.append(chunk.first)
        np.testing.assert_array_equal(np.concatenate(chunk.xs), chunk.x)
        np.testing.assert_array_equal(np.concatenate(chunk.ts), chunk.t)
        assert {len(x) for x in chunk.xs} == {len(t) for t in chunk.ts} == {chunk.batch}
        np.testing.assert_array_equal(chunk.x, np.repeat(chunk.t, chunk.x.shape[1], axis=1))
        rows += chunk.t[:, 0].astype(int).tolist()
        sizes += [len(x) for x in chunk.xs]
    return rows, sizes, firsts


# --- every row once ---------------------------------------------------------------------------


@pytest.mark.parametrize("shuffled", [False, True])
@pytest.mark.parametrize("drop_last", [False, True])
@pytest.mark.parametrize("batch", [1, 2, 3, 7, 8, 12, 13, 14, 100])
@pytest.mark.parametrize("per_chunk", [1, 2, 1024])
def test_every_row_is_visited_once(monkeypatch, per_chunk, batch, drop_last, shuffled):
    monkeypatch.setattr(batches, "CHUNK_BATCHES", per_chunk)
    order = np.random.default_rng(0).permutation(13) if shuffled else None
    loader = Batches(numbered(13), batch, drop_last)
    expected = list(range(13)) if order is None else order.tolist()
    size = min(batch, 13)
    full, rest = divmod(13, size)
    sizes = [size] * full + ([rest] if rest and not drop_last else [])
    for _ in range(2):  # the second epoch goes through the same memory
        rows, seen, _ = walked(loader, order)
        assert rows == expected[: sum(sizes)]
        assert seen == sizes
    assert loader.count == len(sizes)


def test_a_new_order_in_every_epoch():
    loader = Batches(numbered(10), 4)
    for seed in range(5):
        order = np.random.default_rng(seed).permutation(10)
        assert walked(loader, order)[0] == order.tolist()


@pytest.mark.parametrize(
    ("batches_a_chunk", "firsts"),
    [(1, [0, 1, 2, 3, 4, 5]), (2, [0, 2, 4, 5]), (3, [0, 3, 5]), (5, [0, 5]), (9, [0, 5])],
)
def test_chunks_begin_where_the_one_before_ends(monkeypatch, batches_a_chunk, firsts):
    """Five batches of two rows and one of one row; the short one is a chunk of its own."""
    monkeypatch.setattr(batches, "CHUNK_BATCHES", batches_a_chunk)
    loader = Batches(numbered(11), 2)
    assert walked(loader)[2] == firsts
    for first in [*firsts, 6]:  # starting within an epoch
        rows, _, rest = walked(Batches(numbered(11), 2), first=first)
        assert rows == list(range(2 * first, 11))
        assert rest == [start for start in firsts if start >= first]


@pytest.mark.parametrize(
    ("width", "batch", "per_chunk"),
    [
        (15, 1, 1024),  # 128 bytes a row with its target: 4,096 would fit, 1,024 are the most
        (15, 8, 512),
        (1023, 16, 4),  # 8 KiB a row
        (1023, 64, 1),
        (1023, 100, 1),  # larger than a chunk should be: still whole batches
    ],
)
def test_a_chunk_is_half_a_mebibyte(width, batch, per_chunk):
    loader = Batches(numbered(5000, width), batch)
    assert loader.per_chunk == per_chunk
    assert loader.x.shape == (per_chunk * batch, width)


# --- the only chunk stays ----------------------------------------------------------------------


def test_the_only_chunk_is_gathered_once():
    loader = Batches(numbered(12), 4)
    first = next(iter(loader.epoch(None)))
    loader.part.inputs = None  # a second gather would fail
    again = list(loader.epoch(None))
    assert again == [first]
    assert again[0] is first


@pytest.mark.parametrize(("rows", "batch"), [(13, 4), (9, 8)])
def test_a_chunk_that_is_overwritten_is_not_kept(rows, batch):
    loader = Batches(numbered(rows), batch)
    walked(loader)
    assert loader.resident is None


def test_a_shuffled_epoch_after_a_resident_one_is_shuffled():
    loader, order = Batches(numbered(6), 2), np.array([5, 3, 1, 0, 2, 4])
    assert walked(loader)[0] == list(range(6))
    assert walked(loader, order)[0] == order.tolist()


# --- parts ------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["none", "unit", "standardize", "standardize_all"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("lazy", [True, False])
def test_rows_are_what_float64_scaling_gives(kind, dtype, lazy):
    """Images are converted in the network's dtype: within three roundings of it."""
    rng = np.random.default_rng(0)
    inputs = rng.integers(0, 256, (50, 20)).astype(np.uint8)
    inputs[:, 3] = 7  # constant
    inputs = inputs if lazy else inputs.astype(np.float64)
    rows = rng.permutation(50)[:30]
    scaling = fit_scaling(kind, inputs, rows, (0.0, 255.0) if kind == "unit" else None)
    part = Part(inputs, rows, scaling, np.zeros((30, 1)), dtype)
    x, _ = part.copied(slice(0, len(part)))
    exact = (inputs[rows].astype(np.float64) - scaling.shift) * scaling.factor
    assert x.dtype == dtype
    # The error of a difference is relative to its terms, which are at most 255 here.
    largest = 255 * np.max(scaling.factor)
    np.testing.assert_allclose(x, exact, rtol=0, atol=3 * np.finfo(dtype).eps * largest)
    np.testing.assert_array_equal(x[:, 3] == x[0, 3], True)


def test_images_stay_bytes():
    inputs = np.zeros((10, 5), np.uint8)
    part = Part(inputs, np.arange(4), NONE, np.zeros((4, 1)), np.float32)
    assert part.inputs is inputs
    assert len(part) == 4
    assert part.row == (5,)


@pytest.mark.parametrize("dtype", [np.uint8, np.float64])
@pytest.mark.parametrize("which", [slice(1, 3), np.array([3, 0, 0]), np.array([], int)])
def test_some_rows(dtype, which):
    inputs = np.arange(24).reshape(8, 3).astype(dtype)
    targets = np.arange(4.0)[:, None]
    rows = np.array([7, 5, 2, 0])
    x, t = Part(inputs, rows, NONE, targets, np.float64).copied(which)
    np.testing.assert_array_equal(x, inputs[rows[which]])
    np.testing.assert_array_equal(t, targets[which])


@pytest.mark.parametrize("dtype", [np.uint8, np.float64])
def test_nothing_of_the_caller_is_changed(dtype):
    inputs, rows = np.arange(60).reshape(20, 3).astype(dtype), np.arange(20)[::-1].copy()
    targets, order = np.arange(20.0)[:, None], np.random.default_rng(0).permutation(20)
    before = [array.copy() for array in (inputs, rows, targets, order)]
    for array in (inputs, rows, targets, order):
        array.flags.writeable = False
    loader = Batches(Part(inputs, rows, fit_scaling("unit", inputs, rows), targets, np.float64), 3)
    for chunk in [*loader.epoch(None), *loader.epoch(order)]:
        for array in (inputs, targets):
            assert not np.shares_memory(chunk.x, array)
            assert not np.shares_memory(chunk.t, array)
        chunk.x[...] = chunk.t[...] = np.nan
    for array, old in zip((inputs, rows, targets, order), before, strict=True):
        np.testing.assert_array_equal(array, old)
    assert np.isfinite(loader.part.copied(slice(0, len(loader.part)))[0]).all()


# --- memory -----------------------------------------------------------------------------------

LOSS_AND_LAST = [
    ("mse", "linear"),
    ("mae", "tanh"),
    ("huber", "gelu"),
    ("bce", "sigmoid"),
    ("cross_entropy", "softmax"),
]


def peak_of(action):
    """Bytes allocated at once by a second, a third and a fourth time."""
    action()
    tracemalloc.start()
    try:
        for _ in range(3):
            action()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def engine_peak(loss, last, optimizer, batch):
    """Bytes that updates with `batch` rows allocate at once."""
    names = [("dense", 32), "relu", "dropout", ("dense", 32), last]
    layers = [LAYERS[n]() if isinstance(n, str) else LAYERS[n[0]](n[1]) for n in names]
    network = Network(layers, 32)
    rule = OPTIMIZERS[optimizer](lr=1e-4, weight_decay=1e-4, clip_norm=1.0)
    slots = rule.new_slots(network.theta)
    average, draws = network.theta.copy(), network.generators(0)
    engine = NumpyEngine(network, LOSSES[loss](), rule, slots, average, 0.9, draws, {batch: 1})
    x = np.random.default_rng(0).normal(size=(batch, 32))
    t = np.eye(32)[np.arange(batch) % 32]
    return peak_of(lambda: engine.run(batch, [x], [t], [1e-4], 0))


@pytest.mark.parametrize("optimizer", [k for k, own in OPTIMIZERS.items() if not own.searches])
@pytest.mark.parametrize(("loss", "last"), LOSS_AND_LAST)
def test_an_update_allocates_nothing_that_grows_with_the_batch(loss, last, optimizer):
    """What is left is NumPy's buffer of 8,192 numbers; one number a row would be 24 kB more."""
    small, large = (engine_peak(loss, last, optimizer, batch) for batch in (1000, 4000))
    assert large < 72 * 1024
    assert large - small < 4 * 1024


@pytest.mark.parametrize("kind", ["unit", "standardize"])
@pytest.mark.parametrize("dtype", [np.uint8, np.float64])
def test_gathering_allocates_only_row_numbers(kind, dtype):
    """A chunk of 512 kB of rows needs 8 bytes a row for what rows to take, and NumPy's buffers."""
    inputs = np.random.default_rng(0).integers(0, 256, (2000, 128)).astype(dtype)
    rows = np.arange(2000)
    part = Part(inputs, rows, fit_scaling(kind, inputs, rows), np.zeros((2000, 1)), np.float32)
    loader, order = Batches(part, 100), rows[::-1].copy()
    assert peak_of(lambda: [None for _ in loader.epoch(order)]) < 128 * 1024


def test_an_epoch_can_begin_at_any_batch():
    """Also where the whole epoch is one chunk that stays in memory."""
    loader = Batches(numbered(12), 2)
    whole = list(range(12))
    for first in (0, 3, 1, 5):
        assert walked(loader, first=first)[0] == whole[2 * first :]
        assert walked(loader)[0] == whole
