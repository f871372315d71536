"""What the doctor says: a finding with its evidence, its cause and what to do."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Diagnosis:
    """One thing that keeps a network from learning, or a result from being trusted.

    kind: the name of the rule. sentence: what is wrong. evidence: the numbers that show it. why:
    how it comes about. remedies: settings for `--set`, the most promising first, each a set that
    belongs together; empty where only the data can be changed. advice: what else helps. sure:
    from 0 to 1, by which findings are sorted. epoch, step: where it appeared, by epochs and by
    updates; 0: before training. figure: the figure that shows it. serious: whether training or its
    result is spoiled by it.
    """

    kind: str
    sure: float
    sentence: str
    evidence: tuple[str, ...]
    why: str
    remedies: tuple[tuple[str, ...], ...] = ()
    advice: str = ""
    epoch: int | None = None
    step: int | None = None
    figure: str = ""
    serious: bool = True
