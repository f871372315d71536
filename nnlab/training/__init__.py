"""Training.

plan         what is trained and how, and the state
records      what training says while it goes on
loop         the generator itself
chunks       how the NumPy engine goes through epochs
evaluation   loss and metrics of other rows
"""

from nnlab.training.evaluation import Evaluation, evaluation_batch, tally
from nnlab.training.loop import bursts, train
from nnlab.training.plan import Plan, State, Stopping, final_weights, restores_best, start
from nnlab.training.records import Epoch, Failure, Numbers, Record, Steps

__all__ = [
    "Epoch",
    "Evaluation",
    "Failure",
    "Numbers",
    "Plan",
    "Record",
    "State",
    "Steps",
    "Stopping",
    "bursts",
    "evaluation_batch",
    "final_weights",
    "restores_best",
    "start",
    "tally",
    "train",
]
