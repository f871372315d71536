"""Measures of the source code: how large it is, and how easily a name is found.

    python docs/measure.py [--duplicates | --complex] [FOLDER ...]

prints a table with a column per folder (default: nnlab), then the lines per package of the
first. `--duplicates` lists the public names that two or more of its files define instead, and
`--complex` its functions of too high complexity and its too long files.
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
MAX_LINES = 350
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
    names = {name for source in sources for name in source.names}
    return {
        "files / lines": f"{len(sources)} / {total:,}",
        "file median / p90 / max": spread([source.lines for source in sources]),
        "function median / p90 / max": spread([lines for _, lines, _ in every]),
        f"functions of complexity > {MAX_COMPLEXITY}": str(len(complex_functions(sources))),
        "comments per 100 lines": f"{100 * sum(s.comments for s in sources) / total:.1f}",
        "public top-level names": f"{len(names):,}",
        "names in two or more files": str(len(duplicates(sources))),
    }


def packages(folder: Path, sources: Sequence[Source]) -> list[tuple[str, int]]:
    """Lines per package of `folder`, its modules by themselves, largest first."""
    lines: Counter[str] = Counter()
    for source in sources:
        lines[source.path.relative_to(folder).parts[0]] += source.lines
    return lines.most_common()


def duplicates(sources: Sequence[Source]) -> dict[str, list[Path]]:
    """Public names that two or more files define, with these files."""
    files: dict[str, list[Path]] = {}
    for source in sources:
        for name in source.names:
            files.setdefault(name, []).append(source.path)
    return {name: paths for name, paths in sorted(files.items()) if len(paths) > 1}


def complex_functions(sources: Sequence[Source]) -> list[tuple[int, str]]:
    """Complexity and place of each function above the limit, the worst first."""
    return sorted(
        (
            (branches, f"{source.path}:{name}")
            for source in sources
            for name, _, branches in source.functions
            if branches > MAX_COMPLEXITY
        ),
        reverse=True,
    )


def long_files(sources: Sequence[Source]) -> list[tuple[int, str]]:
    """Lines and path of each file above the limit, the longest first."""
    files = ((source.lines, str(source.path)) for source in sources if source.lines > MAX_LINES)
    return sorted(files, reverse=True)


def read_folder(folder: str | Path) -> list[Source]:
    """Measure all Python files of a folder."""
    return [read(path) for path in sorted(Path(folder).rglob("*.py")) if path.is_file()]


def main(arguments: Sequence[str]) -> None:
    """Print what the module's docstring says."""
    folders = [name for name in arguments if not name.startswith("--")] or ["nnlab"]
    measured = [read_folder(folder) for folder in folders]
    if "--duplicates" in arguments:
        for name, paths in duplicates(measured[0]).items():
            print(f"{name}:", *paths)
    elif "--complex" in arguments:
        for number, place in (*complex_functions(measured[0]), *long_files(measured[0])):
            print(f"{number:4} {place}")
    else:
        tables = [table(sources) for sources in measured]
        print("|", *(f"| {Path(name).name}" for name in folders), "|")
        print("|---" * (len(folders) + 1) + "|")
        for row in tables[0]:
            print(f"| {row} |", " | ".join(measures[row] for measures in tables), "|")
        print()
        for package, lines in packages(Path(folders[0]), measured[0]):
            print(f"{lines:7,} {package}")


if __name__ == "__main__":
    main(sys.argv[1:])
