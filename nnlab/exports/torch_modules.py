"""Modules that PyTorch lacks; the text below the imports stands in exported scripts too."""

from collections.abc import Callable

from torch import Tensor, nn


class Function(nn.Module):
    """A function as a layer; `more` are its further arguments."""

    def __init__(self, function: Callable[..., Tensor], *more: object) -> None:
        super().__init__()
        self.function, self.more = function, more

    def forward(self, x: Tensor) -> Tensor:
        return self.function(x, *self.more)


class Images(nn.Module):
    """A layer that takes images (B, c, h, w), for images (B, h, w, c) with zeros around them."""

    def __init__(self, layer: nn.Module, padding: tuple[int, ...] = (0, 0, 0, 0)) -> None:
        super().__init__()
        self.layer, self.padding = layer, padding

    def forward(self, x: Tensor) -> Tensor:
        x = nn.functional.pad(x.permute(0, 3, 1, 2), self.padding)
        return self.layer(x).permute(0, 2, 3, 1)
