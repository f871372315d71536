"""The long proofs of docs/reliability.md: `make torture`, or `python -m tests.torture --help`.

    cases      the experiments that are disturbed
    worker     a command in a process of its own, which can be killed, and what a run folder holds
    kills      SIGKILL at random times and inside saves, also while resuming          (R1, R2, R8)
    refusals   every system call of a run fails once, or from then on                      (R3)
    __main__   runs them all, and fuzzes the config reader (S1), and prints the table

The tests of the suite run the same with fewer rounds.
"""
