"""Names of experiments: they become part of a folder's name, so they must stay inside it."""

import re

MAX_LENGTH = 100
MAX_BYTES = 200  # in UTF-8: a folder's name has room for 255 with the time and the hex digits
FORBIDDEN = '/\\:<>"|?*'  # separators, and what some file system refuses


def name_problem(name: str) -> str | None:
    """The sentence that says why `name` cannot be used; None if it can."""
    if not name:
        return "the name is empty."
    bad = next((char for char in name if not _usable(char)), None)
    if bad is not None:
        return f"a name cannot contain {bad!r}."
    if len(name) > MAX_LENGTH or len(name.encode()) > MAX_BYTES:
        return f"the name is longer than {MAX_LENGTH} characters or {MAX_BYTES} bytes."
    if name[0] in ".- " or name[-1] in ". " or ".." in name:
        return "a name cannot begin with '.', '-' or a space, end with '.' or one, or hold '..'."
    return None


def name_from_stem(stem: str) -> str:
    """A usable name made of a file's stem, with '-' for what a name cannot contain."""
    name = "".join(char if _usable(char) else "-" for char in stem)
    name = re.sub(r"\.\.+", ".", name).lstrip(".- ")[:MAX_LENGTH]
    name = name.encode()[:MAX_BYTES].decode(errors="ignore").rstrip(". ")
    return name or "unnamed"


def _usable(char: str) -> bool:
    return char.isprintable() and char not in FORBIDDEN
