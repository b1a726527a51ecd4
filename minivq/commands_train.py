"""python -m minivq train vqvae | vqgan | prior | perceptual | judge | selector. Floor 5.

All of them take --out, --minutes or --steps, --batch, --peak, --seed, --save-every, and go on when given again.
"""
import argparse
import shlex

import torch

from minivq import (
    commands_prior,
    datasets,
    distributed,
    drawing,
    evaluation,
    losses,
    pretrained,
    training,
    training_gan,
    training_perceptual,
    training_readers,
)
from minivq.autoencoder import VQVAEConfig, reconstruct
from minivq.cards import write_card
from minivq.commands import (
    STYLE,
    add_count,
    add_data,
    add_perceptual,
    add_training,
    config_of,
    data_of,
    distance,
    history,
    judge_of,
    pictures,
    stage_of,
    talk,
    with_steps,
)
from minivq.training import TrainConfig
from minivq.training_gan import GANConfig


def add_parser(commands) -> None:
    """Add `train` with its kinds of model."""
    train = commands.add_parser("train", help="train a model")
    kinds = train.add_subparsers(required=True, metavar="vqvae | vqgan | prior | perceptual | judge | selector")

    one = kinds.add_parser("vqvae", help="a first stage with absolute and squared error", **STYLE)
    add_data(one)
    one.add_argument("--factor", type=int, default=8, help="downsampling factor f, a power of 2")
    one.add_argument("--codes", type=int, default=512, help="K, the number of codes")
    one.add_argument("--code-dim", type=int, default=16, help="d, the dimension of a code")
    one.add_argument("--quantizer", choices=("ema", "vq", "fsq"), default="ema", help="how codes are learned")
    one.add_argument("--levels", type=int, nargs="+", default=[8, 8, 8], help="of fsq: levels per dimension")
    one.add_argument("--widths", type=int, nargs="+", default=None,
                     help="channels per level, fine to coarse (default: 16 32 64 160, cut or repeated to fit f)")
    one.add_argument("--init", default=None, metavar="NAME", help="go on from this model's weights")
    one.add_argument("--labels", action="store_true", help="of a world: learn its label maps, not its pictures")
    add_count(one)
    add_training(one, TrainConfig, minutes=15.0)
    one.set_defaults(run=train_vqvae)

    one = kinds.add_parser("vqgan", help="a first stage, trained on against a critic", **STYLE)
    add_data(one)
    one.add_argument("--init", default="faces-vqvae-f8", metavar="NAME", help="the first stage to begin with")
    add_perceptual(one)
    one.add_argument("--perceptual-weight", type=float, default=GANConfig.perceptual,
                     help="of the perceptual distance beside the errors of pixels")
    one.add_argument("--critic", choices=tuple(losses.CRITIC_LOSSES), default=GANConfig.critic,
                     help="the critic's loss")
    one.add_argument("--gan-weight", type=float, default=None,
                     help="of the critic's voice; None: adaptive, as loud as the reconstruction at the last layer")
    one.add_argument("--critic-peak", type=float, default=GANConfig.critic_peak, help="the critic's learning rate")
    one.add_argument("--critic-layers", type=int, default=GANConfig.critic_layers,
                     help="strided layers of the critic: a logit of 1, 2, 3 sees 16, 34, 70 px")
    add_count(one)
    add_training(one, GANConfig, minutes=20.0)
    one.set_defaults(run=train_vqgan)

    commands_prior.add_train(kinds)

    one = kinds.add_parser("perceptual", help="the small net of the perceptual distance, on both worlds", **STYLE)
    one.add_argument("--count", type=int, default=10_000, help="pictures of each world")
    add_training(one, TrainConfig, minutes=10.0, batch=32)
    one.set_defaults(run=train_perceptual)

    one = kinds.add_parser("judge", help="the net that scores what others draw of a world", **STYLE)
    one.add_argument("--data", choices=("faces", "landscapes"), default="faces", help="the world")
    one.add_argument("--count", type=int, default=25_000, help="pictures; as many chimeras beside them")
    add_training(one, TrainConfig, minutes=20.0, batch=32, seed=1)
    one.set_defaults(run=train_judge)

    one = kinds.add_parser("selector", help="the net that chooses among drawn pictures of a class", **STYLE)
    one.add_argument("--data", choices=("faces", "landscapes"), default="faces", help="the world")
    one.add_argument("--count", type=int, default=25_000, help="pictures")
    add_training(one, TrainConfig, minutes=5.0, batch=32, seed=2)
    one.set_defaults(run=train_selector)


def train(kind: str, *options) -> None:
    """`python -m minivq train KIND …`, from within: for studies."""
    parser = argparse.ArgumentParser()
    add_parser(parser.add_subparsers())
    args = parser.parse_args(["train", kind, *map(str, options)])
    args.run(args)


def widths_for(factor: int, asked: list[int] | None) -> tuple[int, ...]:
    """f -> channels per level: as asked for, or the default cut or repeated to log2 f + 1 levels.

    Raises ValueError where f is no power of 2 or the number of widths does not give f.
    """
    if factor < 1 or factor & (factor - 1):
        raise ValueError(f"factor={factor}: wanted a power of 2")
    levels = factor.bit_length()
    if asked is None:
        return tuple(([16, 32, 64, 160] + [160] * levels)[:levels])
    if len(asked) != levels:
        raise ValueError(f"{len(asked)} widths make f={2 ** (len(asked) - 1)}, asked for f={factor}: "
                         f"wanted {levels} widths")
    return tuple(asked)


def train_vqvae(args: argparse.Namespace) -> int:
    """Train, resume or report a finished training; the last line gives the scores."""
    widths = widths_for(args.factor, args.widths)
    config = config_of(args, TrainConfig, unquantised=0.0 if args.init else TrainConfig.unquantised,
                       labels=args.labels)
    train, validation = (label_maps if args.labels else pictures)(args, args.factor, args.count)
    levels = tuple(args.levels) if args.quantizer == "fsq" else ()
    K, d = (torch.tensor(levels).prod().item(), len(levels)) if levels else (args.codes, args.code_dim)
    model_config = (pretrained.load(args.init, kind="vqvae").config if args.init else
                    VQVAEConfig(channels=train.channels, widths=widths, decoder_blocks=1, d=d, K=K,
                                quantizer=args.quantizer, levels=levels))
    training.check_fit(model_config, train, config)
    config = with_steps(args, config, lambda: training.seconds_per_step(model_config, config, train))
    talk(f"{train}\nf={model_config.factor}, K={model_config.K}, {config.steps} steps of {config.batch} pictures "
         f"in {args.out}")
    say_what_is_too_few(train, model_config.factor)
    model = training.train_vqvae(model_config, config, train, validation, args.out, args.init)
    score = evaluation.evaluate_maps if args.labels else evaluation.evaluate
    scores = score(model, validation, count=training.as_many(validation, 5000))
    return finish(args, config, model, scores, (train, validation))


def label_maps(args: argparse.Namespace, factor: int, count: int | None) -> tuple[datasets.LabelMaps, ...]:
    """The label maps to train on (the first `count`) and those to watch. Raises ValueError where the data are no world.
    """
    if args.size < 1 or args.size % factor:
        raise ValueError(f"size={args.size} is not a multiple of factor={factor}")
    maps = [datasets.truth(args.data, "segmentation", args.size, split, most)
            for split, most in (("train", count), ("validation", None))]
    return tuple(datasets.LabelMaps(part, len(drawing.world(args.data).LABELS)) for part in maps)


def train_vqgan(args: argparse.Namespace) -> int:
    """Train a first stage on against a critic; the last line gives the scores."""
    start, compare = pretrained.load(args.init, kind="vqvae"), distance(args.perceptual)
    config = config_of(args, GANConfig, perceptual=args.perceptual_weight, critic=args.critic,
                       gan_weight=args.gan_weight, critic_layers=args.critic_layers, critic_peak=args.critic_peak)
    train, validation = pictures(args, start.config.factor, args.count)
    training.check_fit(start.config, train, config)
    config = with_steps(args, config, lambda: training_gan.seconds_per_step(start, config, train, compare))
    talk(f"{train}\nfrom {args.init}, {config.steps} steps of {config.batch} pictures in {args.out}")
    say_what_is_too_few(train, start.config.factor)
    model = training_gan.train_vqgan(args.init, config, train, validation, compare, args.out)
    judge = judge_of(args.data) if args.size == 64 else None
    scores = evaluation.evaluate(model, validation, count=training.as_many(validation, 5000), distance=compare,
                                 judge=judge, anchored=False)
    return finish(args, config, model, scores, (train, validation))


def say_what_is_too_few(train: datasets.Pictures, factor: int) -> None:
    """Before a first stage is trained: whether a prior could learn from as many pictures."""
    wanted = commands_prior.fewest(train, factor)
    if len(train) < wanted:
        talk(f"{len(train):,} pictures show what a first stage keeps; a prior would learn them by heart, and wants "
             f"{wanted:,} or more")


def finish(args: argparse.Namespace, config: TrainConfig, model, scores: dict, sets: tuple) -> int:
    """Write model.pt with its history, and its card, and print where it is and what it scores.

    sets: the pictures that it was trained on, and those that it was watched on.
    """
    if distributed.rank() == 0:
        info = history(args, config, data=args.data, size=args.size, crop=args.crop, validation=scores)
        path = pretrained.export(model, args.out / "model.pt", info)
        sheet = None if "accuracy" in scores else redrawn(model, sets[1])
        honesty = {"samples": None if sheet is None else "none; above validation pictures, below the same drawn again"}
        write_card(args.out / "card.md", {"data": data_of(args, sets[0]), "first stage": stage_of(info),
                                          "honesty": honesty}, f"First stage {args.out.name}", sheet)
        print(f"{path} ({path.stat().st_size / 1e6:.1f} MB)")
        more = f", FFD {scores['ffd']:.2f}, sharpness {scores['sharpness']:.2f}" if "ffd" in scores else ""
        right = f"psnr {scores['psnr']:.1f} dB" if "psnr" in scores else f"{scores['accuracy']:.2%} of pixels right"
        print(f"val {right}, codes {round(scores['usage'] * scores['K'])}/{scores['K']}{more}")
        if "accuracy" not in scores:
            classes = ["--classes"] if sets[0].classes and args.data not in datasets.WORLDS else []
            minutes = [] if args.steps else ["--minutes", f"{args.minutes:g}"]
            print("next: " + shlex.join(["python", "-m", "minivq", "train", "prior", "--first-stage", str(args.out),
                                         *classes, *minutes, "--out", f"{args.out}-prior"]))
    distributed.barrier()
    return 0


def redrawn(model, pictures: datasets.Pictures):
    """Eight pictures above, and drawn again below: (H, W, 3) uint8."""
    from minivq import plot
    x = pictures.batch(range(min(8, len(pictures))))
    x_rec, _ = reconstruct(model, x.to(next(model.parameters())))
    return plot.grid(torch.cat([x, x_rec.cpu().float()]), len(x), max(1, 128 // x.shape[-1]))


def train_perceptual(args: argparse.Namespace) -> int:
    """Train the small net; the last line says how well it names distortions."""
    config = config_of(args, TrainConfig)
    net, loss = training_perceptual.perceptual_task(config, args.count)
    config = with_steps(args, config, lambda: training_readers.seconds_per_step(net, loss, config))
    trained = training_readers.train(net, loss, config, {"perceptual": "mini", "count": args.count}, args.out).net
    return finish_reader(args, config, trained, training_perceptual.examine_perceptual(trained))


def train_judge(args: argparse.Namespace) -> int:
    """Train a judge; the last line says how often it is right about what is visible."""
    config = config_of(args, TrainConfig)
    net, loss = training_readers.judge_task(args.data, config, args.count)
    config = with_steps(args, config, lambda: training_readers.seconds_per_step(net, loss, config))
    judge = training_readers.train(net, loss, config, {"judge": args.data, "count": args.count}, args.out)
    return finish_reader(args, config, judge, training_readers.examine(judge, "validation"))


def train_selector(args: argparse.Namespace) -> int:
    """Train a selector; the last line says how often it names the class."""
    config = config_of(args, TrainConfig)
    net, loss = training_readers.selector_task(args.data, config, args.count)
    config = with_steps(args, config, lambda: training_readers.seconds_per_step(net, loss, config))
    net = training_readers.train(net, loss, config, {"selector": args.data, "count": args.count}, args.out)
    return finish_reader(args, config, net, training_readers.examine_selector(net, "validation"))


def finish_reader(args: argparse.Namespace, config: TrainConfig, net, scores: dict) -> int:
    """Write model.pt with its history and print what it scores."""
    if distributed.rank() == 0:
        path = training_readers.export(net, args.out / "model.pt", history(args, config, validation=scores))
        print(f"{path} ({path.stat().st_size / 1e6:.1f} MB)")
        print("val " + ", ".join(f"{name} {value:.4f}" for name, value in scores.items()))
    distributed.barrier()
    return 0
