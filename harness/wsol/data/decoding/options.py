"""Options that say how image files are decoded, of benchmarks and of imports."""

from __future__ import annotations

from pydantic import field_validator

from wsol.data.decoding.settings import ANY_SIZE, MAX_PIXELS, Decoding, parse_background
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

    def decoding(self, stated: DecodingOptions | None = None) -> Decoding:
        """How image files are decoded.

        Args:
            stated: What counts instead of these options where they have their defaults.
        """
        other = stated or DecodingOptions()
        return Decoding(
            parse_background(other.background if self.background is None else self.background),
            other.bits if self.bits is None else self.bits,
            other.max_pixels if self.max_pixels == MAX_PIXELS else self.max_pixels,
        )
