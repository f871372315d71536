"""Answers of openml.org, which scikit-learn ships for its own tests, as its cache has them."""

import gzip
import json
import shutil
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import urlparse

import pytest
from sklearn.datasets import _openml

IS_OLD = hasattr(_openml, "_OPENML_PREFIX")  # scikit-learn composes its addresses from it
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
    content = gzip.decompress((answers / f"api-v1-jd-{number}.json.gz").read_bytes())
    about = json.loads(content)["data_set_description"]
    address = urlparse(about["url"]).path.lstrip("/")
    if IS_OLD:
        address = f"data/v1/download/{about['file_id']}"
    (table,) = answers.glob("data-v1-dl-*.arff.gz")
    return copy(table, cache / f"{address}.gz")


def lead_to(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Send the requests to this address in place of openml.org, without pauses between them."""
    monkeypatch.setattr("sklearn.datasets._openml.time.sleep", lambda seconds: None)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    if IS_OLD:
        monkeypatch.setattr(_openml, "_OPENML_PREFIX", f"{address}/")
        return
    for name in ("_DATA_INFO", "_DATA_FEATURES", "_DATA_QUALITIES"):
        here = getattr(_openml, name).replace("https://www.openml.org", address)
        monkeypatch.setattr(_openml, name, here)


def copy(source: Path, target: Path) -> Path:
    target.parent.mkdir(parents=True, exist_ok=True)
    return Path(shutil.copyfile(source, target))
