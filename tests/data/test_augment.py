"""Changed images: what each change does, and that it depends on seed and batch number alone."""

import math
from typing import Any

import numpy as np
import pytest

from nnlab.core.types import Array
from nnlab.data.augment import AUGMENTATIONS, Augmenter, sample
from nnlab.data.batches import Batches, Part
from nnlab.data.scale import Scaling

SHAPE = (8, 6, 1)
EXAMPLES: dict[str, Any] = {
    "shift": AUGMENTATIONS["shift"](pixels=2),
    "rotate": AUGMENTATIONS["rotate"](degrees=30, zoom=0.2),
    "flip": AUGMENTATIONS["flip"](),
    "cutout": AUGMENTATIONS["cutout"](size=3),
}


def sample_images(count: int, dtype: Any = np.float64, shape: Any = SHAPE) -> Array:
    return np.random.default_rng(0).uniform(0.5, 1, (count, *shape)).astype(dtype)


def changed(step: Any, images: Array, blank: float = 0.0, number: int = 0, seed: int = 0) -> Array:
    rows = images.reshape(len(images), math.prod(images.shape[1:])).copy()
    Augmenter((step,), images.shape[1:], blank, seed)(rows, number)
    return rows.reshape(images.shape)


def test_every_augmentation_has_an_example():
    assert set(EXAMPLES) == set(AUGMENTATIONS)


@pytest.mark.parametrize("name", EXAMPLES)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("shape", [(8, 6, 1), (5, 5, 3), (1, 1, 1)], ids=str)
def test_images_stay_images(name, dtype, shape):
    images = sample_images(20, dtype, shape)
    result = changed(EXAMPLES[name], images, blank=0.5)
    assert result.shape == images.shape
    assert result.dtype == dtype
    assert result.min() >= 0.5 - 1e-6
    assert result.max() <= images.max() + 1e-6


@pytest.mark.parametrize("name", EXAMPLES)
def test_the_same_for_a_seed_and_a_number_and_nothing_else(name):
    images, step = sample_images(20), EXAMPLES[name]
    result = changed(step, images, number=3, seed=5)
    np.testing.assert_array_equal(changed(step, images, number=3, seed=5), result)
    assert (changed(step, images, number=4, seed=5) != result).any()
    assert (changed(step, images, number=3, seed=6) != result).any()
    assert (result != images).any()


@pytest.mark.parametrize("name", EXAMPLES)
def test_no_images_at_all(name):
    assert changed(EXAMPLES[name], sample_images(0)).shape == (0, *SHAPE)


def test_shift_moves_by_every_distance_as_often():
    images = np.zeros((4000, 7, 7, 1))
    images[:, 3, 3] = 1.0
    result = changed(AUGMENTATIONS["shift"](pixels=1), images)
    assert (result.sum(axis=(1, 2, 3)) == 1).all()
    places = result.sum(axis=(0, 3))
    assert places[2:5, 2:5].sum() == 4000
    # 9 places with 4000 / 9 = 444 on average and a deviation of 20
    assert places[2:5, 2:5].min() > 344
    assert places[2:5, 2:5].max() < 544


def test_shift_fills_with_blank():
    result = changed(AUGMENTATIONS["shift"](pixels=3), np.ones((50, 4, 4, 1)), blank=-2.0)
    assert set(np.unique(result)) == {-2.0, 1.0}


def turned(degrees: float, image: Array) -> Array:
    """The image turned by exactly this angle."""
    h, w, _ = image.shape
    angle = np.deg2rad(degrees)
    y, x = np.mgrid[:h, :w] - np.array([(h - 1) / 2, (w - 1) / 2])[:, None, None]
    from_y = np.cos(angle) * y - np.sin(angle) * x + (h - 1) / 2
    from_x = np.sin(angle) * y + np.cos(angle) * x + (w - 1) / 2
    return sample(image[None], from_y[None], from_x[None], 0.0)[0]


def test_bilinear_weights_by_hand():
    image = np.array([[1.0, 3.0], [5.0, 9.0]])[None, :, :, None]
    y = np.array([[0.0, 0.5, 0.25, -0.5, 9.0, 1.0]])[None]
    x = np.array([[0.0, 0.5, 1.0, 0.0, 0.0, 1.5]])[None]
    result = sample(image, y, x, -1.0)
    assert result[0, 0, :, 0].tolist() == [1.0, 4.5, 4.5, 0.0, -1.0, 4.0]


@pytest.mark.parametrize("degrees", [0.0, 90.0, 180.0, -90.0])
def test_a_right_angle_moves_every_pixel_to_a_pixel(degrees):
    image = sample_images(1, shape=(5, 5, 2))[0]
    expected = np.rot90(image, round(-degrees / 90))
    np.testing.assert_allclose(turned(degrees, image), expected, rtol=1e-12)


def test_rotation_stays_within_its_angle():
    """A dot far from the middle: where its mass goes tells the angle."""
    images = np.zeros((500, 41, 41, 1))
    images[:, 20, 38] = 1.0
    result = changed(AUGMENTATIONS["rotate"](degrees=20), images)[..., 0]
    mass = result.sum(axis=(1, 2))
    y = (result * np.arange(41)[:, None]).sum(axis=(1, 2)) / mass - 20
    x = (result * np.arange(41)).sum(axis=(1, 2)) / mass - 20
    angles = np.rad2deg(np.arctan2(y, x))
    assert 18 < angles.max() < 21
    assert -21 < angles.min() < -18
    assert abs(np.median(angles)) < 3
    np.testing.assert_allclose(np.hypot(y, x), 18, atol=0.5)


def test_flip_turns_half_of_the_images():
    images = sample_images(1000)
    result = changed(AUGMENTATIONS["flip"](), images)
    same = (result == images).all(axis=(1, 2, 3))
    np.testing.assert_array_equal(result[~same], images[~same, :, ::-1])
    assert 400 < same.sum() < 600
    always = changed(AUGMENTATIONS["flip"](probability=1), images)
    np.testing.assert_array_equal(always, images[:, :, ::-1])


def test_cutout_covers_one_square():
    result = changed(AUGMENTATIONS["cutout"](size=3), np.ones((300, 9, 9, 1)), blank=-1.0)[..., 0]
    for image in result:
        rows, columns = (image == -1).any(axis=1), (image == -1).any(axis=0)
        assert (image == -1).sum() == rows.sum() * columns.sum()
        assert 2 <= rows.sum() <= 3  # the middle lies inside, a border may be cut off
        assert 2 <= columns.sum() <= 3
    assert (result == -1).any(axis=0).all()  # every pixel is covered in some image


PIXELS = np.random.default_rng(1).integers(0, 256, (23, 48), dtype=np.uint8)
SCALING = Scaling("unit", np.zeros(()), np.full((), 1 / 255))


def part(steps: Any, inputs: Array = PIXELS) -> Part:
    rows = np.arange(len(inputs))
    augmenter = Augmenter(steps, SHAPE, 0.0, 7) if steps else None
    return Part(inputs, rows, SCALING, np.zeros((len(inputs), 1)), np.float32, augmenter)


def epoch(batches: Batches, number: int | None, first: int = 0) -> list[Array]:
    order = np.arange(len(batches.part))[::-1]
    return [x.copy() for chunk in batches.epoch(order, first, number) for x in chunk.xs]


STEPS = (EXAMPLES["shift"], EXAMPLES["flip"])


def test_every_epoch_sees_other_images_and_evaluation_the_originals():
    batches, plain = Batches(part(STEPS), 5), Batches(part(()), 5)
    originals = epoch(plain, 0)
    for batch, other in zip(epoch(batches, None), originals, strict=True):
        np.testing.assert_array_equal(batch, other)
    first, second = epoch(batches, 0), epoch(batches, 1)
    assert all((a != b).any() for a, b in zip(first, second, strict=True))
    assert all((a != b).any() for a, b in zip(first, originals, strict=True))
    assert PIXELS.dtype == batches.part.inputs.dtype == np.uint8


@pytest.mark.parametrize("per_chunk", [1, 2, 4])
def test_a_batch_is_the_same_however_many_are_gathered_at_once(per_chunk):
    batches = Batches(part(STEPS), 5)
    whole = epoch(batches, 3)
    batches.per_chunk = per_chunk
    for batch, other in zip(epoch(batches, 3), whole, strict=True):
        np.testing.assert_array_equal(batch, other)
    for batch, other in zip(epoch(batches, 3, first=4), whole[4:], strict=True):
        np.testing.assert_array_equal(batch, other)


def test_images_that_are_not_shuffled_change_as_well():
    batches = Batches(part(STEPS), 23)
    seen = [next(iter(batches.epoch(None, 0, number))).x.copy() for number in (0, 1)]
    assert (seen[0] != seen[1]).any()
    original = next(iter(batches.epoch(None))).x
    np.testing.assert_array_equal(original, PIXELS * np.float32(1 / 255))


def test_the_data_stay_as_they_are():
    floats = np.random.default_rng(2).random((23, 48))
    for inputs in (PIXELS.copy(), floats):
        augmented = part((EXAMPLES["cutout"], EXAMPLES["rotate"]), inputs)
        before = augmented.inputs.copy()
        epoch(Batches(augmented, 5), 0)
        np.testing.assert_array_equal(augmented.inputs, before)
