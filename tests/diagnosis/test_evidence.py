"""What the rules look at."""

import numpy as np
import pytest
from sklearn.neighbors import NearestNeighbors

from nnlab.diagnosis.curves import median
from nnlab.diagnosis.evidence import nearest_others


@pytest.mark.parametrize("far", [0.0, 1e7])
def test_the_nearest_others_are_those_of_scikit_learn(far: float) -> None:
    x = np.random.default_rng(0).normal(size=(200, 7)) + far
    found = NearestNeighbors(n_neighbors=5).fit(x).kneighbors(return_distance=False)
    assert (np.sort(nearest_others(x, 5)) == np.sort(found)).all()


@pytest.mark.parametrize("count", [1, 2, 3, 10, 11])
def test_the_median_is_that_of_numpy(count: int) -> None:
    values = np.random.default_rng(count).normal(size=count)
    assert median(values) == np.median(values)
