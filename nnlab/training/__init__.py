"""Training.

plan             what is trained and how, and the state
records          what the loop yields
loop             the generator, and what follows from an epoch's numbers
drivers          how each engine goes through epochs
evaluation       loss and metrics: sums over batches, and of rows not trained on
targets          rows and targets in memory, checked, from a notebook
"""

from nnlab.training.evaluation import Evaluation, evaluation_batch, row_numbers
from nnlab.training.loop import run_bursts, run_training
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
    "evaluation_batch",
    "final_weights",
    "restores_best",
    "row_numbers",
    "run_bursts",
    "run_training",
    "start",
]
