"""`--cluster local:N`: another account knocks at every port and gets nothing (L3)."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cluster.parts import ROOT, wait_until
from tests.cluster.test_scheduler import keys as keys  # the fixture: a certificate of a stranger

pytest.importorskip("distributed")
pytest.importorskip("cryptography")
if not Path("/proc/net/tcp").is_file():
    pytest.skip("ports are read from Linux's /proc", allow_module_level=True)

LISTENING = "0A"  # linux/net/tcp_states.h
NOBODY = 65534

# Reads the certificate, then becomes another account, where root runs the tests. Prints what
# each knock at each port was answered.
KNOCK = f"""
import json, os, socket, ssl, sys
ports = json.loads(sys.argv[1])
def context(cert):
    found = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    found.check_hostname, found.verify_mode = False, ssl.CERT_NONE
    if cert:
        found.load_cert_chain("cert.pem", "key.pem")
    return found
socket.getaddrinfo("127.0.0.1", 1)  # imports codecs, which another account may not read
ways = {{"plain": None, "no certificate": context(False), "own certificate": context(True)}}
if os.geteuid() == 0:
    os.setgroups([]); os.setgid({NOBODY}); os.setuid({NOBODY})
answers = {{}}
for port in ports:
    for way, tls in ways.items():
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=10) as plain:
                plain.settimeout(10)
                pipe = plain if tls is None else tls.wrap_socket(plain)
                pipe.sendall(b"GET / HTTP/1.0\\r\\n\\r\\n")
                answer = pipe.recv(100)
        except (TimeoutError, ConnectionError, ssl.SSLError) as error:
            answer = b""
        # 21 is a TLS alert: the refusal itself
        answers[f"{{port}} {{way}}"] = "" if answer[:1] == b"\\x15" else repr(answer)
print(json.dumps(answers))
"""


def family(pid: int) -> set[int]:
    """A process and all below it."""
    parents: dict[int, int] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                stat = (entry / "stat").read_text()
            except OSError:
                continue
            parents[int(entry.name)] = int(stat.rpartition(")")[2].split()[1])
    found, size = {pid}, 0
    while len(found) > size:
        size = len(found)
        found |= {child for child, parent in parents.items() if parent in found}
    return found


def listening(pid: int) -> set[tuple[str, int]]:
    """Address and port of each socket that a process or one below it listens on."""
    inodes = set()
    for member in family(pid):
        for link in Path(f"/proc/{member}/fd").glob("*"):
            try:
                name = os.readlink(link)
            except OSError:
                continue
            if name.startswith("socket:["):
                inodes.add(name[8:-1])
    found = set()
    for table in ("tcp", "tcp6"):
        for line in Path("/proc/net", table).read_text().splitlines()[1:]:
            _, local, _, state, *rest = line.split()
            if state == LISTENING and rest[5] in inodes:
                host, _, port = local.partition(":")
                found.add((host, int(port, 16)))
    return found


@pytest.fixture
def sweep(tmp_path: Path) -> Iterator["subprocess.Popen[bytes]"]:
    """The command, with workers that are training."""
    axes = ["lr=0.1,0.2", "-c", "xor", "--cluster", "local:2", "--no-plots"]
    settings = ["--set", "epochs=100000000", "--set", "training.engine=numpy"]
    process = subprocess.Popen(
        [sys.executable, "-m", "nnlab", "sweep", *axes, *settings],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        yield process
    finally:
        process.terminate()
        process.wait()


def test_no_open_door(sweep: "subprocess.Popen[bytes]", keys: Path) -> None:
    wait_until(lambda: len(listening(sweep.pid)) >= 5)  # scheduler, 2 x (nanny, worker)
    found = listening(sweep.pid)
    assert {host for host, _ in found} == {"0100007F"}  # 127.0.0.1, as the kernel writes it
    ports = sorted(port for _, port in found)
    knock = subprocess.run(
        [sys.executable, "-c", KNOCK, json.dumps(ports)],
        cwd=keys,
        capture_output=True,
        text=True,
        check=True,
    )
    answers = json.loads(knock.stdout)
    assert len(answers) == 3 * len(ports)
    assert {
        knocked: answer for knocked, answer in answers.items() if answer not in ("", "b''")
    } == {}
    assert len(ports) == 5  # and no dashboard
    assert sweep.poll() is None
    for member in family(sweep.pid):
        assert b"PRIVATE KEY" not in Path(f"/proc/{member}/cmdline").read_bytes()
