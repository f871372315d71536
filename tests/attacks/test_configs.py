"""No config can hurt: every attack is refused quickly, with a ConfigError and nothing else."""

import os
import sys
import time
from pathlib import Path

import pytest

from nnlab.config.files import MAX_BYTES, decode, read_bytes
from nnlab.config.load import from_mapping, load_config, parse_config
from nnlab.errors import ConfigError
from tests.attacks.configs import ATTACKS
from tests.process import printed_by

# Promise S1. Seconds of CPU time; the slowest takes half a second on a quiet machine.
SECONDS = 10.0
# Promise S2: refused before anything is taken apart, or with the first of too many. In calls of
# functions, which a busy machine does not change: 100,000 take 20 ms, the worst bomb makes 72,000.
AT_ONCE = 100_000
BOMBS = (
    *("billion laughs", "quadratic blowup", "many aliases", "alias depth", "recursive alias"),
    *("depth of lists", "depth of mappings", "depth of block lists", "depth by indentation"),
    *("depth of keys", "a million keys", "5,000 digits", "5,000 digits in a float", "NUL"),
    *("UTF-16", "UTF-16 without a mark", "huge exponent", "only line breaks"),
)
GROWTH = 64  # MiB


@pytest.mark.parametrize("name", ATTACKS)
def test_an_attack_is_refused(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data, wanted = ATTACKS[name]
    monkeypatch.chdir(tmp_path)
    Path("x.yaml").write_bytes(data)
    start = time.process_time()
    with pytest.raises(ConfigError) as error:
        load_config("x.yaml")
    seconds = time.process_time() - start
    message = str(error.value)
    # The wanted sentence may stand behind that of a key which is missing at the start.
    assert any(wanted in line for line in message.split("\n"))
    assert all(char.isprintable() or char == "\n" for char in message)
    assert len(message) < 30_000
    assert seconds < SECONDS


@pytest.mark.parametrize("name", BOMBS)
def test_a_bomb_is_refused_at_once(name: str) -> None:
    calls = 0

    def count(*_: object) -> None:
        nonlocal calls
        calls += 1
        if calls > AT_ONCE:
            raise AssertionError("too much work")

    before = sys.getprofile()
    sys.setprofile(count)
    try:
        parse_config(decode(ATTACKS[name][0], "x.yaml", Path()).text, "x.yaml")
    except ConfigError:
        return
    finally:
        sys.setprofile(before)
    pytest.fail("it was read")


@pytest.mark.skipif(sys.platform == "win32", reason="Windows does not tell the largest size")
def test_no_attack_takes_much_memory() -> None:
    code = """
import resource, sys
from pathlib import Path
from nnlab.config.files import decode
from nnlab.config.load import parse_config
from nnlab.errors import ConfigError
from tests.attacks.configs import ATTACKS

def size():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (
        2**20 if sys.platform == "darwin" else 2**10
    )

parse_config("{data: xor, network: [{dense: 1}, sigmoid], loss: bce}")
before = size()
for data, _ in ATTACKS.values():
    try:
        parse_config(decode(data, "x.yaml", Path()).text, "x.yaml")
    except ConfigError:
        pass
print(size() - before)
"""
    assert float(printed_by("-c", code)) < GROWTH


@pytest.mark.skipif(not Path("/dev/zero").exists(), reason="there is no /dev/zero here")
def test_an_endless_device_is_not_read() -> None:
    with pytest.raises(ConfigError, match=r"^/dev/zero is not a regular file, so it cannot be a"):
        load_config("/dev/zero")


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no named pipes in folders")
def test_a_pipe_without_a_writer_does_not_block(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe.yaml"
    os.mkfifo(pipe)
    with pytest.raises(ConfigError, match="is not a regular file, so it cannot be a config"):
        load_config(pipe)


def test_of_a_large_file_only_the_beginning_is_read(tmp_path: Path) -> None:
    path = tmp_path / "large.yaml"
    with path.open("wb") as file:
        file.truncate(1 << 33)  # 8 GiB that take no room
    assert len(read_bytes(path)) == MAX_BYTES + 1


@pytest.mark.parametrize(
    ("path", "sentence"),
    [
        ("nowhere/at-all.yaml", "There is no file nowhere/at-all.yaml, and no shipped config"),
        ("a\0b", "There is no file a\\x00b, and no shipped config of that name."),
        ("x" * 5000, "x is no usable path."),
        (".", ". is a folder; a config is a YAML file."),
    ],
    ids=["missing", "NUL", "too long", "folder"],
)
def test_a_path_that_is_no_file(path: str, sentence: str) -> None:
    with pytest.raises(ConfigError) as error:
        load_config(path)
    assert sentence in str(error.value)


def test_control_characters_of_a_file_name_are_not_printed() -> None:
    with pytest.raises(ConfigError) as error:
        parse_config("a: 1", "\x1b[2Jx.yaml")
    assert "\x1b" not in str(error.value)
    assert str(error.value).startswith("\\x1b[2Jx.yaml:1:1:")


@pytest.mark.parametrize(
    ("mapping", "sentence"),
    [
        ({"seed": float("nan")}, "config: nan and inf are no values for a setting, nor is more"),
        ({"seed": 2**70}, "config: this whole number does not fit into 64 bits."),
        (
            {"seed": object()},
            "config: a setting is a number, a text, a list or a mapping, not object",
        ),
        ({"seed": {1, 2}}, "config: a setting is a number, a text, a list or a mapping, not set"),
        ({3: 4}, "config: a key must be text, not 3"),
    ],
    ids=["nan", "huge", "object", "set", "key"],
)
def test_a_mapping_from_python_is_held_to_the_same(
    mapping: dict[str, object], sentence: str
) -> None:
    with pytest.raises(ConfigError) as error:
        from_mapping(mapping)
    assert str(error.value).startswith(sentence)


def test_no_attack_runs_code_or_opens_a_file() -> None:
    """Promise S4: an audit hook sees every process, import and file of a fresh interpreter."""
    code = """
import encodings.unicode_escape, sys
from tests.attacks.configs import ATTACKS
from pathlib import Path
from nnlab.config import schema
from nnlab.config.families import INITIALIZER, LAYER, LOSS, OPTIMIZER, SCHEDULE, SOURCE
from nnlab.config.files import decode
from nnlab.config.annotations import hints
from nnlab.config.load import parse_config
from nnlab.errors import ConfigError

def read(data):
    try:
        parse_config(decode(data, "x.yaml", Path()).text, "x.yaml")
    except ConfigError:
        pass

# Imports, our own annotations and the table of synonyms are read before the hook listens.
from nnlab.suggest import synonyms
synonyms()
read(b"data: xor\\nnetwork: [{dense: -1}]\\nloss: mse")
SECTIONS = [schema.Training, schema.EarlyStopping, schema.SweepConfig, schema.FromRun]
for cls in [schema.Config, *SECTIONS]:
    hints(cls)
for family in [SOURCE, LAYER, INITIALIZER, LOSS, OPTIMIZER, SCHEDULE]:
    [hints(cls) for cls in family.members.values()]
seen = []
watched = ("exec", "compile", "import", "open", "os.system", "subprocess.Popen")
sys.addaudithook(lambda event, args: event in watched and seen.append((event, str(args)[:80])))
for name, (data, _) in ATTACKS.items():
    read(data)
print(seen)
"""
    assert printed_by("-c", code).strip() == "[]"
