"""From a page's content to one HTML file that loads nothing.

Jinja2 escapes all texts. The style sheet and the script stand in the page, and the
Content-Security-Policy names their SHA-256: nothing else runs.
"""

import base64
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache
from html import escape
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nnlab.run import durable
from nnlab.show.figures.palette import DARK, LIGHT, Look
from nnlab.show.page.findings import FindingsOverview
from nnlab.show.page.pictures import Picture, Scripted
from nnlab.show.page.repeat import Repeat
from nnlab.show.page.replay import Replay
from nnlab.show.page.settings import SettingsOverview
from nnlab.show.page.tables import Notices, Table

if TYPE_CHECKING:
    from jinja2 import Environment

    from nnlab.show.page.explanation import ExplainedRow

TEMPLATE = Path(__file__).parent / "template"
INLINE_HEIGHT = 600  # pixels of a page in a notebook


@dataclass(frozen=True, repr=False)
class Report:
    """A page, and a sentence for each thing that could not be shown."""

    html: str
    notices: tuple[str, ...]

    def __repr__(self) -> str:
        return f"<Report of {len(self.html):,} characters; .save(path) writes it>"

    def _repr_html_(self) -> str:
        """The page inside a notebook."""
        return (
            f'<iframe srcdoc="{escape(self.html)}" width="100%" height="{INLINE_HEIGHT}" '
            'style="border:0"></iframe>'
        )

    def save(self, path: str | PathLike[str]) -> Path:
        """Write the page; the path of the file. Raises StorageError."""
        durable.write_file(Path(path), self.html, sync=False)
        return Path(path)


@dataclass
class Page:
    """The content of a page; what is empty is left out."""

    kind: str
    title: str
    setting: str
    folder_kind: str
    folder: str
    notices: Notices
    labels: list[str] = field(default_factory=list)
    key_numbers: list[tuple[str, str]] = field(default_factory=list)
    settings: SettingsOverview | None = None
    axes: str = ""  # of a sweep, a line each
    story: str = ""
    charts: list[Scripted] = field(default_factory=list)
    tables: list[Table] = field(default_factory=list)
    epochs: list[Table] = field(default_factory=list)
    epoch_count: int = 0
    doctor: FindingsOverview | None = None
    replay: Replay | None = None
    explained: list["ExplainedRow"] = field(default_factory=list)
    figures: list[Picture] = field(default_factory=list)
    runs: Table | None = None
    repeat: Repeat | None = None

    @property
    def figure_names(self) -> set[str]:
        """The names of the figures in it; a link to one is #figure-NAME."""
        stills = [scene.still for scene in self.replay.scenes] if self.replay else []
        names = {picture.drawing.name for picture in [*self.figures, *stills] if picture}
        return names | ({"curves"} if self.charts else set())

    @property
    def sections(self) -> dict[str, str]:
        """Names of the sections by their anchors."""
        learned = self.replay or any(not figure.drawing.early for figure in self.figures)
        present = {
            ("asked", "What was asked"): self.settings or self.axes,
            ("happened", "What happened"): self.story or self.charts or self.tables,
            ("doctor", "What the doctor found"): self.doctor,
            ("learned", "What the network learned"): learned,
            ("explained", "One row, step by step"): self.explained,
            ("runs", "Every run"): self.runs,
            ("again", "How to repeat it"): self.repeat,
        }
        return dict(section for section, content in present.items() if content)


def render(page: Page) -> Report:
    """The HTML of a page; the same page always gives the same text."""
    html, _ = _fill("page.html", ["page.js"], page)
    return Report(html, tuple(page.notices))


def live_page(
    title: str,
    setting: str,
    kind: str,
    scripts: Sequence[str] = ("live.js",),
    template: str = "live.html",
    styles: Sequence[str] = (),
) -> tuple[str, str]:
    """The HTML of a page that asks its server for news, and its Content-Security-Policy.

    scripts: those that run after page.js. template: extends live.html. styles: after page.css.
    """
    page = {"title": title, "setting": setting, "kind": kind}
    return _fill(template, ["page.js", *scripts], page, "connect-src 'self'", styles)


def _fill(
    template: str,
    scripts: Sequence[str],
    page: Any,
    more_policy: str = "",
    styles: Sequence[str] = (),
) -> tuple[str, str]:
    """The HTML with its styles and scripts, and the policy that allows these and no others."""
    from markupsafe import Markup

    style = colors() + "\n".join(map(_read, ["page.css", *styles]))
    script = "\n".join(map(_read, scripts))
    policy = (
        "default-src 'none'; img-src data:; base-uri 'none'; form-action 'none'; "
        f"style-src '{_digest(style)}'; script-src '{_digest(script)}'"
    )
    policy += f"; {more_policy}" if more_policy else ""
    html = (
        _environment()
        .get_template(template)
        .render(page=page, style=Markup(style), script=Markup(script), policy=policy)
    )
    return html, policy


def colors() -> str:
    """The colours of figures as variables of the style sheet: light, dark, and for paper."""
    light, dark = _variables(LIGHT), _variables(DARK)
    return (
        f":root {{ {light} }}\n"
        f"@media screen and (prefers-color-scheme: dark) {{ :root {{ {dark} }} }}\n"
    )


def _variables(look: Look) -> str:
    names = ("paper", "ink", "soft", "faint", "positive", "negative")
    variables = {name: getattr(look, name) for name in names}
    variables |= {f"line{number}": color for number, color in enumerate(look.lines)}
    variables |= {f"class{number}": color for number, color in enumerate(look.classes)}
    return " ".join(f"--{name}: {color};" for name, color in variables.items())


@cache
def _environment() -> "Environment":
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(TEMPLATE, encoding="utf-8"),
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
    return environment


@cache
def _read(name: str) -> str:
    return (TEMPLATE / name).read_text(encoding="utf-8")


def _digest(text: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"
