"""Pages of the web site that the program itself can write: one per command, setting and formula.

Sphinx calls `write_pages` before it reads the folder; git ignores what is written.
"""

import inspect
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import nnlab
from docs.generate import help_texts
from docs.settings import config_reference
from nnlab.core.layers import LAYERS
from nnlab.core.layers.base import Layer
from nnlab.core.losses import LOSSES, Loss
from nnlab.core.optimizers import OPTIMIZERS, Optimizer
from nnlab.core.schedules import SCHEDULES, Schedule
from nnlab.core.types import cached_property
from nnlab.explanation.formula import Written
from nnlab.explanation.mathml import mathml

# Settings that formulas need: the required ones, and momentum, without which sgd has a single line.
EXAMPLES: dict[str, dict[str, Any]] = {
    "dense": {"units": 1},
    "reshape": {"shape": (1,)},
    "conv2d": {"filters": 1},
    "multistep": {"milestones": (1,)},
    "sgd": {"momentum": 0.9},
}
MATHEMATICS = """# The mathematics

Each formula on this page is the one that [`nnlab explain`](../explain.md) fills with numbers and
that `nnlab export RUN --to script` writes as code. x is an input of a layer, y its output, dy the
derivative of the loss by y; t is a target; w stands for a weight or a bias, g for its gradient, and
in an optimizer t is the number of the update. The text below each name is that of the code.
"""


def write_pages(folder: Path) -> None:
    """Write all pages into `folder`; a page that did not change keeps its time."""
    for name, text in site_pages().items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")


def site_pages() -> dict[str, str]:
    """Each page's path in the folder, with its text."""
    commands = {
        path.replace(" ", "-"): f"# {path}\n\n```text\n{text.rstrip()}\n```\n"
        for path, text in help_texts()
    }
    families = dict(_parts(config_reference()))
    return {
        **_section("commands", "Commands", "The help text of each command.", commands),
        **_section("config", "Settings", families.pop("the-configuration-file"), families),
        "python.md": python_page(),
        "mathematics.md": mathematics_page(),
    }


def _section(folder: str, title: str, words: str, parts: Mapping[str, str]) -> dict[str, str]:
    """The pages of a folder, and its index."""
    names = "\n".join(parts)
    index = f"# {title}\n\n{words}\n\n```{{toctree}}\n:maxdepth: 1\n\n{names}\n```\n"
    return {f"{folder}/index.md": index, **{f"{folder}/{n}.md": t for n, t in parts.items()}}


def _parts(page: str) -> Iterator[tuple[str, str]]:
    """The parts of a page, each with a name for its file; the first has no heading."""
    for part in re.split(r"^#{1,2} (?=\w)", page, flags=re.MULTILINE)[1:]:
        heading, _, text = part.partition("\n")
        name = re.sub(r"\W+", "-", heading.lower()).strip("-")
        lifted = re.sub(r"^### ", "## ", text.strip(), flags=re.MULTILINE)
        first = name == "the-configuration-file"
        yield (
            name,
            lifted.replace("](config.schema", "](../../config.schema")
            if first
            else (f"# {heading}\n\n{lifted}\n"),
        )


def python_page() -> str:
    """Every public name with its signature and its docstring."""
    lines = ["# The Python API\n", markdown(inspect.getdoc(nnlab) or "")]
    for name in sorted(nnlab.__all__, key=str.lower):
        value = getattr(nnlab, name)
        if inspect.isclass(value) and issubclass(value, Exception):
            lines += [f"\n## nnlab.{name}\n", _docstring(value)]
        elif callable(value):
            lines += [f"\n## nnlab.{name}\n", _signature(name, value), _docstring(value)]
            lines += _methods(value) if inspect.isclass(value) else []
    return "\n".join(lines) + "\n"


def _methods(cls: type[Any]) -> Iterator[str]:
    for name, member in inspect.getmembers(cls):
        if name.startswith("_") or not (text := inspect.getdoc(member)):
            continue
        if isinstance(member, property | cached_property):
            yield f"\n### {cls.__name__}.{name}\n\n{markdown(text)}"
        elif inspect.isroutine(member) and member.__module__.startswith("nnlab"):
            yield f"\n### {cls.__name__}.{name}()\n\n{_signature(name, member)}\n{markdown(text)}"


def _signature(name: str, value: Any) -> str:
    """The names and defaults of the arguments; the docstring says what they may be."""
    given = inspect.signature(value).parameters.values()
    short = [p.replace(annotation=p.empty) for p in given if p.name != "self"]
    arguments = [re.sub(r"<class '([\w.]+)'>", r"\1", str(parameter)) for parameter in short]
    line = f"{name}({', '.join(arguments)})"
    if len(line) > 88:
        line = f"{name}(\n" + "".join(f"    {argument},\n" for argument in arguments) + ")"
    return f"```python\n{line}\n```\n"


def _docstring(value: Any) -> str:
    return markdown(inspect.getdoc(value) or "")


def markdown(docstring: str) -> str:
    """A docstring as Markdown: signs of formulas stay signs, indented lines are code."""
    blocks = []
    for block in docstring.split("\n\n"):
        if block.startswith("    "):
            blocks.append(f"```python\n{inspect.cleandoc(block)}\n```")
        else:
            pieces = re.split(r"(`[^`]*`)", block)
            pieces[::2] = [re.sub(r"([*_<>#$|\[\]])", r"\\\1", piece) for piece in pieces[::2]]
            blocks.append(re.sub(r"\n(?=[\w, ]+: )", "  \n", "".join(pieces)))
    return "\n\n".join(blocks).replace("\n```\n\n```python\n", "\n\n") + "\n"


def mathematics_page() -> str:
    """Each layer, loss, optimizer and schedule with its formulas and its docstring."""
    lines = [MATHEMATICS]
    families: dict[str, Mapping[str, Callable[..., Any]]] = {
        "Layers": LAYERS,
        "Losses": LOSSES,
        "Optimizers": OPTIMIZERS,
        "Schedules": SCHEDULES,
    }
    for title, members in families.items():
        lines.append(f"\n## {title}")
        for name, cls in members.items():
            member = cls(**EXAMPLES.get(name, {}))
            formulas = (f"{mathml(f)}\n" for f in member_formulas(member) if f.formula)
            lines += [f"\n### {name}\n", *formulas, _docstring(cls)]
    return "\n".join(lines)


def member_formulas(member: Any) -> Iterator[Written]:
    """The formulas of a layer, a loss, an optimizer or a schedule, in the order of computation."""
    match member:
        case Layer():
            yield Written(member.formula, "y")
            yield Written(member.dx_formula, "dx")
            for name, formula in member.gradient_formulas.items():
                yield Written(formula, f"d{name}")
        case Loss():
            yield Written(member.term_formula, "L")
            yield Written(member.dz_formula, "dz" if member.fuses else "dy")
        case Optimizer():
            for step in member.rule:
                yield Written(step.formula, step.name)
        case Schedule():
            yield Written(member.formula, "rate")
