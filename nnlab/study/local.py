"""A Dask cluster on this machine that no other account can use.

Every connection needs a certificate that is made for this cluster and stays in memory, nothing
listens beyond 127.0.0.1, and there is no web page. The workers' files lie in a private folder.
"""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from tempfile import TemporaryDirectory
from typing import Any

from distributed import Nanny, Scheduler, SpecCluster, Worker
from distributed.security import Security

from nnlab.run import threads

HOST = "127.0.0.1"
LOGS = logging.CRITICAL


class _WithoutWebServer:
    """A web server would answer every account of this machine."""

    def start_http_server(self, *_: Any, **__: Any) -> None:
        pass


class PrivateScheduler(_WithoutWebServer, Scheduler):
    """A scheduler without a web server."""


class PrivateWorker(_WithoutWebServer, Worker):
    """A worker without a web server."""


@contextmanager
def private_cluster(workers: int) -> Iterator[Any]:
    """A scheduler in this process and workers in other processes, which end with this process."""
    security: Any = Security.temporary()  # type: ignore[no-untyped-call]
    common = {"host": HOST, "protocol": "tls://", "security": security, "dashboard": False}
    with TemporaryDirectory(prefix="nnlab-workers-", ignore_cleanup_errors=True) as folder:
        worker = {
            "cls": Nanny,
            "options": {
                **common,
                "worker_class": PrivateWorker,
                "nthreads": 1,
                "memory_limit": 0,
                "local_directory": folder,
                "silence_logs": LOGS,
            },
        }
        with threads.inherited(1):  # as long as a lost worker may be started anew
            cluster: Any = SpecCluster(  # type: ignore[no-untyped-call]
                workers=dict.fromkeys(range(workers), worker),
                worker=worker,
                scheduler={"cls": PrivateScheduler, "options": {**common, "port": 0}},
                security=security,
                silence_logs=LOGS,
            )
            with cluster:
                yield cluster
