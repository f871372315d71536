"""Where a cluster's scheduler is, and whether it may be trusted."""

import logging
import os
import socket
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any
from urllib.parse import urlsplit

from nnlab.errors import StorageError, UsageError
from nnlab.run import threads
from nnlab.run.text import shown

PATIENCE = 5.0  # seconds for the scheduler to answer
MISSING = "A cluster needs dask.distributed, which is not installed: pip install 'nnlab[cluster]'."
FORMS = "tcp://host:port, tls://host:port or local:N"


@dataclass(frozen=True)
class Tls:
    """The files that prove who is who: the authority's certificate, one's own, and its key."""

    ca: str | None = None
    cert: str | None = None
    key: str | None = None


@dataclass(frozen=True)
class Address:
    """A scheduler's address, or with `workers` a cluster to be started on this machine."""

    text: str
    workers: int | None = None

    @classmethod
    def parse(cls, text: str) -> "Address":
        """Raises UsageError with the forms there are."""
        kind, colon, rest = text.partition(":")
        if kind == "local" and colon and rest.isascii() and rest.isdigit() and 0 < int(rest) < 1000:
            return cls(text, int(rest))
        try:
            parts = urlsplit(text)
            good = parts.scheme in ("tcp", "tls") and parts.hostname and parts.port
        except ValueError:  # a port that is no number
            good = None
        if not good:
            raise UsageError(f"--cluster {shown(text)}: an address is {FORMS}.")
        return cls(text)

    @property
    def host(self) -> str:
        """The host's name or number."""
        return urlsplit(self.text).hostname or ""


def refuse_strangers(address: Address, insecure: bool) -> None:
    """UsageError for a scheduler elsewhere that cannot prove who it is.

    What a scheduler sends is taken in by this program as Python objects, so who can pose as one, or
    can reach one, runs code here.
    """
    if address.workers is not None or address.text.startswith("tls:") or insecure:
        return
    if not is_here(address.host):
        raise UsageError(
            f"The scheduler {shown(address.text)} is not on this host: whoever reaches it, or "
            "poses as it, can run code here and on its workers. Use TLS (tls://, --tls-ca, "
            "--tls-cert, --tls-key), or --insecure in a network that you trust."
        )


def is_here(host: str) -> bool:
    """Whether all addresses of `host` belong to this machine: then a socket can be bound to it."""
    try:
        found = socket.getaddrinfo(host, 0, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        return False
    for family, kind, protocol, _, place in found:
        try:
            with socket.socket(family, kind, protocol) as probe:
                probe.bind(place)
        except OSError:
            return False
    return bool(found)


@contextmanager
def connected(address: Address, tls: Tls) -> Iterator[Any]:
    """A distributed.Client; a local cluster ends with the `with`, or with this process.

    Raises UsageError without dask.distributed or for unusable TLS files, StorageError when nobody
    answers.
    """
    require_distributed()
    import distributed

    start: Any = distributed.Client  # has no types
    _quiet()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # other versions of packages that no trial uses
        if address.workers is not None:
            with threads.inherited(1):
                cluster = _local(address.workers)
            with cluster, start(cluster, set_as_default=False) as client:
                yield client
            return
        try:
            client = start(
                address.text,
                timeout=PATIENCE,
                security=security(address, tls),
                set_as_default=False,
            )
        except (OSError, ValueError) as error:
            raise StorageError(_unreachable(address, error)) from None
        with client:
            yield client


def require_distributed() -> None:
    """UsageError with how to install it, if it is not."""
    if find_spec("distributed") is None:
        raise UsageError(MISSING)


def _local(workers: int) -> Any:
    """A scheduler in this process and its workers in others, which end when this one does."""
    import distributed

    start: Any = distributed.LocalCluster  # has no types
    return start(
        n_workers=workers,
        threads_per_worker=1,
        host="127.0.0.1",
        dashboard_address=None,
        memory_limit=0,
        silence_logs=logging.CRITICAL,
    )


def security(address: Address, tls: Tls) -> Any:
    """What the options say, else what dask's own configuration says."""
    from distributed.security import Security

    if not address.text.startswith("tls:"):
        if any((tls.ca, tls.cert, tls.key)):
            raise UsageError(f"With TLS the address begins with tls://, not {shown(address.text)}.")
        return None
    for path in filter(None, (tls.ca, tls.cert, tls.key)):
        if not os.path.isfile(path):
            raise UsageError(f"There is no file {shown(path)}.")
    given = {"tls_ca_file": tls.ca, "tls_client_cert": tls.cert, "tls_client_key": tls.key}
    make: Any = Security  # has no types
    found = make(require_encryption=True, **{name: path for name, path in given.items() if path})
    if not (found.tls_ca_file and found.tls_client_cert):
        raise UsageError(
            "TLS needs the certificate of the authority and one of your own: --tls-ca, --tls-cert "
            "and --tls-key, or distributed.comm.tls in dask's configuration."
        )
    return found


def _unreachable(address: Address, error: Exception) -> str:
    root: BaseException = error
    while (cause := root.__cause__ or root.__context__) is not None:
        root = cause
    reason = root.strerror if isinstance(root, OSError) else None
    reason = reason or f"no scheduler answered within {PATIENCE:g} s"
    return (
        f"The scheduler {shown(address.text)} cannot be reached: {shown(reason)}. `dask scheduler` "
        "starts one; `--cluster local:2` needs none."
    )


def _quiet() -> None:
    """What distributed has to say about lost connections is said by us, in a sentence."""
    for name in ("distributed", "tornado.application", "asyncio"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
