"""Promise S1: any bytes are a config or a ConfigError, quickly. NNLAB_FUZZ sets how many.

Damaged configs by the thousand are in tests/torture; what hypothesis adds is the smallest example.
"""

import os
import time
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nnlab.config.files import decode, shipped, shipped_folder
from nnlab.config.load import parse_config
from nnlab.config.schema import Config
from nnlab.errors import ConfigError, DataError
from nnlab.race.config import Race, parse_race

EXAMPLES = int(os.environ.get("NNLAB_FUZZ", "100"))
SHIPPED = sorted(path.read_bytes() for path in shipped().values())
PIECES = [
    *(bytes([byte]) for byte in b"[]{}:,-&*!|>'\"%@`#?~\\\n\t \0\xff\x80"),
    *b"\xc2\x85|\xe2\x80\xa8|\xef\xbb\xbf|&a |*a|!!int |!x |!!python/name:os ".split(b"|"),
    *b'<<: |---\n|...\n|"\\ud800"|"\\x00"|"\\U99999999"|name: |  - |: {'.split(b"|"),
    *b".nan|-.inf|1e999|-1|0x|0o9|null|true".split(b"|"),
]
fuzz = settings(
    max_examples=EXAMPLES,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)


@st.composite
def damaged(draw: st.DrawFn) -> bytes:
    """A shipped config with some bytes changed, removed, repeated or put in."""
    data = draw(st.sampled_from(SHIPPED))
    for _ in range(draw(st.integers(1, 6))):
        start = draw(st.integers(0, len(data)))
        stop = min(len(data), start + draw(st.integers(0, 12)))
        piece = draw(
            st.one_of(st.sampled_from(PIECES), st.binary(max_size=4), st.just(data[start:stop] * 2))
        )
        data = data[:start] + piece + data[stop:]
    return data


def read(data: bytes) -> Config | Race | str:
    """The config or the message; DataError only ever comes from a data set that was named."""
    found: list[Config | Race | str] = []
    for door in (parse_config, parse_race):
        start = time.process_time()
        try:
            found.append(door(decode(data, "x.yaml", Path()).text, "x.yaml"))
        except (ConfigError, DataError) as error:
            found.append(str(error))
        assert time.process_time() - start < 1.0
    training, race = found
    assert isinstance(training, str) or isinstance(race, str)  # no text is both
    if isinstance(training, str) and isinstance(race, str):
        return f"{training}\n{race}"
    return race if isinstance(training, str) else training


@fuzz
@given(damaged())
def test_a_damaged_config_is_read_or_refused(data: bytes) -> None:
    result = read(data)
    if isinstance(result, str):
        assert result
        assert all(char.isprintable() or char == "\n" for char in result)
        result.encode()  # no half of a surrogate pair


@fuzz
@given(st.binary(max_size=200))
def test_any_bytes_are_refused(data: bytes) -> None:
    assert isinstance(read(data), str)


@fuzz
@given(st.text(max_size=200))
def test_any_text_is_refused(text: str) -> None:
    assert isinstance(read(text.encode("utf-8", "surrogatepass")), str)


@pytest.mark.parametrize("data", SHIPPED)
def test_the_undamaged_ones_are_good(data: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(shipped_folder())  # one names a folder beside it
    assert isinstance(read(data), Config | Race)
