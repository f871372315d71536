"""Which addresses there are, and which schedulers are trusted."""

import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path
from shutil import which

import pytest

from nnlab.errors import StorageError, UsageError
from nnlab.sweep.address import Address, Tls, connected, is_here, refuse_strangers
from nnlab.sweep.cluster import Cluster
from tests.cluster.parts import Dask, outcomes, trials

pytest.importorskip("distributed")


@pytest.mark.parametrize(
    ("text", "workers", "host"),
    [
        ("local:2", 2, ""),
        ("tcp://127.0.0.1:8786", None, "127.0.0.1"),
        ("tls://Node7.example.org:8786", None, "node7.example.org"),
        ("tcp://[::1]:8786", None, "::1"),
    ],
)
def test_addresses(text: str, workers: int | None, host: str) -> None:
    found = Address.parse(text)
    assert (found.workers, found.host) == (workers, host)


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
    ("host", "here"),
    [
        ("127.0.0.1", True),
        ("localhost", True),
        (socket.gethostname(), True),
        ("192.0.2.7", False),  # reserved for examples: nobody's
        ("no.such.host.invalid", False),
        ("a" * 300, False),
    ],
)
def test_which_hosts_are_this_one(host: str, here: bool) -> None:
    assert is_here(host) is here


def test_a_scheduler_elsewhere_needs_a_proof() -> None:
    address = Address.parse("tcp://192.0.2.7:8786")
    with pytest.raises(UsageError) as error:
        refuse_strangers(address, insecure=False)
    assert str(error.value) == (
        "The scheduler tcp://192.0.2.7:8786 is not on this host: whoever reaches it, or poses as "
        "it, can run code here and on its workers. Use TLS (tls://, --tls-ca, --tls-cert, "
        "--tls-key), or --insecure in a network that you trust."
    )
    refuse_strangers(address, insecure=True)
    refuse_strangers(Address.parse("tls://192.0.2.7:8786"), insecure=False)
    refuse_strangers(Address.parse("tcp://127.0.0.1:8786"), insecure=False)
    refuse_strangers(Address.parse("local:2"), insecure=False)


def test_nobody_answers() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # and nobody listens
        address = Address.parse(f"tcp://127.0.0.1:{taken.getsockname()[1]}")
        with pytest.raises(StorageError) as error, connected(address, Tls()):
            pass
    message = str(error.value)
    assert message == (
        f"The scheduler {address.text} cannot be reached: Connection refused. `dask scheduler` "
        "starts one; `--cluster local:2` needs none."
    )


@pytest.mark.parametrize(
    ("address", "tls", "message"),
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
def test_tls_that_cannot_be(address: str, tls: Tls, message: str) -> None:
    with pytest.raises(UsageError) as error, connected(Address.parse(address), tls):
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
    address = Address.parse(tls_dask.address)
    assert address.text.startswith("tls://")
    tls = Tls(*(str(tls_dask.folder / name) for name in ("cert.pem", "cert.pem", "key.pem")))
    found = outcomes(Cluster(address, tls=tls), trials(1, "epochs=2"), tmp_path / "sweep")
    assert [one.status for one in found.values()] == ["completed"]
    plain = Address.parse(address.text.replace("tls:", "tcp:"))
    with pytest.raises(StorageError, match="cannot be reached"), connected(plain, Tls()):
        pass
