"""`nnlab init`."""

from collections.abc import Mapping
from pathlib import Path

import click

from nnlab.cli.completion import complete_config
from nnlab.cli.options import json_option
from nnlab.cli.terminal import (
    STDIO,
    print_data,
    print_files,
    print_json,
    print_message,
    print_result,
)
from nnlab.config.files import shipped
from nnlab.config.json_schema import TITLE, schema_text
from nnlab.config.load import describes_race
from nnlab.config.schema import Config
from nnlab.errors import UsageError
from nnlab.race.config import Race
from nnlab.run import durable
from nnlab.suggest import did_you_mean

HEAD = "# yaml-language-server: $schema="


@click.command
@click.argument("name", required=False, metavar="[NAME]", shell_complete=complete_config)
@click.argument("path", required=False, metavar="[FILE]", type=click.Path(path_type=Path))
@click.option("--force", is_flag=True, help="Overwrite an existing file.")
@json_option
def command(name: str | None, path: Path | None, force: bool, as_json: bool) -> None:
    """Copy a shipped config, to change it.

    The copy goes to FILE (- is stdout), without one to NAME.yaml in the current folder; weights or
    a folder of data that it begins with go beside it, and a file that its first line names, which
    lets editors complete and check it. Without NAME, lists the shipped configs.

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
        if as_json:
            raise click.UsageError("FILE - and --json exclude each other.")
        print_data(source.read_bytes().decode())
        return
    target = path or Path(source.name)
    if target.is_dir():
        target = target / source.name
    is_race = describes_race(source)
    schema = target.with_name("nnlab-race.schema.json" if is_race else "nnlab.schema.json")
    copies = _copy(source, target, f"{HEAD}{schema.name}\n", force)
    print_files(copies, None, as_json)
    _write_schema(schema, schema_text(Race if is_race else Config))
    verb, runner = ("Run", "descend") if is_race else ("Train", "train")
    print_message(f"{verb} it with: nnlab {runner} {target}")


def _copy(source: Path, target: Path, head: str, force: bool) -> list[Path]:
    """Copy a config below a first line, and the weights and the folder of its name to its side.

    The paths of the copies. Raises UsageError.
    """
    beside = (source.with_suffix(".safetensors"), source.with_suffix(""))
    copies = {target.with_name(path.name): path for path in beside if path.exists()}
    if target in copies:
        raise UsageError(f"{target} is the place of what the config needs: name another FILE.")
    for copy in (target, *copies):
        if copy.exists() and not force:
            raise UsageError(f"{copy} exists already; --force overwrites it.")
    durable.make_folder(target.parent)
    for copy, original in copies.items():
        files = [original] if original.is_file() else filter(Path.is_file, original.rglob("*"))
        for file in files:
            place = copy / file.relative_to(original)
            durable.make_folder(place.parent)
            durable.write_file(place, file.read_bytes())
    durable.write_file(target, head.encode() + source.read_bytes())
    return [target, *copies]


def _write_schema(path: Path, text: str) -> None:
    """Write the schema, also over one of an older nnlab, but over nothing else."""
    ours = text[: text.index(TITLE) + len(TITLE)]
    is_free = not path.exists()
    if is_free or (path.is_file() and durable.read_file(path).startswith(ours.encode())):
        durable.write_file(path, text)
        print_message(f"Editors complete and check it with {path}.")


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
