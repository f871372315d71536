"""The states of a run, and what each says about its result."""

from enum import StrEnum


class Status(StrEnum):
    """The state of a run, by its word in run.json."""

    RUNNING = "running"
    COMPLETED = "completed"
    EARLY_STOPPED = "early_stopped"
    DIVERGED = "diverged"
    INTERRUPTED = "interrupted"
    FAILED = "failed"
    # Shown, never written:
    RESUMABLE = "resumable"  # run.json says running, but no process holds the lock
    UNREADABLE = "unreadable"  # run.json cannot be read
    UNKNOWN = "unknown"  # run.json has another word

    @classmethod
    def of(cls, word: object) -> "Status":
        """The state that run.json means by `word`."""
        return next((s for s in cls if s == word and s.written), cls.UNKNOWN)

    @property
    def finished(self) -> bool:
        """Whether the run has a result: its last numbers."""
        return self in (Status.COMPLETED, Status.EARLY_STOPPED)

    @property
    def ended(self) -> bool:
        """Whether training came to its end or diverged."""
        return self.finished or self is Status.DIVERGED

    @property
    def lost(self) -> bool:
        """Whether the run ended without a result."""
        return self in (Status.DIVERGED, Status.FAILED, Status.UNREADABLE)

    @property
    def written(self) -> bool:
        """Whether run.json may hold this word."""
        return self not in (Status.RESUMABLE, Status.UNREADABLE, Status.UNKNOWN)
