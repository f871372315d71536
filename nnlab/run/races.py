"""What the summary.json of a race tells of those that raced."""

from collections.abc import Mapping
from typing import Any


def ends(summary: Mapping[str, Any]) -> list[dict[str, Any]]:
    """A row a run, as tables show it: where it ended, and which known minimum is nearest.

    None before the end of the race.
    """
    return [_end(run) for run in summary.get("runs", ())]


def _end(run: Mapping[str, Any]) -> dict[str, Any]:
    final, near, diverged = run["final"], run["minimum"] or {}, run["diverged"]
    return {
        "run": run["name"],
        "steps": final["step"],
        "x": final["x"],
        "y": final["y"],
        "value": final["value"],
        "nearest minimum": f"({near['x']:.4g}, {near['y']:.4g})" if near else None,
        "value there": near.get("value"),
        "distance": near.get("distance"),
        "diverged": None if diverged is None else f"at step {diverged:,}",
    }
