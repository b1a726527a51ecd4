"""How different two pictures look, by the features of a frozen net: our own small one, or LPIPS. Floor 1."""
from dataclasses import dataclass
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from minivq import checkpoint

SMALLEST = 32                       # px: below, the coarsest features would be a point


def unit(features: Tensor) -> Tensor:
    """(B, C, h, w) -> (B, C, h, w): at each place, the vector over channels divided by its length."""
    return features / (features.square().sum(1, keepdim=True) + 1e-10).sqrt()


def feature_distance(a: list[Tensor], b: list[Tensor]) -> Tensor:
    """Two lists of features (B, C_i, h_i, w_i) -> (B,): squared difference of unit vectors, mean over places, summed.

    Summed over channels and layers: two places differ by 0 (same direction) to 4 (opposite) in each layer.
    """
    return sum((unit(p) - unit(q)).square().sum(1).mean((1, 2)) for p, q in zip(a, b, strict=True))


@dataclass(frozen=True)
class MiniConfig:
    """The shape of the small net. Raises ValueError for widths that make no net."""

    widths: tuple[int, ...] = (16, 32, 64, 96)      # channels per level, each at half the resolution of the last

    def __post_init__(self):
        if not self.widths or min(self.widths) < 1:
            raise ValueError(f"widths={self.widths}: wanted at least one level of at least one channel")


class MiniFeatures(nn.Module):
    """(B, 3, H, W) in [-1, 1] -> [(B, C_i, H/2^i, W/2^i)]: features of four scales, by two 3x3 convolutions each.

    Levels are joined by averages of 2x2 places: a maximum would jump where the picture moves by one pixel.
    """

    def __init__(self, config: MiniConfig):
        super().__init__()
        self.config, widths = config, (3, *config.widths)
        self.levels = nn.ModuleList(
            nn.Sequential(nn.Conv2d(before, width, 3, padding=1), nn.SiLU(), nn.Conv2d(width, width, 3, padding=1),
                          nn.SiLU())
            for before, width in zip(widths[:-1], widths[1:], strict=True))

    def forward(self, x: Tensor) -> list[Tensor]:
        features = []
        for i, level in enumerate(self.levels):
            x = level(F.avg_pool2d(x, 2) if i else x)
            features.append(x)
        return features


class Perceptual(nn.Module):
    """(B, C, H, W), (B, C, H, W) in [-1, 1] -> (B,): how different they look, 0 for equal ones.

    Frozen, always in eval mode, in float32. Gradients reach the pictures and nothing else. Grey pictures are repeated
    three times. Raises ValueError for pictures of different shapes or below 32 px.
    """

    def __init__(self, net: nn.Module, compare):
        super().__init__()
        self.net, self.compare = net.requires_grad_(False).eval(), compare

    def train(self, mode: bool = True):
        """Stays in eval mode: a distance that changes between two calls is none."""
        return super().train(False)

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        if x.shape != y.shape or x.ndim != 4 or x.shape[1] not in (1, 3) or min(x.shape[-2:]) < SMALLEST:
            raise ValueError(f"pictures of {tuple(x.shape)} and {tuple(y.shape)}: wanted two (B, 1 or 3, H, W) of one "
                             f"shape, at least {SMALLEST} px")
        with torch.autocast(x.device.type, enabled=False):
            return self.compare(self.net, *(picture.float().expand(-1, 3, -1, -1) for picture in (x, y)))


def mini(path: str | Path | None = None) -> Perceptual:
    """The small net that is shipped (or another of its kind in a file): the default, no network."""
    payload = checkpoint.read_kind(path or checkpoint.FOLDER / "mini-perceptual.pt", "perceptual")
    net = MiniFeatures(MiniConfig(tuple(payload["config"]["widths"])))
    net.load_state_dict({name: tensor.float() for name, tensor in payload["model"].items()})
    return Perceptual(net, lambda net, x, y: feature_distance(net(x), net(y)))


def lpips(pretrained: bool = True) -> Perceptual:
    """The package lpips with its VGG16 (Zhang et al. 2018); its trunk comes from the network on first use.

    pretrained=False: a random trunk, no network. Raises OSError where the trunk is not there and cannot be downloaded.
    """
    import lpips as package
    trunk = torch.hub.get_dir() + "/checkpoints/vgg16-397923af.pth"
    if pretrained and not Path(trunk).is_file():
        print(f"LPIPS wants VGG16's weights (528 MB); they are downloaded by torchvision to {trunk}", flush=True)
    try:
        net = package.LPIPS(net="vgg", pnet_rand=not pretrained, verbose=False)
    except OSError as error:
        raise OSError(f"VGG16's weights could not be downloaded ({error}). Offline, use the shipped net "
                      "(--perceptual mini), or copy the file to the place above") from error
    return Perceptual(net, lambda net, x, y: net(x, y).flatten())
