"""From an image file to RGB pixels: every mode is converted faithfully, or refused with the reason."""
