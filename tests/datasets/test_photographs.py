"""Images of any size, orientation, depth and color brought to uint8 pixels of one size."""

import io
import struct

import numpy as np
import pytest
from image_sources import NAMES, expect_error, pack, pixels, read_folder, write
from PIL import Image, ImageOps
from PIL.JpegImagePlugin import JpegImageFile
from PIL.PngImagePlugin import PngImageFile, PngInfo

from sk_cifar_ovr.datasets import image_sizes, read_image_files

BICUBIC = Image.Resampling.BICUBIC


def smooth(height, width, seed=0):
    """A picture without fine detail, which survives JPEG and a change of size."""
    small = Image.fromarray(pixels(seed, (4, 5, 3)))
    return small.resize((width, height), BICUBIC)


@pytest.fixture
def mixed(tmp_path):
    """Two classes with images of four sizes, lossless."""
    for seed, (size, name) in enumerate(zip([(40, 60), (60, 40), (9, 9), (50, 50)], NAMES * 2, strict=True)):
        (tmp_path / "mixed" / name).mkdir(parents=True, exist_ok=True)
        smooth(*size, seed).save(tmp_path / "mixed" / name / f"{seed}.png")
    return tmp_path / "mixed"


WAYS = {"crop": ImageOps.fit, "pad": ImageOps.pad, "stretch": Image.Image.resize}


@pytest.mark.parametrize("ending", ["", ".zip"])
@pytest.mark.parametrize("fit", ["crop", "pad", "stretch"])
def test_images_are_brought_to_one_size(mixed, fit, ending):
    data = read_folder(pack(mixed, ending) if ending else mixed, image_size=(20, 24), fit=fit)
    assert data.images.shape == (4, 20, 24, 3)
    assert data.reading == {"image_size": [20, 24], "fit": fit, "sixteen_bit": "refuse"}
    for image, name in zip(data.images, data.filenames, strict=True):
        whole = Image.open(mixed / name)
        filter_ = Image.Resampling.BILINEAR if whole.size > (24, 20) else BICUBIC
        np.testing.assert_array_equal(image, WAYS[fit](whole, (24, 20), filter_))


def test_pad_shows_the_whole_image_on_black(mixed):
    image = read_folder(mixed, image_size=(30, 30), fit="pad").images[0]
    assert (image[:5] == 0).all()
    assert (image[-5:] == 0).all()
    assert image[6:-6].mean(axis=2).min() > 0


def test_an_image_of_the_size_is_not_touched(plain):
    np.testing.assert_array_equal(read_folder(plain, image_size=(6, 5)).images, read_folder(plain).images)


def test_without_a_size_mixed_sizes_are_refused(mixed):
    expect_error("mixed sizes.*image_size=", mixed)
    expect_error("mixed sizes.*image_size=", mixed, lazy=True)


@pytest.mark.parametrize("image_size", [0, (0, 5), (5, -1), (5,), (5, 5, 3), "ab", (5.0, 5), (True, 5), 128, [None, 3]])
def test_a_bad_size_is_refused_before_anything_is_read(tmp_path, image_size):
    expect_error("image_size is .*two positive integers", tmp_path / "missing", ValueError, image_size=image_size)


@pytest.mark.parametrize("option", [{"fit": "fill"}, {"sixteen_bit": True}, {"subset": "dev"}, {"on_error": "ignore"}])
def test_bad_options_are_refused_before_anything_is_read(tmp_path, option):
    expect_error(next(iter(option)), tmp_path / "missing", ValueError, **option)


@pytest.mark.parametrize(
    ("fit", "orientation", "decoded_size"),
    [("crop", 1, (75, 100)), ("stretch", 1, (75, 100)), ("pad", 1, (75, 100))]
    # Turned, 600 pixels become the height: an eighth of them would be less than 90.
    + [("crop", 6, (150, 200)), ("stretch", 6, (150, 200)), ("pad", 6, (75, 100))],
)
def test_large_jpegs_are_decoded_at_reduced_scale(tmp_path, monkeypatch, fit, orientation, decoded_size):
    exif = Image.Exif()
    exif[0x0112] = orientation
    for name in NAMES:
        (tmp_path / name).mkdir()
        smooth(800, 600).save(tmp_path / name / "1.jpg", quality=95, exif=exif)
    sizes = []
    load = JpegImageFile.load
    monkeypatch.setattr(JpegImageFile, "load", lambda image: sizes.append(image.size) or load(image))
    image = read_folder(tmp_path, image_size=(90, 40), fit=fit).images[0]
    assert sizes[0] == decoded_size
    whole = ImageOps.exif_transpose(Image.open(tmp_path / "cat/1.jpg"))
    assert np.abs(image.astype(int) - np.asarray(WAYS[fit](whole, (40, 90), BICUBIC))).mean() < 2


@pytest.mark.parametrize("ending", ["jpg", "png", "webp", "tiff"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_orientation_is_applied(tmp_path, orientation, ending):
    exif = Image.Exif()
    exif[0x0112] = orientation
    for seed, name in enumerate(NAMES):
        (tmp_path / name).mkdir()
        smooth(16, 24, seed).save(tmp_path / name / f"1.{ending}", exif=exif)
    upright = [np.asarray(ImageOps.exif_transpose(Image.open(tmp_path / name / f"1.{ending}"))) for name in NAMES]
    assert upright[0].shape == ((16, 24, 3) if orientation < 5 else (24, 16, 3))
    np.testing.assert_array_equal(read_folder(tmp_path).images, upright)
    np.testing.assert_array_equal(read_folder(tmp_path, lazy=True).images, upright)


def moved_behind_the_pixels(content, kinds):
    """A PNG file with the chunks of these kinds after the last one of pixels."""
    chunks, start = [], 8
    while start < len(content):
        length, kind = struct.unpack_from(">I4s", content, start)
        chunks.append((kind, content[start : start + length + 12]))
        start += length + 12
    order = sorted(chunks[1:-1], key=lambda chunk: chunk[0] in kinds)
    return content[:8] + b"".join(chunk for _, chunk in [chunks[0], *order, chunks[-1]])


XMP = (
    '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
    '<rdf:Description xmlns:tiff="http://ns.adobe.com/tiff/1.0/" tiff:Orientation="6"/></rdf:RDF></x:xmpmeta>'
)


@pytest.mark.parametrize("metadata", ["exif", "xmp", "date"])
def test_orientation_behind_the_pixels_of_a_png(tmp_path, monkeypatch, metadata):
    exif, text = Image.Exif(), PngInfo()
    if metadata == "exif":
        exif[0x0112] = 6
    elif metadata == "xmp":
        text.add_itxt("XML:com.adobe.xmp", XMP)
    else:
        text.add_text("date:create", "2020-02-02")
    for seed, name in enumerate(NAMES):
        stream = io.BytesIO()
        smooth(16, 24, seed).save(stream, "PNG", exif=exif, pnginfo=text)
        (tmp_path / name).mkdir()
        content = moved_behind_the_pixels(stream.getvalue(), {b"eXIf", b"iTXt", b"tEXt"})
        (tmp_path / name / "1.png").write_bytes(content)
    expected = read_folder(tmp_path).images
    assert expected.shape == ((2, 16, 24, 3) if metadata == "date" else (2, 24, 16, 3))
    np.testing.assert_array_equal(image_sizes(tmp_path), [expected.shape[1:3]] * 2)
    lazy = read_folder(tmp_path, lazy=True)
    np.testing.assert_array_equal(lazy.images, expected)
    if metadata == "date":
        monkeypatch.setattr(PngImageFile, "load", lambda image: pytest.fail("only the header is wanted"))
        read_folder(tmp_path, lazy=True)


@pytest.mark.filterwarnings("ignore:Corrupt EXIF data:UserWarning")
def test_damaged_metadata_does_no_harm(tmp_path):
    for seed, name in enumerate(NAMES):
        (tmp_path / name).mkdir()
        smooth(16, 24, seed).save(tmp_path / name / "1.jpg", exif=b"Exif\0\0MM\0*\0\0\0\x08\xff\xff\x01\x12\0\xff")
    assert read_folder(tmp_path).images.shape == (2, 16, 24, 3)
    assert read_folder(tmp_path, lazy=True).images.shape == (2, 16, 24, 3)


def transparent_images():
    colors = np.zeros((6, 5, 3), np.uint8)
    colors[2:] = (10, 200, 30)
    alpha = np.zeros((6, 5), np.uint8)
    alpha[3:] = 255
    palette = Image.fromarray(colors).quantize(4)
    grey = Image.fromarray(colors[..., 1])
    transparent = palette.getpixel((0, 0))
    white = np.where(alpha[..., None] > 0, colors, 255)
    # Only the color of the first rows is transparent in a palette.
    by_color = np.where((colors == 0).all(axis=2, keepdims=True), 255, colors)
    yield "RGBA", Image.fromarray(np.dstack([colors, alpha])), {}, white
    yield "LA", Image.merge("LA", (grey, Image.fromarray(alpha))), {}, np.repeat(white[..., 1:2], 3, axis=2)
    yield "P", palette, {"transparency": transparent}, by_color
    yield "RGB", Image.fromarray(colors), {"transparency": (0, 0, 0)}, by_color


@pytest.mark.parametrize(
    ("mode", "image", "options", "on_white"), list(transparent_images()), ids=["RGBA", "LA", "P", "RGB"]
)
def test_transparent_images_are_laid_on_white(tmp_path, mode, image, options, on_white):
    for name in NAMES:
        (tmp_path / name).mkdir()
        image.save(tmp_path / name / "1.png", **options)
    with Image.open(tmp_path / "cat/1.png") as written:
        assert written.mode == mode
    np.testing.assert_array_equal(read_folder(tmp_path).images, [on_white] * 2)


def test_transparent_grey_stays_grey(tmp_path):
    grey = Image.fromarray(np.array([[7, 80], [7, 160]], np.uint8))
    for name in NAMES:
        (tmp_path / name).mkdir()
        grey.save(tmp_path / name / "1.png", transparency=7)
    np.testing.assert_array_equal(read_folder(tmp_path).images[0, ..., 0], [[255, 80], [255, 160]])


def test_half_transparent_pixels_are_mixed_with_white(plain):
    write(plain / "cat/1.png", np.full((6, 5, 4), (0, 100, 200, 51), np.uint8))
    np.testing.assert_allclose(read_folder(plain).images[0, 0, 0], [204, 224, 244], atol=1)


def test_palettes_and_cmyk_become_rgb(tmp_path):
    image = smooth(16, 16)
    for name, converted in (("cat", image.quantize(64)), ("dog", image.convert("CMYK"))):
        (tmp_path / name).mkdir()
        converted.save(tmp_path / name / "1.tiff")
    for images in (read_folder(tmp_path).images, read_folder(tmp_path, lazy=True).images):
        for name, pixels_ in zip(NAMES, images, strict=True):
            np.testing.assert_array_equal(pixels_, Image.open(tmp_path / name / "1.tiff").convert("RGB"))


@pytest.mark.parametrize("ending", ["png", "tiff", "pgm"])
def test_sixteen_bit_grey(tmp_path, ending):
    deep = np.array([[0, 128, 129, 257], [65535, 65407, 65406, 40000]], np.uint16)
    for name in NAMES:
        (tmp_path / name).mkdir()
        if ending == "pgm":
            (tmp_path / name / "1.pgm").write_bytes(b"P5 4 2 65535\n" + deep.astype(">u2").tobytes())
        else:
            Image.fromarray(deep).save(tmp_path / name / f"1.{ending}")
    for lazy in (False, True):
        expect_error('sixteen_bit="scale"', tmp_path, lazy=lazy)
        data = read_folder(tmp_path, sixteen_bit="scale", lazy=lazy)
        assert data.images.shape == (2, 2, 4, 1)
        np.testing.assert_array_equal(data.images[0][..., 0], np.rint(deep / 257))
        assert data.reading["sixteen_bit"] == "scale"
    resized = read_folder(tmp_path, sixteen_bit="scale", image_size=(3, 3)).images
    assert resized.shape == (2, 3, 3, 1)


@pytest.mark.parametrize("mode", ["I", "F"])
@pytest.mark.parametrize("lazy", [False, True])
def test_deeper_pixels_are_refused(plain, mode, lazy):
    Image.fromarray(np.full((6, 5), 70_000, {"I": np.int32, "F": np.float32}[mode])).save(plain / "cat/0.tiff")
    expect_error("more than 16 bits", plain, sixteen_bit="scale", lazy=lazy)
    data = read_folder(plain, on_error="skip", lazy=lazy)
    assert data.skipped == ["cat/0.tiff"]


def test_files_in_a_thread_each_keep_their_order_and_their_error(tmp_path):
    for name in NAMES:
        for seed in range(150):
            write(tmp_path / name / f"{seed}.png", pixels(seed))
    for number in (33, 97):
        (tmp_path / "dog" / f"{number}.png").write_bytes(b"damaged")
    expect_error("dog/33.png", tmp_path)
    data = read_folder(tmp_path, on_error="skip")
    assert data.skipped == ["dog/33.png", "dog/97.png"]
    seeds = [*range(150), *(seed for seed in range(150) if seed not in (33, 97))]
    np.testing.assert_array_equal(data.images, [pixels(seed) for seed in seeds])


def test_a_smaller_image_averages_over_all_pixels(tmp_path):
    """Stripes of one pixel become grey instead of a pattern."""
    stripes = np.zeros((64, 64, 3), np.uint8)
    stripes[:, ::2] = 200
    for name in NAMES:
        write(tmp_path / name / "1.png", stripes)
    image = read_folder(tmp_path, image_size=(9, 9)).images[0]
    assert np.abs(image.astype(int) - 100).max() < 20


def test_one_core_needs_no_threads(plain, monkeypatch):
    from sk_cifar_ovr.datasets.files import _threads

    expected = read_folder(plain).images
    monkeypatch.setattr(_threads, "n_cores", lambda: 1)
    monkeypatch.setattr(_threads, "_pool", None)
    np.testing.assert_array_equal(read_folder(plain).images, expected)
    np.testing.assert_array_equal(read_folder(plain, lazy=True).images, expected)


@pytest.mark.parametrize("fit", ["crop", "pad", "stretch"])
def test_new_images_are_read_as_the_training_images_were(mixed, fit):
    trained_on = read_folder(mixed, image_size=(20, 24), fit=fit)
    paths = [mixed / name for name in trained_on.filenames]
    images = read_image_files(paths, shape=(20, 24, 3), fit=fit)[1]
    np.testing.assert_array_equal(images, trained_on.images)


def test_new_sixteen_bit_images(tmp_path):
    Image.fromarray(np.full((6, 5), 25_700, np.uint16)).save(tmp_path / "1.png")
    images = read_image_files([tmp_path], shape=(6, 5, 3), sixteen_bit="scale")[1]
    assert (images == 100).all()
    with pytest.raises(ValueError, match="fit is 'fill'"):
        read_image_files([tmp_path], shape=(6, 5, 3), fit="fill")


def test_channels_of_an_image_with_transparency_can_be_kept():
    from sk_cifar_ovr.datasets.files._pixels import Reading, decode

    stream = io.BytesIO()
    Image.fromarray(pixels(0, (6, 5, 4))).save(stream, "PNG")
    np.testing.assert_array_equal(decode(stream.getvalue(), Reading(), 4), pixels(0, (6, 5, 4)))
