"""Options that say how image files are decoded, of benchmarks and of imports."""

from __future__ import annotations

from pydantic import field_validator

from wsol.data.decoding.settings import ANY_SIZE, DEFAULT_DECODING, MAX_PIXELS, Decoding, parse_background
from wsol.options import Options, option


class DecodingOptions(Options):
    """How image files are decoded, see :class:`Decoding`."""

    background: str | None = option(
        None, "colour below transparent pixels: white, black, '#rrggbb' …; ignore: stored colours; null: refuse them"
    )
    bits: int | None = option(None, "bits that images of more than 8 bits use: white is 2^bits - 1", ge=1, le=16)
    max_pixels: int = option(MAX_PIXELS, "images with more pixels are refused", ge=1, le=ANY_SIZE)

    @field_validator("background")
    @classmethod
    def _check_background(cls, background: str | None) -> str | None:
        parse_background(background)
        return background

    def decoding(self, default: Decoding = DEFAULT_DECODING) -> Decoding:
        """How image files are decoded.

        Args:
            default: What counts instead of the options that have their defaults.
        """
        return Decoding(
            default.background if self.background is None else parse_background(self.background),
            default.bits if self.bits is None else self.bits,
            default.max_pixels if self.max_pixels == MAX_PIXELS else self.max_pixels,
        )
