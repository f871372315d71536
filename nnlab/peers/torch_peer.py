"""PyTorch's side of a cross-check: its modules, losses, optimizers and automatic derivatives.

nnlab gives the initial weights, the batches, the learning rate of each update and the random
numbers of dropout.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from nnlab.build import Built
from nnlab.core.network import trained_depth
from nnlab.core.optimizers import OPTIMIZERS, Adagrad, Adam, Adamw, Optimizer, Rmsprop, Sgd
from nnlab.core.types import Array
from nnlab.errors import ConfigError
from nnlab.explanation.blocks import member_name
from nnlab.exports.torch_source import evaluated, module_call, module_places, module_state
from nnlab.exports.trained import TrainedLayer, trained_layers
from nnlab.peers.peer import Peer, PeerRows
from nnlab.peers.torch_losses import loss_terms

# The settings that PyTorch's optimizers have under the same name.
OWN_SETTINGS: Mapping[type[Optimizer], tuple[str, tuple[str, ...]]] = {
    Sgd: ("SGD", ("momentum", "nesterov")),
    Adagrad: ("Adagrad", ("eps",)),
    Rmsprop: ("RMSprop", ("alpha", "eps", "momentum", "centered")),
    Adam: ("Adam", ("eps",)),
    Adamw: ("AdamW", ("eps",)),
}


class TorchPeer(Peer):
    """The network as modules in a row, and an optimizer of torch.optim.

    Raises UsageError or ConfigError for what has no form in PyTorch.
    """

    def __init__(self, built: Built) -> None:
        import torch
        from torch.optim.swa_utils import AveragedModel

        self.torch: Any = torch
        self.title = f"PyTorch {torch.__version__.partition('+')[0]}"
        self.plan, network = built.plan, built.network
        self.classes = built.dataset.task == "classes"
        self.layers = trained_layers(network)[: trained_depth(network.layers, self.plan.loss)]
        self.draws = network.generators(self.plan.seed)
        self.masks: dict[int, Any] = {}
        self.module = torch.nn.Sequential(*map(self._module, self.layers))
        state = {name: a for layer in self.layers for name, a in module_state(layer).items()}
        self.module.load_state_dict({name: torch.from_numpy(a) for name, a in state.items()})
        self.weights, others = self._parameters()
        self.optimizer = self._optimizer(self.plan.optimizer, self.weights, others)
        self.average = None if self.plan.swa is None else AveragedModel(self.module)
        if self.average is not None and network.moving:
            raise ConfigError("training.swa with batch_norm has no form in a cross-check.")
        if (most := self.plan.ema) is not None:

            def follow(average: Any, values: Any, updates: Any) -> Any:
                t = int(updates)  # a quotient of whole tensors would be a float32
                return average + (1 - min(most, (1 + t) / (10 + t))) * (values - average)

            self.average = AveragedModel(self.module, avg_fn=follow, use_buffers=True)
            self.average.update_parameters(self.module)  # the first values are copied

    def _module(self, layer: TrainedLayer) -> Any:
        from nnlab.exports.torch_modules import Function, Images

        if layer.kind == "dropout":
            index, masks = layer.index, self.masks  # a copy of the module has the same masks
            return Function(lambda x: x * masks[index] if index in masks else x)
        names = {"nn": self.torch.nn, "torch": self.torch, "Function": Function, "Images": Images}
        return evaluated(module_call(layer, "float64"), names)

    def _parameters(self) -> tuple[list[Any], list[Any]]:
        """The parameters that decay, and the others; frozen ones are in neither."""
        named = dict(self.module.named_parameters())
        split: tuple[list[Any], list[Any]] = [], []
        for layer in self.layers:
            places = module_places(layer)
            for declared in layer.layer.parameters(layer.inputs):
                if layer.layer.freeze:
                    named[places[declared.name][0]].requires_grad_(False)
                    continue
                split[not declared.decays].append(named[places[declared.name][0]])
        return split

    def _optimizer(self, optimizer: Optimizer, weights: list[Any], others: list[Any]) -> Any:
        if type(optimizer) not in OWN_SETTINGS:
            name = member_name(OPTIMIZERS, optimizer)
            raise ConfigError(f"optimizer: {name} has no cross-check against PyTorch.")
        name, own = OWN_SETTINGS[type(optimizer)]
        settings = {setting: getattr(optimizer, setting) for setting in own}
        if isinstance(optimizer, Adam):
            settings["betas"] = (optimizer.beta1, optimizer.beta2)
        groups = [
            {"params": weights, "weight_decay": optimizer.weight_decay},
            {"params": others, "weight_decay": 0.0},
        ]
        groups = [group for group in groups if group["params"]]
        return getattr(self.torch.optim, name)(groups, lr=optimizer.lr, **settings)

    def loss(self, rows: PeerRows) -> float:
        self.masks.clear()
        self.module.eval()
        with self.torch.no_grad():
            return self._reported(self._terms(rows))

    def update(self, rows: PeerRows, rate: float) -> float:
        for layer in self.layers:
            if layer.index in self.draws:  # as nnlab draws, see Dropout
                dropout: Any = layer.layer
                noise = self.draws[layer.index].random((len(rows.x), *layer.inputs), np.float32)
                mask = (noise >= dropout.rate) / (1 - dropout.rate)
                self.masks[layer.index] = self.torch.from_numpy(mask)
        for module, layer in zip(self.module, self.layers, strict=True):
            module.train(not layer.layer.freeze)
        self.optimizer.zero_grad()
        terms = self._terms(rows)
        count = {"mean": rows.t.size, "batch_mean": len(rows.t), "sum": 1}
        objective = terms.sum() / count[self.plan.loss.reduction]
        if self.plan.optimizer.l1 > 0:
            sizes = sum(weight.abs().sum() for weight in self.weights)
            objective = objective + self.plan.optimizer.l1 * sizes
        objective.backward()
        self._step(rate)
        return self._reported(terms.detach())

    def _step(self, rate: float) -> None:
        settings, clips = self.plan.optimizer, self.torch.nn.utils
        if settings.clip_norm is not None:
            clips.clip_grad_norm_(self.module.parameters(), settings.clip_norm)
        if settings.clip_value is not None:
            clips.clip_grad_value_(self.module.parameters(), settings.clip_value)
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        self.optimizer.step()
        if self.average is not None and self.plan.ema is not None:
            self.average.update_parameters(self.module)

    def end_epoch(self, epoch: int) -> None:
        from torch.optim.swa_utils import AveragedModel

        if (first := self.plan.swa) is None:
            return
        if epoch <= first or self.average is None:
            self.average = AveragedModel(self.module)  # copies the module
        self.average.update_parameters(self.module)

    def _terms(self, rows: PeerRows) -> Any:
        """The loss of every output (B, m) or, of classes, of every row (B,)."""
        z, t = self.module(self.torch.from_numpy(rows.x)), self.torch.from_numpy(rows.t)
        return loss_terms(self.torch, self.plan.loss.plain, z, t, self.classes)

    def _reported(self, terms: Any) -> float:
        """The sum over rows; of a mean, that of the outputs' means."""
        outputs = self.layers[-1].outputs[0] if self.plan.loss.reduction == "mean" else 1
        return float(terms.sum()) / outputs

    def arrays(self) -> Mapping[str, Array]:
        named = self._named(self.module)
        if self.average is None:
            return named
        average = self._named(self.average.module)
        return named | {f"{name} (average)": array for name, array in average.items()}

    def _named(self, module: Any) -> dict[str, Array]:
        state = module.state_dict()
        return {
            f"{layer.index}.{layer.kind}.{name}": state[place].numpy().transpose(np.argsort(order))
            for layer in self.layers
            for name, (place, order) in module_places(layer).items()
        }
