"""ViT. timm has MindCV's names."""

from functools import partial

from mindspore import nn

from .family import TIMM, TORCHVISION, Changes, Family, Format
from .layers import exact_gelu, set_layer_norm_epsilon

_TIMM = (
    *("cls_token", "pos_embed", "patch_embed", "norm_pre", "blocks", "norm", "fc_norm"),
    "head",
)
_TORCHVISION = {
    "class_token": "cls_token",
    "conv_proj": "patch_embed.proj",
    "encoder.pos_embedding": "pos_embed",
    "encoder.ln": "norm",
    "heads.head": "head",
}
_BLOCK = {
    "ln_1": "norm1",
    "ln_2": "norm2",
    "self_attention.in_proj_weight": "attn.qkv.weight",
    "self_attention.in_proj_bias": "attn.qkv.bias",
    "self_attention.out_proj": "attn.proj",
    "mlp.0": "mlp.fc1",
    "mlp.3": "mlp.fc2",
    "mlp.linear_1": "mlp.fc1",  # before torchvision 0.13
    "mlp.linear_2": "mlp.fc2",
}


def describe(model: nn.Cell, name: str) -> Family:
    """Describe a ViT of MindCV."""
    torchvision = dict(_TORCHVISION)
    for number in range(len(model.blocks)):
        prefix = f"encoder.layers.encoder_layer_{number}."
        torchvision |= {prefix + k: f"blocks.{number}.{v}" for k, v in _BLOCK.items()}
    changes: Changes = {
        "GELU": exact_gelu,
        "epsilon of LayerNorm": partial(set_layer_norm_epsilon, epsilon=1e-6),
    }
    formats = (
        Format("timm", {part: part for part in _TIMM}, (TIMM,)),
        Format("torchvision", torchvision, (TORCHVISION,)),
    )
    return Family("head", {TORCHVISION: changes, TIMM: changes}, formats)
