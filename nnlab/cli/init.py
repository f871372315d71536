"""`nnlab init`."""

from collections.abc import Mapping
from pathlib import Path

import click

from nnlab.cli.completion import complete_config
from nnlab.cli.options import json_option, verbosity
from nnlab.cli.terminal import (
    STDIO,
    print_data,
    print_json,
    print_message,
    print_result,
    write_output,
)
from nnlab.config.files import shipped
from nnlab.config.load import describes_race
from nnlab.errors import UsageError
from nnlab.suggest import did_you_mean


@click.command
@click.argument("name", required=False, metavar="[NAME]", shell_complete=complete_config)
@click.argument("path", required=False, metavar="[FILE]", type=click.Path(path_type=Path))
@click.option("--force", is_flag=True, help="Overwrite an existing file.")
@json_option
@verbosity
def command(name: str | None, path: Path | None, force: bool, as_json: bool) -> None:
    """Copy a shipped config, to change it.

    The copy goes to FILE (- is stdout), without one to NAME.yaml in the current folder. Without
    NAME, lists the shipped configs.

    \b
    nnlab init
    nnlab init xor
    nnlab init xor mine.yaml
    """
    configs = shipped()
    if name is None:
        _print_configs({known: _purpose(file) for known, file in configs.items()}, as_json)
        return
    source = _find(name, configs)
    if str(path) == STDIO:
        print_data(source.read_bytes().decode())
        return
    target = path or Path(source.name)
    if target.is_dir():
        target = target / source.name
    if target.exists() and not force:
        raise UsageError(f"{target} exists already; --force overwrites it.")
    write_output(target, source.read_bytes(), as_json)
    verb, runner = ("Run", "descend") if describes_race(source) else ("Train", "train")
    print_message(f"{verb} it with: nnlab {runner} {target}")


def _print_configs(purposes: Mapping[str, str], as_json: bool) -> None:
    if as_json:
        rows = [{"name": name, "purpose": purpose} for name, purpose in purposes.items()]
        print_json({"configs": rows})
    else:
        formatter = click.HelpFormatter()  # wraps to the terminal's width
        formatter.write_dl(list(purposes.items()))
        print_result(formatter.getvalue().rstrip("\n"))


def _find(name: str, configs: dict[str, Path]) -> Path:
    """The shipped config of this name. Raises UsageError with the nearest name."""
    wanted = name.removesuffix(".yaml").replace("-", "_")
    if wanted not in configs:
        hint = did_you_mean(wanted, configs)
        raise UsageError(f"There is no shipped config '{name}'.{hint} `nnlab init` lists them.")
    return configs[wanted]


def _purpose(path: Path) -> str:
    """The first sentence of the comment that a config begins with."""
    lines = []
    for line in path.read_text(encoding="utf-8").splitlines():
        if not line.startswith("#"):
            break
        lines.append(line.lstrip("# ").rstrip())
    return " ".join(lines).partition(". ")[0].removesuffix(".")
