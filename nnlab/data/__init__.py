"""Data sets: where rows come from, which are for training, and how they are scaled.

A data set is one class in one module here and one line in SOURCES. The keys of a config's
`data:` that are not a source's own settings are the fields of `Split`, `scale` and `seed`.
"""

from nnlab.data.dataset import Dataset, Signature, Source, Task
from nnlab.data.digits import Digits
from nnlab.data.images import FashionMnist, Mnist
from nnlab.data.shapes import Blobs, Circles, Moons, Spirals
from nnlab.data.tables import Csv, Npz
from nnlab.data.toys import Curve, Identity, Linear, Random, Xor

SOURCES: dict[str, type[Source]] = {
    "identity": Identity,
    "xor": Xor,
    "linear": Linear,
    "random": Random,
    "curve": Curve,
    "moons": Moons,
    "circles": Circles,
    "blobs": Blobs,
    "spirals": Spirals,
    "digits": Digits,
    "mnist": Mnist,
    "fashion_mnist": FashionMnist,
    "csv": Csv,
    "npz": Npz,
}

ALIASES = {"identity8": "identity"}

__all__ = ["ALIASES", "SOURCES", "Dataset", "Signature", "Source", "Task"]
