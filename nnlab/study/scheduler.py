"""The scheduler of a cluster: its address, its TLS, and the connection to it."""

import logging
import os
import socket
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from nnlab.errors import StorageError, UsageError, require_package
from nnlab.run.text import shown

PATIENCE = 5.0  # seconds for the scheduler to answer
FORMS = "tcp://host:port, tls://host:port or local:N"


@dataclass(frozen=True)
class Tls:
    """Files of TLS: the authority's certificate, your own certificate, and its key."""

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
        """Raises UsageError with the forms of an address."""
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


def refuse_without_tls(address: Address, insecure: bool) -> None:
    """UsageError for a scheduler that cannot prove its identity, here or elsewhere.

    This program unpickles what a scheduler sends. Without TLS, every account that reaches the
    scheduler can send it something, on its own machine all accounts, and so run code here.
    """
    if address.workers is not None or address.text.startswith("tls:") or insecure:
        return
    raise UsageError(
        f"The scheduler {shown(address.text)} has no TLS: every account that reaches it, also on "
        "this machine, can run code as you. Use TLS (tls://, --tls-ca, --tls-cert, --tls-key), "
        "local:N for workers on this machine, or --insecure if you trust all of them."
    )


@contextmanager
def connected(address: Address, tls: Tls) -> Iterator[Any]:
    """A distributed.Client; a local cluster ends with the `with`, or with this process.

    Raises UsageError without dask.distributed or for unusable TLS files, StorageError when no
    scheduler answers.
    """
    require_distributed(address)
    import distributed

    start: Any = distributed.Client  # has no types
    for name in ("distributed", "tornado.application", "asyncio"):  # nnlab reports it in a sentence
        logging.getLogger(name).setLevel(logging.CRITICAL)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # other versions of packages that no trial uses
        if address.workers is not None:
            from nnlab.study.local import private_cluster

            with (
                private_cluster(address.workers) as cluster,
                start(cluster, set_as_default=False) as client,
            ):
                yield client
            return
        options = {"timeout": PATIENCE, "security": tls_security(address, tls)}
        parts = urlsplit(address.text)
        try:  # first a plain connection: its error has the system's own reason
            socket.create_connection((parts.hostname or "", parts.port or 0), PATIENCE).close()
            client = start(address.text, set_as_default=False, **options)
        except (OSError, ValueError) as error:
            raise StorageError(_unreachable(address, error)) from None
        with client:
            yield client


def require_distributed(address: Address) -> None:
    """UsageError for a package that a cluster needs and that is not installed."""
    needed = {"distributed": "dask.distributed"}
    if address.workers is not None:
        needed["cryptography"] = "cryptography (for the certificate of local:N)"
    for module, package in needed.items():
        require_package("A cluster", module, "cluster", package)


def tls_security(address: Address, tls: Tls) -> Any:
    """Dask's Security from the options, else from Dask's own configuration; None without TLS."""
    from distributed.security import Security

    if not address.text.startswith("tls:"):
        if any((tls.ca, tls.cert, tls.key)):
            raise UsageError(f"With TLS the address begins with tls://, not {shown(address.text)}.")
        return None
    for path in filter(None, (tls.ca, tls.cert, tls.key)):
        if not os.path.isfile(path):
            raise UsageError(f"There is no file {shown(path)}.")
    files = {"tls_ca_file": tls.ca, "tls_client_cert": tls.cert, "tls_client_key": tls.key}
    make: Any = Security  # has no types
    security = make(require_encryption=True, **{name: path for name, path in files.items() if path})
    if not (security.tls_ca_file and security.tls_client_cert):
        raise UsageError(
            "TLS needs the certificate of the authority and one of your own: --tls-ca, --tls-cert "
            "and --tls-key, or distributed.comm.tls in dask's configuration."
        )
    return security


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
