"""Reading XML with the line of every element, without entities: neither files nor expansions are ever followed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from xml.parsers import expat

from wsol.errors import DataError
from wsol.files import read_bytes

LARGEST = 2**26
"""Most bytes of a file."""
DEEPEST = 100
"""Most elements inside each other."""


@dataclass
class XmlElement:
    """An element.

    Attributes:
        tag: Its name.
        line: Line of the file that it starts on, from 1.
        text: Its own text, without white space at the ends.
        children: The elements directly inside it.
    """

    tag: str
    line: int
    text: str = ""
    children: list[XmlElement] = field(default_factory=list)

    def all(self, tag: str) -> Iterator[XmlElement]:
        """The elements of a name directly inside this one."""
        return (child for child in self.children if child.tag == tag)

    def first(self, tag: str) -> XmlElement | None:
        """The first element of a name directly inside this one."""
        return next(self.all(tag), None)

    def text_of(self, tag: str) -> str:
        """The text of the first element of a name directly inside this one; empty where there is none."""
        found = self.first(tag)
        return found.text if found else ""


class _Builder:
    def __init__(self) -> None:
        self.parser = expat.ParserCreate()
        self.parser.buffer_text = True
        self.parser.StartElementHandler = self.start
        self.parser.EndElementHandler = self.end
        self.parser.CharacterDataHandler = self.text
        self.parser.EntityDeclHandler = self.entity
        self.top = XmlElement("", 0)
        self.open = [self.top]

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        if len(self.open) > DEEPEST:
            raise ValueError(f"more than {DEEPEST} elements inside each other")
        element = XmlElement(tag, self.parser.CurrentLineNumber)
        self.open[-1].children.append(element)
        self.open.append(element)

    def end(self, tag: str) -> None:
        element = self.open.pop()
        element.text = element.text.strip()

    def text(self, text: str) -> None:
        self.open[-1].text += text

    def entity(self, *declaration: str | int | None) -> None:
        raise ValueError("declares an entity, which no annotation needs and which can be an attack")


def read_xml(path: Path) -> XmlElement:
    """Read an XML file.

    Args:
        path: The file, in an encoding that it declares, or UTF-8.

    Returns:
        Its root element.

    Raises:
        DataError: With file and line; the file is missing, is not well-formed or declares an entity.
    """
    content = read_bytes(path, limit=LARGEST).lstrip(b" \t\r\n")
    builder = _Builder()
    try:
        builder.parser.Parse(content, True)
    except expat.ExpatError as error:
        hint = "; is it UTF-8, or in the encoding that its first line states?" if error.code == 4 else ""
        reason = expat.ErrorString(error.code) or "cannot be parsed"
        raise DataError.at(path, error.lineno, f"not well-formed XML: {reason}{hint}") from None
    except (ValueError, LookupError) as error:
        raise DataError.at(path, builder.parser.CurrentLineNumber, f"cannot be read as XML: {error}") from None
    return builder.top.children[0]
