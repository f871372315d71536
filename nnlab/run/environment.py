"""The description of the machine in run.json, for comparison with later runs."""

import os
import platform
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np

from nnlab import __version__
from nnlab.engine.blas import turn
from nnlab.run import threads
from nnlab.run.repository import git

ESSENCE = {
    "python": ("versions", "python"),
    "numpy": ("versions", "numpy"),
    "BLAS": ("versions", "blas"),
    "nnlab": ("versions", "nnlab"),
    "system": ("platform", "system"),
    "machine": ("platform", "machine"),
    "cpu": ("platform", "cpu"),
    "BLAS kernel": ("platform", "blas_kernel"),
    "BLAS threads": ("threads", "blas"),
}


def describe(
    argv: Sequence[str] | None = None, folder: Path | None = None, with_changes: bool = False
) -> dict[str, Any]:
    """argv, versions, platform, threads and git state of `folder` (default: the current one).

    with_changes: `git` also has the changes, unless $NNLAB_CHANGES is 0.
    """
    blas = loaded_blas()
    return {
        "argv": list(sys.argv if argv is None else argv),
        "versions": versions(),
        "platform": {
            "system": platform.system(),
            "release": platform.release(),
            "machine": platform.machine(),
            "cpu": _cpu(),
            "cpu_count": os.cpu_count(),
            "blas_kernel": blas.get("architecture"),
        },
        "threads": {
            "blas": blas.get("num_threads"),
            **{name: os.environ.get(name) for name in threads.VARIABLES},
        },
        "git": git(folder or Path(), with_changes and os.environ.get("NNLAB_CHANGES") != "0"),
    }


def essence(described: Mapping[str, Any]) -> dict[str, str]:
    """The entries of `describe` that affect the last bits of numbers."""
    return {
        name: str(part.get(key))
        if isinstance(part := described.get(section), Mapping)
        else "unknown"
        for name, (section, key) in ESSENCE.items()
    }


def environment_changes(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[str]:
    """A clause for each entry that differs in two results of `essence`."""
    return [
        f"{name} was {before.get(name)}, now {after.get(name)}"
        for name in after
        if before.get(name) != after.get(name)
    ]


def running() -> int:
    """The number of runnable threads on this machine; 1 if unknown."""
    try:
        return int(Path("/proc/loadavg").read_text(encoding="ascii").split()[3].split("/")[0])
    except (OSError, ValueError, IndexError):
        return 1


def now() -> str:
    """The time as ISO 8601 with the zone, for example 2026-05-09T07:35:25.120+02:00."""
    return datetime.now().astimezone().isoformat(timespec="milliseconds")


def versions() -> dict[str, str]:
    """Versions of python, numpy, its BLAS, and nnlab."""
    config: Any = np.show_config(mode="dicts")
    blas = config.get("Build Dependencies", {}).get("blas", {})
    return {
        "python": platform.python_version(),
        "numpy": np.__version__,
        "blas": f"{blas.get('name', 'unknown')} {blas.get('version', 'unknown')}",
        "nnlab": __version__,
    }


def installed() -> str:
    """Python, the platform, and all packages with their versions, as `pip install -r` reads them.

    The names of their folders say it; importlib.metadata reads a file of each, for 0.1 s.
    """
    packages: dict[str, str] = {}
    for place in sys.path:
        with suppress(OSError):
            for name in os.listdir(place or "."):
                if name.endswith(".dist-info"):
                    package, _, version = name.removesuffix(".dist-info").partition("-")
                    packages.setdefault(package, version)
    system = f"{platform.system()} {platform.release()} {platform.machine()}"
    lines = [f"{name}=={packages[name]}" for name in sorted(packages, key=str.lower)]
    return "\n".join([f"# Python {platform.python_version()}, {system}", *lines, ""])


def loaded_blas() -> dict[str, Any]:
    """Facts about the BLAS of this process by threadpoolctl; may be empty."""
    try:
        import threadpoolctl  # type: ignore[import-untyped, unused-ignore]  # ships no types
    except ImportError:
        return {}
    with turn():  # a training in another thread may limit it for a moment
        libraries: list[dict[str, Any]] = threadpoolctl.threadpool_info()
    return next((library for library in libraries if library.get("user_api") == "blas"), {})


def _cpu() -> str:
    with suppress(OSError), Path("/proc/cpuinfo").open(encoding="utf-8", errors="replace") as lines:
        for line in lines:
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.machine()  # not Linux; platform.processor() would start a process to ask
