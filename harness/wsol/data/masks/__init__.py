"""Masks in image files: what their pixel values are, and which of them are the object."""
