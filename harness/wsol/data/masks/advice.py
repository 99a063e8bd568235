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
ANY = "any"
"""Stands for all values that are not stated, in the options ``object`` and ``outside``."""
_OTHER_COMMANDS = "with wsol run: --set benchmark.0.NAME=VALUE, with wsol score: --option benchmark.NAME=VALUE"
Choice = float | str | Sequence[str]
"""What an option is set to, as a message writes it: a value, or the names of several."""


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
    if not coloured and VOID in values and (advice := _beside_white([v for v in values if v < VOID])):
        return advice
    if tuple(values) == TRIMAP:
        return write("if they are trimaps with 1 for the object, 2 outside and 3 for the border", object=1, ignore=3)
    name = level_name(next((value for value in values if value > 0), 0), coloured)
    example = write("state those of the object, for example", object=name)
    every = f"; if every value but {level_name(0, coloured)} is the object: object: any" if 0 in values else ""
    others = "those to leave out with 'ignore', and those outside the object with 'outside' (any: all others)"
    return f"{example}, {others}{every}"


def _beside_white(others: Sequence[int]) -> str:
    """Advice for 8-bit masks with 255 and these values; empty where these say nothing."""
    noise = write("if the others are blurred edges or JPEG's noise", threshold=VOID // 2)
    void = f"if {VOID} marks pixels without a label"
    between = [value for value in others if value > 0]
    if not between:
        return ""
    if looks_soft(between, False, 0):
        return noise
    if len(between) > 1 and 0 in others:
        return f"{write(void, object=ANY, ignore=VOID)}; {noise}"
    if len(between) > 1:
        return write(f"{void}, for example", object=between[0], outside=ANY, ignore=VOID)
    if between[0] in UNKNOWN:
        return write(f"if {between[0]} is the border of the object", object=VOID, ignore=between[0])
    return f"{write(void, object=between[0], ignore=VOID)}; {noise}"


def advise_few(usual: tuple[int, bool], rest: Sequence[int], unclear: int) -> str:
    """Say what to do about a few masks with more values than the others.

    Args:
        usual: The one value in the other masks that is the object, with whether it is a colour.
        rest: The values that the others lack.
        unclear: Number of the masks that have them.

    Returns:
        The end of an error message.

    Example:
        >>> print(advise_few((255, False), [7], 2))
        in all masks but 2, 255 alone is the object; mend the rest, or leave the pixels out: object: 255, ignore: 7 \
(wsol data: --set object=255 --set ignore=7)
    """
    name, coloured = level_name(*usual), usual[1]
    left = [level_name(value, coloured) for value in rest]
    case = f"in all masks but {unclear}, {name} alone is the object; mend the rest, or leave the pixels out"
    return write(case, object=name, ignore=left if len(left) > 1 else left[0])


def advise_rest(left: Sequence[int], coloured: bool) -> str:
    """Say how to state values beside those of the object.

    Args:
        left: The values that are not stated.
        coloured: Whether they are colours.

    Returns:
        The end of an error message.

    Example:
        >>> advise_rest([0, 2], False)
        "state 0 and 2 as well, with 'ignore', or as background: outside: any (wsol data: --set outside=any)"
    """
    return write(f"state {name_values(left, coloured)} as well, with 'ignore', or as background", outside=ANY)


def advise_stating(role: str, values: Sequence[tuple[int, bool]]) -> str:
    """Say how to state values whose meaning is not stated and that differ between masks.

    Args:
        role: The option that states them.
        values: The values, each with whether it is a colour.

    Returns:
        The end of an error message.

    Example:
        >>> print(advise_stating("object", [(255, False), (1, False)]))
        if all of them are: object: [1, 255] (wsol data: --set "object=[1, 255]")
    """
    if len({coloured for _, coloured in values}) > 1:
        return "save all masks as grey, or all in colours"
    names = [level_name(*value) for value in sorted(values)]
    return write("if all of them are", **{role: names if len(names) <= SHOWN else ANY})


def write(case: str, **options: Choice) -> str:
    """Say what to write, in a study and on the command line.

    Example:
        >>> write("if 255 is void", object=8, ignore=255)
        'if 255 is void: object: 8, ignore: 255 (wsol data: --set object=8 --set ignore=255)'
    """
    texts = {name: value if isinstance(value, str) else _listed(value) for name, value in options.items()}
    study = ", ".join(f"{name}: {text}" for name, text in texts.items())
    quotes = {name: '"' if " " in text else "" for name, text in texts.items()}
    line = " ".join(f"--set {quotes[name]}{name}={text}{quotes[name]}" for name, text in texts.items())
    return f"{case}: {study} (wsol data: {line})".removeprefix(": ")


def with_other_commands(advice: str) -> str:
    """Add to advice how the commands take an option that do not take it as those of ``wsol data`` do.

    Args:
        advice: A message, with or without an option.

    Example:
        >>> with_other_commands("save it as PNG")
        'save it as PNG'
    """
    return f"{advice}; {_OTHER_COMMANDS}" if "(wsol data: " in advice else advice


def _listed(value: float | Sequence[str]) -> str:
    return f"[{', '.join(value)}]" if isinstance(value, Sequence) else str(value)


def _soft(values: Sequence[int], coloured: bool) -> str:
    if coloured and not all(_nearly_grey(value) for value in values):
        return "so many colours come from a photograph or from JPEG; save the masks as PNG with one colour a meaning"
    top = max(values) & VOID if coloured else max(values)
    half = VOID // 2 if VOID // 2 < top <= VOID else top // 2
    return (
        write("if these are values between background and object, as blurred or JPEG masks have", threshold=half)
        + ", the object is where the value is greater; if they number the objects: object: any"
    )


def _nearly_grey(colour: int) -> bool:
    channels = (colour >> 16, colour >> 8 & VOID, colour & VOID)
    return max(channels) - min(channels) <= NEARLY_GREY
