"""python -m minivq train prior: the second stage. Floor 5."""
import argparse
import dataclasses
import math

from minivq import checkpoint, distributed, drawing, pretrained, sentences, training, training_prior
from minivq.commands import STYLE, add_data, add_training, config_of, history, pictures, talk, with_steps
from minivq.conditioning import Conditions
from minivq.layers import count_parameters
from minivq.pixelcnn import PixelCNNConfig
from minivq.training_prior import PriorConfig
from minivq.transformer import TransformerConfig
from minivq.twostage import TwoStage


def add_train(kinds) -> None:
    """Add `train prior`."""
    one = kinds.add_parser("prior", help="a transformer or PixelCNN on the codes of a first stage", **STYLE)
    add_data(one)
    one.add_argument("--first-stage", default="faces-f8", metavar="NAME", help="whose codes it learns")
    one.add_argument("--classes", action="store_true", help="tell it the class of each picture, where there is one")
    one.add_argument("--maps", default=None, metavar="NAME", help="of a world: tell it label maps, by this first stage "
                     "of them, and depth, edges, small pictures, points and boxes")
    one.add_argument("--prior", choices=("transformer", "pixelcnn", "pixelsnail"), default="transformer",
                     help="what kind of net")
    one.add_argument("--layers", type=int, default=6, help="blocks, or layers of convolutions")
    one.add_argument("--width", type=int, default=192, help="channels")
    one.add_argument("--dropout", type=float, default=0.0, help="share of channels silenced in a step")
    one.add_argument("--pkeep", type=float, default=PriorConfig.pkeep, help="share of right tokens it sees")
    one.add_argument("--patience", type=int, default=PriorConfig.patience, help="validations, of 20, without a better "
                     "one after which it ends")
    one.add_argument("--no-mirror", action="store_true", help="do not learn from mirrored pictures, too")
    one.add_argument("--count", type=int, default=None, help="pictures to learn from (default: all)")
    add_training(one, PriorConfig, minutes=15.0)
    one.set_defaults(run=train_prior)


def train_prior(args: argparse.Namespace) -> int:
    """Train a prior; the last lines give its nats per token beside what needs no network."""
    stage = pretrained.load(args.first_stage, distributed.device(), kind="vqvae")
    f, K = stage.config.factor, stage.config.K
    config = config_of(args, PriorConfig, pkeep=args.pkeep, patience=args.patience)
    train, validation = pictures(args, f, args.count)
    training.check_fit(stage.config, train, config)
    if args.classes and args.maps:
        raise ValueError("--classes and --maps: wanted one of them")
    grid, classes = (args.size // f,) * 2, train.classes if args.classes else ()
    conditions = conditions_of(args, stage)
    mirror = not args.no_mirror and conditions is None      # what is told of a picture is not told of a mirrored one
    sets = [sentences.encoded(stage, part, flip, args.classes) for part, flip in ((train, mirror), (validation, False))]
    if conditions is not None:
        sets = [dataclasses.replace(part, conds=sentences.told(conditions, source))
                for part, source in zip(sets, (train, validation), strict=True)]
    prior_config = prior_of(args, K, grid, len(classes), conditions)
    config = with_steps(args, config, lambda: training_prior.seconds_per_step(prior_config, config, sets[0]))
    talk(f"{len(sets[0]):,} sentences of {grid[0] * grid[1]} words out of {K}, {config.steps} steps of {config.batch} "
         f"in {args.out}")
    about = {"first_stage": checkpoint.sha256(pretrained.find(args.first_stage)), "data": training.describe(train),
             "classes": list(classes), "mirror": mirror, "maps": args.maps}
    prior = training_prior.train_prior(prior_config, config, *sets, args.out, about)
    scores = {"nats_per_token": training_prior.nll(prior, sets[1]),
              **sentences.simple_models(*sets, K), "tokens": grid[0] * grid[1], "size": args.size}
    return finish_prior(args, config, TwoStage(stage, prior, grid, classes, {}, conditions), scores)


def conditions_of(args: argparse.Namespace, stage) -> Conditions | None:
    """What turns ground truth into prefixes, if --maps names a first stage of label maps."""
    if args.maps is None:
        return None
    maps, place = pretrained.load(args.maps, distributed.device(), kind="vqvae"), drawing.world(args.data)
    if maps.config.channels != len(place.LABELS) or args.size % maps.config.factor:
        raise ValueError(f"{args.maps} has {maps.config.channels} channels and f={maps.config.factor}: wanted "
                         f"{len(place.LABELS)}, one for each label of {args.data}, and an f that divides {args.size}")
    return Conditions(stage, maps, place.PALETTE)


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
    if args.prior == "transformer":
        return TransformerConfig(K, grid[0] * grid[1], args.layers, max(1, args.width // 32), args.width,
                                 args.dropout, cond_length=length, **told)
    # A kernel of 3: on an 8x8 grid it learned more in the same time than 5.
    return PixelCNNConfig(K, grid, args.layers, args.width, 3, dropout=args.dropout,
                          attend_every=2 if args.prior == "pixelsnail" else 0, **told)


def finish_prior(args: argparse.Namespace, config: PriorConfig, model: TwoStage, scores: dict) -> int:
    """Write model.pt with its history and print what it scores."""
    if distributed.rank() == 0:
        model.info = history(args, config, data=args.data, size=args.size, validation=scores)
        path = pretrained.export_prior(model, args.out / "model.pt", args.first_stage, args.maps)
        print(f"{path} ({path.stat().st_size / 1e6:.1f} MB, {count_parameters(model.prior):,} parameters)")
        nats, T = scores["nats_per_token"], scores["tokens"]
        print(f"val {nats:.3f} nats per token, {nats * T:.1f} per picture, "
              f"{nats * T / math.log(2) / args.size**2:.4f} bits per pixel; one code before it: "
              f"{scores['bigram']:.3f}, its share alone: {scores['unigram']:.3f}, all alike: {scores['uniform']:.3f}")
        print(f"next: python -m minivq sample --model {args.out} --out {args.out / 'samples.png'}")
    distributed.barrier()
    return 0
