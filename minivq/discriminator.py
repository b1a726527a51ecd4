"""The critic of a VQGAN: a small convolutional net that says for every patch how real it looks. Floor 1."""
from torch import Tensor, nn

from minivq.layers import group_norm


def receptive_field(layers: int) -> int:
    """n -> px: how many pixels across one logit of a critic with n strided layers sees (16, 34, 70 for 1, 2, 3)."""
    size = 1
    for stride in reversed([2] * layers + [1, 1]):
        size = (size - 1) * stride + 4
    return size


class PatchDiscriminator(nn.Module):
    """(B, C, H, W) in [-1, 1] -> (B, 1, h', w') logits: above 0 real, below 0 redrawn, one per overlapping patch.

    `layers` convolutions 4x4 of stride 2, then two of stride 1; widths double up to 8 times the first. GroupNorm, not
    BatchNorm: no picture's logits depend on its batch (Isola et al. 2017; Esser et al. 2021, section 3.1). Through its
    means and variances a logit also learns a little of the whole picture, beyond its own patch.
    Raises ValueError where `groups` does not divide the widths.
    """

    def __init__(self, channels: int = 3, width: int = 64, layers: int = 2, groups: int = 8):
        super().__init__()
        if layers < 1:
            raise ValueError(f"layers={layers}: wanted at least 1")
        self.layers, widths = layers, [min(2**i, 8) * width for i in range(layers + 1)]
        net = [nn.Conv2d(channels, width, 4, stride=2, padding=1), nn.LeakyReLU(0.2)]
        for i in range(1, layers + 1):
            stride = 2 if i < layers else 1
            net += [nn.Conv2d(widths[i - 1], widths[i], 4, stride, padding=1, bias=False),
                    group_norm(widths[i], groups), nn.LeakyReLU(0.2)]
        self.net = nn.Sequential(*net, nn.Conv2d(widths[-1], 1, 4, padding=1))
        for module in self.net:
            if isinstance(module, nn.Conv2d):
                nn.init.normal_(module.weight, 0.0, 0.02)

    def forward(self, x: Tensor) -> Tensor:
        if min(x.shape[-2:]) < 2 ** (self.layers + 2):
            raise ValueError(f"pictures of {x.shape[-1]}x{x.shape[-2]} px are too small for {self.layers} layers: "
                             f"wanted at least {2 ** (self.layers + 2)} px")
        return self.net(x)
