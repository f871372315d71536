"""Requests become trials; everything that is wrong with one is found before anything runs."""

import json
from pathlib import Path

import pytest

from nnlab.config.dump import settings_of
from nnlab.config.load import from_mapping, load_config
from nnlab.errors import ConfigError, UsageError
from nnlab.run.names import is_trial, of_trial
from nnlab.run.sweeps import SweepFolder
from nnlab.study.plan import prepare_sweep, read_progress, register, require_own

CONFIG = """
name: case
seed: 4
data: {name: blobs, samples: 30, test: 0.2}
network: [{dense: 4}, relu, {dense: 3}, softmax]
loss: cross_entropy
training: {epochs: 1}
sweeps:
  lr: {values: [0.1, 0.2], set: {training.epochs: 2}, caption: Two rates.}
"""


@pytest.fixture
def config(tmp_path: Path) -> str:
    path = tmp_path / "case.yaml"
    path.write_text(CONFIG)
    return str(path)


def test_trials_of_a_study(config: str) -> None:
    sweep = prepare_sweep(["lr"], config, seeds=2)
    assert sweep.name == "sweep-case-lr"
    assert sweep.about["caption"] == "Two rates."
    found = [(dict(trial.cell), trial.seed) for trial in sweep.trials]
    assert found == [({"lr": 0.1}, 4), ({"lr": 0.1}, 5), ({"lr": 0.2}, 4), ({"lr": 0.2}, 5)]
    for trial in sweep.trials:
        one = trial.config
        assert (one.optimizer.lr, one.seed) == (trial.cell["lr"], trial.seed)
        assert one.data.seed == trial.seed
        assert one.training.epochs == 2
        settings = settings_of(trial.config)
        del settings["expect"]  # changes no training: older folders have the same names
        assert trial.name == of_trial(json.dumps(settings))
        assert is_trial(trial.name)


def test_a_trial_is_what_train_would_do(config: str) -> None:
    (trial,) = prepare_sweep(["lr=0.3"], config).trials
    one, other = trial.config, load_config(config, ["lr=0.3"]).config
    assert {**vars(one), "sweeps": {}} == {**vars(other), "sweeps": {}}


def test_set_has_the_last_word_over_a_study(config: str) -> None:
    sweep = prepare_sweep(["lr"], config, ["epochs=7"])
    assert {trial.config.training.epochs for trial in sweep.trials} == {7}
    assert sweep.name == "sweep-case-lr-epochs=7"


@pytest.mark.parametrize(
    ("axes", "overrides", "name"),
    [
        (["hidden=2,3", "lr=0.1"], [], "sweep-case-hidden-lr"),
        (["network.1=relu,tanh"], [], "sweep-case-network.1"),
        (["lr=0.1"], ["data.path=/a"], None),
        (["lr=0.1"], [f"seed={10**17}", f"data.seed={10**17}", f"data.samples={10**2}"], None),
    ],
)
def test_folder_names(config: str, axes: list[str], overrides: list[str], name: str | None) -> None:
    from nnlab.study.axes import parse_axes
    from nnlab.study.plan import sweep_name

    found = sweep_name("case", parse_axes(axes, {}, "case", Path()), overrides)
    if name is not None:
        assert found == name
    assert found == sweep_name("case", parse_axes(axes, {}, "case", Path()), overrides)
    assert len(found) <= 87
    assert "/" not in found


@pytest.mark.parametrize(
    ("axes", "more", "message"),
    [
        (["lrr=1,2"], {}, "axis: there is no setting 'lrr'. Did you mean 'lr'?"),
        (["optimizer.lrr=1"], {}, "axis: sgd has no setting 'lrr'. Did you mean 'lr'?"),
        (["lr=0.1,fast"], {}, "axis: optimizer.lr is 'fast'.\n    axis lr=[0.1,fast]\n"),
        (["network.1=relu,tanhh"], {}, "axis: there is no layer 'tanhh'. Did you mean 'tanh'?"),
        (["network.9=relu"], {}, "axis: '9' is no place in this list."),
    ],
)
def test_mistakes_of_all_cells_at_once(
    config: str, axes: list[str], more: dict[str, object], message: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        prepare_sweep(axes, config, **more)
    assert str(caught.value).startswith(message)


def test_every_wrong_value_is_told_once(config: str) -> None:
    with pytest.raises(ConfigError) as caught:
        prepare_sweep(["lr=a,0.1,b", "hidden=0,3"], config, seeds=3)
    text = str(caught.value)
    assert text.count("optimizer.lr is 'a'.") == 1
    assert text.count("optimizer.lr is 'b'.") == 1
    assert text.count("units is 0.") == 1


SGD = "lr, weight_decay, l1, clip_norm, clip_value, momentum, nesterov"


@pytest.mark.parametrize(
    ("axis", "told"),
    [
        (
            "optimizer.lrr=0.1,0.2,0.3",
            "axis: sgd has no setting 'lrr'. Did you mean 'lr'?\n"
            f"    axis optimizer.lrr=[0.1,0.2,0.3]\n         ^\n    allowed: {SGD}",
        ),
        (
            "optimizer.lrr=linspace(1, 2, 2000)",
            "axis: sgd has no setting 'lrr'. Did you mean 'lr'?\n"
            f"    axis optimizer.lrr=linspace(1, 2, 2000)\n         ^\n    allowed: {SGD}",
        ),
        (
            "network.9=relu,tanh",
            "axis: '9' is no place in this list.\n"
            "    axis network.9=[relu,tanh]\n         ^\n    allowed: 0 to 3",
        ),
        (
            "optimizer.lr.x=1,2",
            "axis: optimizer.lr is a mapping.\n"
            "    axis optimizer.lr.x=[1,2]\n         ^\n    allowed: a number > 0",
        ),
    ],
)
def test_a_wrong_axis_is_told_once_and_not_for_each_value(
    config: str, axis: str, told: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        prepare_sweep([axis], config, seeds=2)
    assert str(caught.value) == told


@pytest.mark.parametrize(
    ("request_", "message"),
    [
        (
            {"axes": ["lr=linspace(0.1, 1, 101)", "hidden=range(1, 101)"]},
            "This sweep has 10,100 trials (10,100 cells); more than 10,000 run only with --yes.",
        ),
        (
            {"axes": ["hidden=range(1, 1001)"], "seeds": 11},
            "This sweep has 11,000 trials (1,000 cells and 11 seeds); more than 10,000",
        ),
        ({"axes": ["lr=0.1"], "overrides": ["optimizer.lr=1"]},
         "optimizer.lr is an axis of this sweep, so it cannot be set."),
        ({"axes": ["seed=1,2"], "seeds": 2},
         "The seed is an axis of this sweep, so seeds cannot repeat it."),
        ({"axes": ["lr=0.1"], "name": "a/b"},
         "The name 'a/b' cannot be used: a name cannot contain '/'."),
    ],
)  # fmt: skip
def test_refused(config: str, request_: dict[str, object], message: str) -> None:
    with pytest.raises(UsageError) as caught:
        prepare_sweep(config=config, **request_)
    assert str(caught.value).startswith(message)


def test_yes_and_a_sample_allow_large_grids(config: str) -> None:
    axes = ["lr=linspace(0.1, 1, 101)", "hidden=range(1, 101)"]
    assert len(prepare_sweep(axes, config, sample=5).trials) == 5


def test_equal_trials_run_once(config: str) -> None:
    sweep = prepare_sweep(["batch_size=24,24,full"], config)
    assert len(sweep.trials) == 2
    assert sweep.notes == ("1 trial is the same as others; each is trained once.",)


def test_a_seed_axis_is_the_seed(config: str) -> None:
    sweep = prepare_sweep(["seed=7,8"], config)
    assert [trial.seed for trial in sweep.trials] == [7, 8]


def folder_of(tmp_path: Path, config: str, *axes: str, **more: object) -> SweepFolder:
    sweep = prepare_sweep(list(axes), config, **more)
    folder = SweepFolder(tmp_path / "sweep")
    folder.create()
    register(folder, sweep.about, {"nnlab": "1"})
    return folder


def test_values_and_seeds_of_earlier_calls_are_kept(config: str, tmp_path: Path) -> None:
    folder_of(tmp_path, config, "lr=0.1,0.3")
    about = folder_of(tmp_path, config, "lr=0.2", seeds=2).read_about()
    assert about["axes"] == [{"key": "lr", "values": [0.1, 0.2, 0.3]}]
    assert about["seeds"] == [4, 5]
    assert from_mapping(about["base"]).training.epochs == 1


@pytest.mark.parametrize(
    ("axes", "more", "message"),
    [
        (["lr"], {}, "  training.epochs: 1 there, 2 here\n"),
        (["lr=0.1", "hidden=2,3"], {}, "  axes: lr there, lr, hidden here\n"),
        (["lr=0.1"], {"overrides": ["data.samples=40"]}, "  data.samples: 30 there, 40 here\n"),
        (["lr=0.1"], {"overrides": ["seed=5"]}, "  seed: 4 there, 5 here\n"),
    ],
)
def test_the_folder_of_another_sweep_is_refused(
    config: str, tmp_path: Path, axes: list[str], more: dict[str, object], message: str
) -> None:
    folder = folder_of(tmp_path, config, "lr=0.1")
    other = prepare_sweep(axes, config, **more)
    with pytest.raises(UsageError) as caught:
        require_own(folder, other.about)
    text = str(caught.value)
    assert text.startswith(f"{folder.path} belongs to another sweep:\n")
    assert message in text
    assert text.endswith("Give this one another name, or remove that one.")


def test_a_folder_with_other_things_is_refused(config: str, tmp_path: Path) -> None:
    (tmp_path / "sweep").mkdir()
    (tmp_path / "sweep" / "letter.txt").write_text("mine")
    with pytest.raises(UsageError, match="is there already and is not the folder of a sweep"):
        require_own(SweepFolder(tmp_path / "sweep"), prepare_sweep(["lr"], config).about)


def test_what_is_done_is_read_from_disk(config: str, tmp_path: Path) -> None:
    sweep = prepare_sweep(["lr=0.1,0.2,0.3,0.4"], config)
    folder = SweepFolder(tmp_path / "sweep")
    folder.create()
    data = {"name": "blobs", "sha256": "ab"}
    states = [
        {"status": "completed", "seconds": 2.0, "data": data},
        {"status": "diverged", "failure": {"epoch": 3, "what": "training_loss"}},
        {"status": "running"},
    ]
    for trial, state in zip(sweep.trials, states, strict=False):
        (folder.path / trial.name).mkdir()
        (folder.path / trial.name / "run.json").write_text(json.dumps(state))
    progress = read_progress(sweep, folder)
    assert [one.name for one in progress.done] == [sweep.trials[0].name]
    assert [one.reason for one in progress.lost] == [
        "diverged in epoch 3: the training loss is not finite"
    ]
    assert [one.name for one in progress.todo] == [one.name for one in sweep.trials[2:]]
    assert (progress.begun, progress.seconds) == (1, 2.0)
    assert {trial.data for trial in progress.todo} == {"ab"}
    again = read_progress(sweep, folder, retry=True)
    assert [one.name for one in again.todo] == [one.name for one in sweep.trials[1:]]
