"""S1: any bytes as a config are a plan or a refusal; never a traceback, a hang, or much memory.

python -m tests.torture.fuzz FOLDER --configs 500000

Shipped configs and the attacks of tests/attacks with bytes changed, removed, repeated, put in, or
crossed with each other.
"""

import argparse
import gc
import json
import random
import resource
import time
import traceback
from collections import Counter
from pathlib import Path
from typing import Any

from nnlab.config.files import decode, shipped
from nnlab.config.load import parse_config
from nnlab.errors import ConfigError, DataError
from nnlab.race.config import parse_race
from tests.attacks.configs import ATTACKS

LONGEST = 1.0  # seconds
PIECES = [
    *(bytes([byte]) for byte in b"[]{}:,-&*!|>'\"%@`#?~\\\n\t \0\xff\x80="),
    *b"\xc2\x85|\xe2\x80\xa8|\xef\xbb\xbf|&a |*a|!!int |!x |!!python/name:os ".split(b"|"),
    *b'<<: |---\n|...\n|"\\ud800"|"\\x00"|"\\U99999999"|name: |  - |: {'.split(b"|"),
    *b".nan|-.inf|1e999|-1|0x|0o9|null|true|99999999999|1e308|5e-324".split(b"|"),
]
SMALL = 4096  # bytes of an attack that is worth changing


def seeds() -> list[bytes]:
    """What the changes begin from."""
    small = [data for data, _ in ATTACKS.values() if len(data) <= SMALL]
    return [*sorted(path.read_bytes() for path in shipped().values()), *small]


def damaged(draw: random.Random, known: list[bytes]) -> bytes:
    """One of them, changed."""
    data = draw.choice(known)
    for _ in range(draw.randint(1, 8)):
        start = draw.randint(0, len(data))
        stop = min(len(data), start + draw.randint(0, 24))
        kind = draw.randrange(6)
        if kind == 0:
            piece = draw.choice(PIECES)
        elif kind == 1:
            piece = bytes(draw.randrange(256) for _ in range(draw.randint(0, 4)))
        elif kind == 2:
            piece = data[start:stop] * draw.choice((2, 2, 3, 50))
        elif kind == 3:
            other = draw.choice(known)
            at = draw.randint(0, len(other))
            piece = other[at : at + draw.randint(0, 80)]
        elif kind == 4:
            piece = b""
        else:
            piece = bytes(byte ^ (1 << draw.randrange(8)) for byte in data[start:stop])
        data = data[:start] + piece + data[stop:]
    return data


def fuzz(configs: int, seed: int) -> dict[str, Any]:
    """Read so many; what they came to, the slowest, and by how much the process grew."""
    draw, known = random.Random(seed), seeds()
    for data in known:  # what is made once a process is no growth
        outcome(data)
    gc.collect()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    found: Counter[str] = Counter()
    problems: list[str] = []
    slowest = 0.0
    for number in range(configs):
        data = damaged(draw, known)
        start = time.process_time()
        try:
            found[outcome(data)] += 1
        except BaseException:
            found["traceback"] += 1
            problems.append(f"{number}: {data!r:.300}\n{traceback.format_exc()[-600:]}")
        seconds = time.process_time() - start
        slowest = max(slowest, seconds)
        if seconds > LONGEST:
            found["longer than a second"] += 1
            problems.append(f"{number}: {seconds:.2f} s, {data!r:.300}")
    growth = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    return {
        "configs": configs,
        "found": dict(found),
        "slowest": round(slowest, 3),
        "growth_mib": round(growth, 1),
        "problems": problems,
    }


def outcome(data: bytes) -> str:
    """What reading came to; anything but a config and the two errors goes through."""
    codes = []
    for door in (parse_config, parse_race):
        try:
            door(decode(data, "x.yaml", Path()).text, "x.yaml")
        except (ConfigError, DataError) as error:
            text = str(error)
            assert text
            assert all(char.isprintable() or char == "\n" for char in text)
            codes.append(error.exit_code)
        else:
            return "a config"
    return f"exit {codes[0]}"


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path, help="not used; as for the other proofs")
    parser.add_argument("--configs", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    print(json.dumps(fuzz(given.configs, given.seed)))


if __name__ == "__main__":
    main()
