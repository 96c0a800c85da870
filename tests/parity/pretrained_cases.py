"""Small models of torchvision and timm, and MindCV's that are to equal them."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import timm
import torch
from mindcv.models import convnext, efficientnet, resnet, vit
from mindspore import nn
from timm.models import _efficientnet_builder as timm_builder
from timm.models import efficientnet as timm_efficientnet
from torchvision import models as torchvision_models
from torchvision.models import convnext as tv_convnext
from torchvision.models import efficientnet as tv_efficientnet
from torchvision.models import resnet as tv_resnet
from torchvision.models import vision_transformer as tv_vit

from trainer.models import mindcv

CLASSES = 7
DEPTHS, WIDTHS = (1, 1, 2, 1), (16, 32, 64, 128)


@dataclass(frozen=True)
class PretrainedCase:
    """A model of another library and MindCV's.

    Attributes:
        theirs: builds the other library's.
        ours: builds MindCV's, with a number of classes.
        name: MindCV's, of the registered model that it is a small form of.
        architecture: that makes both equal.
    """

    theirs: Callable[[], torch.nn.Module]
    ours: Callable[[int], nn.Cell]
    name: str
    architecture: str


def _tv_convnext() -> torch.nn.Module:
    ends = [*WIDTHS[1:], None]
    blocks = [tv_convnext.CNBlockConfig(*sizes) for sizes in zip(WIDTHS, ends, DEPTHS, strict=True)]
    return tv_convnext.ConvNeXt(blocks, num_classes=CLASSES)


def _convnext(classes: int, **options: Any) -> nn.Cell:
    return convnext.ConvNeXt(3, classes, list(DEPTHS), list(WIDTHS), **options)


def _bottlenecks(classes: int) -> nn.Cell:
    return resnet.ResNet(resnet.Bottleneck, [1, 1, 1, 1], num_classes=classes)


def _vit(classes: int) -> nn.Cell:
    sizes = {"embed_dim": 48, "depth": 2, "num_heads": 3, "num_classes": classes}
    return vit.VisionTransformer(64, 16, **sizes)


def _mobilenet(classes: int) -> nn.Cell:
    return mindcv.create("mobilenet_v2_035_224", classes)


# Of an EfficientNet: expansion, kernel, stride, inputs, outputs, blocks.
FIRST = ((1, 3, 1, 32, 16, 1), (6, 5, 2, 16, 24, 2))
FUSED = ((1, 3, 1, 24, 24, 1), (4, 3, 2, 24, 32, 2))
SECOND = ((4, 3, 2, 32, 48, 2),)
TIMM_FIRST = ("ds_r1_k3_s1_e1_c16_se0.25", "ir_r2_k5_s2_e6_c24_se0.25")
TIMM_SECOND = ("cn_r1_k3_s1_e1_c24_skip", "er_r2_k3_s2_e4_c32", "ir_r2_k3_s2_e4_c48_se0.25")


def _blocks(module: Any, second: bool) -> list[Any]:
    if not second:
        return [module.MBConvConfig(*sizes) for sizes in FIRST]
    fused = [module.FusedMBConvConfig(*sizes) for sizes in FUSED]
    return fused + [module.MBConvConfig(*sizes) for sizes in SECOND]


def _tv_efficientnet(second: bool) -> torch.nn.Module:
    blocks = _blocks(tv_efficientnet, second)
    options = {"num_classes": CLASSES, "last_channel": 4 * blocks[-1].out_channels}
    if second:
        options["norm_layer"] = partial(torch.nn.BatchNorm2d, eps=1e-3)
    return tv_efficientnet.EfficientNet(blocks, 0.2, **options)


def _timm_efficientnet(second: bool, **options: Any) -> torch.nn.Module:
    blocks = TIMM_SECOND if second else TIMM_FIRST
    return timm_efficientnet.EfficientNet(
        timm_builder.decode_arch_def([[text] for text in blocks]),
        num_classes=CLASSES,
        num_features=4 * (48 if second else 24),
        stem_size=24 if second else 32,
        act_layer=torch.nn.SiLU,
        **options,
    )


def _timm_tf_efficientnet() -> torch.nn.Module:
    norm = partial(torch.nn.BatchNorm2d, eps=1e-3)
    return _timm_efficientnet(False, norm_layer=norm, pad_type="same")


def _efficientnet(classes: int, second: bool) -> nn.Cell:
    name = "efficientnet_v2_s" if second else "efficientnet_b0"
    blocks = _blocks(efficientnet, second)
    return efficientnet.EfficientNet(
        name, 0.2, num_classes=classes, inverted_residual_setting=blocks
    )


def _timm(name: str, **options: Any) -> Callable[[], torch.nn.Module]:
    return partial(timm.create_model, name, num_classes=CLASSES, **options)


def _tv(build: Callable[..., torch.nn.Module], *sizes: Any, **options: Any) -> Any:
    return partial(build, *sizes, num_classes=CLASSES, **options)


_CONVNEXT_V2 = partial(_convnext, use_grn=True, layer_scale_init_value=0.0)
_B0, _V2 = partial(_efficientnet, second=False), partial(_efficientnet, second=True)
_BOTTLENECKS = _tv(tv_resnet.ResNet, tv_resnet.Bottleneck, [1, 1, 1, 1])
_TV_MOBILENET = _tv(torchvision_models.mobilenet_v2, width_mult=0.35)
_TV_VIT = _tv(tv_vit.VisionTransformer, 64, 16, 2, 3, 48, 192)
_TIMM_VIT = _timm("vit_tiny_patch16_224", img_size=64, depth=2, embed_dim=48)
_TIMM_SIZES = {"depths": DEPTHS, "dims": WIDTHS}

CASES = {
    "torchvision-resnet18": PretrainedCase(
        _tv(torchvision_models.resnet18),
        lambda classes: mindcv.create("resnet18", classes),
        "resnet18",
        "torchvision",
    ),
    "torchvision-resnet50": PretrainedCase(_BOTTLENECKS, _bottlenecks, "resnet50", "torchvision"),
    "timm-resnet50": PretrainedCase(
        _timm("resnet50", layers=[1, 1, 1, 1]), _bottlenecks, "resnet50", "timm"
    ),
    "torchvision-mobilenet": PretrainedCase(
        _TV_MOBILENET, _mobilenet, "mobilenet_v2_035_224", "torchvision"
    ),
    "timm-mobilenet": PretrainedCase(
        _timm("mobilenetv2_035"), _mobilenet, "mobilenet_v2_035_224", "timm"
    ),
    "torchvision-vit": PretrainedCase(_TV_VIT, _vit, "vit_b_16_224", "torchvision"),
    "timm-vit": PretrainedCase(_TIMM_VIT, _vit, "vit_b_16_224", "timm"),
    "torchvision-convnext": PretrainedCase(_tv_convnext, _convnext, "convnext_tiny", "torchvision"),
    "timm-convnext": PretrainedCase(
        _timm("convnext_tiny", **_TIMM_SIZES), _convnext, "convnext_tiny", "timm"
    ),
    "timm-convnextv2": PretrainedCase(
        _timm("convnextv2_atto", **_TIMM_SIZES), _CONVNEXT_V2, "convnextv2_atto", "timm"
    ),
    "torchvision-efficientnet": PretrainedCase(
        partial(_tv_efficientnet, False), _B0, "efficientnet_b0", "torchvision"
    ),
    "timm-efficientnet": PretrainedCase(
        partial(_timm_efficientnet, False), _B0, "efficientnet_b0", "timm"
    ),
    "timm_tf-efficientnet": PretrainedCase(
        _timm_tf_efficientnet, _B0, "efficientnet_b0", "timm_tf"
    ),
    "torchvision-efficientnet_v2": PretrainedCase(
        partial(_tv_efficientnet, True), _V2, "efficientnet_v2_s", "torchvision"
    ),
    "timm-efficientnet_v2": PretrainedCase(
        partial(_timm_efficientnet, True), _V2, "efficientnet_v2_s", "timm"
    ),
}
