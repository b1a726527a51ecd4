import os
import struct
import sys
import types
import zlib

import numpy as np
import pytest
import torch
from PIL import Image

from minivq import cache, datasets, drawing, folders, pretrained, training


@pytest.fixture
def own_cache(tmp_path, monkeypatch):
    """A cache that holds nothing yet."""
    monkeypatch.setenv("MINIVQ_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def drawn(monkeypatch):
    """A world of flat pictures whose red is the index mod 256; returns the list of the indices drawn."""
    log = []

    def picture(index, width, height=None):
        log.append(index)
        return np.full((height or width, width, 3), (index % 256, index // 256, 7), np.uint8)

    for name, maker in (("faces", "attributes"), ("landscapes", "scene")):
        fake = types.SimpleNamespace(picture=picture, label=lambda i: i % 3, CLASSES=("a", "b", "c"),
                                     depth=lambda *place: picture(*place)[..., 0] / 255)
        setattr(fake, maker, lambda index, chimera=False: int(index))
        monkeypatch.setitem(sys.modules, f"minivq.worlds.{name}", fake)
    return log


@pytest.fixture
def folder(tmp_path):
    """A folder of 40 pictures of 20 x 14 px, each of another colour."""
    place = tmp_path / "pictures"
    place.mkdir()
    for i in range(40):
        Image.new("RGB", (20, 14), (i, 200, 3)).save(place / f"{i:02}.png")
    return place


def value(x):
    """The uint8 RGB of the one colour of a picture (C, H, W)."""
    colours = datasets.to_uint8(x[None])[0].reshape(-1, 3).unique(dim=0)
    assert len(colours) == 1, f"{len(colours)} colours"
    return tuple(colours[0].tolist())


# Pictures ---------------------------------------------------------------------------------------------------

def test_uint8_comes_back_unchanged_and_half_steps_round():
    stored = torch.arange(256, dtype=torch.uint8).view(1, 16, 16, 1)
    x = datasets.from_uint8(stored)
    assert x.shape == (1, 1, 16, 16) and x.min() == -1 and x.max() == 1 and x.is_contiguous()
    assert torch.equal(datasets.to_uint8(x), stored)
    assert torch.equal(datasets.to_uint8(torch.tensor([-9.0, 0.001, 9.0]).view(3, 1, 1, 1)).flatten(),
                       torch.tensor([0, 128, 255], dtype=torch.uint8))


def test_batch_takes_lists_arrays_and_tensors_in_the_order_given(own_cache, drawn):
    p = datasets.load("faces", 16, "train", count=20)
    x = p.batch(torch.tensor([3, 0, 3]))
    assert x.shape == (3, 3, 16, 16) and x.dtype == torch.float32
    assert [value(one)[0] for one in x] == [3, 0, 3]
    assert torch.equal(p.batch([3, 0, 3]), x) and torch.equal(p.batch(np.array([3, 0, 3])), x)
    assert torch.equal(p[3], x[0]) and len(p) == 20
    assert p.labels.tolist() == [i % 3 for i in range(20)] and p.labels.dtype == torch.int64
    with pytest.raises(IndexError):
        p.batch([20])


# Worlds -----------------------------------------------------------------------------------------------------

def test_worlds_are_split_by_disjoint_index_ranges(own_cache, drawn):
    for split, first, total in (("train", 0, 50_000), ("validation", 50_000, 5_000), ("test", 55_000, 5_000)):
        p = datasets.load("faces", 8, split, count=5)
        assert p.source.tolist() == list(range(first, first + 5))
        assert value(p[4]) == ((first + 4) % 256, (first + 4) // 256, 7)
        with pytest.raises(ValueError, match=f"{total + 1:,}.*{total:,}"):
            datasets.load("faces", 8, split, count=total + 1)


def test_nothing_is_drawn_twice(own_cache, drawn):
    datasets.load("faces", 8, "train", count=30)
    datasets.load("faces", 8, "train", count=30)
    datasets.load("faces", 8, "train", count=10)
    assert drawn == list(range(30)), "a smaller set is a prefix"
    p = datasets.load("faces", 8, "train", count=50)
    assert drawn == list(range(50)), "a larger one is a continuation"
    assert [value(x)[0] for x in p.batch(range(50))] == list(range(50))
    assert p.labels.tolist() == [i % 3 for i in range(50)]


def test_a_changed_world_is_drawn_again(own_cache, drawn, monkeypatch):
    datasets.load("faces", 8, "train", count=3)
    monkeypatch.setattr(drawing, "version", lambda name: "another")
    datasets.load("faces", 8, "train", count=3)
    assert drawn == [0, 1, 2] * 2


def test_interrupted_drawing_leaves_nothing(own_cache, drawn, monkeypatch):
    draw = drawing.draw

    def interrupted(name, kind, width, height, indices):
        if indices[0] > 0:
            assert not list(own_cache.glob("*.npy")), "what is not complete has another name"
            raise KeyboardInterrupt
        return draw(name, kind, width, height, indices)

    monkeypatch.setattr(drawing, "draw", interrupted)
    with pytest.raises(KeyboardInterrupt):
        datasets.load("faces", 64, "train", count=200)
    assert list(own_cache.iterdir()) == []


def test_a_cache_that_cannot_be_written_is_named_with_the_way_out(tmp_path, drawn, monkeypatch):
    (tmp_path / "file").write_text("not a folder")
    monkeypatch.setenv("MINIVQ_CACHE", str(tmp_path / "file" / "cache"))
    with pytest.raises(OSError, match="file.*MINIVQ_CACHE"):
        datasets.load("faces", 8, "train", count=3)


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs a device that is always full")
def test_a_full_disk_is_an_error_and_leaves_nothing(own_cache, drawn, monkeypatch):
    monkeypatch.setattr(cache, "open", lambda path, mode: open("/dev/full", mode), raising=False)
    with pytest.raises(OSError, match="No space left.*MINIVQ_CACHE"):
        datasets.load("faces", 8, "train", count=3)
    assert not list(own_cache.glob("*.npy"))


@pytest.mark.parametrize("kind", ["picture", "segmentation"])
def test_helpers_draw_what_one_process_draws(own_cache, monkeypatch, kind):
    alone = list(drawing.blocks("faces", kind, 32, 32, 0, 0, 600))
    monkeypatch.setattr(drawing.time, "perf_counter", iter((0, 1000)).__next__)  # as if it were slow
    helped = list(drawing.blocks("faces", kind, 32, 32, 0, 0, 600))
    for (pixels, labels), (same, also) in zip(alone, helped, strict=True):
        assert (pixels == same).all() and (labels == also).all()


def test_large_landscapes_are_crops_of_few_canvases(own_cache, drawn, monkeypatch):
    monkeypatch.setattr(datasets, "CANVAS_RANGES", {"train": (0, 4), "validation": (4, 6), "test": (6, 8)})
    p = datasets.load("landscapes", 72, "validation", count=7)
    assert drawn == [4, 5] and p.pixels.shape == (2, 216, 288, 3)
    assert p.source.tolist() == [4, 5] * 3 + [4] and [value(x)[0] for x in p.batch(range(3))] == [4, 5, 4]
    assert p.labels.tolist() == [1, 2, 1, 2, 1, 2, 1]


def test_the_whole_canvases_of_a_set_of_crops_each_once(own_cache, drawn, monkeypatch):
    monkeypatch.setattr(datasets, "CANVAS_RANGES", {"train": (0, 4), "validation": (4, 6), "test": (6, 8)})
    whole = datasets.load("landscapes", 72, "validation", count=7).whole()
    assert whole.batch(range(2)).shape == (2, 3, 216, 288) and whole.source.tolist() == [4, 5]
    assert whole.labels.tolist() == [1, 2] and [value(x)[0] for x in whole.batch(range(2))] == [4, 5]


def test_crops_are_drawn_by_the_generator_in_train_and_fixed_elsewhere(own_cache, drawn, monkeypatch):
    ramp = np.arange(216 * 288).reshape(216, 288, 1).repeat(3, 2).astype(np.uint8)
    monkeypatch.setattr(sys.modules["minivq.worlds.landscapes"], "picture", lambda i, width, height: ramp)
    for split in datasets.SPLITS:
        p = datasets.load("landscapes", 72, split, count=16)
        fixed = p.batch(range(16))
        assert torch.equal(fixed, p.batch(range(16))) and len(fixed.flatten(1).unique(dim=0)) > 8
        one, same, other = (p.batch(range(16), torch.Generator().manual_seed(s)) for s in (0, 0, 1))
        assert torch.equal(one, same)
        assert torch.equal(one, other) == torch.equal(one, fixed) == (split != "train")
        assert torch.equal(datasets.load("landscapes", 72, split, count=9).batch([8]), fixed[8:9])


@pytest.mark.parametrize("name", datasets.WORLDS)
def test_the_worlds_themselves_load(name):
    p = datasets.load(name, 32, "test", count=4)
    assert p.batch(range(4)).shape == (4, 3, 32, 32) and p.channels == 3
    assert 0 <= p.labels.min() and p.labels.max() < len(p.classes)
    assert len(p.batch(range(4)).flatten(1).unique(dim=0)) == 4


@pytest.mark.parametrize("kind", ["segmentation", "depth", "edges"])
@pytest.mark.parametrize("name, size", [("faces", 32), ("chimeras", 32), ("landscapes", 32), ("landscapes", 72)])
def test_the_truth_belongs_to_the_picture_of_the_same_number(name, size, kind):
    found, world = datasets.truth(name, kind, size, "validation", count=3), drawing.world(name)
    levels = found.levels([2])[0, ..., 0]
    thing = drawing.thing(name, int(found.source[2]))
    whole = getattr(world, kind)(thing, *((4 * size, 3 * size) if size > 64 else (size,) * (1 + ("land" in name))))
    whole = whole if kind == "segmentation" else np.round(whole * 255)
    top, left = (int(u * (side - size + 1)) for u, side in zip(
        (0, 0) if found.places is None else found.places[2], whole.shape, strict=True))
    assert abs(levels - whole[top:top + size, left:left + size].astype(float)).max() <= 1
    assert levels.shape == (size, size) and len(np.unique(levels)) > 2


def test_crops_of_the_truth_lie_where_those_of_the_picture_lie(own_cache, drawn):
    pictures, maps = datasets.load("landscapes", 72, "train", 4), datasets.truth("landscapes", "depth", 72, "train", 4)
    one, two = (p.levels(range(4), torch.Generator().manual_seed(3)) for p in (pictures, maps))
    assert (one[..., :1] == two).all() and (pictures.places == maps.places).all()


@pytest.mark.parametrize("name, kind", [("cats", "depth"), ("faces", "colour")])
def test_truth_that_does_not_exist_is_named(name, kind):
    with pytest.raises(ValueError, match="wanted one of segmentation, depth, edges of faces, landscapes, chimeras"):
        datasets.truth(name, kind, 32, "test")


@pytest.mark.parametrize("changes, words", [
    ({"name": "cats"}, "cats.*faces.*folder:PATH"), ({"split": "valid"}, "valid.*validation"),
    ({"size": 0}, "size 0"), ({"size": 32.5}, "32.5"), ({"count": 0}, "count 0"),
    ({"crop": "random"}, "crop"),
])
def test_requests_that_make_no_sense_are_named(changes, words):
    request = {"name": "faces", "size": 32, "split": "train"} | changes
    with pytest.raises(ValueError, match=words):
        datasets.load(**request)


# torchvision ------------------------------------------------------------------------------------------------

def write_idx(path, array):
    path.parent.mkdir(parents=True, exist_ok=True)
    head = struct.pack(f">HBB{array.ndim}I", 0, 8, array.ndim, *array.shape)
    path.write_bytes(head + array.astype(np.uint8).tobytes())


@pytest.fixture
def mnist(tmp_path):
    """An MNIST of 60 + 12 pictures, lying where torchvision looks; picture i of value i but for its top."""
    for part, n in (("train", 60), ("t10k", 12)):
        pixels = np.tile(np.arange(n)[:, None, None], (1, 28, 28))
        pixels[:, 0] = 255
        write_idx(tmp_path / "MNIST" / "raw" / f"{part}-images-idx3-ubyte", pixels)
        write_idx(tmp_path / "MNIST" / "raw" / f"{part}-labels-idx1-ubyte", np.arange(n) % 10)
    return tmp_path


def test_small_grey_pictures_are_padded_read_offline_and_keep_their_labels(own_cache, mnist):
    p = datasets.load("MNIST", 32, "test", root=mnist)
    x = datasets.to_uint8(p.batch(range(12)))
    assert x.shape == (12, 32, 32, 3) and p.channels == 3 and len(p.classes) == 10
    assert (x[:, 3:30, 2:30] == torch.arange(12)[:, None, None, None]).all() and (x[:, 2, 2:30] == 255).all()
    assert (x[:, :2] == 0).all() and (x[:, 30:] == 0).all() and (x[:, :, :2] == 0).all()
    assert p.labels.tolist() == [i % 10 for i in range(12)]
    assert datasets.load("MNIST", 64, "test", root=mnist)[0].shape == (3, 64, 64)
    assert len(datasets.load("MNIST", 32, "test", count=5, root=mnist)) == 5


def test_the_default_first_stage_takes_grey_sets(own_cache, mnist):
    """A VQGAN begins with a shipped model of three channels, on digits too."""
    config = pretrained.load("faces-vqvae-f8").config
    training.check_fit(config, datasets.load("MNIST", 32, "train", root=mnist), training.TrainConfig(steps=1))


def test_torchvisions_train_set_gives_a_tenth_to_validation(own_cache, mnist):
    held = {s: datasets.load("MNIST", 32, s, root=mnist) for s in ("train", "validation")}
    train, validation = (datasets.to_uint8(torch.stack(list(p)))[:, 9, 9, 0].tolist() for p in held.values())
    assert len(validation) == 6 and sorted(train + validation) == list(range(60))
    assert [v % 10 for v in train] == held["train"].labels.tolist()


def test_a_set_that_is_not_there_offline_says_where_it_was_sought(own_cache, tmp_path):
    with pytest.raises(OSError, match="CIFAR10.*elsewhere.*download"):
        datasets.load("CIFAR10", 32, "train", root=tmp_path / "elsewhere")


# Folders ----------------------------------------------------------------------------------------------------

def test_a_folder_is_divided_by_content(own_cache, folder):
    Image.new("RGB", (20, 14), (0, 200, 3)).save(folder / "copy of 00.png")
    held = {split: datasets.load(f"folder:{folder}", 8, split) for split in datasets.SPLITS}
    names = [set(p.source) for p in held.values()]
    assert sum(map(len, names)) == 41 == len(set.union(*names)) and all(names) and len(names[0]) > 30
    assert any({"00.png", "copy of 00.png"} <= split for split in names), "equal pictures share a split"
    for p in held.values():
        for x, name in zip(p.batch(range(len(p))), p.source, strict=True):
            assert value(x)[0] == (0 if "copy" in name else int(name[:2]))


def test_splits_survive_renaming_and_new_pictures(own_cache, folder):
    before = {s: [value(x) for x in datasets.load(f"folder:{folder}", 8, s)] for s in datasets.SPLITS}
    for path in list(folder.iterdir()):
        path.rename(path.with_name(f"{99 - int(path.stem)}.png"))
    renamed = {s: [value(x) for x in datasets.load(f"folder:{folder}", 8, s)] for s in datasets.SPLITS}
    assert renamed == before, "the order, too, depends on the contents alone"
    for i in range(10):
        Image.new("RGB", (20, 14), (i, 100, 3)).save(folder / f"new{i}.png")
    after = {s: {value(x) for x in datasets.load(f"folder:{folder}", 8, s)} for s in datasets.SPLITS}
    assert all(set(before[s]) <= after[s] for s in datasets.SPLITS) and sum(map(len, after.values())) == 50


def test_three_copies_are_one_picture():
    with pytest.raises(ValueError, match="1 different pictures, wanted at least 3"):
        folders.divide(["0a" * 32] * 3)


@pytest.mark.parametrize("n", [3, 4, 10])
def test_every_split_of_a_small_folder_has_a_picture(n):
    for start in range(20):
        shares = folders.divide([f"{hash((start, i)) % 2**32:08x}" for i in range(n)])
        assert set(shares) == set(datasets.SPLITS)
        assert shares.count("train") >= max(shares.count("test"), shares.count("validation")) or n < 10


def test_subfolders_are_classes(own_cache, folder):
    for name, colours in (("cats", range(20)), ("dogs", range(20, 40))):
        (folder / name).mkdir()
        for i in colours:
            (folder / f"{i:02}.png").rename(folder / name / f"{i:02}.png")
    p = datasets.load(f"folder:{folder}", 8, "train")
    assert p.classes == ("cats", "dogs")
    assert p.labels.tolist() == [int(value(x)[0] >= 20) for x in p.batch(range(len(p)))]
    Image.new("RGB", (20, 14)).save(folder / "stray.png")
    assert datasets.load(f"folder:{folder}", 8, "train").labels is None, "a picture of no class: no classes"


def test_pictures_are_never_stretched(own_cache, tmp_path):
    disc = Image.new("RGB", (300, 100), "white")
    disc.paste("black", (130, 30, 170, 70))  # a square of 40 px in the centre
    tall = disc.transpose(Image.Transpose.ROTATE_90)
    for place, picture in (("wide", disc), ("tall", tall)):
        (tmp_path / place).mkdir()
        for i in range(3):
            picture.putpixel((0, 0), (i, 0, 0))  # three contents
            picture.save(tmp_path / place / f"{i}.png")
        dark = datasets.load(f"folder:{tmp_path / place}", 50, "train")[0][0] < 0
        assert dark.sum() == 400 and dark[15:35, 15:35].all(), "20 x 20, in the centre"


def test_random_crops_keep_native_pixels_and_move_in_train_only(own_cache, tmp_path):
    for i in range(3):
        ramp = np.arange(60 * 90, dtype=np.uint16).reshape(60, 90, 1)
        picture = np.concatenate([ramp % 256, ramp // 256, np.full_like(ramp, i)], 2).astype(np.uint8)
        Image.fromarray(picture).save(tmp_path / f"{i}.png")
    places = set()
    for split in datasets.SPLITS:
        p = datasets.load(f"folder:{tmp_path}", 32, split, crop="random")
        for seed in range(20):
            x = datasets.to_uint8(p.batch([0], torch.Generator().manual_seed(seed)))[0].int()
            number = x[..., 0] + 256 * x[..., 1]
            top, left = divmod(int(number[0, 0]), 90)
            assert torch.equal(number, number[0, 0] + torch.arange(32)[:, None] * 90 + torch.arange(32))
            assert (split == "train") or (top, left) == (14, 29)
            places.add((top, left))
    assert len(places) > 15 and max(places)[0] <= 28 and max(left for _, left in places) <= 58


def png(width, height, depth, kind, rows):
    """The bytes of a PNG, made by hand: Pillow writes no 16-bit RGB and is slow with 400 megapixels."""
    def chunk(name, data):
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
    head = struct.pack(">IIBBBBB", width, height, depth, kind, 0, 0, 0)
    chunks = chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + chunks


def test_unfit_pictures_are_left_out_and_named_with_the_reason(own_cache, folder):
    rng = np.random.default_rng(0)
    Image.fromarray(rng.integers(0, 256, (64, 64, 3), dtype=np.uint8)).save(folder / "whole.png")
    for name, end in (("cut.png", ".png"), ("cut.jpg", ".jpg"), ("cut.webp", ".webp"), ("cut.gif", ".gif")):
        Image.fromarray(rng.integers(0, 256, (64, 64, 3), dtype=np.uint8)).save(folder / f"whole{end}")
        (folder / name).write_bytes((folder / f"whole{end}").read_bytes()[:800])
    (folder / "text.png").write_text("I am no picture.")
    (folder / "empty.png").write_bytes(b"")
    Image.new("RGB", (5, 5)).save(folder / "tiny.png")
    (folder / "huge.png").write_bytes(png(20_000, 20_000, 1, 0, b"\0" * 100))
    (folder / "large.png").write_bytes(png(11_000, 11_000, 1, 0, b"\0" * 100))
    Image.new("RGB", (40, 40)).save(folder / "._whole.png")  # hidden: not a word of it
    (folder / "notes.txt").write_text("nor of this")
    with pytest.warns(UserWarning, match="9 pictures of .*pictures are left out") as caught:
        p = datasets.load(f"folder:{folder}", 16, "train")
    reasons = dict(p.left_out)
    cut, others = "cut.gif cut.jpg cut.png cut.webp", "empty.png huge.png large.png text.png tiny.png"
    assert sorted(reasons) == f"{cut} {others}".split()
    assert reasons["tiny.png"] == "5 x 5 px, less than half of 16 px"
    assert "100 megapixels" in reasons["huge.png"]
    assert reasons["large.png"] == "11000 x 11000 px, more than 100 megapixels"
    assert reasons["text.png"] == "not a picture" and reasons["empty.png"] == "an empty file"
    assert all("cannot be read" in reasons[name] for name in cut.split())
    text = str(caught[0].message)
    assert len(caught) == 1 and all(f"{name}: {why}" in text for name, why in reasons.items())
    with pytest.warns(UserWarning, match="9 pictures"):  # and once more when they come out of the cache
        total = sum(len(datasets.load(f"folder:{folder}", 16, split)) for split in datasets.SPLITS)
    assert total == 44


def test_only_ten_unfit_pictures_are_listed(own_cache, folder):
    for i in range(25):
        (folder / f"bad{i:02}.png").write_text("text")
    with pytest.warns(UserWarning, match="25 pictures(.|\n)*bad09(.|\n)*and 15 more") as caught:
        datasets.load(f"folder:{folder}", 8, "test")
    assert "bad10" not in str(caught[0].message)


def one_folder(tmp_path, save):
    """The first picture of a folder whose three pictures `save` writes, as uint8 (H, W, 3)."""
    place = tmp_path / "odd"
    place.mkdir()
    for i in range(3):
        save(place, i)
    return datasets.to_uint8(torch.stack(list(datasets.load(f"folder:{place}", 16, "train"))))[0]


def test_sixteen_bits_are_scaled_not_clipped(own_cache, tmp_path):
    def grey(place, i):
        Image.fromarray(np.full((16, 16), 32896 + i, np.uint16)).save(place / f"{i}.png")
    assert (one_folder(tmp_path, grey) == 128).all()


def test_sixteen_bit_colour_is_scaled_not_clipped(own_cache, tmp_path):
    def colour(place, i):
        row = b"\0" + struct.pack(">3H", 257 * 10, 257 * 128, 257 * 250 + i) * 16
        (place / f"{i}.png").write_bytes(png(16, 16, 16, 2, row * 16))
    assert (one_folder(tmp_path, colour) == torch.tensor([10, 128, 250])).all()


def test_cmyk_is_read_as_the_colour_it_prints(own_cache, tmp_path):
    def cmyk(place, i):
        Image.new("CMYK", (16, 16), (0, 255, 255, i)).save(place / f"{i}.jpg", quality=100)
    r, g, b = one_folder(tmp_path, cmyk).float().mean((0, 1))
    assert r > 245 and g < 10 and b < 10


@pytest.mark.parametrize("mode", ["P", "RGBA", "LA", "gif"])
def test_transparency_becomes_white(own_cache, tmp_path, mode):
    def clear(place, i):
        picture = Image.new("RGBA", (16, 16), (0, 0, 0, 0))
        picture.paste((0, 0, 0, 255), (4, 4, 12, 12 + i))
        if mode == "P":
            picture = picture.quantize(8)
        elif mode == "LA":
            picture = picture.convert("LA")
        picture.save(place / f"{i}.{'gif' if mode == 'gif' else 'png'}")
    x = one_folder(tmp_path, clear)
    assert (x[:4] == 255).all() and (x[:, :4] == 255).all() and (x[4:12, 4:12] == 0).all()


def test_half_transparent_black_on_white_is_grey(own_cache, tmp_path):
    def glass(place, i):
        Image.new("RGBA", (16, 16), (i, 0, 0, 128)).save(place / f"{i}.png")
    assert ((one_folder(tmp_path, glass).int() - 127).abs() <= 1).all()


def test_photographs_stand_upright(own_cache, tmp_path):
    def turned(place, i):
        picture = Image.new("RGB", (16, 16), "black")
        picture.paste((255, 255, 255 - i), (0, 0, 16, 8))
        exif = Image.Exif()
        exif[0x0112] = 3  # upside down
        picture.save(place / f"{i}.png", exif=exif)
    x = one_folder(tmp_path, turned)
    assert (x[:8] == 0).all() and (x[8:, :, 0] == 255).all()


def test_a_folder_without_use_is_named(own_cache, tmp_path):
    with pytest.raises(ValueError, match="nowhere.*not found"):
        datasets.load(f"folder:{tmp_path / 'nowhere'}", 16, "train")
    with pytest.raises(ValueError, match=f"{tmp_path.name}.*no pictures"):
        datasets.load(f"folder:{tmp_path}", 16, "train")
    (tmp_path / "a.png").write_text("text")
    with pytest.raises(ValueError, match="a.png.*is a file|is a file"):
        datasets.load(f"folder:{tmp_path / 'a.png'}", 16, "train")
    with pytest.raises(ValueError, match="0 different usable pictures(.|\n)*a.png: not a picture"):
        datasets.load(f"folder:{tmp_path}", 16, "train")
    for name in "bcd":
        Image.new("RGB", (16, 16)).save(tmp_path / f"{name}.png")
    with pytest.raises(ValueError, match="1 different"):
        datasets.load(f"folder:{tmp_path}", 16, "train")


def test_a_folder_is_decoded_once_and_again_when_it_changes(own_cache, folder, monkeypatch):
    decoded, decode = [], folders.decode
    monkeypatch.setattr(folders, "decode", lambda *args: (decoded.append(args), decode(*args))[1])
    for split in datasets.SPLITS:
        datasets.load(f"folder:{folder}", 8, split)
    assert len(decoded) == 40
    Image.new("RGB", (30, 30)).save(folder / "new.png")
    datasets.load(f"folder:{folder}", 8, "train")
    assert len(decoded) == 81 and len(list(own_cache.iterdir())) == 2, "what was before is gone"
    datasets.load(f"folder:{folder}", 16, "train")
    datasets.load(f"folder:{folder}", 8, "train")
    assert len(decoded) == 122 and len(list(own_cache.iterdir())) == 4, "sizes are kept side by side"
    Image.new("RGB", (31, 31)).save(folder / "new.png")
    datasets.load(f"folder:{folder}", 8, "train")
    assert len(decoded) == 163, "the same names, another picture"


def test_a_link_back_up_ends(own_cache, folder):
    (folder / "loop").symlink_to(folder)
    assert len(folders.listing(folder)) == 40
