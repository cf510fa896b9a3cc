"""The compiled kernel: torch's values and gradients, its choice among equals, and the same bits each time."""

import functools

import pytest
import torch
import torch.nn.functional as F

from mtlray.errors import SpecError
from mtlray.models.conv_pool_relu import ConvPoolReLU
from mtlray.models.kernels import conv_pool_relu, fits, fused_unavailable

pytestmark = pytest.mark.skipif(fused_unavailable() is not None, reason=str(fused_unavailable()))

# batch, channels in, side, channels out, kernel: the presets of LeNet, and what does not divide by anything. A kernel of 5
# is computed in Winograd's form, two windows at a time, over one channel in another way than over more.
SHAPES = [
    (3, 1, 36, 10, 5),
    (2, 10, 16, 20, 5),
    (2, 1, 36, 10, 9),
    (1, 20, 16, 50, 5),
    (17, 3, 9, 7, 2),
    (1, 2, 4, 1, 3),
    (18, 7, 15, 11, 5),
    (19, 1, 15, 3, 5),
    (2, 1, 6, 4, 5),
    (2, 2, 9, 6, 5),
    (3, 2, 6, 1, 5),
]


def reference(x, weight, bias):
    return torch.relu(F.max_pool2d(F.conv2d(x, weight, bias), 2))


def draw(shape, dtype=torch.float64, seed=0):
    n, n_in, side, n_out, size = shape
    generator = torch.Generator().manual_seed(seed)
    sizes = [(n, n_in, side, side), (n_out, n_in, size, size), (n_out,)]
    return [torch.randn(s, generator=generator, dtype=torch.float64).to(dtype).requires_grad_() for s in sizes]


def gradients(function, inputs, upstream):
    return torch.autograd.grad(function(*inputs), inputs, upstream)


@pytest.mark.parametrize("shape", SHAPES)
def test_values_and_gradients_are_those_of_torch(shape):
    inputs = draw(shape)
    expected = reference(*inputs)
    made = conv_pool_relu(*inputs)
    torch.testing.assert_close(made, expected, rtol=1e-12, atol=1e-12)
    upstream = torch.randn(made.shape, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    for ours, theirs in zip(
        gradients(conv_pool_relu, inputs, upstream), gradients(reference, inputs, upstream), strict=True
    ):
        torch.testing.assert_close(ours, theirs, rtol=1e-12, atol=1e-11)


def test_in_float32_it_is_as_near_to_float64_as_torch_is():
    shape = (64, 10, 16, 20, 5)
    exact, single = draw(shape), draw(shape, torch.float32)
    upstream = torch.randn(64, 20, 6, 6, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    truth = gradients(reference, exact, upstream)
    ours = gradients(conv_pool_relu, single, upstream.float())
    theirs = gradients(reference, single, upstream.float())
    for true, our, their in zip(truth, ours, theirs, strict=True):
        scale = true.abs().max()
        assert (our - true).abs().max() / scale < 3 * (their - true).abs().max() / scale + 1e-6


def test_images_need_not_be_square():
    for size in (3, 5):
        x, weight, bias = draw((3, 4, 15, 6, size))
        for image in (x[..., :9, :], x[..., :8]):
            torch.testing.assert_close(
                conv_pool_relu(image, weight, bias), reference(image, weight, bias), rtol=1e-12, atol=1e-12
            )


@pytest.mark.parametrize("shape", [(2, 2, 8, 3, 3), (2, 2, 9, 3, 5), (2, 1, 9, 3, 5)])
def test_gradients_are_the_derivatives(shape):
    assert torch.autograd.gradcheck(conv_pool_relu, draw(shape))


@pytest.mark.parametrize(("shape", "times"), [((256, 10, 16, 20, 5), 4), ((256, 1, 36, 10, 5), 5)])
def test_winograds_form_rounds_little_more_than_the_plain_sum(shape, times):
    exact = draw(shape)
    truth = reference(*exact)

    def error(function):
        return (function(*(t.detach().float() for t in exact)) - truth).square().mean().sqrt()

    assert error(conv_pool_relu) < times * error(reference)


def test_the_first_of_equal_values_gets_the_gradient():
    x, weight, bias = torch.ones(2, 1, 8, 8), torch.ones(3, 1, 3, 3), torch.zeros(3)
    inputs = [t.double().requires_grad_() for t in (x, weight, bias)]
    upstream = torch.rand(2, 3, 3, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    ours, theirs = gradients(conv_pool_relu, inputs, upstream), gradients(reference, inputs, upstream)
    assert not torch.equal(ours[0], ours[0].flip(3))  # the choice is seen at all
    torch.testing.assert_close(ours[0], theirs[0], rtol=1e-12, atol=1e-12)


def test_a_window_that_is_not_above_zero_has_no_gradient():
    x, weight, bias = draw((2, 1, 8, 3, 3))
    low = torch.full_like(bias, -100.0).requires_grad_()
    assert (conv_pool_relu(x, weight, low) == 0).all()
    upstream = torch.ones(2, 3, 3, 3, dtype=torch.float64)
    assert all((g == 0).all() for g in gradients(conv_pool_relu, [x, weight, low], upstream))
    exactly_zero = gradients(conv_pool_relu, [torch.zeros_like(x).requires_grad_(), weight, 0 * bias], upstream)
    assert (exactly_zero[2] == 0).all()  # as torch: relu has slope 0 at 0


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("size", [5, 3])
def test_what_no_window_sees_changes_nothing(channels, size):
    x, weight, bias = draw((2, channels, size + 6, 4, size))
    with torch.no_grad():
        seen = conv_pool_relu(x, weight, bias)
        # The convolution's width is odd, and pooling drops its last column and row.
        x[..., -1] = x[..., -1, :] = torch.nan
        assert torch.equal(conv_pool_relu(x, weight, bias), seen)


@pytest.mark.parametrize("channels", [1, 3])
def test_values_that_are_not_finite_stay_so_in_winograds_form(channels):
    x, weight, bias = draw((2, channels, 16, 4, 5))
    for value in (torch.nan, torch.inf, -torch.inf):
        broken = x.detach().clone()
        broken[1, -1, 7, 5] = value
        made, expected = conv_pool_relu(broken, weight, bias), reference(broken, weight, bias)
        assert torch.isfinite(made[0]).all()
        assert not torch.isfinite(made[1][~torch.isfinite(expected[1])]).any()
        far = [0, 5]  # windows that see no row of the value
        torch.testing.assert_close(made[1][:, far], expected[1][:, far], rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("place", [(0, 0), (0, 1), (1, 0), (1, 1)])
def test_a_nan_goes_through_pooling_and_relu(place):
    x = torch.zeros(1, 1, 8, 8)
    x[0, 0, place[0], place[1]] = torch.nan
    made = conv_pool_relu(x, torch.ones(1, 1, 1, 1), torch.zeros(1))
    expected = reference(x, torch.ones(1, 1, 1, 1), torch.zeros(1))
    assert torch.isnan(made[0, 0, 0, 0])
    assert torch.isnan(made).equal(torch.isnan(expected))


@pytest.mark.parametrize("shape", [(37, 1, 36, 10, 5), (37, 6, 16, 7, 5)])
def test_an_example_does_not_depend_on_its_batch(shape):
    x, weight, bias = draw(shape, torch.float32)
    together = conv_pool_relu(x, weight, bias)
    for i in (0, 15, 16, 36):
        assert torch.equal(conv_pool_relu(x[i : i + 1], weight, bias)[0], together[i])


@pytest.mark.parametrize("channels", [1, 3])
def test_bits_are_the_same_each_time_and_in_each_layout(channels):
    inputs = draw((19, channels, 16, 6, 5), torch.float32)
    upstream = torch.rand(19, 6, 6, 6, generator=torch.Generator().manual_seed(0))
    first = gradients(conv_pool_relu, inputs, upstream)
    other = [t.detach().contiguous(memory_format=torch.channels_last) if t.ndim == 4 else t.detach() for t in inputs]
    second = gradients(conv_pool_relu, [t.requires_grad_() for t in other], upstream.transpose(2, 3).contiguous().mT)
    assert all(torch.equal(a, b) for a, b in zip(first, second, strict=True))
    in_order = functools.partial(conv_pool_relu, channels_last=False)
    assert conv_pool_relu(*inputs).is_contiguous(memory_format=torch.channels_last)
    assert in_order(*inputs).is_contiguous()
    assert torch.equal(in_order(*inputs), conv_pool_relu(*inputs))
    third = gradients(in_order, inputs, upstream)
    assert all(torch.equal(a, b) for a, b in zip(first, third, strict=True))


def test_only_the_gradients_that_are_asked_for():
    x, weight, bias = draw((2, 1, 8, 3, 3))
    made = conv_pool_relu(x.detach(), weight, bias)
    made.sum().backward()  # the upstream gradient is one number, expanded
    assert weight.grad is not None
    assert bias.grad is not None
    assert not conv_pool_relu(x.detach(), weight.detach(), bias.detach()).requires_grad


def test_what_it_was_not_compiled_for_is_left_to_torch():
    image, weight = torch.rand(1, 1, 8, 8), torch.rand(1, 1, 3, 3)
    assert fits(image, weight)
    assert not fits(image.half(), weight.half())
    assert not fits(image.double(), weight)
    assert not fits(image, torch.rand(1, 1, 3, 5))
    assert not fits(torch.rand(1, 999, 8, 8), torch.rand(1, 999, 3, 3))
    inputs = [t.requires_grad_() for t in (torch.rand(1, 999, 8, 8), torch.rand(2, 999, 3, 3), torch.rand(2))]
    with pytest.raises(SpecError, match=r"weights of at most \d+ numbers a row\. Found 2997\. Ask `fits` first"):
        conv_pool_relu(*inputs).sum().backward()


@pytest.mark.parametrize(
    ("shape", "message"),
    [
        ((1, 3, 16, 16), "expected input.* to have 2 channels, but got 3 channels"),
        ((1, 2, 16, 4), "Kernel size can't be greater than actual input size"),
        ((1, 2, 5, 16), "Output size is too small"),
    ],
)
def test_torch_says_why_it_refuses_images(shape, message):
    layer = ConvPoolReLU(2, 4, 5)
    layer.kernel = "fused"
    with pytest.raises(RuntimeError, match=message):
        layer(torch.rand(shape))
    assert layer(torch.rand(2, 6, 6)).shape == (4, 1, 1), "one image without a batch is torch's"


def test_an_empty_batch():
    x, weight, bias = draw((3, 1, 8, 3, 3))
    made = conv_pool_relu(x[:0], weight, bias)
    assert made.shape == (0, 3, 3, 3)
    assert all((gradient == 0).all() for gradient in torch.autograd.grad(made.sum(), [weight, bias]))


def test_a_second_derivative_is_refused():
    inputs = draw((2, 1, 8, 3, 3))
    (first,) = torch.autograd.grad(conv_pool_relu(*inputs).square().sum(), inputs[1], create_graph=True)
    with pytest.raises(RuntimeError, match="once_differentiable"):
        first.sum().backward()
