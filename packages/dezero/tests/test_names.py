"""The public names of the book's released package, 0.0.13, and where they are here."""

from __future__ import annotations

import importlib
import inspect

import pytest

NAMES = {
    "dezero": """
        Variable Parameter Function Config using_config no_grad test_mode as_array as_variable
        setup_variable Layer Model Dataset DataLoader SeqDataLoader core core_simple dataloaders
        datasets functions functions_conv layers models optimizers transforms utils cuda
        __version__""",
    "dezero.core": """
        Variable Parameter Function Config using_config no_grad test_mode as_array as_variable
        setup_variable add sub rsub mul div rdiv neg pow""",
    "dezero.core_simple": """
        Variable Function Config using_config no_grad as_array as_variable setup_variable add sub
        rsub mul div rdiv neg pow""",
    "dezero.cuda": "gpu_enable get_array_module as_numpy as_cupy",
    "dezero.dataloaders": "DataLoader SeqDataLoader",
    "dezero.datasets": """
        Dataset Spiral get_spiral MNIST CIFAR10 CIFAR100 ImageNet SinCurve Shakespear""",
    "dezero.functions": """
        sin cos tanh exp log reshape transpose get_item expand_dims flatten sum sum_to broadcast_to
        average matmul linear linear_simple sigmoid sigmoid_simple relu softmax softmax_simple
        log_softmax leaky_relu mean_squared_error mean_squared_error_simple softmax_cross_entropy
        softmax_cross_entropy_simple sigmoid_cross_entropy binary_cross_entropy accuracy dropout
        batch_nrom embed_id max min clip conv2d conv2d_simple deconv2d pooling pooling_simple
        average_pooling im2col col2im add sub rsub mul div neg pow mean""",
    "dezero.functions_conv": """
        conv2d conv2d_simple deconv2d pooling pooling_simple average_pooling im2col col2im""",
    "dezero.layers": "Layer Linear Conv2d Deconv2d RNN LSTM EmbedID BatchNorm Parameter",
    "dezero.models": """
        Model Sequential MLP VGG16 ResNet ResNet50 ResNet101 ResNet152 SqueezeNet""",
    "dezero.optimizers": """
        Optimizer SGD MomentumSGD AdaGrad AdaDelta Adam WeightDecay ClipGrad FreezeParam""",
    "dezero.transforms": """
        Compose Convert Resize CenterCrop ToArray ToPIL RandomHorizontalFlip Normalize Flatten
        AsType ToFloat ToInt""",
    "dezero.utils": """
        get_dot_graph plot_dot_graph sum_to reshape_sum_backward logsumexp gradient_check
        numerical_grad array_equal array_allclose get_file get_deconv_outsize get_conv_outsize
        pair""",
}

MEMBERS = {
    "dezero.Variable": """
        shape ndim size dtype __len__ __repr__ unchain cleargrad backward unchain_backward reshape
        transpose T sum to_cpu to_gpu data grad name creator""",
    "dezero.Function": "__call__ forward backward",
    "dezero.DataLoader": "reset __iter__ __next__ to_cpu to_gpu",
    "dezero.Dataset": "__getitem__ __len__ prepare",
    "dezero.Layer": """
        __setattr__ __call__ forward params cleargrads to_cpu to_gpu save_weights load_weights""",
    "dezero.Model": "plot",
    "dezero.datasets.MNIST": "prepare show labels",
    "dezero.datasets.CIFAR10": "prepare show labels",
    "dezero.datasets.CIFAR100": "prepare labels",
    "dezero.datasets.ImageNet": "labels",
    "dezero.layers.LSTM": "reset_state",
    "dezero.layers.RNN": "reset_state",
    "dezero.models.VGG16": "preprocess",
    "dezero.optimizers.Optimizer": "setup update update_one add_hook",
}

#: What a program of the book calls with more than its first argument, and what it may leave out.
CALLS = {
    "dezero.DataLoader": "dataset batch_size shuffle gpu",
    "dezero.Variable.backward": "self retain_grad create_graph",
    "dezero.functions.average_pooling": "x kernel_size stride pad",
    "dezero.functions.col2im": "col input_shape kernel_size stride pad to_matrix",
    "dezero.functions.conv2d": "x W b stride pad",
    "dezero.functions.deconv2d": "x W b stride pad outsize",
    "dezero.functions.dropout": "x dropout_ratio",
    "dezero.functions.im2col": "x kernel_size stride pad to_matrix",
    "dezero.functions.leaky_relu": "x slope",
    "dezero.functions.pooling": "x kernel_size stride pad",
    "dezero.layers.BatchNorm": "",
    "dezero.layers.Conv2d": "out_channels kernel_size stride pad nobias dtype in_channels",
    "dezero.layers.Deconv2d": "out_channels kernel_size stride pad nobias dtype in_channels",
    "dezero.layers.LSTM": "hidden_size in_size",
    "dezero.layers.Linear": "out_size nobias dtype in_size",
    "dezero.layers.RNN": "hidden_size in_size",
    "dezero.models.MLP": "fc_output_sizes activation",
    "dezero.models.SqueezeNet": "pretrained",
    "dezero.models.VGG16": "pretrained",
    "dezero.models.VGG16.preprocess": "image size dtype",
    "dezero.optimizers.AdaDelta": "rho eps",
    "dezero.optimizers.AdaGrad": "lr eps",
    "dezero.optimizers.Adam": "alpha beta1 beta2 eps",
    "dezero.optimizers.MomentumSGD": "lr momentum",
    "dezero.optimizers.SGD": "lr",
    "dezero.utils.get_dot_graph": "output verbose",
    "dezero.utils.get_file": "url file_name",
    "dezero.utils.logsumexp": "x axis",
    "dezero.utils.plot_dot_graph": "output verbose to_file",
    "dezero.utils.sum_to": "x shape",
}


def find(path: str) -> object:
    _, _, names = path.partition(".")
    found: object = importlib.import_module("dezero")
    for name in names.split("."):
        found = getattr(found, name)
    return found


@pytest.mark.parametrize("module", NAMES)
def test_names_of_the_release_are_there(module: str) -> None:
    found = importlib.import_module(module)
    names = NAMES[module].split()
    assert [name for name in names if not hasattr(found, name)] == []
    assert [name for name in names if name not in found.__all__] == []


@pytest.mark.parametrize("path", MEMBERS)
def test_members_of_the_release_are_there(path: str) -> None:
    found = find(path)
    assert [name for name in MEMBERS[path].split() if not hasattr(found, name)] == []


@pytest.mark.parametrize("path", CALLS)
def test_arguments_have_the_place_of_the_release(path: str) -> None:
    parameters = inspect.signature(find(path)).parameters  # type: ignore[arg-type]
    wanted = CALLS[path].split()
    places = [p.name for p in parameters.values() if p.kind is p.POSITIONAL_OR_KEYWORD]
    assert places[: len(wanted)] == wanted
