"""A folder of small photographs for the tests."""

import numpy as np
from PIL import Image

TURNED = 6


def write_photographs(root, *, n=10, parts=("",), sizes=((30, 40), (50, 36), (44, 44)), classes=("day", "night")):
    """Photographs of different sizes, whose brightness tells the class; every second one is stored on its side."""
    rng = np.random.default_rng(0)
    for part in parts:
        for k, name in enumerate(classes):
            folder = root / part / name
            folder.mkdir(parents=True)
            for i in range(n):
                height, width = sizes[i % len(sizes)]
                pixels = rng.integers(160 - 120 * k, 200 - 120 * k, (height, width, 3)).astype("uint8")
                exif = Image.Exif()
                if i % 2:
                    exif[0x0112] = TURNED
                Image.fromarray(pixels).save(folder / f"IMG_{i}.JPG", exif=exif)
    return root
