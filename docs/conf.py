"""Sphinx's settings: the pages of this folder, and those that `docs.site` writes, as a web site.

`make site` builds it into site/ without a network; a warning is an error.
"""

import os
import re
import sys
import tomllib
from pathlib import Path

from sphinx.application import Sphinx

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

import nnlab  # noqa: E402
from docs.site import write_pages  # noqa: E402

PROJECT = tomllib.loads((HERE.parent / "pyproject.toml").read_text(encoding="utf-8"))["project"]
REPOSITORY = f"{PROJECT['urls']['Repository']}/blob/main"
LINK = re.compile(r"\]\((?!\w+:)([^)#\s]+)")

project = "nnlab"
author = "The nnlab authors"
release = nnlab.__version__
extensions = ["myst_parser", "sphinx_copybutton"]
ON_ONE_PAGE = {"cli.md": "generated/commands/index.md", "config.md": "generated/config/index.md"}
exclude_patterns = ["LOG.md", "notebooks", "images", *ON_ONE_PAGE]
myst_heading_anchors = 3
myst_enable_extensions = ["deflist"]
html_theme = "furo"
html_title = f"nnlab {release}"
html_show_sphinx = False
html_show_copyright = False
html_theme_options = {"source_repository": PROJECT["urls"]["Repository"]}
copybutton_prompt_text = "$ "
suppress_warnings = ["myst.header"]  # a generated page begins with the heading of its part


def send_links_to_the_repository(app: Sphinx, page: str, source: list[str]) -> None:
    """A link to a file that is no page of the site leads to the repository."""
    folder = (HERE / page).parent

    def target(match: re.Match[str]) -> str:
        file = (folder / match[1]).resolve()
        if file.parent == HERE and file.name in ON_ONE_PAGE:
            return f"]({os.path.relpath(HERE / ON_ONE_PAGE[file.name], folder)}"
        if not file.exists():  # a call in a code block looks like a link
            return match[0]
        inside = file.is_relative_to(HERE) and file.suffix in {".md", ".png", ".svg", ".gif"}
        if inside and file.relative_to(HERE).as_posix() not in exclude_patterns:
            return match[0]
        return f"]({REPOSITORY}/{file.relative_to(HERE.parent).as_posix()}"

    source[0] = LINK.sub(target, source[0])


def setup(app: Sphinx) -> None:
    """Write the generated pages; Sphinx calls this before it reads the folder."""
    write_pages(HERE / "generated")
    app.connect("source-read", send_links_to_the_repository)
