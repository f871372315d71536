"""The settings of a run, as a figure reads them."""

from typing import Any

from nnlab.config.problems import Problems
from nnlab.config.reader import read
from nnlab.config.tree import Source, plain
from nnlab.run.folder import RunFolder


def settings(run: RunFolder) -> dict[str, Any]:
    """resolved.yaml as plain values; ConfigError when it is no YAML."""
    problems = Problems()
    content = plain(read(Source("resolved.yaml", run.read_resolved(), run.path), problems))
    problems.raise_any()
    return content if isinstance(content, dict) else {}
