"""--cluster and what belongs to it: which machines run the trials of a sweep."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from nnlab.study.cluster import Cluster

F = TypeVar("F", bound=Callable[..., Any])
KEY = "nnlab.cluster"  # in click's context: the options below by name


def cluster_options(function: F) -> F:
    """--cluster, --insecure and --tls-*; `cluster` gives what they ask for."""

    def remember(ctx: click.Context, parameter: click.Parameter, value: Any) -> None:
        ctx.meta.setdefault(KEY, {})[parameter.name] = value

    for option in reversed(
        [
            click.option(
                "--cluster",
                metavar="ADDRESS",
                expose_value=False,
                callback=remember,
                help="Run trials on a Dask cluster: tcp://host:port, tls://host:port, or local:N "
                "for N workers on this machine. See docs/cluster.md.",
            ),
            click.option(
                "--insecure",
                is_flag=True,
                expose_value=False,
                callback=remember,
                help="Trust a scheduler without TLS; whoever reaches it can run code as you.",
            ),
            *(
                click.option(
                    f"--tls-{name}",
                    metavar="FILE",
                    expose_value=False,
                    callback=remember,
                    help=text,
                )
                for name, text in (
                    ("ca", "The certificate that signed those of scheduler and workers."),
                    ("cert", "Your own certificate."),
                    ("key", "Its key."),
                )
            ),
        ]
    ):
        function = option(function)
    return function


def cluster(timeout: float | None, memory: int | None) -> "Cluster | None":
    """The executor that the options ask for; None without --cluster. Raises UsageError."""
    from nnlab.errors import UsageError

    given = click.get_current_context().meta.get(KEY, {})
    if given.get("cluster") is None:
        unused = [name for name, value in given.items() if value]
        if unused:
            raise UsageError(f"--{unused[0].replace('_', '-')} is for use with --cluster.")
        return None
    from nnlab.study.cluster import Cluster
    from nnlab.study.scheduler import (
        Address,
        Tls,
        refuse_without_tls,
        require_distributed,
        tls_security,
    )

    address = Address.parse(given["cluster"])
    require_distributed(address)
    refuse_without_tls(address, given["insecure"])
    tls = Tls(given["tls_ca"], given["tls_cert"], given["tls_key"])
    tls_security(address, tls)
    return Cluster(address, timeout, memory, given["insecure"], tls)
