"""Where the digits of a pair go, on tiny digits made by hand."""

import numpy as np
import pytest

from mtlray.data.multi_mnist.digits import Digits
from mtlray.data.multi_mnist.layouts import CANVAS, DIGIT, LAYOUTS, Layout, compose, resize_nearest
from mtlray.randomness import numpy_generator


def solid(n, n_classes=10):
    """`n` digits, the i-th a full 28x28 square of brightness i + 1 and class i mod `n_classes`."""
    images = np.broadcast_to(np.arange(1, n + 1, dtype=np.uint8)[:, None, None], (n, DIGIT, DIGIT)).copy()
    return Digits(images, (np.arange(n) % n_classes).astype(np.uint8))


def corner(image):
    """The offset `(y, x)` of what is not black."""
    rows, columns = np.nonzero(image)
    return rows.min(), columns.min()


def pairs(name, n=200):
    return compose(LAYOUTS[name], solid(n), numpy_generator(0, "test"))


@pytest.mark.parametrize(("name", "right_at"), [("sener", 6), ("corner8", 8)])
def test_fixed_layouts_by_hand(name, right_at):
    digits = solid(2, n_classes=2)
    made = compose(LAYOUTS[name], digits, numpy_generator(0, "test"))
    for i in range(2):
        partner = made.right[i].max()
        expected_right = np.zeros((CANVAS, CANVAS), np.uint8)
        expected_right[right_at : right_at + DIGIT, right_at : right_at + DIGIT] = partner
        expected_left = np.zeros((CANVAS, CANVAS), np.uint8)
        expected_left[:DIGIT, :DIGIT] = i + 1
        np.testing.assert_array_equal(made.right[i], expected_right)
        np.testing.assert_array_equal(made.images[i], np.maximum(expected_left, expected_right))
        assert made.labels[i].tolist() == [i, partner - 1]


def test_jittered_corners_move_towards_the_middle():
    for right in pairs("corner_jitter").right:
        y, x = corner(right)
        assert 4 <= y <= 8
        assert 4 <= x <= 8


def test_lr_jitter_keeps_the_right_digit_right():
    offsets = np.array([corner(right) for right in pairs("lr_jitter").right])
    assert set(offsets[:, 0]) == set(range(9))
    assert set(offsets[:, 1]) == {5, 6, 7, 8}


def offsets_of(name):
    """All offsets that a layout draws, `[pair, digit, (y, x)]`."""
    return LAYOUTS[name].offsets(numpy_generator(0, "offsets"), 5_000)


@pytest.mark.parametrize(
    ("name", "left_y", "left_x", "right_y", "right_x"),
    [
        ("sener", {0}, {0}, {6}, {6}),
        ("corner8", {0}, {0}, {8}, {8}),
        ("corner_jitter", set(range(5)), set(range(5)), set(range(4, 9)), set(range(4, 9))),
        ("lr_jitter", set(range(9)), {0, 1, 2, 3}, set(range(9)), {5, 6, 7, 8}),
        ("sabour", set(range(9)), set(range(9)), set(range(9)), set(range(9))),
    ],
)
def test_offsets_fill_their_range(name, left_y, left_x, right_y, right_x):
    drawn = offsets_of(name)
    assert [set(drawn[:, i, j]) for i in (0, 1) for j in (0, 1)] == [left_y, left_x, right_y, right_x]


def test_sabour_never_ties_and_orders_by_x():
    drawn = offsets_of("sabour")
    assert (drawn[:, 0, 1] != drawn[:, 1, 1]).all()

    # Brightness says which digit is where: the right target is always the digit further right.
    digits = solid(100)
    made = compose(LAYOUTS["sabour"], digits, numpy_generator(0, "test"))
    for i in range(100):
        brightness = int(made.right[i].max())
        y, x = corner(made.right[i])
        rest = made.images[i].astype(int) - made.right[i]
        assert corner(rest)[1] < x, "the digit that is not `right` should lie further left"
        assert made.labels[i, 1] == (brightness - 1) % 10
        assert made.labels[i, 0] == (int(rest.max()) - 1) % 10
        assert (made.right[i][y : y + DIGIT, x : x + DIGIT] == brightness).all()


def test_sabour_adds_and_clips():
    bright = Digits(np.full((2, DIGIT, DIGIT), 200, np.uint8), np.array([0, 1], np.uint8))
    made = compose(LAYOUTS["sabour"], bright, numpy_generator(0, "test"))
    assert set(np.unique(made.images)) <= {0, 200, 255}
    assert 255 in made.images


def test_max_merges_overlaps():
    made = pairs("sener", n=2)
    assert made.images.max() <= 2


@pytest.mark.parametrize("name", LAYOUTS)
def test_same_class_rule(name):
    labels = pairs(name, n=1_000).labels
    assert (labels[:, 0] == labels[:, 1]).any() == LAYOUTS[name].same_class


@pytest.mark.parametrize("name", LAYOUTS)
def test_every_digit_is_first_once_and_partners_come_with_replacement(name):
    digits = solid(200)
    layout = LAYOUTS[name]
    made = compose(Layout(layout.offsets, "max", layout.same_class), digits, numpy_generator(0, "test"))
    partners = made.right.max(axis=(1, 2))
    np.testing.assert_array_equal(made.labels[:, 0], digits.labels)
    assert len(set(partners)) < 180, "200 draws with replacement leave about a third out"
    np.testing.assert_array_equal(made.labels[:, 1], digits.labels[partners - 1])


def test_composing_in_chunks_changes_nothing(monkeypatch):
    whole = pairs("sabour", n=50)
    monkeypatch.setattr("mtlray.data.multi_mnist.layouts._CHUNK", 7)
    cut = pairs("sabour", n=50)
    for name in ("images", "right", "labels"):
        np.testing.assert_array_equal(getattr(whole, name), getattr(cut, name))


def test_resize_takes_the_pixel_under_each_centre():
    image = np.arange(36)[None, None, :] + 36 * np.arange(36)[None, :, None]
    small = resize_nearest(image, 28)
    centres = [int((i + 0.5) * 36 / 28) for i in range(28)]
    assert small.shape == (1, 28, 28)
    np.testing.assert_array_equal(small[0, 0], image[0, centres[0]][centres])
    np.testing.assert_array_equal(resize_nearest(image, 36), image)
