"""What the user may say about the files of a benchmark, so that they can be decoded."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

MAX_PIXELS = 178_956_970
"""Largest number of pixels of an image by default: twice Pillow's ``MAX_IMAGE_PIXELS``, where Pillow itself stops."""
ANY_SIZE = 2**40
"""A limit of pixels that no image reaches."""
Background = tuple[int, int, int] | Literal["ignore"] | None
"""Colour that images with an alpha channel are drawn on; ``ignore`` drops alpha; None refuses transparent pixels."""


@dataclass(frozen=True)
class Decoding:
    """How the image files of a benchmark are decoded.

    Attributes:
        background: Colour below transparent pixels, RGB, 0 to 255; ``ignore``: the stored colours, whatever alpha says;
            None: images with transparent pixels are refused.
        bits: Bits that files with more than 8 bits a channel use, 1 to 16: their white is ``2 ** bits - 1``. None: 16,
            and an image that looks like 12 bits stored in 16 is refused.
        max_pixels: Images with more pixels are refused before they are decoded.

    Example:
        >>> from wsol.data.decoding.settings import Decoding
        >>> Decoding().identity(), Decoding(bits=12, max_pixels=10**9).identity()
        ('', 'bits=12')
    """

    background: Background = None
    bits: int | None = None
    max_pixels: int = MAX_PIXELS

    def identity(self) -> str:
        """What changes decoded pixels, for fingerprints; empty for the default."""
        given = {"background": self.background, "bits": self.bits}
        return ", ".join(f"{name}={value}" for name, value in given.items() if value is not None)


DEFAULT_DECODING = Decoding()
"""Refuses transparent pixels, and values that may be 12 bits in 16."""


def parse_background(text: str | None) -> Background:
    """Read the colour of a background.

    Args:
        text: A name of CSS such as ``white``, or ``#rrggbb``, or ``ignore``; None for none.

    Raises:
        ValueError: It is no colour, or one with an alpha channel.

    Example:
        >>> from wsol.data.decoding.settings import parse_background
        >>> parse_background("white"), parse_background("#102030"), parse_background("ignore")
        ((255, 255, 255), (16, 32, 48), 'ignore')
    """
    from PIL import ImageColor

    if text is None or text == "ignore":
        return None if text is None else "ignore"
    try:
        red, green, blue, *alpha = ImageColor.getrgb(text)
    except ValueError:
        alpha = [0]
    if alpha:
        raise ValueError(f"{text!r:.60} is not white, black, another colour's name, '#rrggbb' in quotes, or ignore")
    return red, green, blue
