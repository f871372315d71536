"""Types of matplotlib for annotations; it is imported when the first figure is drawn."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.cm import ScalarMappable
    from matplotlib.colorbar import Colorbar
    from matplotlib.colors import Colormap
    from matplotlib.contour import ContourSet
    from matplotlib.figure import Figure
    from matplotlib.image import AxesImage
else:
    Axes = AxesImage = Colorbar = Colormap = ContourSet = Figure = ScalarMappable = Any

__all__ = ["Axes", "AxesImage", "Colorbar", "Colormap", "ContourSet", "Figure", "ScalarMappable"]
