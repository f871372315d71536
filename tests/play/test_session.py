"""The playground's training: the loop of `nnlab train`, stopped, changed and kept."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from threading import Event

import numpy as np
import pytest

from nnlab.config.dump import dump
from nnlab.config.schema import Config
from nnlab.errors import UsageError
from nnlab.play.history import POINTS, PlayHistory
from nnlab.play.session import Player, SteppedTraining, keep
from nnlab.play.settings import Start
from tests.patience import PATIENCE

SMALL = ["data.samples=30", "training.batch_size=7"]  # 5 updates per epoch, the last is shorter


def config(*settings: str) -> Config:
    return Start.of(None, [*SMALL, *settings]).config


def values(training: SteppedTraining) -> bytes:
    return training.state.weights.tobytes()


@pytest.mark.parametrize(
    "settings",
    [
        (),
        ("optimizer.momentum=0.9", "data.validation=0.2"),
        ("optimizer=adam", "training.batch_size=full", "training.shuffle=false"),
        ("training.shuffle=false", "training.drop_last=true"),  # the rows stay in place
        ("network=[{dense: 5}, tanh, {dropout: 0.4}, {dense: 1}, sigmoid]", "training.ema=0.9"),
        ("training.engine=compiled", "optimizer=adam", "training.ema=0.9"),
        ("training.engine=compiled", "training.shuffle=false", "data.validation=0.2"),
    ],
)
def test_however_it_is_played_the_kept_run_has_the_same_bits(
    settings: tuple[str, ...], tmp_path: Path
) -> None:
    """Single updates, some, whole epochs, several at once, and all in the middle of an epoch."""
    compiled = "training.engine=compiled" in settings
    if compiled:
        pytest.importorskip("numba", reason="the extra `fast` is not installed")
    training = SteppedTraining(config("training.engine=numpy", *settings))
    training.step()
    for most in (1, 3, 20):
        training._most = most
        training.advance(epochs=4)
        training.step()
    kept, weights = training.repeatable()
    assert training.state.batch == 0
    assert kept.training.engine == ("compiled" if compiled else "numpy")
    assert 2 <= kept.training.epochs == training.state.epoch
    assert weights.tobytes() == values(training)
    run = keep(kept, weights, tmp_path)
    assert run.network("final").values.tobytes() == weights.tobytes()
    loss = run.metrics["train_loss"].tolist()
    assert loss == [row["train_loss"] for row in training.history.rows]


def test_a_kept_run_with_other_bits_is_not_called_the_same(tmp_path: Path) -> None:
    training = SteppedTraining(config())
    training.advance_epoch()
    kept, weights = training.repeatable()
    with pytest.raises(UsageError, match="its weights are not those that were shown"):
        keep(kept, weights + 1, tmp_path)


def test_the_engine_that_auto_chose_trains_and_is_named_in_the_config(tmp_path: Path) -> None:
    """Fewer epochs than were asked for would be NumPy's: the kept config must say what trained."""
    pytest.importorskip("numba", reason="the extra `fast` is not installed")
    training = SteppedTraining(config())
    assert config().training.engine == "auto"
    training.advance_epoch()
    training.change(config("training.epochs=2"))  # no other engine on the way
    training.advance_epoch()
    kept, weights = training.repeatable()
    assert kept.training.engine == training.plan.engine == "compiled"
    assert "engine: compiled" in dump(kept)
    assert keep(kept, weights, tmp_path).network("final").values.tobytes() == weights.tobytes()
    assert SteppedTraining(config("training.epochs=2")).plan.engine == "numpy"


def test_a_single_update_is_one_update() -> None:
    training = SteppedTraining(config())
    training.step()
    assert (training.state.step, training.state.batch, training.epochs) == (1, 1, 0.2)


def test_a_change_on_the_way_keeps_the_weights_and_is_not_kept() -> None:
    training = SteppedTraining(config())
    training.advance_epoch()
    before, step = values(training), training.state.step
    training.change(config("optimizer.lr=0.5", "optimizer.momentum=0.9"))
    assert (values(training), training.state.step) == (before, step)
    training.step()
    assert training.state.lr == 0.5
    with pytest.raises(UsageError, match="A setting was changed after update 5"):
        training.repeatable()


def test_a_change_before_the_first_update_is_kept() -> None:
    training = SteppedTraining(config())
    training.change(config("optimizer.lr=0.5"))
    training.advance_epoch()
    assert training.repeatable()[0].optimizer.lr == 0.5


def test_another_batch_size_waits_for_the_end_of_the_epoch() -> None:
    training = SteppedTraining(config())
    training.step()
    training.change(config("training.batch_size=30"))
    assert (training.state.epoch, training.state.batch, training.batches) == (1, 0, 1)
    training.advance_epoch()
    assert (training.state.epoch, training.state.step) == (2, 6)


def test_fewer_epochs_end_with_a_whole_one_and_the_training_can_go_on(tmp_path: Path) -> None:
    training = SteppedTraining(config())
    training.advance_epoch()
    training.step()
    training.change(config("training.epochs=1"))
    assert (training.state.epoch, training.state.batch) == (2, 0)
    kept, weights = training.repeatable()
    keep(kept, weights, tmp_path)
    training.change(config("training.batch_size=30"))
    training.advance_epoch()
    assert (training.state.epoch, training.state.step) == (3, 11)


def test_more_noise_is_new_data_for_the_same_network() -> None:
    training = SteppedTraining(config())
    training.advance_epoch()
    before = values(training)
    training.change(config("data.noise=0.5"))
    assert values(training) == before
    training.advance_epoch()
    fresh = SteppedTraining(config("data.noise=0.5"))
    assert np.array_equal(training.built.dataset.inputs, fresh.built.dataset.inputs)
    assert training.built.network is training.state.network


def test_more_epochs_continue_what_had_ended() -> None:
    training = SteppedTraining(config("training.epochs=1"))
    training.advance_epoch()
    training.advance_epoch()
    assert training.is_over
    training.change(config("training.epochs=2"))
    training.advance_epoch()
    assert training.state.epoch == 2
    assert training.repeatable()[0].training.epochs == 2  # a constant rate: not a change


def test_a_schedule_over_all_epochs_is_kept_at_its_end_only(tmp_path: Path) -> None:
    training = SteppedTraining(config("schedule=cosine", "training.epochs=3"))
    training.advance_epoch()
    training.advance_epoch()
    with pytest.raises(UsageError, match=r"over 3 epochs, and 2 were played\. Set epochs to 2"):
        training.repeatable()
    training.advance_epoch()
    kept, weights = training.repeatable()
    assert keep(kept, weights, tmp_path).network("final").values.tobytes() == weights.tobytes()


def test_divergence_stops_with_a_sentence() -> None:
    training = SteppedTraining(
        config("data=curve", "network=[{dense: 1}]", "loss=mse", "optimizer.lr=1e30")
    )
    for _ in range(20):
        training.advance_epoch()
    assert training.is_over
    assert training.failure.startswith("The training diverged at update ")
    with pytest.raises(UsageError, match="There is nothing to keep"):
        training.repeatable()


def test_a_long_history_is_thinned_and_ends_with_the_last_epoch() -> None:
    history = PlayHistory(np.zeros(3))
    for epoch in range(5000):
        history.add({"epoch": epoch})
    shown = [row["epoch"] for row in history.shown]
    assert shown[0] == 0
    assert shown[-1] == 4999
    assert shown == sorted(set(shown))
    assert POINTS / 2 < len(shown) <= 2 * POINTS + 1


@pytest.fixture
def player() -> Iterator[Player]:
    with Player(config(), lambda player, changed: None) as player:
        yield player


def test_the_player_plays_until_it_is_paused(player: Player) -> None:
    moved = Event()
    player.show = lambda player, changed: moved.set() if player.training.state.epoch > 3 else None
    player.ask(lambda: player.play(0))
    assert moved.wait(PATIENCE)
    player.ask(player.pause)
    before = player.training.state.step
    player.ask(player.step)
    assert player.training.state.step == before + 1


def test_a_reset_that_fails_changes_nothing(player: Player) -> None:
    player.ask(player.step_epoch)
    before = player.training
    broken = replace(config(), training=replace(config().training, epochs=-1, batch_size=0))
    with pytest.raises(ZeroDivisionError):
        player.ask(lambda: player.reset(broken))
    assert player.training is before
    player.ask(player.step)  # the thread lives
    assert player.training.state.step == 6
