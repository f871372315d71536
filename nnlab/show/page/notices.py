"""What a page could not show, and why."""

from collections.abc import Callable
from typing import TypeVar

from nnlab.errors import NnlabError

T = TypeVar("T")


class Notices(list[str]):
    """Sentences about what could not be shown; each is said once."""

    def attempt(self, what: str, make: Callable[[], T], instead: T) -> T:
        """What `make` makes; `instead`, and a sentence, where that fails."""
        try:
            return make()
        except NnlabError as error:
            self.say(str(error))
        except Exception as error:  # a folder that someone made to hurt
            self.say(f"{what} cannot be shown ({type(error).__name__}: {error}).")
        return instead

    def say(self, sentence: str) -> None:
        """Add its first line, unless that was said, perhaps in more words."""
        line = next(iter(sentence.splitlines()), "")
        if not any(line in said for said in self):
            self.append(line)
