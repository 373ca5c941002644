"""The models of a sweep: the smallest of each family, as far as timm's names tell families apart."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

from ....common.names import suggestion
from ...base.errors import BenchError

#: Family → timm's name of its smallest variant.
FAMILIES = {
    "ResNet": "resnet18",
    "ResNet-T": "resnet10t",
    "ResNeXt": "resnext26ts",
    "ResNet v2": "resnetv2_18",
    "BiT": "resnetv2_50x1_bit",
    "SENet": "legacy_seresnet18",
    "SE-ResNet": "seresnet18",
    "ECA-ResNet": "ecaresnet26t",
    "GC-ResNeXt": "gcresnext26ts",
    "BAT-ResNeXt": "bat_resnext26ts",
    "SKNet": "skresnet18",
    "ResNeSt": "resnest14d",
    "Res2Net": "res2net50_14w_8s",
    "Res2NeXt": "res2next50",
    "NF-ResNet": "nf_resnet26",
    "NFNet": "eca_nfnet_l0",
    "NF-RegNet": "nf_regnet_b0",
    "RegNetX": "regnetx_002",
    "RegNetY": "regnety_002",
    "RegNetZ": "regnetz_005",
    "VGG-BN": "vgg11_bn",
    "DenseNet": "densenet121",
    "DenseNet with blur": "densenetblur121d",
    "RDNet": "rdnet_tiny",
    "DPN": "dpn48b",
    "Inception v3": "inception_v3",
    "Inception v4": "inception_v4",
    "Inception-ResNet v2": "inception_resnet_v2",
    "Xception": "legacy_xception",
    "Xception (aligned)": "xception41p",
    "DLA": "dla46_c",
    "HRNet": "hrnet_w18_small",
    "SelecSLS": "selecsls42",
    "VoVNet": "ese_vovnet19b_slim",
    "TResNet": "tresnet_m",
    "HGNet": "hgnet_tiny",
    "HGNet v2": "hgnetv2_b0",
    "CSPNet": "cspresnet50",
    "CSPNeXt": "cspnext_tiny",
    "CS3Darknet": "cs3darknet_focus_s",
    "Darknet": "darknet17",
    "RepVGG": "repvgg_a0",
    "MobileOne": "mobileone_s0",
    "MobileNet v1": "mobilenetv1_100",
    "MobileNet v2": "mobilenetv2_035",
    "MobileNet v3": "mobilenetv3_small_050",
    "MobileNet v4": "mobilenetv4_conv_small_035",
    "MNASNet": "mnasnet_small",
    "Single-Path NAS": "spnasnet_100",
    "FBNet-C": "fbnetc_100",
    "FBNet v3": "fbnetv3_b",
    "HardCoreNAS": "hardcorenas_a",
    "EfficientNet": "efficientnet_b0",
    "EfficientNet (TensorFlow's padding)": "tf_efficientnet_b0",
    "EfficientNet v2": "tf_efficientnetv2_b0",
    "EfficientNet-Lite": "efficientnet_lite0",
    "MixNet": "mixnet_s",
    "TinyNet": "tinynet_e",
    "LCNet": "lcnet_035",
    "LCNet v2": "lcnetv2_small",
    "GhostNet": "ghostnet_050",
    "GhostNet v2": "ghostnetv2_100",
    "GhostNet v3": "ghostnetv3_050",
    "RepGhost": "repghostnet_050",
    "ReXNet": "rexnet_100",
    "FasterNet": "fasternet_t0",
    "StarNet": "starnet_s050",
    "ConvNeXt": "convnext_zepto_rms",
    "ConvNeXt v2": "convnextv2_atto",
    "InceptionNeXt": "inception_next_atto",
    "ConvMixer": "convmixer_768_32",
    "MambaOut": "mambaout_femto",
    "RepViT": "repvit_m0_9",
    "EdgeNeXt": "edgenext_xx_small",
    "FastViT": "fastvit_t8",
    "PoolFormer": "poolformer_s12",
    "ConvFormer": "convformer_s18",
    "CAFormer": "caformer_s18",
    "EfficientFormer": "efficientformer_l1",
    "EfficientFormer v2": "efficientformerv2_s0",
    "SwiftFormer": "swiftformer_xs",
    "LeViT": "levit_conv_128s",
    "MobileViT": "mobilevit_xxs",
    "MobileViT v2": "mobilevitv2_050",
    "EfficientViT (MIT)": "efficientvit_b0",
    "EfficientViT (MSRA)": "efficientvit_m0",
    "Next-ViT": "nextvit_small",
    "SHViT": "shvit_s1",
    "LowFormer": "lowformer_b0",
    "CoAtNet": "coatnet_pico_rw_224",
    "MaxViT": "maxvit_pico_rw_256",
    "BotNet": "botnet26t_256",
    "HaloNet": "halonet26t",
    "LambdaNet": "lambda_resnet26t",
    "Visformer": "visformer_tiny",
    "PVT v2": "pvt_v2_b0",
}

#: A few that take seconds and are unlike each other: dense, grouped, depthwise, standardised, hybrid.
QUICK = (
    "resnet10t",
    "regnetx_002",
    "dla46_c",
    "starnet_s050",
    "ese_vovnet19b_slim",
    "mobilenetv3_small_050",
    "convnext_zepto_rms",
    "edgenext_xx_small",
)


@dataclass(frozen=True)
class SweepModel:
    """One model of a sweep.

    Attributes
    ----------
    family
        As people call it; empty for a model that was asked for by its name.
    name
        As `load_model` takes it, such as ``timm/resnet18``.
    """

    family: str
    name: str


def choose_models(patterns: Sequence[str] = (), *, quick: bool = False) -> list[SweepModel]:
    """Return the models of a sweep.

    Parameters
    ----------
    patterns
        Globs over names (``resnet*``) and families (``EfficientNet*``), or full names of further models
        (``timm/resnet50``); all if empty.
    quick
        Only those of `QUICK`.

    Raises
    ------
    BenchError
        If a pattern matches nothing.
    """
    known = [SweepModel(family, f"timm/{name}") for family, name in FAMILIES.items() if not quick or name in QUICK]
    if not patterns:
        return known
    chosen: dict[str, SweepModel] = {}
    for pattern in patterns:
        found = [model for model in known if _matches(model, pattern)]
        if not found and "/" in pattern and not set(pattern) & set("*?["):
            found = [SweepModel("", pattern)]
        if not found:
            names = [name for model in known for name in (model.family, model.name.partition("/")[2])]
            raise BenchError(f"no model of the sweep matches {pattern!r}{suggestion(pattern, names)}")
        chosen |= {model.name: model for model in found}
    return list(chosen.values())


def _matches(model: SweepModel, pattern: str) -> bool:
    return any(fnmatchcase(text, pattern) for text in (model.name, model.name.partition("/")[2], model.family))
