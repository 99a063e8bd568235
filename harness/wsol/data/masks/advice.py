"""What to write where nothing says what the values of masks mean."""

from __future__ import annotations

from collections.abc import Sequence

from wsol.data.masks.levels import NEARLY_GREY, level_name

MANY = 16
"""More values than this in one mask look like those between two values, as blurred and JPEG-compressed masks have."""
SHOWN = 8
"""Most values that a message names."""
TRIMAP = (1, 2, 3)
"""Values of the trimaps of Oxford-IIIT Pet: the animal, the background, and the border between them."""
UNKNOWN = (127, 128)
"""Values that trimaps of matting data sets give to the border between object and background, 255 and 0."""
NEARLY_WHITE = 8
"""No label is as near to 255 as this; JPEG's noise is."""
VOID = 255
"""Value that label images of segmentation data sets give to pixels without a label."""


def name_values(values: Sequence[float], coloured: bool) -> str:
    """Name values, the first ones of many.

    Example:
        >>> name_values([0, 1, 255], False)
        '0, 1 and 255'
    """
    names = [level_name(value, coloured) for value in values[:SHOWN]]
    if len(values) > SHOWN:
        return f"{', '.join(names)} and {len(values) - SHOWN} more"
    return f"{', '.join(names[:-1])} and {names[-1]}" if len(names) > 1 else "".join(names)


def looks_soft(values: Sequence[int], coloured: bool, levels: int) -> bool:
    """Whether values are those between two others, as blurred and JPEG-compressed masks have, rather than labels.

    Args:
        values: The values, sorted.
        coloured: Whether they are colours.
        levels: Most values in one mask.
    """
    return levels > MANY or (not coloured and any(VOID - NEARLY_WHITE <= value < VOID for value in values))


def advise(values: Sequence[int], coloured: bool, levels: int) -> str:
    """Say which options state what values mean.

    Args:
        values: All values of the masks, sorted.
        coloured: Whether they are colours.
        levels: Most values in one mask.

    Returns:
        The end of an error message.
    """
    if levels > MANY:
        return _soft(values, coloured)
    if not coloured and VOID in values and (advice := _beside_white([value for value in values if 0 < value < VOID])):
        return advice
    if tuple(values) == TRIMAP:
        return write("if they are trimaps with 1 for the object, 2 outside and 3 for the border", object=1, ignore=3)
    name = level_name(next((value for value in values if value > 0), 0), coloured)
    example = write("state those of the object, for example", object=name)
    return (
        f"{example}, those to leave out with 'ignore', and those outside the object with 'outside' (any: all others); "
        f"if every value but {level_name(0, coloured)} is the object: object: any"
    )


def _beside_white(between: Sequence[int]) -> str:
    """Advice for 8-bit masks with 255 and these values; empty where these say nothing."""
    noise = write("if the others are blurred edges or JPEG's noise", threshold=VOID // 2)
    if not between:
        return ""
    if looks_soft(between, False, 0):
        return noise
    if len(between) > 1:
        return f"{write(f'if {VOID} marks pixels without a label', object='any', ignore=VOID)}; {noise}"
    if between[0] in UNKNOWN:
        return write(f"if {between[0]} is the border of the object", object=VOID, ignore=between[0])
    return f"{write(f'if {VOID} marks pixels without a label', object=between[0], ignore=VOID)}; {noise}"


def advise_rest(left: Sequence[int], coloured: bool) -> str:
    """Say how to state values beside those of the object.

    Args:
        left: The values that are not stated.
        coloured: Whether they are colours.

    Returns:
        The end of an error message.

    Example:
        >>> advise_rest([0, 2], False)
        "state 0 and 2 as well, with 'ignore', or as background: outside: any (data check: --set outside=any)"
    """
    return write(f"state {name_values(left, coloured)} as well, with 'ignore', or as background", outside="any")


def advise_stating(role: str, values: Sequence[tuple[int, bool]]) -> str:
    """Say how to state values whose meaning is not stated and that differ between masks.

    Args:
        role: The option that states them.
        values: The values, each with whether it is a colour.

    Returns:
        The end of an error message.

    Example:
        >>> print(advise_stating("object", [(255, False), (1, False)]))
        if all of them are: object: [1, 255] (data check: --set "object=[1, 255]")
    """
    if len({coloured for _, coloured in values}) > 1:
        return "save all masks as grey, or all in colours"
    names = f"[{', '.join(level_name(*value) for value in sorted(values))}]"
    return f'if all of them are: {role}: {names} (data check: --set "{role}={names}")'


def write(case: str, **options: float | str) -> str:
    """Say what to write, in a study and on the command line.

    Example:
        >>> write("if 255 is void", object=8, ignore=255)
        'if 255 is void: object: 8, ignore: 255 (data check: --set object=8 --set ignore=255)'
    """
    study = ", ".join(f"{name}: {value}" for name, value in options.items())
    line = " ".join(f"--set {name}={value}" for name, value in options.items())
    return f"{case}: {study} (data check: {line})".removeprefix(": ")


def _soft(values: Sequence[int], coloured: bool) -> str:
    if coloured and not all(_nearly_grey(value) for value in values):
        return "so many colours come from a photograph or from JPEG; save the masks as PNG with one colour a meaning"
    top = max(values) & VOID if coloured else max(values)
    half = top // 2 if top > VOID else VOID // 2
    return (
        write("if these are values between background and object, as blurred or JPEG masks have", threshold=half)
        + ", the object is where the value is greater; if they number the objects: object: any"
    )


def _nearly_grey(colour: int) -> bool:
    channels = (colour >> 16, colour >> 8 & VOID, colour & VOID)
    return max(channels) - min(channels) <= NEARLY_GREY
