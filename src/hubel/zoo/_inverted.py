"""The inverted residual block of MobileNetV2 (Sandler et al. 2018), which EfficientNet-Lite is made of too."""

from __future__ import annotations

from hubel.arch import Activation, BatchNormalization, Chain, Conv2D, DepthwiseConv2D, Identity, Padding, Sum


def inverted_residual(
    channels: int,
    filters: int,
    strides: int,
    expansion: int,
    kernel_size: int = 3,
    padding: Padding = 1,
    epsilon: float = 1e-5,
) -> Chain | Sum:
    """Expand by 1×1, filter each channel by itself, project by 1×1 without a non-linearity.

    Added to its input where the shapes agree. Without expansion (1) the first step is left out.
    """
    steps = [
        _depthwise(kernel_size, strides, padding, epsilon),
        Chain(Conv2D(filters, 1, use_bias=False), BatchNormalization(epsilon=epsilon), name="project"),
    ]
    if expansion != 1:
        steps.insert(0, Chain(conv_norm_relu6(channels * expansion, 1, epsilon=epsilon), name="expand"))
    if strides == 1 and channels == filters:
        return Sum(Chain(*steps, name="residual"), Chain(Identity(), name="shortcut"), name="block")
    return Chain(*steps, name="block")


def conv_norm_relu6(
    filters: int, kernel_size: int, strides: int = 1, padding: Padding = "valid", epsilon: float = 1e-5
) -> Chain:
    """A convolution without bias, its normalisation and ReLU6."""
    return Chain(
        Conv2D(filters, kernel_size, strides=strides, padding=padding, use_bias=False),
        BatchNormalization(epsilon=epsilon),
        Activation("relu6"),
    )


def _depthwise(kernel_size: int, strides: int, padding: Padding, epsilon: float) -> Chain:
    return Chain(
        DepthwiseConv2D(kernel_size, strides=strides, padding=padding, use_bias=False),
        BatchNormalization(epsilon=epsilon),
        Activation("relu6"),
        name="depthwise",
    )
