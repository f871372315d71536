"""The csv files that the configs of planted.yaml and held_out.yaml name."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

Table = tuple[Any, Any]  # inputs (N, n), target (N,)


def write_tables(folder: Path) -> None:
    """Write all of them."""
    for tables in (_known(), _made(), _others(), _sectors(), _overlapping(), _held_out(), _fresh()):
        for name, (x, y) in tables:
            _write(folder / f"{name}.csv", x, y)


def _known() -> Iterator[tuple[str, Table]]:
    """Those that scikit-learn brings with it, and noise."""
    from sklearn import datasets

    for name in ("iris", "wine"):
        x, y = getattr(datasets, f"load_{name}")(return_X_y=True)
        yield name, (x, y)
        yield f"{name}_twice", _twice((x, y))
    x, y = datasets.load_breast_cancer(return_X_y=True)
    yield "cancer", (x, y)
    few = np.sort(np.concatenate([np.flatnonzero(y == 1), np.flatnonzero(y == 0)[:15]]))
    yield "cancer_rare", (x[few], y[few])
    x, y = datasets.load_diabetes(return_X_y=True, scaled=False)
    yield "diabetes", (x, y)
    yield "diabetes_price", (x, 1000 * y)
    yield "diabetes_twice", (np.vstack([x, x]), np.hstack([y, y]) / 100)
    yield "diabetes_scaled", (x, (y - y.mean()) / y.std())
    stream = np.random.default_rng(0)
    x, noise = stream.normal(size=(1000, 5)), stream.normal(size=1000)
    yield "rare", (x, x[:, 0] + 0.5 * x[:, 1] + 0.7 * noise > 2.3)
    yield "rare_three", (x, np.where(x[:, 1] + noise > 2.9, 2, x[:, 0] > 0))
    yield "noise", (stream.normal(size=(120, 20)), stream.integers(0, 2, 120))


def _made() -> Iterator[tuple[str, Table]]:
    """Generated ones on which limits were chosen, too."""
    from sklearn import datasets

    x, y = datasets.make_friedman1(600, noise=1.0, random_state=1)
    yield "friedman1", (x, _standardized(y))
    yield "friedman1_cents", (x, 100 * y)
    x, y = datasets.make_hastie_10_2(1200, random_state=1)
    yield "hastie", (x, y > 0)
    five = datasets.make_classification(
        700, 12, n_informative=8, n_classes=5, class_sep=1.5, random_state=1
    )
    yield "made5", five
    yield "made5_large", (500 * five[0], five[1])
    yield "made5_twice", _twice(five)
    yield "made5_few", (five[0][:150], five[1][:150])
    two = datasets.make_classification(500, 10, n_informative=5, flip_y=0.1, random_state=2)
    yield "made2", two
    yield (
        "made2_rare",
        datasets.make_classification(
            900, 10, n_informative=5, weights=[0.96], flip_y=0.0, class_sep=0.6, random_state=3
        ),
    )
    yield (
        "rare_easy",
        datasets.make_classification(
            900, 6, n_informative=4, weights=[0.9], flip_y=0.0, class_sep=2.5, random_state=4
        ),
    )
    stream = np.random.default_rng(1)
    x = stream.uniform(-1.5, 1.5, (600, 2))
    rings = (x, np.digitize(np.hypot(*x.T) + 0.05 * stream.normal(size=600), [0.6, 1.1]))
    yield "rings", rings
    yield "rings_sorted", _sorted(rings)
    x = stream.uniform(-1, 1, (500, 2))
    yield "checks", (x, x[:, 0] * x[:, 1] > 0)
    yield "product", (x, x[:, 0] * x[:, 1] + 0.05 * stream.normal(size=500))
    yield "waves", _waves(stream, 500, 32, (2, 4, 7))
    yield "same", (stream.normal(size=(200, 3)), np.full(200, 3.5))
    yield "same_rows", (np.ones((200, 3)), stream.integers(0, 2, 200))


def _others() -> Iterator[tuple[str, Table]]:
    """More of these."""
    from sklearn import datasets

    x, y = datasets.make_friedman3(500, noise=0.1, random_state=5)
    yield "friedman3", (x, _standardized(y))
    x, y = datasets.make_friedman2(600, noise=50.0, random_state=5)
    yield "friedman2", (x, y)
    yield "friedman2_scaled", (x, _standardized(y))
    yield "friedman2_raw", (x, _standardized(y))
    few = np.random.default_rng(5).normal(size=(100, 12))
    yield "friedman2_few", (np.hstack([x[:100], few]), _standardized(y)[:100])
    quantiles = datasets.make_gaussian_quantiles(
        n_samples=800, n_features=4, n_classes=4, random_state=5
    )
    yield "quantiles", quantiles
    yield "quantiles_sorted", _sorted(quantiles)
    yield "quantiles_twice", _twice(quantiles)
    yield "quantiles_few", (np.hstack([quantiles[0][:100], few]), quantiles[1][:100])
    x, label = quantiles
    rare = np.concatenate([np.flatnonzero(label != 1), np.flatnonzero(label == 1)[:20]])
    yield "quantiles_rare", (x[rare], label[rare] == 1)
    x, y = datasets.make_swiss_roll(700, noise=0.3, random_state=5)
    yield "swiss", (x, _standardized(y))
    yield "swiss_far", (x, y + 2000)
    three = datasets.make_classification(
        600, 8, n_informative=6, n_classes=3, class_sep=1.2, flip_y=0.03, random_state=6
    )
    yield "made3", three
    yield "made3_large", (three[0] * 10.0 ** np.arange(8), three[1])
    yield (
        "made3_rare",
        datasets.make_classification(
            *(1000, 8),
            n_informative=6,
            n_classes=3,
            weights=[0.6, 0.37],
            flip_y=0.0,
            class_sep=0.7,
            random_state=7,
        ),
    )
    stream = np.random.default_rng(6)
    x = stream.uniform(0, 3, (900, 2))
    cells = np.floor(x).sum(1).astype(int)
    yield "board", (x - 1.5, cells % 2)
    yield "board_four", (x - 1.5, cells % 4)
    x = stream.uniform(-2, 2, (400, 1))
    y = np.tanh(8 * (x[:, 0] - 1)) + np.tanh(8 * (x[:, 0] + 1)) + 0.1 * stream.normal(size=400)
    yield "stairs", (x, y / 2)
    yield "stairs_twice", _twice((x, y / 2))
    tones = _waves(stream, 800, 64, (1, 3, 5, 8))
    yield "tones", tones
    yield "tones_sorted", _sorted(tones)


def _sectors() -> Iterator[tuple[str, Table]]:
    """Ripples, clusters, bands, sectors, pulses, parities: the second set that was held out."""
    from sklearn import datasets

    stream = np.random.default_rng(11)
    x = stream.uniform(-1.5, 1.5, (600, 2))
    yield "ripple", (x, np.sin(4 * np.hypot(*x.T)) + 0.05 * stream.normal(size=600))
    x, y = datasets.make_regression(500, 9, n_informative=6, noise=20.0, random_state=11)
    nine = (x, _standardized(y))
    yield "nine", nine
    yield "nine_euro", (x, 1500 + 4 * y)
    yield "nine_mixed", (x * 10.0 ** np.arange(-3, 6), nine[1])
    yield "nine_twice", _twice(nine)
    yield "nine_few", (np.hstack([x[:90], stream.normal(size=(90, 10))]), nine[1][:90])
    x, y = datasets.make_s_curve(600, noise=0.1, random_state=11)
    yield "scurve", (x, _standardized(y))
    yield "scurve_tiny", (x, 0.0005 * y)
    four = datasets.make_classification(
        900, 10, n_informative=7, n_classes=4, class_sep=1.6, flip_y=0.02, random_state=11
    )
    yield "clusters", four
    yield "clusters_large", (200 + 80 * four[0], four[1])
    yield "clusters_sorted", _sorted(four)
    yield "clusters_twice", _twice(four)
    yield "clusters_few", (four[0][:130], four[1][:130])
    rare = np.concatenate([np.flatnonzero(four[1] != 2), np.flatnonzero(four[1] == 2)[:25]])
    yield "clusters_rare", (four[0][rare], four[1][rare] == 2)
    x = stream.uniform(-1, 1, (700, 2))
    yield "bands", (x, np.floor(1.5 * np.abs(x).sum(1)).clip(0, 2).astype(int))
    x = stream.normal(size=(900, 2))
    sectors = (x, np.floor(np.arctan2(*x.T) / (np.pi / 3)).astype(int) + 3)
    yield "sectors", sectors
    yield "sectors_sorted", _sorted(sectors)
    label = stream.integers(0, 5, 600)
    x = np.exp(-0.5 * ((np.arange(48) - 8 * label[:, None] - 8) / 2.5) ** 2)
    x += 0.25 * stream.normal(size=x.shape)
    yield "pulse", (x, label)
    rare = np.concatenate([np.flatnonzero(label < 2), np.flatnonzero(label == 2)[:8]])
    yield "pulse_rare", (x[rare], label[rare])
    x = stream.choice([-1.0, 1.0], (600, 5))
    yield "parity", (x + 0.1 * stream.normal(size=x.shape), x[:, :3].prod(1) > 0)


def _overlapping() -> Iterator[tuple[str, Table]]:
    """Those of trainings of which two findings may be true."""
    stream = np.random.default_rng(77)
    x = stream.uniform(-3, 3, (800, 2))
    u, v = x.T
    near, far = np.exp(-(u**2) - (v + 1) ** 2), np.exp(-((u + 1) ** 2) - v**2)
    y = 3 * (1 - u) ** 2 * near - 10 * (u / 5 - u**3 - v**5) * np.exp(-(x**2).sum(1)) - far / 3
    yield "peaks", (x, _standardized(y + 0.1 * stream.normal(size=800)))
    x = stream.normal(size=(1000, 5))
    radius = np.linalg.norm(x, axis=1)
    shell = np.digitize(radius, np.quantile(radius, [1 / 3, 2 / 3]))
    yield "spheres", (x, shell)
    yield "spheres_few", (np.hstack([x[:120], stream.normal(size=(120, 15))]), shell[:120])
    centres, label = 2.2 * stream.normal(size=(7, 6)), stream.integers(0, 7, 1100)
    seven = (centres[label] + stream.normal(size=(1100, 6)), label)
    yield "gauss7", seven
    yield "gauss7_twice", _twice(seven)
    yield "gauss7_far", (300 + 120 * seven[0], label)
    hour, warmth = stream.integers(0, 24, 900), stream.normal(12, 8, 900)
    workday, noise = stream.integers(0, 2, 900), stream.normal(size=900)
    y = 4 + 0.9 * np.sin((hour - 6) * np.pi / 12) + 0.03 * warmth
    y = np.exp(y - 0.4 * workday * np.cos(hour * np.pi / 6) + 0.15 * noise)
    turn = hour * np.pi / 12
    x = np.column_stack([np.sin(turn), np.cos(turn), warmth, workday])
    yield "rides", (x, _standardized(y))
    yield "rides_raw", (x, y)
    yield "rides_few", (np.hstack([x[:70], stream.normal(size=(70, 12))]), _standardized(y)[:70])
    x = stream.choice([-1.0, 1.0], (700, 4))
    yield "parity4", (x + 0.15 * stream.normal(size=x.shape), x.prod(1) > 0)
    x = stream.uniform(-1, 1, (700, 3))
    y = np.sin(5 * x[:, 0]) * x[:, 1] + x[:, 2] ** 2
    yield "bend", (x, _standardized(y + 0.05 * stream.normal(size=700)))
    x = stream.normal(size=(900, 7))
    y = x[:, 0] * x[:, 1] + x[:, 2] + 0.5 * stream.normal(size=900)
    yield "cross", (x, y > 0)
    rare = np.concatenate([np.flatnonzero(y > 2.6), np.flatnonzero(y <= 1.5)])
    yield "cross_rare", (x[rare], y[rare] > 2.6)


def _held_out() -> Iterator[tuple[str, Table]]:
    """Those of held_out.yaml."""
    from sklearn import datasets

    stream = np.random.default_rng(23)
    area, year = stream.uniform(30, 250, 600), stream.uniform(1930, 2022, 600)
    metres, rooms = stream.uniform(100, 30000, 600), stream.integers(1, 7, 600)
    x = np.column_stack([area, year, metres, rooms])
    y = 3000 * area * np.exp(-metres / 12000) + 1500 * np.abs(year - 1975) + 8000 * rooms
    yield "homes", (x, y + 5000 * stream.normal(size=600))
    yield "homes_scaled", (x, _standardized(y))
    hour, warm, wind = stream.uniform(-1, 1, (3, 700))
    y = np.exp(-20 * (hour + 0.4) ** 2) + np.exp(-20 * (hour - 0.4) ** 2) + 0.4 * warm * (1 - wind)
    bikes = (np.column_stack([hour, warm, wind]) * 1.7, _standardized(y))
    yield "bikes", bikes
    x = stream.normal(size=(900, 6))
    y = x[:, 0] * x[:, 1] + x[:, 2] - 0.5 * x[:, 3] ** 2 + 0.5 > 0
    yield "churn", (x, y)
    yield "churn_noisy", (x[:400], y[:400] ^ (stream.uniform(size=400) < 0.2))
    x = np.hstack([x, stream.normal(size=(900, 14))])
    yield "churn_few", (x[:150], y[:150] ^ (stream.uniform(size=150) < 0.1))
    x = stream.normal(size=(1600, 5))
    y = x[:, 0] + x[:, 1] + 1.2 * stream.normal(size=1600)
    yield "fraud", (x, y > np.quantile(y, 0.975))
    label = stream.integers(0, 5, 750)
    shapes = stream.normal(size=(5, 24))
    x = shapes[label] + 1.3 * stream.normal(size=(750, 24))
    yield "faults", (x, label)
    yield "faults_sorted", _sorted((x, label))
    few = x[label == 4][:30] - 0.7 * (shapes[4] - shapes[0])  # close to those of class 0
    yield "faults_rare", (np.vstack([x[label != 4], few]), np.hstack([label[label != 4], [4] * 30]))
    x = stream.uniform(-1, 1, (1200, 2))
    yield "petals", (x, np.sin(3 * np.arctan2(*x.T)) > 0)
    x, y = datasets.make_friedman1(1200, noise=0.0, random_state=23)
    yield "heat", (2 * x - 1, _standardized(y))
    x, y = datasets.make_friedman1(100, noise=1.0, random_state=24)
    yield "heat_few", (np.hstack([2 * x - 1, stream.normal(size=x.shape)]), _standardized(y))
    x, y = datasets.make_regression(800, 40, n_informative=25, noise=15.0, random_state=23)
    yield "forty", (x, _standardized(y))
    x, y = datasets.load_diabetes(return_X_y=True, scaled=False)
    yield "diabetes_top", (x, y > np.quantile(y, 0.94))
    yield "diabetes_told", (np.column_stack([x, y + stream.normal(size=len(y))]), _standardized(y))
    yield "digits_sorted", _sorted(datasets.load_digits(return_X_y=True))
    x = stream.normal(size=(240, 8))
    y = (x[:, 0] + x[:, 1] > 0) ^ (stream.uniform(size=240) < 0.35)
    copies = np.repeat(x, 3, axis=0) + 0.01 * stream.normal(size=(720, 8))
    yield "echo", (copies, np.repeat(y, 3))
    often = np.tile(np.arange(40), 4)  # rows that were repeated before the table was divided
    for name, last in (("tail", often[:120]), ("tail_fresh", np.arange(120, 240))):
        rows = np.concatenate([np.arange(120), often, last])
        yield name, (x[rows], y[rows])


def _fresh() -> Iterator[tuple[str, Table]]:
    """Those of fresh.yaml."""
    stream = np.random.default_rng(31)
    x = stream.uniform(-1.7, 1.7, (640, 6))
    y = np.sin(2 * x[:, 0]) + x[:, 1] * x[:, 2] + 0.5 * np.abs(x[:, 3])
    boiler = (x, _standardized(y + 0.05 * stream.normal(size=640)))
    yield "boiler", boiler
    yield "boiler_watts", (x, 30_000 + 9_000 * boiler[1])
    yield "boiler_flat", (x, np.full(640, 21.5))
    yield "boiler_few", (np.hstack([x[:70], stream.normal(size=(70, 14))]), boiler[1][:70])
    label = stream.integers(0, 4, 720)
    centres = 2.2 * stream.normal(size=(4, 7))
    herbs = (centres[label] + 1.2 * stream.normal(size=(720, 7)), label)
    yield "herbs", herbs
    yield "herbs_twice", _twice(herbs)
    yield "herbs_few", (herbs[0][:160], label[:160])
    x = stream.normal(size=(1000, 8))
    sign = x[:, 0] + x[:, 1] * x[:, 2] + 0.3 * stream.normal(size=1000)
    yield "loans", (x, sign > 0)
    yield "loans_rare", (x, sign > np.quantile(sign, 0.97))
    yield "loans_noisy", (x[:160], (sign > 0)[:160] ^ (stream.uniform(size=160) < 0.25))
    label, place = stream.integers(0, 3, 660), stream.integers(0, 20, (660, 1))
    width = np.array([1.0, 3.0, 6.0])[label][:, None]
    pulse = np.exp(-(((np.arange(40) - 10 - place) / width) ** 2))
    yield "pulses", (pulse + 0.15 * stream.normal(size=(660, 40)), label)
    x = stream.uniform(-1, 1, (800, 2))
    yield "sectors6", (x, ((np.arctan2(*x.T) + np.pi) / (np.pi / 3)).astype(int) % 6)
    x = stream.uniform(-2, 2, (300, 1))
    y = np.exp(-(x[:, 0] ** 2)) * np.cos(4 * x[:, 0])
    yield "ringing", (x, _standardized(y + 0.03 * stream.normal(size=300)))


def _waves(stream: np.random.Generator, rows: int, points: int, rates: tuple[int, ...]) -> Table:
    """Sines with noise; the class is how many periods a row has."""
    label, phase = stream.integers(0, len(rates), rows), stream.uniform(0, 2 * np.pi, (rows, 1))
    turns = np.array(rates)[label][:, None] * np.linspace(0, 2 * np.pi, points)
    return np.sin(turns + phase) + 0.3 * stream.normal(size=(rows, points)), label


def _twice(table: Table) -> Table:
    x, y = table
    return np.vstack([x, x]), np.hstack([y, y])


def _sorted(table: Table) -> Table:
    """The rows in the order of their classes."""
    x, y = table
    order = np.argsort(y, kind="stable")
    return x[order], y[order]


def _standardized(y: Any) -> Any:
    return (y - y.mean()) / y.std()


def _write(path: Path, x: Any, y: Any) -> None:
    names = [*(f"x{i}" for i in range(x.shape[1])), "y"]
    rows = np.column_stack([x, y])
    lines = [",".join(names), *(",".join(f"{value:.10g}" for value in row) for row in rows)]
    path.write_text("\n".join(lines) + "\n")
