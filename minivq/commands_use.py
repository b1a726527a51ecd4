"""python -m minivq reconstruct | evaluate | import | publish: what is done with trained models. Floor 5."""
import argparse
from pathlib import Path

import torch

from minivq import (
    checkpoint,
    datasets,
    distributed,
    drawing,
    evaluation,
    evaluation_conditions,
    evaluation_samples,
    judge,
    metrics,
    perceptual,
    pretrained,
    selector,
    sentences,
    training,
    training_prior,
    training_readers,
)
from minivq.autoencoder import reconstruct
from minivq.commands import (
    STYLE,
    add_data,
    add_model,
    add_perceptual,
    command_line,
    distance,
    follow,
    judge_of,
    load_first,
    note,
    picture_file,
    write_json,
)
from minivq.layers import count_parameters
from minivq.sampling import SampleConfig

GUIDANCE = 0.5                          # with which a prior of classes is shown: of 0 to 2 it had the least FFD
LARGEST = 2048                          # px: the longer side of a picture that `reconstruct` takes as it is


def add_parsers(commands) -> None:
    """Add the commands."""
    one = commands.add_parser("reconstruct", help="pictures drawn again, beside the originals", **STYLE)
    one.add_argument("pictures", nargs="+", type=Path, metavar="PICTURE", help="files that Pillow reads")
    add_model(one)
    one.add_argument("--out", type=Path, required=True, help="folder for NAME.png, original left, redrawn right")
    one.add_argument("--size", type=int, default=None, help="px: first make the shorter side this long")
    one.set_defaults(run=reconstruct_pictures)

    one = commands.add_parser("evaluate", help="scores on a whole split, beside baselines at the same bits", **STYLE)
    add_model(one)
    add_data(one, of="the model")
    add_perceptual(one)
    one.add_argument("--split", choices=("validation", "test", "train"), default="test", help="which pictures")
    one.add_argument("--count", type=int, default=None, help="only the first so many pictures")
    one.add_argument("--json", type=Path, default=None, metavar="FILE", help="write the scores here, too")
    one.set_defaults(run=evaluate)

    one = commands.add_parser("import", help="turn a first stage that the authors released into one of ours", **STYLE)
    one.add_argument("checkpoint", type=Path, help="their file (.ckpt or .pt)")
    one.add_argument("--out", type=Path, required=True, metavar="NAME.pt", help="the file to write")
    one.set_defaults(run=import_released)

    one = commands.add_parser("publish", help="score a trained model on test and ship it", **STYLE)
    one.add_argument("folder", type=Path, help="of a finished training")
    one.add_argument("--name", required=True, help="data/checkpoints/NAME.pt")
    one.add_argument("--count", type=int, default=None, help="test pictures, and samples of a prior (default: all)")
    one.set_defaults(run=publish)


def reconstruct_pictures(args: argparse.Namespace) -> int:
    """Write each picture beside its reconstruction and print PSNR and bits per pixel."""
    from minivq import plot
    for path in args.pictures:
        if not path.is_file():
            raise ValueError(f"{path} is not a file: wanted a picture")
    model = pretrained.load(args.model, kind="vqvae")
    f, K = model.config.factor, model.config.K
    pictures = [(path, open_picture(path, model.config.channels, f, args.size)) for path in args.pictures]
    args.out.mkdir(parents=True, exist_ok=True)
    names = [path.stem for path in args.pictures]
    for path, picture in pictures:
        x = datasets.from_uint8(picture[None])
        x_rec, indices = reconstruct(model, x)
        name = path.stem if names.count(path.stem) == 1 else "-".join(path.parts[-2:])
        target = plot.save(args.out / f"{name}.png", plot.side_by_side(x, x_rec, scale=max(1, 256 // x.shape[-2])))
        rows, columns = indices.shape[1:]
        bpp, learned = metrics.bits_per_pixel(K, f), model.info.get("size")
        own = "" if learned in (None, *x.shape[-2:]) else f" (it learned {learned} px: --size {learned})"
        print(f"{target}: {x.shape[-1]}x{x.shape[-2]} px as {columns}x{rows} codes of {K}, "
              f"{metrics.psnr(x, x_rec):.2f} dB, {bpp:.4f} bits per pixel{own}")
    return 0


def open_picture(path: Path, channels: int, factor: int, size: int | None):
    """One file -> (H, W, channels) uint8, its shorter side resized to `size`, cut in the middle to multiples of f.

    Raises ValueError for a file that is damaged, smaller than f or larger than folders.PIXEL_LIMIT.
    """
    import numpy as np
    from PIL import Image
    image = picture_file(path, size or 1).convert("L" if channels == 1 else "RGB")
    scale = size / min(image.size) if size else min(1.0, LARGEST / max(image.size))
    image = image.resize([max(1, round(side * scale)) for side in image.size], Image.Resampling.LANCZOS)
    width, height = (side // factor * factor for side in image.size)
    if not width or not height:
        raise ValueError(f"{path} has {image.width}x{image.height} px: wanted at least {factor}x{factor}, "
                         f"or --size {factor} and more")
    left, top = (image.width - width) // 2, (image.height - height) // 2
    return np.array(image.crop((left, top, left + width, top + height))).reshape(height, width, channels)


def evaluate(args: argparse.Namespace) -> int:
    """Print the scores of a model as a table and write them as JSON."""
    model = pretrained.load(args.model, distributed.device(), kind="vqvae")
    follow(args, model)
    pictures = load_first(args.data, args.size, args.split, args.count, args.crop)
    train = load_first(args.data, args.size, "train", evaluation.BASELINE_PICTURES, args.crop)
    training.check_fit(model.config, pictures, training.TrainConfig(steps=1))
    scores = evaluation.evaluate(model, pictures, train, args.count, **readers(args.data, args.size, args.perceptual))
    print(evaluation.table(scores))
    if args.json:
        write_json(args.json, {**scores, "model": str(args.model)})
    return 0


def readers(data: str, size: int, net: str = "mini") -> dict:
    """What scores pictures of this set beside PSNR: the perceptual distance (from 32 px on), the judge of a world."""
    return {"distance": distance(net) if size >= perceptual.SMALLEST else None, "judge": judge_of(data)}


def import_released(args: argparse.Namespace) -> int:
    """Write a released first stage as a checkpoint of ours and say what it is."""
    if args.out.suffix != ".pt":
        raise ValueError(f"--out {args.out}: wanted a name that ends in .pt, or no --model would find it")
    model = pretrained.from_reference(pretrained.read_released(args.checkpoint))
    config = model.config
    path = pretrained.export(model, args.out, {"command": command_line(), "imported": args.checkpoint.name})
    print(f"{path} ({path.stat().st_size / 1e6:.0f} MB): f={config.factor}, K={config.K}, d={config.d}, widths "
          f"{' '.join(map(str, config.widths))}, {count_parameters(model):,} parameters")
    print(f"next: python -m minivq reconstruct PICTURE --model {path} --size 256 --out runs/seen")
    return 0


def publish(args: argparse.Namespace) -> int:
    """Copy a run's model to data/checkpoints, its scores and history to manifest.json, a picture to data/figures."""
    if not (args.folder / "model.pt").is_file():
        raise ValueError(f"{args.folder} holds no model.pt: wanted the folder of a finished training")
    kind = checkpoint.read(args.folder / "model.pt").get("kind")
    makers = {"vqvae": publish_first_stage, "prior": publish_prior}
    entry = makers[kind](args) if kind in makers else publish_reader(args, kind)
    note(args.name, {"kind": kind, **entry})
    return 0


def publish_first_stage(args: argparse.Namespace) -> dict:
    """Score a first stage on test, write its file and its picture; what the manifest says of it."""
    from minivq import plot
    model = pretrained.load(args.folder)
    history, target = model.info, checkpoint.FOLDER / f"{args.name}.pt"
    data, size, validation = history["data"], history["size"], history.pop("validation")
    file = pretrained.export(model, args.folder / "shipped.pt", history)
    shipped = pretrained.load(file, distributed.device())               # scores are those of the file, in float16
    if "accuracy" in validation:                                        # of label maps
        place = drawing.world(data)
        test = datasets.LabelMaps(datasets.truth(data, "segmentation", size, "test", args.count), len(place.LABELS))
        scores = evaluation.evaluate_maps(shipped, test)
        colours = torch.tensor(place.PALETTE) / 127.5 - 1
    else:
        test, colours = datasets.load(data, size, "test", args.count), None
        scores = evaluation.evaluate(shipped, test, load_first(data, size, "train", evaluation.BASELINE_PICTURES),
                                     **readers(data, size))
        print(evaluation.table(scores))
    x = test.batch(range(min(6, len(test))))
    x_rec, indices = reconstruct(shipped.cpu(), x)
    if colours is not None:                                             # the likeliest label of each pixel
        x, x_rec = (colours[maps.argmax(1)].movedim(-1, 1) for maps in (x, shipped.decode(indices)))
    plot.save(target.parents[1] / "figures" / f"{args.name}.png", plot.strip(x, indices, x_rec, model.config.K))
    scores = {"validation": validation, "test": scores}
    checkpoint.replace(target, lambda place: place.write(file.read_bytes()))     # the run may lie on another disk
    file.unlink()
    return {**history, "scores": scores}


def publish_prior(args: argparse.Namespace) -> dict:
    """Score a prior on test, write its file; what the manifest says of it. Of one that slides lesson 13 has scores."""
    payload = checkpoint.read(args.folder / "model.pt")
    history = payload["info"]
    model = pretrained.load(args.folder, distributed.device(), kind="prior")
    scores = {"validation": history.pop("validation")}
    if model.window is None:
        test, reader = datasets.load(history["data"], history["size"], "test", args.count), judge_of(history["data"])
        scores["test"] = (evaluation_conditions.condition_scores(model, test, reader, min(500, len(test)))
                          if model.conditions is not None else sample_scores(args, model, test, reader, history))
        for name, value in scores["test"].items():
            print(f"  {name:<20}{round(value, 4) if isinstance(value, float) else value}")
    checkpoint.write(checkpoint.FOLDER / f"{args.name}.pt", payload)
    return {**history, "scores": scores}


def sample_scores(args: argparse.Namespace, model, test: datasets.Pictures, reader, history: dict) -> dict:
    """What a prior pays for test pictures, and the scores of as many samples, of which four rows become a picture."""
    from minivq import plot
    held = sentences.encoded(model.first_stage, test, False, bool(model.classes))
    cond = held.conds if model.classes else None                    # told to be what the test pictures are
    config = SampleConfig(top_k=None, guidance=0.0 if cond is None else GUIDANCE)
    x = model.sample(len(test), cond, config, generator=torch.Generator().manual_seed(0))
    scores = {"nats_per_token": training_prior.nll(model.prior, held), "top_k": None, "guidance": config.guidance}
    if reader is not None:
        known = datasets.load(test.name, test.size, "train", history.get("count"))
        against = evaluation_samples.yardstick(reader, test, len(test), known)
        scores |= evaluation_samples.evaluate_samples(datasets.to_uint8(x), reader, against,
                                                      None if cond is None else cond[:, 0])
    columns = max(8, 1024 // test.size)
    picture = plot.grid(x[:4 * columns], columns, 1)
    plot.save(checkpoint.FOLDER.parent / "figures" / f"{args.name}.png", picture)
    return scores


def publish_reader(args: argparse.Namespace, kind: str) -> dict:
    """Score a judge on test and write its file, or that of the small net; what the manifest says of it."""
    payload = checkpoint.read(args.folder / "model.pt")
    history = payload["info"]
    scores = {"validation": history.pop("validation")}
    target = checkpoint.write(checkpoint.FOLDER / f"{args.name}.pt", payload)
    if kind == "judge":
        net, world = judge.read(target), payload["config"]["world"]
        for name, chimeras in (("test", False), ("chimeras", True)):            # neither side may tell the other
            scores[name] = found = training_readers.examine(net, "test", chimeras=chimeras)
            print(f"{world}, {name}\n" + "\n".join(f"  {key:<28}{value:.4f}" for key, value in found.items()))
    if kind == "selector":
        scores["test"] = training_readers.examine_selector(selector.read(target), "test")
        print(f"class, test: {scores['test']['class']:.4f}")
    return {**history, "scores": scores}
