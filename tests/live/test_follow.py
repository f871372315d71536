"""What a page gets from a folder while it trains, and that the training does not notice."""

import json
import shlex
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nnlab.config.load import load_config
from nnlab.experiment.session import Session, begin
from nnlab.live import follow, watch
from nnlab.live.feed import Feed
from nnlab.live.follow import RunFollower
from nnlab.live.trials import SweepFollower
from nnlab.run.folder import PROGRESS, ROWS, RunFolder
from nnlab.run.run import Run
from nnlab.run.sweeps import SweepFolder
from nnlab.show.figures import View
from nnlab.show.page.film import Film
from nnlab.show.page.scenes import make_scenes
from nnlab.training import Epoch

QUICK = ("training.engine=numpy", "training.epochs=40", "lr=0.5")


def newest(feed: Feed) -> dict[str, Any]:
    """The newest message by kind; `moments` has all moments."""
    messages = json.loads(feed.news(0)[1])["messages"]
    moments = [message for message in messages if message["kind"] == "moment"]
    return {message["kind"]: message for message in messages} | {"moments": moments}


def at_once(session: Session) -> None:
    """Write to the folder after every epoch, as if epochs were slow."""
    session.flush_seconds = 1e-9
    session._plan = replace(session._plan, burst=1)


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """A training that a follower looks at after epoch 10 and at the end, and the same without."""
    place = tmp_path_factory.mktemp("runs")
    loaded = load_config("xor", QUICK)
    with begin(loaded, place, name="plain") as session:
        list(session)
    plain = session.folder
    feed, seen = Feed(), {}
    with begin(loaded, place, name="followed") as session:
        at_once(session)
        follower = RunFollower(session.folder, feed)
        for record in session:
            session._progress._due = float("-inf")
            if isinstance(record, Epoch) and record.epoch == 10:
                follower.look()
                seen["middle"] = newest(feed)
                seen["copy"] = shutil.copytree(session.folder.path, place / "copy")
    follower.look()
    return seen | {"end": newest(feed), "plain": plain, "followed": session.folder}


def test_points_and_moments_appear_while_it_trains(story: dict[str, Any]) -> None:
    middle, end = story["middle"], story["end"]
    assert "still running" in middle["page"]["story"]
    assert not middle["page"]["ended"]
    assert end["page"]["ended"]
    lengths = [len(seen["charts"]["charts"][0]["curves"][0]["x"]) for seen in (middle, end)]
    assert lengths[0] in (10, 11)  # the row of an epoch is written with the next record
    assert lengths[1] == 41
    epochs = [moment["epoch"] for moment in end["moments"]]
    assert epochs == sorted(set(epochs))
    assert {0, 1, 2, 40} <= set(epochs)
    assert middle["moments"][-1]["epoch"] in (9, 10)


def test_the_page_draws_the_weights_of_the_folder(story: dict[str, Any]) -> None:
    end, run = story["end"], Run.open(story["followed"].path)
    kinds = [scene["kind"] for scene in end["scenes"]["scenes"]]
    assert kinds == ["plane", "heat", "diagram", "health"]
    diagram = end["moments"][-1]["scenes"][kinds.index("diagram")]
    layers = run.network("final").layout.views(run.network("final").theta)
    drawn = [layer.weight.ravel() for layer in layers if vars(layer)]
    np.testing.assert_allclose(diagram["weights"][0], np.concatenate(drawn), rtol=5e-3)
    before = end["moments"][-2]["scenes"][kinds.index("diagram")]["weights"][0]
    change = np.subtract(diagram["weights"][0], before)
    np.testing.assert_allclose(diagram["updates"][0], change, atol=0.03)
    assert len(diagram["activations"][0]) == 2 + 3 + 3 + 1


def test_health_is_that_of_the_layers(story: dict[str, Any]) -> None:
    end, run = story["end"], Run.open(story["followed"].path)
    kinds = [scene["kind"] for scene in end["scenes"]["scenes"]]
    health = end["scenes"]["scenes"][kinds.index("health")]
    values = end["moments"][-1]["scenes"][kinds.index("health")]["values"][0]
    table = np.array(values, float).reshape(len(health["layers"]), len(health["columns"]))
    weights = [w for name, w in run.weights("final").items() if name.endswith("weight")]
    norms = [float(np.sqrt((weight**2).mean())) for weight in weights]
    np.testing.assert_allclose(table[:, 0], norms, rtol=5e-3)
    assert (table[:, 1] > 0).all()


def test_the_bits_and_the_folder_are_those_without_a_page(story: dict[str, Any]) -> None:
    """The newest weights and some rows lie there only while it trains."""
    plain, followed = story["plain"], story["followed"]
    for name in ("weights/final.npz", "snapshots.npz", "predictions.npz"):
        assert (plain.path / name).read_bytes() == (followed.path / name).read_bytes()
    hashes = [folder.read_json("run.json")["hashes"] for folder in (plain, followed)]
    assert hashes[0] == hashes[1]
    assert not followed.has(PROGRESS)
    assert not followed.has(ROWS)
    assert (story["copy"] / PROGRESS).exists()


def test_a_run_that_was_cut_off_is_drawn_from_what_it_showed(story: dict[str, Any]) -> None:
    """Its report has the training rows; damage of these files does no harm."""
    cut = RunFolder.open(story["copy"])
    run = Run(cut.path)
    assert run.snapshots[0][-1] in (9, 10)
    assert len(run.training_rows[0]) == 21
    scenes = {scene["kind"]: scene for scene in make_scenes(Film.of_run(View(cut.path)))}
    assert len(scenes["plane"]["points"]) == 21
    for name in (PROGRESS, ROWS):
        data = bytearray((cut.path / name).read_bytes())
        data[len(data) // 2] ^= 1
        (cut.path / name).write_bytes(data)
    run = Run(cut.path)
    assert len(run.training_rows[0]) == 0
    assert len(run.snapshots[0]) == 0  # there was no checkpoint yet


def test_findings_of_the_doctor_have_the_epoch_at_which_they_appeared(tmp_path: Path) -> None:
    changes = (*QUICK, "init.std=0", "seed=3")  # all units stay equal
    feed = Feed()
    with begin(load_config("xor", changes), tmp_path) as session:
        list(session)
    RunFollower(session.folder, feed).look()
    findings = newest(feed)["findings"]["findings"]
    assert "are the same and stay the same" in findings[0]["sentence"]
    assert findings[0]["place"] == "before training"
    assert findings[0]["certainty"] == "99 % sure"


def test_the_doctor_looks_at_a_training_that_takes_long_or_has_ended(tmp_path: Path) -> None:
    """Reading the data again would slow a short one."""
    feed = Feed()
    with begin(load_config("xor", (*QUICK, "init.std=0", "seed=3")), tmp_path) as session:
        follower = RunFollower(session.folder, feed)
        for _ in session:
            follower.look()
            assert "findings" not in newest(feed)
    follower.look()
    assert newest(feed)["findings"]["findings"]


def test_what_takes_long_waits_but_not_for_the_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(follow, "SHARE", 1e-9)
    feed, lengths = Feed(), set()
    with begin(load_config("xor", QUICK), tmp_path) as session:
        at_once(session)
        follower = RunFollower(session.folder, feed)
        for record in session:
            if isinstance(record, Epoch) and record.epoch > 2:
                follower.look()
                lengths.add(len(newest(feed)["charts"]["charts"][0]["curves"][0]["x"]))
    assert len(lengths) in (1, 2)  # the first time is free
    follower.look()
    end = newest(feed)
    assert len(end["charts"]["charts"][0]["curves"][0]["x"]) == 41
    assert end["moments"][-1]["epoch"] == 40
    assert end["page"]["ended"]
    assert "findings" in end


def test_the_end_is_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    """The training may end between two looks."""
    monkeypatch.setattr(watch, "sleep", lambda seconds: None)
    feed, looks, ends = Feed(), list[int](), iter([False, True])
    state = 0

    def ended() -> bool:
        nonlocal state
        state += 1
        return next(ends)

    watch.keep_looking(watch.Site("", "", feed), lambda: looks.append(state), ended)
    assert looks == [1, 2]
    assert "end" in newest(feed)


def test_a_remedy_can_be_pasted_into_a_shell(tmp_path: Path) -> None:
    """As in the report: braces and blanks are quoted."""
    changes = ("network=[{dense: 2}, linear, {dense: 1}, sigmoid]", "training.epochs=30")
    feed = Feed()
    with begin(load_config("xor", changes), tmp_path) as session:
        list(session)
    RunFollower(session.folder, feed).look()
    findings = newest(feed)["findings"]["findings"]
    remedies = [remedy for finding in findings for remedy in finding["remedies"]]
    assert any("{" in remedy for remedy in remedies)
    for remedy in remedies:
        options = shlex.split(remedy)
        assert options[::2] == ["--set"] * (len(options) // 2)
        assert load_config("xor", (*changes, *options[1::2]))


def test_a_network_that_cannot_be_drawn_says_so(tmp_path: Path) -> None:
    feed = Feed()
    with begin(load_config("digits_conv", ("training.epochs=1",)), tmp_path) as session:
        list(session)
    follower = RunFollower(session.folder, feed)
    follower.look()
    message = newest(feed)["scenes"]
    assert [scene["kind"] for scene in message["scenes"]] == ["health"]
    assert message["note"] == (
        "This network is too large for a drawing of its units, or of another kind: the page shows "
        "the rest."
    )


def test_a_cell_appears_when_its_trial_ends(tmp_path: Path) -> None:
    command = "sweep lr=0.5,0.1 -c xor --set epochs=20 --jobs 1 --seeds 2 --no-plots --name s"
    subprocess.run([sys.executable, "-m", "nnlab", *command.split()], cwd=tmp_path, check=True)
    whole = SweepFolder(tmp_path / "runs" / "s")
    *first, last = whole.trials()
    away = tmp_path / last
    (whole.path / last).rename(away)
    feed = Feed()
    follower = SweepFollower(whole, feed)
    follower.look()
    rows = newest(feed)["trials"]["table"]["rows"]
    assert sorted(row[0]["text"] for row in rows) == first
    away.rename(whole.path / last)
    follower.look()
    rows = newest(feed)["trials"]["table"]["rows"]
    assert [(row[1]["text"], row[2]["text"]) for row in rows] == [
        ("0.5", "3"),
        ("0.5", "4"),
        ("0.1", "3"),
        ("0.1", "4"),
    ]
    assert newest(feed)["page"]["story"] == "4 trials, 2 seeds for each setting: 4 completed."
    assert len(newest(feed)["charts"]["charts"][0]["curves"]) == 2
