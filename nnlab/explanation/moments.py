"""The moments of a run at which a row is explained: weights, batch and the optimizer's state.

Snapshots hold weights alone, so the state comes from the checkpoint, if it was saved at the end of
that epoch, or from the same training again, whose bits are the same.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace

import numpy as np

from nnlab.build import Built
from nnlab.core.layers import Layer
from nnlab.core.network import layer_kind
from nnlab.core.schedules import Plateau
from nnlab.core.types import Array
from nnlab.data.batches import Part
from nnlab.engine.network import EngineNetwork
from nnlab.errors import Diverged, RunUnreadable, UsageError
from nnlab.experiment import outcome
from nnlab.experiment.resume import initial_state, rebuild
from nnlab.experiment.state import digest, freeze, thaw
from nnlab.explanation.passage import Passage, RowMoment, draw_for
from nnlab.explanation.row import RowExplanation, RowFacts
from nnlab.explanation.selection import Selection, parse_units
from nnlab.run.run import Run
from nnlab.run.text import mapping_or_empty
from nnlab.show.words import count, duration
from nnlab.training import Plan, State, run_bursts, start
from nnlab.training.drivers import NumpyDriver
from nnlab.training.evaluation import Tally

BURST = 1024  # epochs, as a run does at once
NOTICED = 1.0  # seconds; a longer repetition is announced
MOST_PARAMETERS = 20_000_000  # 160 MB per copy, of which an update needs about ten
Note = Callable[[str], None]


@dataclass(frozen=True, eq=False)
class RowPlace:
    """A row in a part of the data: its place there, and its number in the file, from 1."""

    number: int
    name: str
    part: Part
    index: int


def explain_row(
    run: Run,
    row: int,
    epochs: Sequence[int] | None = None,
    units: Sequence[str] = (),
    note: Note = lambda sentence: None,
) -> Iterator[RowExplanation]:
    """The row with the weights after each of the epochs; default the last that was trained.

    row: its number in the data set or its file, from 1, as `nnlab predict --targets` prints it.
    units: see `parse_units`. note: gets sentences about what takes long. Raises UsageError,
    DataError where the data has changed, Diverged where a number is not finite.
    """
    refuse_layers(run.config.network)
    last = run.last_row.get("epoch") or 0
    wanted = sorted({last} if epochs is None else set(epochs))
    if bad := [epoch for epoch in wanted if not 0 <= epoch <= last]:
        nearest = 0 if bad[0] < 0 else last
        raise UsageError(
            f"The run {run.name} has {count(last, 'epoch')}, so there is no epoch {bad[0]:,}; the "
            f"nearest is {nearest:,}."
        )
    built = rebuild(run)
    network = built.network
    if built.dataset.weights is not None:
        raise UsageError("A training with weights of rows (data.weight) cannot be explained.")
    if network.theta.size > MOST_PARAMETERS:
        raise UsageError(
            f"The network has {network.theta.size:,} parameters: too many to explain, which goes "
            f"up to {MOST_PARAMETERS:,}."
        )
    selection = parse_units(units, network.layers, network.shapes[1:])
    place = find_row(built, row)
    state = initial_state(run, built)
    for epoch in wanted:
        state, source = reach(run, built, state, epoch, note)
        yield _explanation(run, built, place, state, source, selection)


def refuse_layers(layers: Sequence[Layer]) -> None:
    """Raises UsageError for a layer without a derivative."""
    for index, layer in enumerate(layers):
        if not layer.differentiable:
            raise UsageError(
                f"layer {index} ({layer_kind(layer)}) has no derivative, so no row can be "
                "explained: nothing would come back through it."
            )


def find_row(built: Built, row: int) -> RowPlace:
    """The part that has the row. Raises UsageError."""
    dataset = built.dataset
    for name, part, _ in outcome.parts(built):
        places = np.flatnonzero(dataset.rows_in_file(part.rows) + 1 == row)
        if places.size:
            return RowPlace(row, name, part, int(places[0]))
    numbers = dataset.rows_in_file(np.arange(dataset.rows)) + 1
    if row not in numbers:
        raise UsageError(
            f"There is no row {row:,}: the rows of {dataset.name} are numbered "
            f"{int(numbers.min()):,} to {int(numbers.max()):,}."
        )
    raise UsageError(f"Row {row:,} is in no part of this run: data.split leaves it out.")


def reach(run: Run, built: Built, state: State, epoch: int, note: Note) -> tuple[State, str]:
    """The state after an epoch, and where it comes from; `state` is of an earlier epoch."""
    if epoch == 0:
        return state, "weights/initial.npz"
    saved = None
    with suppress(RunUnreadable):  # a damaged one is not needed
        saved = run.checkpoint
    if saved is not None and (saved.meta.get("epoch"), saved.meta.get("batch")) == (epoch, 0):
        restored = _empty_state(built)
        thaw(restored, saved.arrays, saved.meta)
        return restored, "the checkpoint"
    if (seconds := _seconds(run, state.epoch, epoch)) >= NOTICED:
        took = duration(seconds)
        note(f"Training again up to epoch {epoch:,} for the optimizer's state: about {took}.")
    _train_to(built, state, epoch)
    recorded = mapping_or_empty(run.about.get("hashes")).get(str(epoch))
    if recorded not in (None, digest(state)):
        note("The last bits differ from those of the run: another machine or other versions.")
    return state, f"the training again up to epoch {epoch:,}"


def _seconds(run: Run, first: int, last: int) -> float:
    """How long the epochs took."""
    seconds = run.metrics.get("seconds", np.zeros(0))
    return float(seconds[last] - seconds[first]) if last < len(seconds) else 0.0


def _train_to(built: Built, state: State, epoch: int) -> None:
    """Train up to the end of an epoch; only a plateau schedule needs the validation part."""
    plan = replace(built.plan, burst=BURST, marks=(epoch,))
    if not isinstance(plan.schedule, Plateau):
        plan = replace(plan, validation=None, stopping=None)
    if state.epoch < epoch:
        for _ in run_bursts(plan, state):
            if state.epoch == epoch and state.batch == 0:
                return


def _empty_state(built: Built) -> State:
    """A state over a network of its own."""
    config, shape = built.config, built.network.shapes[0]
    return start(built.plan, EngineNetwork(config.network, shape, dtype=config.training.dtype))


def _explanation(
    run: Run, built: Built, place: RowPlace, state: State, source: str, selection: Selection
) -> RowExplanation:
    ended = run.written_status.finished and state.epoch == run.last_row.get("epoch")
    moment, sentence = row_moment(built, place, state, ended)
    plan, dataset = built.plan, built.dataset
    with np.errstate(all="ignore"):
        try:
            passage = Passage(
                built.config.network, built.network.inputs, plan.loss, plan.optimizer, moment
            )
        except ValueError as error:
            raise UsageError(
                f"Row {place.number:,} is in the {place.name} part, and no row can be explained "
                f"alone here: {error}. Choose a row of the training part, as row "
                f"{int(dataset.rows_in_file(plan.train.rows[:1])[0]) + 1}."
            ) from error
        if not passage.finite:
            raise Diverged(
                f"With the weights after epoch {moment.epoch:,}, the loss or a gradient of row "
                f"{place.number:,} is not finite. Choose an earlier epoch."
            )
    updates = moment.step - 1 - state.step  # of the epoch before that of the row: in no file
    since = f", and {count(updates, 'more update')}" if updates else ""
    facts = RowFacts(
        run=run.name,
        row=f"row {place.number:,} ({place.name} part)",
        number=place.number,
        part=place.name,
        raw=dataset.inputs[place.part.rows[place.index]],
        input_names=dataset.feature_names,
        output_names=run.output_names,
        task=dataset.task,
        sentences=(
            sentence,
            f"Weights and state of the optimizer: {source}{since}.",
            *_remarks(run, state, moment),
        ),
    )
    return RowExplanation(facts, passage, selection)


def _remarks(run: Run, state: State, moment: RowMoment) -> Iterator[str]:
    """Sentences where inputs or weights are not those of the data, of predict, or of final.npz."""
    if run.config.training.augment and not moment.alone:
        yield (
            "training.augment changes the image for this update, so its scaled inputs are others "
            "than those in the data."
        )
    if state.average is not None and not np.array_equal(state.average, state.network.values):
        yield _average_remark(run, moment.alone)
    if state.network.moving:
        rows = "this row alone" if moment.alone else f"the {len(moment.x):,} rows of the batch"
        yield (
            f"batch_norm uses the mean and variance of {rows}, as training does; nnlab predict "
            "uses the running ones, so its outputs differ."
        )
    final = mapping_or_empty(run.summary.get("final")).get("epoch")
    if state.epoch == run.last_row.get("epoch") and final not in (None, state.epoch):
        yield (
            f"weights/final.npz is not from this epoch but from epoch {final:,}, the best "
            f"(training.early_stopping.restore_best): see epoch {final}."
        )


def _average_remark(run: Run, alone: bool) -> str:
    """What the weights that evaluations use are, beside those that the optimizer updates."""
    key = "swa" if run.config.training.ema is None else "ema"
    others = f"averages of {{}} (training.{key})"
    if run.config.optimizer.searches:
        others = "the best that were tried"
    if alone:
        return f"They are {others.format('the weights')}, as evaluations use them."
    return (
        "The optimizer updates these weights; evaluations, figures and final.npz use "
        f"{others.format('them')}."
    )


def row_moment(built: Built, place: RowPlace, state: State, ended: bool) -> tuple[RowMoment, str]:
    """The moment before the next update that uses the row, and a sentence that says which.

    A row that no update of the next epoch uses is its own batch. Where the training has ended, the
    row's batch comes at once, so that the weights are those at the end.
    """
    if place.part is not built.plan.train:
        return _alone(built, place, state), (
            f"No update uses a row of the {place.name} part: the update is what this row alone "
            "would cause."
        )
    copied = _empty_state(built)
    thaw(copied, *freeze(state))
    plan = built.plan
    driver = _driver(plan, copied)
    order = driver.order(state.epoch)
    position = place.index if order is None else int(np.flatnonzero(order == place.index)[0])
    number, at = divmod(position, driver.batches.batch)
    if number >= driver.count:
        return _alone(built, place, state), (
            f"training.drop_last leaves the row out of epoch {state.epoch + 1:,}: the update is "
            "what this row alone would cause."
        )
    x, t = _walk_to(driver, number, train=not ended)
    lr, step = float(driver.rates(1)[0]), copied.step + 1
    values, draws = copied.network.values.copy(), draw_for(state.network, copied.generators, len(x))
    moment = RowMoment(state.epoch, x, t, at, values, copied.slots, lr, step, draws, False)
    if ended:
        rows = f", of {len(x):,} rows," if len(x) > 1 else ""
        return moment, f"The training has ended: the row's batch{rows} would continue it like this."
    return moment, _which_update(moment, number, driver.count)


def _which_update(moment: RowMoment, number: int, batches: int) -> str:
    """The sentence about an update of the training."""
    rows = f", of {len(moment.x):,} rows" if len(moment.x) > 1 else ""
    which = f"Update {moment.step:,} uses the row: batch {number + 1:,} of {batches:,}{rows}"
    before = f", after {count(number, 'update')} of epoch {moment.epoch + 1:,}" if number else ""
    return f"{which}. All numbers are those just before it{before}."


def _walk_to(driver: NumpyDriver, number: int, train: bool) -> tuple[Array, Array]:
    """Do the updates of the epoch before a batch, if `train`; its x and t. Raises Diverged."""
    state = driver.state
    for chunk in driver.batches.epoch(driver.order(state.epoch), 0, state.epoch):
        before = min(number - chunk.first, len(chunk.xs))
        if before and train:
            rows = before * chunk.batch
            done = replace(
                chunk,
                x=chunk.x[:rows],
                t=chunk.t[:rows],
                xs=chunk.xs[:before],
                ts=chunk.ts[:before],
            )
            if (failure := driver.update_chunk(done).failure) is not None:
                raise Diverged(
                    f"The training diverges in epoch {state.epoch + 1:,} before it comes to this "
                    f"row: the {failure} is not finite. Choose an earlier epoch."
                )
        if before < len(chunk.xs):
            return chunk.xs[before].copy(), chunk.ts[before].copy()
    raise RuntimeError(f"there is no batch {number}")


def _driver(plan: Plan, state: State) -> NumpyDriver:
    return NumpyDriver(plan, state, Tally.of(plan.kind, plan.loss, plan.train.targets))


def _alone(built: Built, place: RowPlace, state: State) -> RowMoment:
    """The row as its own batch, with the weights that are evaluated."""
    x, t = place.part.copied(slice(place.index, place.index + 1))
    values, slots = state.weights.copy(), {k: v.copy() for k, v in state.slots.items()}
    if built.plan.optimizer.searches:  # its slots belong to the loss of other rows
        slots = built.plan.optimizer.new_slots(state.network.trained)
    lr = float(_driver(built.plan, state).rates(1)[0])
    return RowMoment(state.epoch, x, t, 0, values, slots, lr, state.step + 1, {}, True)
