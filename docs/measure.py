"""Measures of the source code: how large it is, and how easily a name is found.

    python docs/measure.py [FOLDER ...]

prints a table with a column per folder (default: nnlab), then the lines per package of the
first.
Lines are all lines of a file. A function's length counts from `def` to its last line, its
complexity is McCabe's: 1 + branches. A comment is a `#` token. A public name is a top-level
function or class without a leading underscore.
"""

import ast
import io
import statistics
import sys
import tokenize
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

MAX_COMPLEXITY = 10
BRANCHES = (
    *(ast.If, ast.IfExp, ast.For, ast.AsyncFor, ast.While, ast.With, ast.AsyncWith),
    *(ast.ExceptHandler, ast.Assert, ast.comprehension, ast.match_case),
)


@dataclass(frozen=True)
class Source:
    """One file: its lines, comments, functions and public names."""

    path: Path
    lines: int
    comments: int
    functions: tuple[tuple[str, int, int], ...]  # name, lines, complexity
    names: frozenset[str]


def read(path: Path) -> Source:
    """Measure one file."""
    text = path.read_text(encoding="utf-8")
    tree = ast.parse(text)
    tokens = tokenize.generate_tokens(io.StringIO(text).readline)
    comments = sum(token.type == tokenize.COMMENT for token in tokens)
    return Source(
        path,
        lines=text.count("\n"),
        comments=comments,
        functions=tuple(functions(tree)),
        names=frozenset(name for node in tree.body for name in defined(node) if name[0] != "_"),
    )


def functions(tree: ast.AST) -> Iterator[tuple[str, int, int]]:
    """Name, lines and complexity of every function and method."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            last = node.end_lineno or node.lineno
            yield node.name, last - node.lineno + 1, complexity(node)


def complexity(function: ast.AST) -> int:
    """McCabe's: 1 + branches; `a and b and c` has two."""
    nodes = list(ast.walk(function))
    jumps = sum(isinstance(node, BRANCHES) for node in nodes)
    return 1 + jumps + sum(len(n.values) - 1 for n in nodes if isinstance(n, ast.BoolOp))


def defined(node: ast.stmt) -> list[str]:
    """The name that a top-level statement defines, if it is a function or class."""
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return [node.name]
    return []


def spread(values: Sequence[int]) -> str:
    """Median, 90th percentile and maximum."""
    ordered = sorted(values) or [0]
    p90 = ordered[min(len(ordered) - 1, int(0.9 * len(ordered)))]
    return f"{statistics.median(ordered):g} / {p90} / {ordered[-1]}"


def table(sources: Sequence[Source]) -> dict[str, str]:
    """The measures of one code base, by what they are called."""
    total = sum(source.lines for source in sources)
    every = [function for source in sources for function in source.functions]
    names = Counter(name for source in sources for name in source.names)
    return {
        "files / lines": f"{len(sources)} / {total:,}",
        "file median / p90 / max": spread([source.lines for source in sources]),
        "function median / p90 / max": spread([lines for _, lines, _ in every]),
        f"functions of complexity > {MAX_COMPLEXITY}": str(
            sum(branches > MAX_COMPLEXITY for *_, branches in every)
        ),
        "comments per 100 lines": f"{100 * sum(s.comments for s in sources) / total:.1f}",
        "public top-level names": f"{len(names):,}",
        "names in two or more files": str(sum(count > 1 for count in names.values())),
    }


def packages(folder: Path, sources: Sequence[Source]) -> list[tuple[str, int]]:
    """Lines per package of `folder`, its modules by themselves, largest first."""
    lines: Counter[str] = Counter()
    for source in sources:
        lines[source.path.relative_to(folder).parts[0]] += source.lines
    return lines.most_common()


def main(folders: Sequence[str]) -> None:
    """Print the table of all folders, and the packages of the first."""
    measured = {}
    for name in folders:
        paths = sorted(path for path in Path(name).rglob("*.py") if path.is_file())
        measured[name] = [read(path) for path in paths]
    tables = [table(sources) for sources in measured.values()]
    print("|", *(f"| {Path(name).name}" for name in folders), "|")
    print("|---" * (len(folders) + 1) + "|")
    for row in tables[0]:
        print(f"| {row} |", " | ".join(found[row] for found in tables), "|")
    print()
    for package, lines in packages(Path(folders[0]), measured[folders[0]]):
        print(f"{lines:7,} {package}")


if __name__ == "__main__":
    main(sys.argv[1:] or ["nnlab"])
