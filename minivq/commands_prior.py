"""python -m minivq train prior: the second stage. Floor 5."""
import argparse
import dataclasses
import math
import shlex

import torch

from minivq import checkpoint, datasets, distributed, drawing, pretrained, sentences, training, training_prior
from minivq.cards import write_card
from minivq.commands import (
    STYLE,
    add_count,
    add_data,
    add_training,
    config_of,
    data_of,
    follow,
    history,
    pictures,
    stage_of,
    talk,
    with_steps,
)
from minivq.conditioning import Conditions
from minivq.layers import count_parameters
from minivq.pixelcnn import PixelCNNConfig
from minivq.training_prior import PriorConfig
from minivq.transformer import TransformerConfig
from minivq.twostage import TwoStage
from minivq.windows import Window, coordinate_count

# 200 pictures of 64 tokens. Lesson 15's tiny prior of 24 pictures drew them again nearly token by token.
FEWEST = 12_800
MOST_CROPS = 50_000             # of --crop random: as many pictures as a world has


def add_train(kinds) -> None:
    """Add `train prior`."""
    one = kinds.add_parser("prior", help="a transformer or PixelCNN on the codes of a first stage", **STYLE)
    add_data(one, of="the first stage")
    one.add_argument("--first-stage", default="faces-f8", metavar="NAME", help="whose codes it learns")
    one.add_argument("--classes", action="store_true", help="tell it the class of each picture, where there is one")
    one.add_argument("--maps", default=None, metavar="NAME", help="of a world: tell it label maps, by this first stage "
                     "of them, and depth, edges, small pictures, points and boxes")
    one.add_argument("--window", type=int, default=None, metavar="N", help="learn windows of N x N tokens, out of "
                     "pictures of any size; with --maps it is told label maps alone")
    one.add_argument("--places", action="store_true", help="of --window: tell it where in the picture its window is")
    one.add_argument("--prior", choices=("transformer", "pixelcnn", "pixelsnail"), default="transformer",
                     help="what kind of net")
    one.add_argument("--init", default=None, metavar="NAME", help="begin with the weights of this prior")
    one.add_argument("--layers", type=int, default=6, help="blocks, or layers of convolutions")
    one.add_argument("--width", type=int, default=192, help="channels")
    one.add_argument("--dropout", type=float, default=0.0, help="share of channels silenced in a step")
    one.add_argument("--pkeep", type=float, default=PriorConfig.pkeep, help="share of right tokens it sees")
    one.add_argument("--patience", type=int, default=PriorConfig.patience, help="validations, of 20, without a better "
                     "one after which it ends")
    one.add_argument("--no-mirror", action="store_true", help="do not learn from mirrored pictures, too")
    one.add_argument("--few", action="store_true", help="learn from however few pictures there are")
    add_count(one)
    add_training(one, PriorConfig, minutes=15.0)
    one.set_defaults(run=train_prior)


def train_prior(args: argparse.Namespace) -> int:
    """Train a prior; the last lines give its nats per token beside what needs no network."""
    stage = pretrained.load(args.first_stage, distributed.device(), kind="vqvae")
    f, K = stage.config.factor, stage.config.K
    follow(args, stage)
    config = config_of(args, PriorConfig, pkeep=args.pkeep, patience=args.patience)
    if sum(map(bool, (args.classes, args.maps, args.places))) > 1:
        raise ValueError("--classes, --maps, --places: wanted one of them")
    if args.window is not None and args.crop == "random":
        raise ValueError("--window takes its windows out of whole pictures of one size: wanted --crop center")
    if args.window is None and args.places:
        raise ValueError("--places says where a window is: wanted --window, too")
    train, validation = pictures(args, f, args.count)
    training.check_fit(stage.config, train, config)
    if len(train) < fewest(train, f) and not args.few:
        tokens = len(train) * (args.size // f) ** 2
        raise ValueError(f"{len(train):,} pictures are {tokens:,} tokens: a prior would learn them by heart and draw "
                         f"them again; wanted {fewest(train, f):,} pictures or more (--few learns from these all the "
                         "same)")
    grid, classes = (args.size // f,) * 2, train.classes if args.classes else ()
    conditions = conditions_of(args, stage)
    mirror = not args.no_mirror and not args.places     # a place is told of the picture as it stands
    window = None
    if args.window is not None:
        sets, window = windows_of(args, stage, conditions, (train, validation), mirror)
        grid = (args.window,) * 2
        prior_config = prior_of_windows(args, K, window, conditions)
    else:
        sets = [sentences.encoded(stage, part.crops(MOST_CROPS) if args.crop == "random" else part, flip, args.classes)
                for part, flip in ((train, mirror), (validation, False))]
        if conditions is not None:
            sets = [dataclasses.replace(part, conds=sentences.told(conditions, source, flip))
                    for part, source, flip in zip(sets, (train, validation), (mirror, False), strict=True)]
        prior_config = prior_of(args, K, grid, len(classes), conditions)
    config = with_steps(args, config, lambda: training_prior.seconds_per_step(prior_config, config, sets[0]))
    what = "pictures, windows" if window else "sentences"
    talk(f"{len(sets[0]):,} {what} of {grid[0] * grid[1]} words out of {K}, {config.steps} steps of {config.batch} "
         f"in {args.out}")
    about = {"first_stage": checkpoint.sha256(pretrained.find(args.first_stage)), "data": training.describe(train),
             "classes": list(classes), "mirror": mirror, "maps": args.maps, "init": args.init,
             "window": args.window, "places": args.places}
    init = args.init and training_prior.weights_of(pretrained.load(args.init, kind="prior").prior, prior_config)
    prior = training_prior.train_prior(prior_config, config, *sets, args.out, about, init)
    scores = {"nats_per_token": training_prior.nll(prior, sets[1]),
              **sentences.simple_models(*sets, K), "tokens": grid[0] * grid[1], "size": args.size}
    return finish_prior(args, config, TwoStage(stage, prior, grid, classes, {}, conditions, window), scores, train)


def fewest(pictures: datasets.Pictures, factor: int) -> int:
    """How many pictures of this size a prior wants."""
    return math.ceil(FEWEST / (pictures.size // factor) ** 2)


def conditions_of(args: argparse.Namespace, stage) -> Conditions | None:
    """What turns ground truth into prefixes, if --maps names a first stage of label maps."""
    if args.maps is None:
        return None
    maps, place = pretrained.load(args.maps, distributed.device(), kind="vqvae"), drawing.world(args.data)
    if maps.config.channels != len(place.LABELS) or args.size % maps.config.factor:
        raise ValueError(f"{args.maps} has {maps.config.channels} channels and f={maps.config.factor}: wanted "
                         f"{len(place.LABELS)}, one for each label of {args.data}, and an f that divides {args.size}")
    return Conditions(stage, maps, place.PALETTE)


def windows_of(args: argparse.Namespace, stage, conditions: Conditions | None, sources, mirror: bool):
    """Training and validation pictures -> both as Windows, and what the prior remembers of them."""
    sets = []
    for pictures_, flip in zip(sources, (mirror, False), strict=True):
        whole, maps = pictures_ if pictures_.places is None else pictures_.whole(), None
        tokens = sentences.encoded(stage, whole, flip, classes=False).tokens
        if conditions is not None:
            truth = datasets.truth(args.data, "segmentation", args.size, whole.split, len(pictures_))
            truth = datasets.LabelMaps(truth if truth.places is None else truth.whole(), len(conditions.palette))
            maps = sentences.encoded(conditions.maps, truth, flip, classes=False).tokens
        sets.append(sentences.Windows(tokens, args.window, maps, args.places))
    grid = tuple(sets[0].tokens.shape[1:])
    if args.window % 2 or not 2 <= args.window <= min(grid):
        raise ValueError(f"window={args.window}: wanted an even number of 2 to {min(grid)}, the tokens of a side")
    if conditions is not None and sets[0].maps.shape != sets[0].tokens.shape:
        raise ValueError(f"{args.maps} has f={conditions.maps.config.factor}: wanted {stage.config.factor}, "
                         "so that a window of its codes is a window of the picture's")
    return sets, Window(args.window, grid, "maps" if conditions else "places" if args.places else "")


def prior_of_windows(args: argparse.Namespace, K: int, window: Window, conditions: Conditions | None):
    """The options -> the shape of a transformer of windows."""
    if args.prior != "transformer":
        raise ValueError(f"--prior {args.prior}: wanted a transformer for --window")
    told = {}
    if conditions is not None:
        told = {"cond_values": conditions.maps.config.K, "cond_length": window.n**2, "in_place": True}
    elif args.places:
        told = {"cond_values": coordinate_count(window.grid, window.n), "cond_length": 2}
    return TransformerConfig(K, window.n**2, args.layers, max(1, args.width // 32), args.width, args.dropout, **told)


def prior_of(args: argparse.Namespace, K: int, grid: tuple[int, int], classes: int, conditions: Conditions | None):
    """The options -> the shape of the prior; a class more than there are stands for none."""
    told, length = {}, 0
    if classes:
        told, length = {"cond_values": classes + 1, "cond_null": classes}, 1
    if conditions is not None:
        if args.prior != "transformer":
            raise ValueError(f"--prior {args.prior} can be told classes alone: wanted a transformer for --maps")
        places = max((args.size // net.config.factor) ** 2 for net in (conditions.maps, conditions.first_stage))
        told, length = {"cond_values": conditions.vocabulary.size}, 1 + max(places, 4 * conditions.maps.config.channels)
        told["in_place"] = conditions.maps.config.factor == conditions.first_stage.config.factor
    if args.prior == "transformer":
        return TransformerConfig(K, grid[0] * grid[1], args.layers, max(1, args.width // 32), args.width,
                                 args.dropout, cond_length=length, **told)
    # A kernel of 3: on an 8x8 grid it learned more in the same time than 5.
    return PixelCNNConfig(K, grid, args.layers, args.width, 3, dropout=args.dropout,
                          attend_every=2 if args.prior == "pixelsnail" else 0, **told)


def finish_prior(args: argparse.Namespace, config: PriorConfig, model: TwoStage, scores: dict,
                 train: datasets.Pictures) -> int:
    """Write model.pt with its history, and its card with samples, and print what it scores."""
    if distributed.rank() == 0:
        model.info = history(args, config, data=args.data, size=args.size, crop=args.crop,
                             count=len(train), validation=scores)
        path = pretrained.export_prior(model, args.out / "model.pt", args.first_stage, args.maps)
        print(f"{path} ({path.stat().st_size / 1e6:.1f} MB, {count_parameters(model.prior):,} parameters)")
        nats, T = scores["nats_per_token"], scores["tokens"]
        told = {name: model.info[name] for name in ("command", "minutes")}
        sheet = None if model.window or model.conditions else samples(model)
        write_card(args.out / "card.md", {
            "data": data_of(args, train), "first stage": stage_of(model.first_stage.info),
            "prior": told | {"nats per token": {"validation": nats, "one code before it": scores["bigram"],
                                                "its share alone": scores["unigram"]}},
            "honesty": {"samples": None if sheet is None else "16, the first ones, none left out"}},
            f"Prior {args.out.name}", sheet)
        print(f"val {nats:.3f} nats per token, {nats * T:.1f} per picture, "
              f"{nats * T / math.log(2) / args.size**2:.4f} bits per pixel; one code before it: "
              f"{scores['bigram']:.3f}, its share alone: {scores['unigram']:.3f}, all alike: {scores['uniform']:.3f}")
        print("next: " + shlex.join(["python", "-m", "minivq", "sample", "--model", str(args.out), "--out",
                                     f"{args.out}/samples.png"]))
    distributed.barrier()
    return 0


def samples(model: TwoStage):
    """The first sixteen pictures that it draws -> (H, W, 3) uint8."""
    from minivq import plot
    x = model.sample(16, generator=torch.Generator().manual_seed(0))
    return plot.grid(x, 8, max(1, 128 // x.shape[-1]))
