"""The encoders of texts: no padding in their outputs, values by hand and by torch's own layers, and what is refused."""

import math

import pytest
import torch
from torch import nn

from mtlray import MLP, TextEncoder, TokenShape, binary, classification, regression
from mtlray.errors import SpecError
from mtlray.models.operations import operations
from mtlray.models.text.encoders import GRU, Mean, TransformerLayer, mean_of, positions

ENCODERS = ("mean", "convolution", "gru", "transformer")
SHAPE = TokenShape(9, vocabulary=20)
TASKS = (classification("kind", classes=5), binary("big"), regression("size", outputs=2))


def encoder(name, **settings):
    return TextEncoder(encoder=name, width=8, layers=1 if name == "mean" else 2, **settings)


def network(name):
    torch.manual_seed(0)
    return encoder(name).build(SHAPE, TASKS).double()


@pytest.mark.parametrize("name", ENCODERS)
def test_outputs_and_gradients_do_not_depend_on_padding(name):
    made = network(name)
    tokens = torch.randint(1, 20, (3, 9), generator=torch.Generator().manual_seed(1))
    tokens[:, 5:] = 0
    results = []
    for padded in (tokens[:, :5], tokens, torch.cat([tokens, torch.zeros(3, 30, dtype=torch.long)], dim=1)):
        predictions = made(padded)
        gradients = torch.autograd.grad(torch.cat(predictions, dim=1).square().sum(), list(made.parameters()))
        results.append([*predictions, *gradients])
    for other in results[1:]:
        for found, expected in zip(other, results[0], strict=True):
            torch.testing.assert_close(found, expected, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("name", ENCODERS)
def test_every_token_counts_and_a_text_without_one_is_finite(name):
    made = network(name)
    tokens = torch.randint(1, 20, (1, 9), generator=torch.Generator().manual_seed(1))
    first = made(tokens)[0]
    for position in range(9):
        other = tokens.clone()
        other[0, position] = 1 + tokens[0, position] % 18
        assert not torch.equal(made(other)[0], first) or name == "convolution", position
    assert all(prediction.isfinite().all() for prediction in made(torch.zeros_like(tokens)))


def test_the_mean_by_hand():
    x = torch.tensor([[[1.0, 2.0], [3.0, 4.0], [100.0, 100.0]], [[5.0, 6.0], [7.0, 7.0], [7.0, 7.0]]])
    there = torch.tensor([[[True], [True], [False]], [[False], [False], [False]]])
    assert mean_of(x, there).tolist() == [[2.0, 3.0], [0.0, 0.0]]
    layer = Mean(2)
    nn.init.eye_(layer.layer.weight)
    nn.init.constant_(layer.layer.bias, -2.5)
    assert layer(x, there).tolist() == [[0.0, 0.5], [0.0, 0.0]]


def test_the_recurrent_unit_is_torchs():
    own, theirs = GRU(4, 2).double(), nn.GRU(4, 4, num_layers=2, batch_first=True).double()
    for i in range(2):
        for kind, linear in (("ih", own.inputs[i]), ("hh", own.states[i])):
            getattr(theirs, f"weight_{kind}_l{i}").data.copy_(linear.weight)
            getattr(theirs, f"bias_{kind}_l{i}").data.copy_(linear.bias)
    x = torch.randn(3, 6, 4, dtype=torch.float64)
    torch.testing.assert_close(own(x, torch.ones(3, 6, 1, dtype=torch.bool)), theirs(x)[0][:, -1])


def test_a_layer_of_the_transformer_is_torchs():
    own = TransformerLayer(8, 2, 0.0).double()
    theirs = nn.TransformerEncoderLayer(8, 2, 32, 0.0, "gelu", batch_first=True, norm_first=True).double()
    pairs = {
        theirs.self_attn.in_proj_weight: own.queries_keys_values.weight,
        theirs.self_attn.in_proj_bias: own.queries_keys_values.bias,
        **dict(zip(theirs.self_attn.out_proj.parameters(), own.joined.parameters(), strict=True)),
        **dict(zip(theirs.linear1.parameters(), own.layers[0].parameters(), strict=True)),
        **dict(zip(theirs.linear2.parameters(), own.layers[2].parameters(), strict=True)),
    }
    for parameter, value in pairs.items():
        parameter.data.copy_(value)
    x = torch.randn(3, 6, 8, dtype=torch.float64)
    there = torch.ones(3, 6, 1, dtype=torch.bool)
    there[1, 4:] = False
    expected = theirs(x, src_key_padding_mask=~there[..., 0])
    found = own(x, there)
    torch.testing.assert_close(found[there[..., 0]], expected[there[..., 0]])


def test_positions_by_hand():
    found = positions(torch.zeros(1, 3, 4, dtype=torch.float64))
    assert found[0].tolist() == [0.0, 1.0, 0.0, 1.0]
    expected = [math.sin(2), math.cos(2), math.sin(0.02), math.cos(0.02)]
    assert found[2].tolist() == pytest.approx(expected, abs=1e-12)


def test_its_labels_tell_it_apart():
    made = [*map(encoder, ENCODERS), TextEncoder(dropout=0.5), TextEncoder(encoder="convolution", window=3)]
    labels = [model.label for model in made]
    assert labels[:3] == ["text-mean-8", "text-convolution-8-x2", "text-gru-8-x2"]
    assert len(set(labels)) == len(labels)
    assert [model.stochastic for model in made[-2:]] == [True, False]


@pytest.mark.parametrize("name", ENCODERS)
def test_its_operations_are_counted(name):
    assert operations(encoder(name), SHAPE, TASKS).flops > 0


def test_models_of_numbers_and_of_tokens_refuse_each_others_inputs():
    with pytest.raises(SpecError, match=r"TextEncoder takes tokens, .* has inputs of 3x8, which are numbers"):
        TextEncoder().check((3, 8), TASKS)
    with pytest.raises(SpecError, match=r"An MLP takes numbers or images. .* choose `TextEncoder\(\)`"):
        MLP().check(SHAPE, TASKS)


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize(
    "settings",
    [
        {"encoder": "lstm"},
        {"width": 0},
        {"width": 6, "encoder": "transformer"},
        {"window": 4},
        {"layers": 1.5},
        {"attention_heads": 0},
        {"dropout": 1.0},
    ],
)
def test_bad_settings_are_refused(settings):
    with pytest.raises(SpecError, match=f"`{next(iter(settings))}` should"):
        TextEncoder(**settings)
