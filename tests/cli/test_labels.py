"""`nnlab runs tag | note | rename | rm`: what a user does with a run as a folder."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result

import nnlab as library
from nnlab.cli import main
from nnlab.experiment.verify import Verifier
from nnlab.run import durable
from nnlab.run.folder import RunFolder
from nnlab.run.lock import hold_lock
from tests.cli.test_completion import offered

Nnlab = Callable[..., Result]


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return library.train("xor", epochs=2, runs=tmp_path_factory.mktemp("runs")).path


@pytest.fixture
def run(nnlab: Nnlab, trained: Path) -> Path:
    """The only run in runs."""
    return Path(shutil.copytree(trained, Path("runs", trained.name)))


def listed(nnlab: Nnlab, *options: str) -> list[str]:
    return [run["name"] for run in json.loads(nnlab("runs", *options, "--json").stdout)["runs"]]


# --- tags and notes -------------------------------------------------------------------------------


def test_labels_are_shown_and_found(nnlab: Nnlab, run: Path) -> None:
    other = Path("runs", f"20200101-000000-{'b' * 6}-{'0' * 6}")
    shutil.copytree(run, other)
    assert nnlab("runs", "tag", "latest", "good", "naïve", "good").stdout == (
        f"{run.name}: good, naïve\n"
    )
    assert nnlab("runs", "note", run.name, "two\n lines").exit_code == 0
    table = nnlab("runs").stdout.splitlines()
    assert table[0].split()[-2:] == ["tags", "note"]
    assert sum(line.endswith("good, naïve  two lines") for line in table) == 1
    for condition, names in (("tags=good", {run.name}), ("tags!=good", {other.name})):
        assert set(listed(nnlab, "--where", condition)) == names
    assert listed(nnlab, "--where", "tags=goo") == []
    header, *rows = nnlab("runs", "--csv").stdout.splitlines()
    assert header.endswith(",time,tags,note")
    assert '"good, naïve",two lines' in "\n".join(rows)
    (labels,) = [
        r["labels"]
        for r in json.loads(nnlab("runs", "--json").stdout)["runs"]
        if r["name"] == run.name
    ]
    assert labels == {"tags": ["good", "naïve"], "note": "two lines"}
    assert "good, naïve" in nnlab("runs", "--columns", "tags").stdout
    for order in ([], ["--reverse"]):  # a run without tags is the last, and has a sign
        rows = nnlab("runs", "--sort", "tags", "--columns", "tags", *order).stdout.splitlines()
        assert rows[-1].split() == [other.name, "-"]


def test_the_report_shows_labels(nnlab: Nnlab, run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nnlab.show.page.run.FIGURES", {})  # they take seconds
    library.load(run).tag("good", "bad").annotate("1 < 2")
    assert nnlab("report", "latest").exit_code == 0
    page = (run / "report.html").read_text(encoding="utf-8")
    assert '<p class="setting">good, bad</p>\n<p class="setting">1 &lt; 2</p>' in page
    assert nnlab("runs", "rm", "latest", "--yes").exit_code == 0


def test_labels_are_removed(nnlab: Nnlab, run: Path) -> None:
    nnlab("runs", "tag", "latest", "good", "bad")
    assert nnlab("runs", "tag", "latest", "bad", "--remove").stdout == f"{run.name}: good\n"
    refused = nnlab("runs", "tag", "latest", "goood", "--remove")
    assert (refused.exit_code, refused.stderr) == (
        2,
        f"{run.name} has no tag 'goood'. Did you mean 'good'?\n",
    )
    nnlab("runs", "tag", "latest", "good", "--remove")
    nnlab("runs", "note", "latest", "x")
    assert nnlab("runs", "note", "latest", "").stdout == f"{run.name}\n"
    assert "tags" not in nnlab("runs").stdout


@pytest.mark.parametrize("tag", ["", "a b", "a,b", "a\tb", "a\x1b[2J", "-x", "x" * 51, "\udc80"])
def test_no_tag(run: Path, tag: str) -> None:
    with pytest.raises(library.NnlabError, match="is no tag: a tag is a word of at most 50"):
        library.load(run).tag("good", tag)
    assert not (run / "labels.json").exists()


def test_the_same_letters_are_the_same_tag(run: Path) -> None:
    library.load(run).tag("nai\u0308ve", "na\u00efve")
    assert json.loads((run / "labels.json").read_text("utf-8"))["tags"] == ["na\u00efve"]


def test_the_object_of_a_run(run: Path) -> None:
    found = library.load(run).tag("good", "bad").annotate("the first").tag("bad", remove=True)
    assert str(found).splitlines()[2:4] == ["good", "the first"]
    renamed = found.rename("base")
    assert library.load(renamed.path).name == run.name.replace("xor", "base")
    assert (found.name, found.metrics.keys()) == (renamed.name, renamed.metrics.keys())
    assert found.settings == renamed.settings
    assert str(found).splitlines()[:-1] == str(renamed).splitlines()[:-1]
    assert found.plot().axes
    assert len(library.evaluate(found).numbers) > 1
    assert found.tag("again").folder.has("labels.json")


def test_a_run_is_labelled_while_it_trains(nnlab: Nnlab, run: Path) -> None:
    RunFolder(run).update_status("running")
    with hold_lock(run):
        assert nnlab("runs", "tag", "latest", "good").exit_code == 0
        RunFolder(run).update_status("completed")  # another program is at it
        assert nnlab("runs", "tag", "latest", "bad").exit_code == 5
    assert json.loads((run / "labels.json").read_text())["tags"] == ["good"]


def test_checks_ignore_labels(nnlab: Nnlab, run: Path) -> None:
    library.load(run).tag("good").annotate("x")
    assert [each for each in Verifier(RunFolder(run)).files() if each.problem] == []
    assert nnlab("verify", "latest").exit_code == 0


@pytest.mark.parametrize("content", ['{"tags": "good", "note": 1}', '{"tags": [1, null]}', "{}"])
def test_odd_labels_are_left_out(nnlab: Nnlab, run: Path, content: str) -> None:
    (run / "labels.json").write_text(content)
    assert "tags" not in nnlab("runs").stdout
    assert "completed" in nnlab("runs").stdout


# --- names ----------------------------------------------------------------------------------------


def test_a_renamed_run_is_found_by_both_names(nnlab: Nnlab, run: Path) -> None:
    new = run.with_name(run.name.replace("xor", "grün"))
    assert nnlab("runs", "rename", "latest", "grün").stdout == f"{new}\n"
    assert not run.exists()
    for name in (run.name, new.name, str(run), "latest"):
        assert nnlab("runs", "note", name, name).stdout == f"{new.name}: {name}\n"
    start = ["--set", f"init.run={run}", "--set", "epochs=1", "--no-plots"]
    assert nnlab("train", "xor", *start).exit_code == 0
    assert nnlab("verify", "latest").exit_code == 0


@pytest.mark.parametrize("name", ["", "a/b", "..", ".a", "-a", "a\nb", "x" * 300])
def test_no_name(nnlab: Nnlab, run: Path, name: str) -> None:
    refused = nnlab("runs", "rename", "latest", "--", name)
    assert refused.exit_code == 2
    assert "cannot be the name of a run" in refused.stderr
    assert run.exists()


def test_what_keeps_its_name(nnlab: Nnlab, run: Path) -> None:
    trial = Path("runs", "sweep", "0" * 12)
    shutil.copytree(run, trial)
    assert nnlab("runs", "rename", str(trial), "a").stderr == (
        f"{trial.name} keeps its name: its sweep finds the trial by it.\n"
    )
    run.rename("mine")
    assert nnlab("runs", "rename", "mine", "a").stderr == (
        "mine keeps its name: `nnlab train` did not name it, so move the folder itself.\n"
    )
    shutil.copytree("mine", run)
    shutil.copytree("mine", run.with_name(run.name.replace("xor", "b")))
    taken = nnlab("runs", "rename", run.name, "b")
    assert (taken.exit_code, "exists already" in taken.stderr) == (2, True)


# --- removal --------------------------------------------------------------------------------------


def test_rm_asks(nnlab: Nnlab, run: Path) -> None:
    for answer in ("n\n", "\n", ""):
        refused = nnlab("runs", "rm", "latest", input=answer)
        assert (refused.exit_code, run.exists()) == (2, True)
        assert refused.stderr.endswith("Nothing was removed; with --yes, nothing is asked.\n")
        assert run.name in refused.stderr
    removed = nnlab("runs", "rm", "latest", run.name, str(run), input="y\n")
    assert (removed.exit_code, removed.stdout) == (0, f"{run.resolve()}\n")
    assert list(Path("runs").iterdir()) == []


@pytest.mark.parametrize("where", ["/", ".", "..", "runs", "-", "", "mine", "runs/.", "home"])
def test_rm_refuses_what_is_no_run(nnlab: Nnlab, run: Path, where: str) -> None:
    Path("mine").mkdir()
    shutil.copytree(run, "home")  # as where a run was unpacked into a folder with other things
    Path("home", "thesis.tex").touch()
    refused = nnlab("runs", "rm", "latest", "--yes", "--", where)
    assert refused.exit_code in (2, 6), refused.output
    assert run.exists()  # nothing at all was removed
    assert Path("home", "thesis.tex").exists()
    assert Path("mine").exists()


def test_rm_refuses_the_current_folder(
    nnlab: Nnlab, run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for folder in (run, "weights"):
        monkeypatch.chdir(folder)
        refused = nnlab("runs", "rm", "." if folder == run else "..", "--yes")
        assert refused.stderr.endswith("is the current folder: leave it first.\n")


def test_rm_refuses_a_run_that_trains(nnlab: Nnlab, run: Path) -> None:
    with hold_lock(run):
        for words in (["rm", "latest", "--yes"], ["rename", "latest", "a"]):
            assert nnlab("runs", *words).exit_code == 5
    assert run.exists()


def test_rm_follows_no_link(nnlab: Nnlab, run: Path) -> None:
    Path("kept").mkdir()
    Path("kept", "file").touch()
    (run / "figures").symlink_to(Path("kept").resolve())
    (run / "exports").mkdir()
    (run / "exports" / "deep").symlink_to(Path("kept").resolve())
    Path("link").symlink_to(run)
    for command in (["rm", "link", "--yes"], ["rename", "link", "a"]):
        refused = nnlab("runs", *command)
        assert refused.stderr == "link is a link: name the folder itself.\n"
    assert nnlab("runs", "rm", "latest", "--yes").exit_code == 0
    assert (Path("kept", "file").exists(), run.exists()) == (True, False)


def test_a_kill_leaves_no_half_of_a_run(
    nnlab: Nnlab, run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(step: str, path: Path) -> None:
        if step == "unlink" and "lock" not in path.name:
            raise KeyboardInterrupt

    monkeypatch.setattr(durable, "hook", stop)
    assert nnlab("runs", "rm", "latest", "--yes").exit_code == 130
    assert listed(nnlab) == []
    (rest,) = Path("runs").iterdir()
    assert durable.is_temporary(rest.name)


def test_all_files_of_a_run_are_known(nnlab: Nnlab, run: Path) -> None:
    """Also those that other commands write."""
    for words in ("plot latest --only curves", "doctor latest"):
        assert nnlab(*words.split()).exit_code in (0, 9)
    assert nnlab("export", "latest", "--to", "script").exit_code == 0
    assert nnlab("descend", "landscape", "--set", "steps=3", "--no-plots").exit_code == 0
    done = nnlab("runs", "rm", *(p.name for p in Path("runs").iterdir()), "--yes")
    assert (done.exit_code, done.stdout.count("\n")) == (0, 2), done.stderr


# --- the command and a folder of its name ---------------------------------------------------------


@pytest.mark.parametrize("word", ["tag", "note", "rename", "rm"])
def test_a_folder_with_the_name_of_a_command(nnlab: Nnlab, run: Path, word: str) -> None:
    assert nnlab("runs", word).stderr.startswith(f"Usage: nnlab runs {word} [OPTIONS] RUN")
    shutil.copytree("runs", word)
    for words in ([word], [f"./{word}"], [word, "--sort", "accuracy"], ["--sort", "time", word]):
        assert listed(nnlab, *words) == [run.name]
    assert nnlab("runs", word, "none", "x").stderr.startswith("There is no run 'none'")
    assert nnlab("runs", "a", "b").stderr.endswith("Got unexpected extra argument (b)\n")


def test_completion(nnlab: Nnlab, run: Path) -> None:
    assert offered(nnlab, "runs", "tag", "lat") == ["plain,latest"]
    assert offered(nnlab, "runs", "rm", "latest", "--y") == ["plain,--yes"]
    assert offered(nnlab, "runs", "--sor") == ["plain,--sort"]


def test_the_commands_are_in_the_help(nnlab: Nnlab) -> None:
    assert sorted(main.get_command(None, "runs").commands) == ["note", "rename", "rm", "tag"]  # type: ignore[arg-type, union-attr]
    assert "  rename  Give a run another name.\n" in nnlab("runs", "--help").stdout
