"""Answers of openml.org, which scikit-learn ships for its own tests, as its cache has them."""

import gzip
import json
import shutil
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import urlparse

import pytest

KINDS = {"jd": "data", "jdf": "data/features", "jdq": "data/qualities"}


def lay_out_answers(number: int, folder: Path) -> Path:
    """Copy the answers about a data set into this data folder; its path of the ARFF file."""
    (package,) = find_spec("sklearn").submodule_search_locations  # type: ignore[union-attr, misc]
    answers = Path(package) / "datasets" / "tests" / "data" / "openml" / f"id_{number}"
    if not answers.is_dir():
        pytest.skip(f"scikit-learn was installed without {answers}")
    cache = folder / "openml" / "openml.org"
    for kind, where in KINDS.items():
        if (answer := answers / f"api-v1-{kind}-{number}.json.gz").exists():
            copy(answer, cache / "api" / "v1" / "json" / where / f"{number}.gz")
    about = gzip.decompress((answers / f"api-v1-jd-{number}.json.gz").read_bytes())
    address = urlparse(json.loads(about)["data_set_description"]["url"]).path
    (table,) = answers.glob("data-v1-dl-*.arff.gz")
    return copy(table, cache / f"{address.lstrip('/')}.gz")


def copy(source: Path, target: Path) -> Path:
    target.parent.mkdir(parents=True, exist_ok=True)
    return Path(shutil.copyfile(source, target))
