"""From a page's content to one HTML file that asks nothing of anybody.

Jinja2 escapes whatever it is given. The style sheet and the scripts stand in the page, and the
Content-Security-Policy names their SHA-256: nothing else runs, and nothing is loaded.
"""

import base64
import hashlib
import shlex
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from nnlab.show.figures.palette import DARK, LIGHT, Look
from nnlab.show.page.numbers import minus

if TYPE_CHECKING:
    from jinja2 import Environment

HERE = Path(__file__).parent / "page"
SCRIPTS = ("chart.js", "table.js", "replay.js")


def render(template: str, page: object) -> str:
    """The HTML of a page; the same page always gives the same text."""
    from markupsafe import Markup

    style = colours() + _read("page.css")
    script = "\n".join(f"{{\n{_read(name)}}}" for name in SCRIPTS)
    return (
        _environment()
        .get_template(template)
        .render(page=page, style=Markup(style), script=Markup(script), policy=policy(style, script))
    )


def colours() -> str:
    """The colours of figures as variables of the style sheet: by day, by night and on paper."""
    light, dark = _variables(LIGHT), _variables(DARK)
    return (
        f":root {{ {light} }}\n"
        f"@media screen and (prefers-color-scheme: dark) {{ :root {{ {dark} }} }}\n"
    )


def _variables(look: Look) -> str:
    named = {
        **{name: getattr(look, name) for name in ("paper", "ink", "soft", "faint")},
        **{name: getattr(look, name) for name in ("positive", "negative")},
        **{f"line{number}": colour for number, colour in enumerate(look.lines)},
        **{f"class{number}": colour for number, colour in enumerate(look.classes)},
    }
    return " ".join(f"--{name}: {colour};" for name, colour in named.items())


def policy(style: str, script: str) -> str:
    """The Content-Security-Policy of a page with this style sheet and this script."""
    return (
        "default-src 'none'; img-src data:; base-uri 'none'; form-action 'none'; "
        f"style-src '{_digest(style)}'; script-src '{_digest(script)}'"
    )


@cache
def _environment() -> "Environment":
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(HERE, encoding="utf-8"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.policies["json.dumps_kwargs"] = {
        "sort_keys": True,
        "separators": (",", ":"),
        "allow_nan": False,
    }
    environment.filters |= {"shell": shlex.quote, "minus": minus}
    return environment


@cache
def _read(name: str) -> str:
    return (HERE / name).read_text(encoding="utf-8")


def _digest(text: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"
