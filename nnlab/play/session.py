"""A network that trains in a thread of its own: play, pause, step, change, keep.

The thread owns everything that changes. Others hand it a function and wait for the answer, so
nothing is locked. It trains with the engine and the loop of `nnlab train`.
"""

from collections.abc import Callable, Iterator
from concurrent.futures import Future
from dataclasses import replace
from pathlib import Path
from queue import Empty, Queue
from threading import Thread
from time import monotonic, sleep
from typing import Any, TypeVar

from nnlab.build import Built, build, make_plan
from nnlab.config.load import Loaded
from nnlab.config.schema import Config
from nnlab.core.optimizers import Optimizer
from nnlab.core.types import Array
from nnlab.errors import UsageError
from nnlab.experiment.describe import epoch_row
from nnlab.experiment.session import begin
from nnlab.experiment.state import start_weights
from nnlab.play.history import PlayHistory
from nnlab.run.run import Run
from nnlab.status import Status
from nnlab.training import Epoch, Failure, Record, final_weights, run_bursts, start

T = TypeVar("T")
PATIENCE = 60.0  # seconds that an answer may take; one long update comes before it
LONGEST = 0.01  # seconds that updates may take at a time; between them the page is answered
FEW, MANY = 8, 1 << 15  # updates at a time: at first, and at most
SLOW = 3  # times in a row: an epoch's evaluation alone takes long once in a while
FRAME = 1 / 40  # seconds from one state that is shown to the next
REST = 0.012  # seconds after a state that is shown, in which the server and the page get on
BUSY = "The network is still at work. Try again in a moment."


class SteppedTraining:
    """A training that stops between any two updates. Not for several threads."""

    def __init__(self, config: Config) -> None:
        """Raises ConfigError, DataError."""
        self.built: Built = build(config)
        start_weights(self.built)
        self.plan = self.built.plan
        self.state = start(self.plan, self.built.network)
        self.history, self.failure = PlayHistory(self.state.weights), ""
        self.failed: Failure | None = None
        self.changes: list[int] = []  # updates after which a setting changed
        self._records: Iterator[list[Record]] | None = None
        self._limits = (0, 0)  # of the running loop: updates and epochs at a time
        self._most, self._slow = FEW, 0  # and how often in a row that was too many
        self._note(next(self._bursts(1, 1)))  # row 0

    @property
    def config(self) -> Config:
        return self.built.config

    @property
    def batches(self) -> int:
        """The updates of an epoch."""
        rows, size = len(self.plan.train), min(self.plan.batch_size, len(self.plan.train))
        return rows // size if self.plan.drop_last else -(-rows // size)

    @property
    def epochs(self) -> float:
        """Epochs that are done, with the part of the running one."""
        return self.state.epoch + self.state.batch / self.batches

    @property
    def is_over(self) -> bool:
        return self.state.status is not Status.RUNNING

    def step(self) -> None:
        """The next update."""
        self._go_on(1, 1)

    def advance(self, epochs: int = 1) -> None:
        """The next updates: as many as take some milliseconds, of at most so many epochs."""
        began = monotonic()
        self._go_on(self._most, max(1, min(epochs, self._most // self.batches)))
        took = monotonic() - began
        self._slow = self._slow + 1 if took > LONGEST else 0
        if self._slow >= SLOW:
            self._most, self._slow = max(1, self._most // 2), 0
        elif took < LONGEST / 4:
            self._most = min(2 * self._most, MANY)

    def _go_on(self, updates: int, epochs: int) -> None:
        records = next(self._bursts(updates, epochs), None)
        if records is None:
            self._records = None
        else:
            self._note(records)
            if not self.state.batch:
                self.history.remember(self.state.epoch, self.state.weights)

    def advance_epoch(self) -> None:
        """The rest of the running epoch, or all of the next."""
        self.advance()
        self.finish_epoch()

    def finish_epoch(self) -> None:
        """Every update that is left of the running epoch."""
        while self.state.batch and not self.is_over:
            self.advance()

    def _bursts(self, updates: int, epochs: int) -> Iterator[list[Record]]:
        """The loop; a new one where these limits are new, which change no number."""
        if self._records is None or self._limits != (updates, epochs):
            self._limits = updates, epochs
            plan = replace(self.plan, chunk=updates, burst=epochs)
            self._records = run_bursts(plan, self.state)
        return self._records

    def _note(self, records: list[Record]) -> None:
        for record in records:
            if isinstance(record, Epoch):
                self.history.add(epoch_row(record, 0.0))
            elif isinstance(record, Failure):
                self.failed = record
                self.failure = f"The training diverged at update {record.step:,}: {record.what}."

    def change(self, config: Config) -> None:
        """Takes settings that need no reset. The updates before them stay as they were."""
        before, built = self.config, self.built
        engine = before.training.engine  # `auto` may choose another for the new settings
        config = replace(config, training=replace(config.training, engine=engine))
        if config.data != before.data:
            built = replace(build(config), network=self.state.network)
        loss, plan = built.plan.loss, built.plan
        is_end = config.training.epochs <= self.state.epoch
        if is_end or config.training.batch_size != before.training.batch_size:
            self.finish_epoch()  # by the settings that it was begun with
        new = make_plan(config, loss, plan.train, plan.validation, built.kind)
        self.state.slots = self._carried_slots(new.optimizer, config.data == before.data)
        if self.state.step and not self._same_so_far(config):
            self.changes.append(self.state.step)
        self.built, self.plan, self._records = replace(built, config=config, plan=new), new, None
        if self.state.status is Status.COMPLETED and self.state.epoch < new.epochs:
            self.state.status = Status.RUNNING

    def _carried_slots(self, optimizer: Optimizer, same_data: bool) -> dict[str, Array]:
        """The slots of the optimizer, with the numbers so far; none where it compared losses."""
        slots = optimizer.new_slots(self.state.network.trained)
        own = self.state.slots if same_data or not optimizer.searches else {}
        fit = {k: own[k] for k in slots.keys() & own.keys() if own[k].shape == slots[k].shape}
        return slots | fit

    def _same_so_far(self, config: Config) -> bool:
        """Whether the updates that were done are those of this config too."""
        played = replace(self.config.training, epochs=config.training.epochs)
        return replace(self.config, training=played) == config and self._same_rates(
            config.training.epochs
        )

    def _same_rates(self, epochs: int) -> bool:
        """Whether all rates so far are those of a training of so many epochs."""
        schedule, lr, per_step = self.plan.schedule, self.plan.optimizer.lr, self.batches
        times = range(self.state.epoch + (self.state.batch > 0))
        totals = [self.plan.epochs, epochs]
        if schedule.per == "step":
            times, totals = range(self.state.step), [total * per_step for total in totals]
        if totals[0] == totals[1]:
            return True
        return all(len({schedule.rate(t, lr, total) for total in totals}) == 1 for t in times)

    def repeatable(self) -> tuple[Config, Array]:
        """The config whose training ends in these weights (V,), and they.

        The running epoch is finished first. Raises UsageError if there is no such config.
        """
        self.finish_epoch()
        if self.failure:
            raise UsageError(f"{self.failure} There is nothing to keep.")
        if self.changes:
            raise UsageError(
                f"A setting was changed after update {self.changes[0]:,}, so no config trains this "
                "network again. Reset, and play again."
            )
        epochs = self.state.epoch
        if not self._same_rates(epochs):
            raise UsageError(
                f"The schedule spreads the learning rate over {self.plan.epochs:,} epochs, and "
                f"{epochs:,} were played. Set epochs to {epochs:,} and reset, or play to the end."
            )
        training = replace(self.config.training, epochs=epochs)
        weights = final_weights(self.plan, self.state).copy()
        return replace(self.config, training=training), weights


class Player:
    """The thread: it trains while it plays, and answers between updates."""

    def __init__(self, config: Config, show: Callable[["Player", bool], None]) -> None:
        """`show` is called in the thread: up to 40 times a second, and with True after a change.

        Raises ConfigError, DataError.
        """
        self.training, self.show = SteppedTraining(config), show
        self.is_playing, self.speed = False, 10.0  # epochs per second; 0: as many as possible
        self._began = self._shown = monotonic(), 0.0  # and the epochs that were done then
        self.restarted = True  # since `show` was called with True
        self._jobs: Queue[tuple[Callable[[], Any], Future[Any]] | None] = Queue()
        self._thread = Thread(target=self._run, name="player", daemon=True)

    def __enter__(self) -> "Player":
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._jobs.put(None)
        self._thread.join(PATIENCE)

    def ask(self, job: Callable[[], T]) -> T:
        """Calls a function in the thread and returns its answer. Raises what it raises."""
        answer: Future[T] = Future()
        self._jobs.put((job, answer))
        try:
            return answer.result(PATIENCE)
        except TimeoutError:
            raise UsageError(BUSY) from None

    # What `ask` is for.

    def play(self, speed: float) -> None:
        """Trains on, so many epochs per second; 0 is as fast as possible."""
        self.speed, self.is_playing = speed, not self.training.is_over
        self._began = monotonic(), self.training.epochs

    def pause(self) -> None:
        """Stops after the update that is done."""
        self.is_playing = False

    def step(self) -> None:
        """One update."""
        self.is_playing = False
        self.training.step()

    def step_epoch(self) -> None:
        """The rest of the running epoch, or one."""
        self.is_playing = False
        self.training.advance_epoch()

    def reset(self, config: Config) -> None:
        """Begins again with a config. Raises ConfigError, DataError; then nothing changes."""
        self.training = SteppedTraining(config)
        self.is_playing, self.restarted = False, True

    def change(self, config: Config) -> None:
        """Takes settings that need no reset."""
        self.training.change(config)
        self._began = monotonic(), self.training.epochs

    def _run(self) -> None:
        changed: bool | None = True
        while changed is not None:
            if changed or monotonic() - self._shown[0] >= FRAME:
                self._shown = monotonic(), self.training.epochs
                self.show(self, changed)
                self.restarted = self.restarted and not changed
                if self.is_playing:
                    sleep(REST)
            changed = self._answer()
            if changed is not None and self.is_playing:
                self._advance()
                changed = changed or not self.is_playing

    def _advance(self) -> None:
        """The next updates; too little memory stops them, and the page says so."""
        try:
            self.training.advance(int(self.speed * FRAME) if self.speed else MANY)
        except MemoryError:
            self.training.failure = "There is not enough memory for the next update."
        self.is_playing = not (self.training.is_over or self.training.failure)

    def _answer(self) -> bool | None:
        """Does what was asked for, waiting for it or for the next epoch; None at the end."""
        done = False
        while True:
            try:
                job = self._jobs.get(timeout=self._pause())
            except Empty:
                return done
            if job is None:
                return None
            function, answer = job
            try:
                answer.set_result(function())
            except Exception as error:  # the page is told, and the thread stays
                answer.set_exception(error)
            done = True
            if not self.is_playing and self._jobs.empty():
                return done

    def _pause(self) -> float | None:
        """Seconds until the next update; None to wait for what is asked."""
        if not self.is_playing:
            return None
        if not self.speed:
            return 0.0
        moment, epochs = self._began
        due = moment + (self.training.epochs - epochs) / self.speed
        return max(0.0, due - monotonic())


def keep(config: Config, weights: Array, runs: Path) -> Run:
    """A run folder of a config, trained as `nnlab train` does.

    Raises UsageError if its weights are not, bit for bit, those that were shown.
    """
    with begin(Loaded(config), runs) as session:
        for _ in session:
            pass
    run = Run(session.folder.path)
    if run.network("final").values.tobytes() != weights.tobytes():
        raise UsageError(
            f"{run.path} is kept, but its weights are not those that were shown: the number of "
            "threads or something else on this machine has changed."
        )
    return run
