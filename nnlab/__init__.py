"""nnlab: a laboratory for neural networks small enough to understand.

    import nnlab

    run = nnlab.train("xor", epochs=5000)        # a shipped config, a path, a mapping
    run.metrics["train_loss"], run.path
    run = nnlab.load("runs/...")                 # any run folder again
    run.plot("curves"), run.report(), run.to_pandas()
    nnlab.evaluate(run)                          # print: the command's text; .to_dict()
    sweep = nnlab.sweep("xor", {"lr": [0.1, 1]}, seeds=3, epochs=50)
    run.predict([[0.2, 0.8]])
    nnlab.doctor(run)                            # why it does not learn
    nnlab.lr("xor").plot()                       # the loss while the learning rate rises
    print(*nnlab.explain(run, row=3, epoch=0))   # a row through the network and back
    nnlab.export(run, "script")                  # a NumPy script that trains it again

    network = nnlab.Network([nnlab.LAYERS["dense"](3), nnlab.LAYERS["tanh"]()], 2)
    nnlab.fit(network, x, t, "mse", nnlab.OPTIMIZERS["adam"](lr=0.01))

    nnlab.Classifier(hidden=(32,), lr=0.01).fit(x, y).predict(x)   # in scikit-learn's way

Importing the package is cheap: each name is loaded when it is first used.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from nnlab.api.compare import compare
    from nnlab.api.crosscheck import crosscheck
    from nnlab.api.descend import descend
    from nnlab.api.doctor import doctor
    from nnlab.api.evaluate import evaluate
    from nnlab.api.explain import explain
    from nnlab.api.export import export
    from nnlab.api.fitting import History, fit
    from nnlab.api.gradcheck import gradcheck
    from nnlab.api.grade import grade, handin
    from nnlab.api.lr import lr
    from nnlab.api.predict import predict
    from nnlab.api.runs import runs
    from nnlab.api.sweep import TrainedSweep as Sweep
    from nnlab.api.sweep import sweep
    from nnlab.api.trained_run import TrainedRun as Run
    from nnlab.api.trained_run import load
    from nnlab.api.training import resume, train
    from nnlab.api.tune import tune
    from nnlab.api.user_network import UserNetwork as Network
    from nnlab.api.verify import verify
    from nnlab.config.schema import Config
    from nnlab.core.initializers import INITIALIZERS
    from nnlab.core.layers import LAYERS
    from nnlab.core.losses import LOSSES
    from nnlab.core.optimizers import OPTIMIZERS
    from nnlab.core.schedules import SCHEDULES
    from nnlab.data.sources import SOURCES
    from nnlab.errors import NnlabError
    from nnlab.estimators.classifier import Classifier
    from nnlab.estimators.regressor import Regressor

_HOMES = {
    "train": "nnlab.api.training",
    "resume": "nnlab.api.training",
    "load": "nnlab.api.trained_run",
    "fit": "nnlab.api.fitting",
    "doctor": "nnlab.api.doctor",
    "explain": "nnlab.api.explain",
    "export": "nnlab.api.export",
    "Classifier": "nnlab.estimators.classifier",
    "Regressor": "nnlab.estimators.regressor",
    "sweep": "nnlab.api.sweep",
    "runs": "nnlab.api.runs",
    "tune": "nnlab.api.tune",
    "verify": "nnlab.api.verify",
    "predict": "nnlab.api.predict",
    "evaluate": "nnlab.api.evaluate",
    "compare": "nnlab.api.compare",
    "crosscheck": "nnlab.api.crosscheck",
    "descend": "nnlab.api.descend",
    "gradcheck": "nnlab.api.gradcheck",
    "grade": "nnlab.api.grade",
    "handin": "nnlab.api.grade",
    "lr": "nnlab.api.lr",
    "Sweep": "nnlab.api.sweep:TrainedSweep",
    "Run": "nnlab.api.trained_run:TrainedRun",
    "History": "nnlab.api.fitting",
    "Network": "nnlab.api.user_network:UserNetwork",
    "Config": "nnlab.config.schema",
    "LAYERS": "nnlab.core.layers",
    "LOSSES": "nnlab.core.losses",
    "OPTIMIZERS": "nnlab.core.optimizers",
    "SCHEDULES": "nnlab.core.schedules",
    "INITIALIZERS": "nnlab.core.initializers",
    "SOURCES": "nnlab.data.sources",
    "NnlabError": "nnlab.errors",
}

__all__ = [
    "INITIALIZERS",
    "LAYERS",
    "LOSSES",
    "OPTIMIZERS",
    "SCHEDULES",
    "SOURCES",
    "Classifier",
    "Config",
    "History",
    "Network",
    "NnlabError",
    "Regressor",
    "Run",
    "Sweep",
    "compare",
    "crosscheck",
    "descend",
    "doctor",
    "evaluate",
    "explain",
    "export",
    "fit",
    "gradcheck",
    "grade",
    "handin",
    "load",
    "lr",
    "predict",
    "resume",
    "runs",
    "sweep",
    "train",
    "tune",
    "verify",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'nnlab' has no attribute '{name}'")
    module, _, inner = _HOMES[name].partition(":")
    value = getattr(import_module(module), inner or name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
