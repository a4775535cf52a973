"""Writes pillow.json beside this file: what Pillow makes of small pictures.

    pip install pillow==13.0.0 && python make.py
"""

import base64
import io
import json
import pathlib

import PIL
from PIL import Image, ImageEnhance, ImageFilter, ImageOps


def picture(width, height, low=0, high=255):
    """The picture that `testing::picture` makes too."""
    values = bytearray()
    for y in range(height):
        for x in range(width):
            for c in range(3):
                value = (31 * x + 17 * y + 59 * c + 7 * x * y + (x * x * c) % 23) % 256
                values.append(low + value * (high - low) // 255)
    return Image.frombytes("RGB", (width, height), bytes(values))


def text(data):
    return base64.b64encode(data).decode()


def pixels(image):
    return text(image.convert("RGB").tobytes())


def resizes():
    filters = {"bilinear": Image.Resampling.BILINEAR, "bicubic": Image.Resampling.BICUBIC}
    for width, height, resize, side in [
        (7, 5, 4, 4), (40, 30, 8, 8), (3, 9, 12, 10), (12, 12, 9, 9), (61, 33, 20, 13), (5, 64, 5, 5), (1, 1, 6, 6),
        (1, 90, 4, 4), (8, 8, 11, 8),
    ]:
        for name, filter in filters.items():
            short = min(width, height)
            size = (resize * width // short, resize * height // short)
            left, top = (round((n - side) / 2.0) for n in size)
            image = picture(width, height).resize(size, filter).crop((left, top, left + side, top + side))
            yield dict(width=width, height=height, resize=resize, side=side, filter=name, pixels=pixels(image))


def crops():
    for side, box in [(13, (2, 1, 11, 9)), (13, (0, 0, 13, 13)), (32, (5, 3, 25, 31)), (8, (7, 7, 8, 8)), (13, (0, 3, 13, 6))]:
        image = picture(side, side).crop(box).resize((side, side), Image.Resampling.BILINEAR)
        yield dict(side=side, box=box, pixels=pixels(image))


def ops():
    def affine(matrix):
        return lambda image, v: image.transform(image.size, Image.Transform.AFFINE, matrix(v, image.size))

    named = {
        "auto-contrast": (lambda i, v: ImageOps.autocontrast(i), [0.0]),
        "brightness": (lambda i, v: ImageEnhance.Brightness(i).enhance(v), [0.05, 0.5, 0.9, 1.3]),
        "color": (lambda i, v: ImageEnhance.Color(i).enhance(v), [0.05, 0.7, 1.4]),
        "contrast": (lambda i, v: ImageEnhance.Contrast(i).enhance(v), [0.05, 0.7, 1.4]),
        "equalize": (lambda i, v: ImageOps.equalize(i), [0.0]),
        "posterize": (lambda i, v: ImageOps.posterize(i, int(v)), [4.2, 7.9]),
        "rotate": (lambda i, v: i.rotate(v), [-30.0, -7.3, 0.4, 13.0, 29.9]),
        "sharpness": (lambda i, v: ImageEnhance.Sharpness(i).enhance(v), [0.05, 0.6, 0.95]),
        "shear-x": (affine(lambda v, s: (1, v, 0, 0, 1, 0)), [-0.3, 0.11]),
        "shear-y": (affine(lambda v, s: (1, 0, 0, v, 1, 0)), [-0.21, 0.3]),
        "solarize": (lambda i, v: ImageOps.solarize(i, v), [0.0, 127.3, 255.9]),
        "translate-x": (affine(lambda v, s: (1, 0, v * s[0], 0, 1, 0)), [-0.3, 0.17]),
        "translate-y": (affine(lambda v, s: (1, 0, 0, 0, 1, v * s[1])), [-0.11, 0.3]),
        "grey": (lambda i, v: i.convert("L"), [0.0]),
    }
    for name, (op, values) in named.items():
        sides = [13, 32] if name in ("equalize", "auto-contrast") else [14] if name == "rotate" else [13]
        for side in sides:
            for value in values:
                yield dict(op=name, value=value, side=side, pixels=pixels(op(picture(side, side, 30, 190), value)))


def hues():
    import numpy as np

    for turn in (-0.1, 0.05, 0.1):
        hue, saturation, value = picture(13, 13).convert("HSV").split()
        turned = (np.array(hue, dtype=np.int32) + int(turn * 255)) % 256
        hue = Image.fromarray(turned.astype(np.uint8))
        yield dict(turn=int(turn * 255) / 256, pixels=pixels(Image.merge("HSV", (hue, saturation, value))))


def files():
    base = picture(16, 12)
    smooth = base.filter(ImageFilter.GaussianBlur(2))
    alpha = picture(16, 12).convert("L")

    def case(name, image, format, tolerance=0, expected=None, **options):
        out = io.BytesIO()
        image.save(out, format, **options)
        expected = expected or Image.open(io.BytesIO(out.getvalue()))
        return dict(name=name, file=text(out.getvalue()), width=expected.width, height=expected.height,
                    tolerance=tolerance, pixels=pixels(expected))

    rgba = base.copy()
    rgba.putalpha(alpha)
    la = base.convert("L")
    la.putalpha(alpha)
    palette = base.quantize(16)
    yield case("rgb.png", base, "PNG")
    yield case("interlaced or not, grey.png", base.convert("L"), "PNG")
    yield case("rgba.png: alpha is dropped", rgba, "PNG")
    yield case("la.png", la, "PNG")
    yield case("palette.png", palette, "PNG")
    yield case("palette with a transparent color.png", palette, "PNG", transparency=3, expected=palette.convert("RGB"))
    yield case("1 bit.png", base.convert("1"), "PNG")
    wide = Image.frombytes("I;16", (4, 2), bytes([0, 0, 255, 0, 0, 1, 255, 127, 0, 128, 200, 200, 254, 255, 255, 255]))
    upper = Image.frombytes("L", (4, 2), bytes([0, 0, 1, 127, 128, 200, 255, 255]))
    yield case("16 bit grey.png: upper 8 are kept", wide, "PNG", expected=upper)
    yield case("smooth.jpg", smooth, "JPEG", tolerance=3, quality=95, subsampling=0)
    yield case("subsampled.jpg", smooth, "JPEG", tolerance=12, quality=90)
    yield case("progressive.jpg", smooth, "JPEG", tolerance=12, quality=90, progressive=True)
    yield case("grey.jpg", smooth.convert("L"), "JPEG", tolerance=2, quality=95)
    yield case("cmyk.jpg", smooth.convert("CMYK"), "JPEG", tolerance=6, quality=95)
    for orientation in range(1, 9):
        exif = Image.Exif()
        exif[0x0112] = orientation
        out = io.BytesIO()
        smooth.save(out, "JPEG", quality=95, subsampling=0, exif=exif)
        turned = ImageOps.exif_transpose(Image.open(io.BytesIO(out.getvalue())))
        yield case(f"orientation {orientation}.jpg", smooth, "JPEG", tolerance=3, expected=turned, quality=95,
                   subsampling=0, exif=exif)
    yield case("lossless.webp", base, "WEBP", lossless=True)
    yield case("alpha.webp", rgba, "WEBP", lossless=True, exact=True)
    yield case("lossy.webp", smooth, "WEBP", tolerance=8, quality=95)
    yield case("rgb.bmp", base, "BMP")


made = dict(pillow=PIL.__version__, resizes=list(resizes()), crops=list(crops()), ops=list(ops()), hues=list(hues()),
            files=list(files()))
out = pathlib.Path(__file__).with_name("pillow.json")
lines = [f'"{key}": ' + (json.dumps(value) if isinstance(value, str) else "[\n" + ",\n".join(map(json.dumps, value)) + "\n]")
         for key, value in made.items()]
out.write_text("{\n" + ",\n".join(lines) + "\n}\n")
