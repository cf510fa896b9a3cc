"""Every shipped model keeps the contract that mtlray.testing states."""

import pytest
import torch
from torch import nn

from mtlray import (
    MLP,
    MTAN,
    VGG,
    Backbone,
    LeNet,
    Network,
    NineLayerCNN,
    ResNet,
    SegNet,
    Task,
    TextEncoder,
    TokenShape,
    WideResNet,
    squared_error,
)
from mtlray.models import MODELS
from mtlray.tasks.losses import pixel_cross_entropy
from mtlray.testing import TASKS, ModelConformance


def build_trunk(input_shape):
    return nn.Sequential(nn.Linear(*input_shape, 6), nn.BatchNorm1d(6), nn.Tanh())


def build_head(shape, task):
    return nn.Sequential(nn.Linear(*shape, 4), nn.ReLU(), nn.Linear(4, *task.output_shape))


def drops(input_shape):
    return nn.Sequential(nn.Linear(*input_shape, 6), nn.Dropout(0.3))


class TestMLP(ModelConformance):
    models = (MLP(widths=(6,)), MLP(widths=(8, 4), dropout=0.2))
    input_shape = (5,)


class TestNetwork(ModelConformance):
    models = (Network(trunk=build_trunk), Network(trunk=drops, head=build_head, dropout=True))
    input_shape = (5,)


class TestTextEncoder(ModelConformance):
    models = (
        TextEncoder(width=6, dropout=0.1),
        TextEncoder(encoder="convolution", width=6, window=3, layers=2),
        TextEncoder(encoder="gru", width=6, layers=2),
        TextEncoder(encoder="transformer", width=8, layers=2),
        TextEncoder(encoder="transformer", width=8, attention_heads=2, dropout=0.1),
    )
    input_shape = TokenShape(7, vocabulary=13)


class TestLeNet(ModelConformance):
    models = (LeNet(), LeNet(preset="B"))
    input_shape = (1, 36, 36)


class TestLeNetWithDropout(ModelConformance):
    models = (LeNet(preset="A28"),)
    input_shape = (1, 28, 28)


class TestVGG(ModelConformance):
    models = (VGG(preset="small"),)
    input_shape = (3, 32, 32)


class TestNineLayers(ModelConformance):
    models = (NineLayerCNN(width=4),)
    input_shape = (3, 16, 16)
    tolerance = 1e-6  # batch norms over four examples make more of rounding


class TestWideResNet(ModelConformance):
    models = (WideResNet(depth=10, width=1), WideResNet(depth=10, width=1, dropout=0.3))
    input_shape = (3, 8, 8)
    tolerance = 1e-6  # batch norms over a few values make more of rounding


class TestSegNet(ModelConformance):
    models = (SegNet(preset="tiny"), MTAN(preset="tiny"))
    input_shape = (3, 32, 32)
    tasks = (
        Task(name="kind", likelihood="categorical", output_shape=(5, 32, 32), loss=pixel_cross_entropy, metrics=()),
        Task(name="far", likelihood="gaussian", output_shape=(1, 32, 32), loss=squared_error, metrics=()),
    )


class TestBackbone(ModelConformance):
    models = (Backbone("torchvision:shufflenet_v2_x0_5"), Backbone("torchvision:mnasnet0_5"))
    input_shape = (3, 32, 32)
    tasks = TASKS[1:]
    tolerance = 1e-6  # many batch norms, each over four values, make more of rounding


@pytest.mark.slow
class TestLargeNetworks(ModelConformance):
    models = (ResNet(), ResNet(depth=50), Backbone("torchvision:efficientnet_b0"), VGG())
    input_shape = (3, 32, 32)
    tasks = TASKS[1:]
    tolerance = 1e-6  # many batch norms, each over four values, make more of rounding


@pytest.mark.slow
class TestVisionTransformer(ModelConformance):
    models = (Backbone("torchvision:vit_b_32"),)
    input_shape = (3, 32, 32)
    tasks = TASKS[1:]
    tolerance = 1e-6  # many batch norms, each over four values, make more of rounding


def test_every_model_is_there():
    suites = [cls for cls in ModelConformance.__subclasses__() if cls.__module__ == __name__]
    assert {type(model) for suite in suites for model in suite.models} == set(MODELS)
    assert torch.get_default_dtype() == torch.float32
