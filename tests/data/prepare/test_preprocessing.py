import io
from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageDraw, ImageFont

from hubel.data import Dataset, Frame, ImageError, Preprocessing, Splits, load

Grey = npt.NDArray[np.uint8]


@pytest.fixture(scope="module")
def mnist() -> Splits:
    return load("mnist")


@pytest.fixture(scope="module")
def digits(mnist: Splits) -> Preprocessing:
    return Preprocessing.for_dataset(mnist.train)


@pytest.fixture(scope="module")
def nearest(mnist: Splits) -> Callable[[Grey], Grey]:
    """Labels of images by the most similar of 20,000 training images: a classifier that nobody had to train."""
    known = mnist.train.images[:20000].reshape(20000, -1).astype(np.float32) / 255
    lengths = (known**2).sum(1)

    def classify(images: Grey) -> Grey:
        queries = images.reshape(len(images), -1).astype(np.float32) / 255
        return mnist.train.labels[(lengths - 2 * queries @ known.T).argmin(1)]

    return classify


def enlarged(digit: Grey, factor: int) -> Image.Image:
    return Image.fromarray(digit).resize((28 * factor, 28 * factor), Image.Resampling.BICUBIC)


def blended(digit: Grey, ground: tuple[int, int, int], ink: tuple[int, int, int]) -> Image.Image:
    share = np.asarray(enlarged(digit, 7), dtype=float)[..., None] / 255
    return Image.fromarray((np.array(ground) * (1 - share) + np.array(ink) * share).astype(np.uint8))


def on_transparent(digit: Grey, ink: tuple[int, int, int]) -> Image.Image:
    image = Image.new("RGBA", (140, 140), ink)
    image.putalpha(enlarged(digit, 5))
    return image


def off_centre(digit: Grey) -> Image.Image:
    canvas = Image.new("L", (500, 300), 255)
    canvas.paste(enlarged(255 - digit, 4), (350, 10))
    return canvas


def photographed(digit: Grey) -> Image.Image:
    """Dark ink on paper lit from one side, with noise, as a JPEG."""
    share = np.asarray(enlarged(digit, 9), dtype=float) / 255
    noise = np.random.default_rng(1).normal(0, 4, share.shape)
    paper = 210 - 70 * np.linspace(0, 1, share.shape[1]) + noise
    buffer = io.BytesIO()
    Image.fromarray(np.clip(paper * (1 - share) + 50 * share, 0, 255).astype(np.uint8)).save(buffer, "JPEG")
    return Image.open(io.BytesIO(buffer.getvalue()))


WAYS: dict[str, Callable[[Grey], Image.Image]] = {
    "enlarged": lambda digit: enlarged(digit, 11),
    "black on white": lambda digit: Image.fromarray(255 - np.asarray(enlarged(digit, 3))),
    "shrunk": lambda digit: Image.fromarray(digit).crop((2, 2, 26, 26)).resize((16, 16), Image.Resampling.BILINEAR),
    "off centre": off_centre,
    "blue on yellow": lambda digit: blended(digit, (250, 240, 170), (20, 40, 150)),
    "red on green of one lightness": lambda digit: blended(digit, (0, 102, 0), (200, 0, 0)),
    "faint": lambda digit: blended(digit, (240, 240, 240), (200, 200, 200)),
    "black on transparent": lambda digit: on_transparent(digit, (0, 0, 0)),
    "white on transparent": lambda digit: on_transparent(digit, (255, 255, 255)),
    "photographed": photographed,
}


def test_the_rule_for_digits_is_found_from_the_images(digits: Preprocessing) -> None:
    assert (digits.height, digits.width, digits.channels) == (28, 28, 1)
    assert digits.ink == "light"
    assert digits.frame == Frame(20, "mass")
    assert digits.mean[0] == pytest.approx(0.1307, abs=0.002)
    assert digits.std[0] == pytest.approx(0.3081, abs=0.002)


def test_mnist_images_pass_unchanged(mnist: Splits, digits: Preprocessing) -> None:
    assert mnist.test is not None
    for digit in mnist.test.images[::5]:
        assert (digits.prepare(digit) == digit).all()
        assert (digits.prepare(255 - digit) == digit).all()


def test_an_mnist_image_as_a_png_passes_unchanged(mnist: Splits, digits: Preprocessing, tmp_path: object) -> None:
    assert mnist.test is not None
    buffer = io.BytesIO()
    Image.fromarray(mnist.test.images[0, ..., 0]).save(buffer, "PNG")
    assert (digits.prepare(buffer.getvalue()) == mnist.test.images[0]).all()


@pytest.mark.parametrize("way", WAYS)
def test_real_digits_are_recognised_however_they_come(
    mnist: Splits, digits: Preprocessing, nearest: Callable[[Grey], Grey], way: str
) -> None:
    assert mnist.test is not None
    originals, labels = mnist.test.images[:100], mnist.test.labels[:100]
    prepared = np.stack([digits.prepare(WAYS[way](digit[..., 0])) for digit in originals])
    as_they_are = (nearest(originals) == labels).mean()
    assert as_they_are > 0.94
    assert (nearest(prepared) == labels).mean() > as_they_are - 0.035


@pytest.mark.parametrize("size", [20, 60, 400])
@pytest.mark.parametrize(("ground", "ink"), [("white", "black"), ("black", "white"), ("navy", "orange")])
def test_drawn_digits_are_framed_as_mnist_is(digits: Preprocessing, size: int, ground: str, ink: str) -> None:
    for digit in "0123456789":
        image = Image.new("RGB", (2 * size, 2 * size), ground)
        font = ImageFont.load_default(size)
        ImageDraw.Draw(image).text((size // 4, size // 2), digit, ink, font)
        prepared = digits.prepare(image)[..., 0].astype(float)
        rows, columns = np.nonzero(prepared.max(1) > 25)[0], np.nonzero(prepared.max(0) > 25)[0]
        assert abs(max(np.ptp(rows), np.ptp(columns)) + 1 - 20) <= 1
        assert abs((prepared.sum(1) @ np.arange(28)) / prepared.sum() - 14) <= 1
        assert abs((prepared.sum(0) @ np.arange(28)) / prepared.sum() - 14) <= 1
        assert prepared[0].max() == 0
        assert prepared.max() > 200


HAND = {  # digits as one would draw them, on 200×280
    0: [[(100, 40), (60, 70), (45, 140), (60, 210), (100, 240), (140, 210), (155, 140), (140, 70), (100, 40)]],
    1: [[(100, 40), (100, 240)]],
    2: [[(50, 80), (70, 45), (110, 40), (145, 65), (140, 110), (90, 170), (45, 235), (155, 235)]],
    3: [[(50, 60), (90, 40), (140, 60), (135, 110), (85, 135), (140, 165), (145, 210), (100, 240), (50, 225)]],
    4: [[(70, 40), (45, 150), (155, 150)], [(130, 80), (120, 240)]],
    5: [[(145, 45), (65, 45), (55, 125), (110, 115), (150, 160), (135, 220), (90, 240), (45, 225)]],
    6: [[(130, 45), (75, 100), (50, 180), (70, 230), (115, 240), (145, 205), (130, 165), (90, 160), (55, 190)]],
    7: [[(40, 50), (160, 50), (90, 240)]],
    8: [
        [(100, 130), (60, 90), (75, 50), (120, 45), (140, 80), (100, 130)],
        [(100, 130), (55, 180), (70, 230), (125, 235), (145, 190), (100, 130)],
    ],
    9: [[(140, 80), (105, 50), (65, 70), (60, 115), (95, 135), (135, 110), (140, 80), (130, 170), (110, 240)]],
}


@pytest.mark.parametrize("thickness", [1, 3, 12, 40])
def test_thin_and_thick_strokes(digits: Preprocessing, nearest: Callable[[Grey], Grey], thickness: int) -> None:
    drawn = []
    for lines in HAND.values():
        image = Image.new("L", (200, 280), 255)
        for line in lines:
            ImageDraw.Draw(image).line(line, 0, thickness, joint="curve")
        drawn.append(digits.prepare(image))
        assert drawn[-1].max() > 200
    assert nearest(np.stack(drawn)).tolist() == list(HAND)


def test_a_hair_on_a_large_sheet(digits: Preprocessing, nearest: Callable[[Grey], Grey]) -> None:
    image = Image.new("L", (4000, 5600), 255)
    for line in HAND[4]:
        ImageDraw.Draw(image).line([(20 * x, 20 * y) for x, y in line], 0, 5)
    prepared = digits.prepare(image)
    assert prepared.max() > 200
    assert nearest(prepared[None])[0] == 4


def test_an_empty_sheet_is_an_empty_image(digits: Preprocessing) -> None:
    for colour in ("white", "black", "teal"):
        assert not digits.prepare(Image.new("RGB", (90, 50), colour)).any()
    assert not digits.prepare(Image.new("RGBA", (90, 50))).any()


def photographs(channels: int = 3) -> Dataset:
    images = np.random.default_rng(0).integers(0, 255, (50, 32, 32, channels), dtype=np.uint8)
    return Dataset(images, np.zeros(50, np.int64), ("a",), "noise")


def test_photographs_are_scaled_and_cropped_to_the_middle() -> None:
    rule = Preprocessing.for_dataset(photographs())
    assert (rule.fit, rule.ink, rule.frame) == ("crop", None, None)
    image = Image.new("RGB", (200, 100), "blue")
    image.paste("red", (50, 0, 150, 100))
    assert (rule.prepare(image)[2:-2, 2:-2] == np.array([255, 0, 0])).all()
    assert rule.prepare(Image.new("L", (10, 99), 7)).shape == (32, 32, 3)
    exact = photographs().images[3]
    assert (rule.prepare(exact) == exact).all()


def test_dark_things_on_light_are_met_by_inverting() -> None:
    images = np.full((40, 24, 24, 1), 255, np.uint8)
    images[:, 2:5, 3:20] = 10
    images[::2, 15:17, 8:14] = 90
    rule = Preprocessing.for_dataset(Dataset(images, np.zeros(40, np.int64), ("a",)))
    assert rule.ink == "dark"
    assert (rule.prepare(images[0]) == images[0]).all()
    assert (rule.prepare(255 - images[0]) == images[0]).all()


def test_arrays(digits: Preprocessing) -> None:
    digit = np.zeros((28, 28), np.uint8)
    digit[4:24, 12:16] = 255
    as_float = digit.astype(np.float32) / 255
    for same in (digit, digit[..., None], np.stack([digit] * 3, 2), as_float, digit > 0, digit.astype(np.int64)):
        assert (digits.prepare(same)[..., 0] == digit).all()
    with pytest.raises(ValueError, match="floating-point pixels from 0 to 1"):
        digits.prepare(as_float * 255)
    with pytest.raises(ValueError, match="pixels from 0 to 255"):
        digits.prepare(digit.astype(np.int32) * 4)
    with pytest.raises(ValueError, match=r"received shape \(5, 28, 28\)"):
        digits.prepare(np.zeros((5, 28, 28)))
    with pytest.raises(ImageError, match=r"no\.png"):
        digits.prepare("no.png")


def test_normalise_is_the_formula_on_channels_last() -> None:
    rule = Preprocessing(4, 5, 3, (0.5, 0.25, 0.125), (0.5, 0.25, 2.0))
    images = torch.randint(0, 256, (6, 4, 5, 3), dtype=torch.uint8)
    result = rule.normalise(images)
    expected = (images.double() / 255 - torch.tensor(rule.mean).double()) / torch.tensor(rule.std).double()
    assert result.shape == (6, 3, 4, 5)
    assert result.is_contiguous(memory_format=torch.channels_last)
    torch.testing.assert_close(result.double(), expected.permute(0, 3, 1, 2), atol=1e-6, rtol=1e-6)
    assert rule.normalise(images, torch.bfloat16).dtype == torch.bfloat16


fractions = st.floats(0, 1)
preprocessings = st.integers(1, 300).flatmap(
    lambda side: st.sampled_from([1, 3]).flatmap(
        lambda channels: st.builds(
            Preprocessing,
            height=st.just(side),
            width=st.integers(1, 300),
            channels=st.just(channels),
            mean=st.tuples(*[fractions] * channels),
            std=st.tuples(*[st.floats(1e-3, 1)] * channels),
            fit=st.sampled_from(["crop", "pad", "stretch"]),
            ink=st.sampled_from(["light", "dark"]),
            frame=st.none() | st.builds(Frame, st.integers(1, side), st.sampled_from(["mass", "box"])),
        )
    )
)


@given(preprocessings)
def test_json_there_and_back(rule: Preprocessing) -> None:
    assert Preprocessing.from_json(rule.to_json()) == rule
    assert str(rule.height) in str(rule)


@given(preprocessings, st.integers(1, 40), st.integers(1, 40))
def test_every_image_becomes_the_input(rule: Preprocessing, height: int, width: int) -> None:
    image = np.random.default_rng(height).integers(0, 255, (height, width, 3), dtype=np.uint8)
    result = rule.prepare(image)
    assert result.shape == (rule.height, rule.width, rule.channels)
    assert result.dtype == np.uint8


def test_what_is_wrong_is_refused() -> None:
    with pytest.raises(ValueError, match="at least 1×1 with a channel"):
        Preprocessing(4, 4, 0, (), ())
    with pytest.raises(ValueError, match="3 means"):
        Preprocessing(4, 4, 3, (0.5,), (1.0,))
    with pytest.raises(ValueError, match="received fit 'squeeze'"):
        Preprocessing(4, 4, 1, (0.5,), (1.0,), fit="squeeze")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="expected the fields"):
        Preprocessing.from_json('{"height": 3}')


@pytest.mark.parametrize("size", [(640, 480), (100, 333)])
@pytest.mark.parametrize("kind", ["RGB", "CMYK"])
@pytest.mark.parametrize("fit", ["crop", "pad", "stretch"])
def test_one_jpeg_gives_one_input_in_every_form(tmp_path, size, kind, fit):
    noise = np.random.default_rng(0).integers(0, 256, (size[1] // 4, size[0] // 4, 3), np.uint8)
    picture = Image.fromarray(noise).resize(size, Image.Resampling.BICUBIC).convert(kind)
    folder = tmp_path / "photos"
    for name in ("a", "b"):
        (folder / name).mkdir(parents=True)
        picture.save(folder / name / f"{name}.jpg", quality=90)
    path = folder / "a" / "a.jpg"
    wanted = Preprocessing(32, 32, 3, (0.5,) * 3, (0.2,) * 3, fit=fit)
    by_path = wanted.prepare(path)
    assert np.array_equal(wanted.prepare(path.read_bytes()), by_path)
    assert np.array_equal(wanted.prepare(Image.open(path)), by_path)
    assert np.array_equal(wanted.prepare(np.asarray(Image.open(path).convert("RGB"))), by_path)
    loaded = load(folder, size=(32, 32), channels=3, fit=fit).train
    assert np.array_equal(loaded.images[0], by_path)
    assert np.array_equal(load(folder, like=wanted).train.images[0], by_path)


def test_a_turned_jpeg_is_upright_by_path_and_by_picture(tmp_path):
    picture = Image.fromarray(np.linspace(0, 255, 60 * 40).astype(np.uint8).reshape(40, 60))
    turned = picture.getexif()
    turned[0x0112] = 6
    picture.save(tmp_path / "turned.jpg", exif=turned)
    wanted = Preprocessing(20, 30, 1, (0.5,), (0.2,), fit="stretch")
    assert np.array_equal(wanted.prepare(Image.open(tmp_path / "turned.jpg")), wanted.prepare(tmp_path / "turned.jpg"))
