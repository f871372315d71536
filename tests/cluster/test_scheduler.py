"""Which addresses there are, and which schedulers are trusted."""

import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path
from shutil import which

import pytest

from nnlab.errors import StorageError, UsageError
from nnlab.study.cluster import Cluster
from nnlab.study.scheduler import (
    Address,
    Tls,
    connected,
    refuse_without_tls,
    require_distributed,
)
from tests.cluster.parts import Dask, outcomes, trials

pytest.importorskip("distributed")


@pytest.mark.parametrize(
    ("text", "workers"),
    [
        ("local:2", 2),
        ("tcp://127.0.0.1:8786", None),
        ("tls://Node7.example.org:8786", None),
        ("tcp://[::1]:8786", None),
    ],
)
def test_addresses(text: str, workers: int | None) -> None:
    assert Address.parse(text).workers == workers


@pytest.mark.parametrize(
    "text",
    [
        *("", "local", "local:", "local:0", "local:-1", "local:x", "local:9999", "127.0.0.1:8786"),
        *(
            "tcp://127.0.0.1",
            "tcp://:8786",
            "tcp://a:b",
            "http://a:1",
            "tcp://a:99999",
            "inproc://",
        ),
    ],
)
def test_what_is_no_address(text: str) -> None:
    with pytest.raises(UsageError) as error:
        Address.parse(text)
    assert str(error.value) == (
        f"--cluster {text}: an address is tcp://host:port, tls://host:port or local:N."
    )


@pytest.mark.parametrize(
    "text",
    [
        *("tcp://192.0.2.7:8786", "tcp://127.0.0.1:8786", "tcp://localhost:8786"),
        *("tcp://[::1]:8786", "tcp://0.0.0.0:8786", f"tcp://{socket.gethostname()}:8786"),
    ],
)
def test_a_scheduler_without_tls_is_refused(text: str) -> None:
    with pytest.raises(UsageError) as error:
        refuse_without_tls(Address.parse(text), insecure=False)
    assert str(error.value) == (
        f"The scheduler {text} has no TLS: every account that reaches it, also on this machine, "
        "can run code as you. Use TLS (tls://, --tls-ca, --tls-cert, --tls-key), local:N for "
        "workers on this machine, or --insecure if you trust all of them."
    )
    refuse_without_tls(Address.parse(text), insecure=True)


@pytest.mark.parametrize("text", ["tls://192.0.2.7:8786", "tls://127.0.0.1:8786", "local:2"])
def test_an_address_with_tls_is_accepted(text: str) -> None:
    refuse_without_tls(Address.parse(text), insecure=False)


@pytest.mark.parametrize(
    ("text", "module", "package"),
    [
        ("local:2", "distributed", "dask.distributed"),
        ("tls://a:1", "distributed", "dask.distributed"),
        ("local:2", "cryptography", "cryptography (for the certificate of local:N)"),
    ],
)
def test_a_package_is_missing(
    monkeypatch: pytest.MonkeyPatch, text: str, module: str, package: str
) -> None:
    monkeypatch.setattr("nnlab.errors.find_spec", lambda name: None if name == module else name)
    with pytest.raises(UsageError) as error:
        require_distributed(Address.parse(text))
    assert str(error.value) == (
        f"A cluster needs {package}, which is not installed: pip install 'nnlab[cluster]'."
    )


def test_nobody_answers() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # and nobody listens
        silent = Address.parse(f"tcp://127.0.0.1:{taken.getsockname()[1]}")
        with pytest.raises(StorageError) as error, connected(silent, Tls()):
            pass
    message = str(error.value)
    assert message == (
        f"The scheduler {silent.text} cannot be reached: Connection refused. `dask scheduler` "
        "starts one; `--cluster local:2` needs none."
    )


@pytest.mark.parametrize(
    ("text", "tls", "message"),
    [
        ("tls://127.0.0.1:1", Tls(ca="nowhere.pem"), "There is no file nowhere.pem."),
        (
            "tcp://127.0.0.1:1",
            Tls(ca=__file__),
            "With TLS the address begins with tls://, not tcp://127.0.0.1:1.",
        ),
        (
            "tls://127.0.0.1:1",
            Tls(),
            "TLS needs the certificate of the authority and one of your own: --tls-ca, --tls-cert "
            "and --tls-key, or distributed.comm.tls in dask's configuration.",
        ),
    ],
)
def test_tls_that_cannot_be(text: str, tls: Tls, message: str) -> None:
    with pytest.raises(UsageError) as error, connected(Address.parse(text), tls):
        pass
    assert str(error.value) == message


@pytest.fixture
def keys(tmp_path: Path) -> Path:
    """A key, and a certificate that is its own authority."""
    if which("openssl") is None:
        pytest.skip("no openssl to make a certificate with")
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"),
            *("-nodes", "-keyout", "key.pem", "-out", "cert.pem", "-days", "2"),
            *("-subj", "/CN=nnlab", "-addext", "basicConstraints=critical,CA:TRUE"),
        ],
        cwd=tmp_path,
        check=True,
        capture_output=True,
    )
    return tmp_path


@pytest.fixture
def tls_dask(keys: Path) -> Iterator[Dask]:
    found = Dask(keys)
    files = ["--tls-ca-file", "cert.pem", "--tls-cert", "cert.pem", "--tls-key", "key.pem"]
    try:
        found.scheduler("--host", "tls://127.0.0.1", "--port", "0", *files)
        found.worker(*files)
        yield found
    finally:
        found.end()


def test_trials_over_tls(tls_dask: Dask, tmp_path: Path) -> None:
    there = Address.parse(tls_dask.address)
    assert there.text.startswith("tls://")
    tls = Tls(*(str(tls_dask.folder / name) for name in ("cert.pem", "cert.pem", "key.pem")))
    found = outcomes(Cluster(there, tls=tls), trials(1, "epochs=2"), tmp_path / "sweep")
    assert [one.status for one in found.values()] == ["completed"]
    plain = Address.parse(there.text.replace("tls:", "tcp:"))
    with pytest.raises(StorageError, match="cannot be reached"), connected(plain, Tls()):
        pass
