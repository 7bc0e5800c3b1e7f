"""HTML text as a small, strict tree: what ``sanitise`` keeps, and what ``redline`` compares.

A text is a tree of boxes (lists, tables, quotes) whose leaves are blocks: paragraphs, headings and bare text. A block
holds no further boxes, only runs of text that carry the same marks (bold, link, inserted). Whatever the input, the
tree obeys the content model of HTML, so that written out and read again it gives the same tree in any browser: items
lie in lists, cells in rows, rows in sections of a table, and nothing but marks in a paragraph.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import groupby
from operator import itemgetter

Attributes = tuple[tuple[str, str], ...]
Mark = tuple[str, Attributes]
Marks = tuple[Mark, ...]
#: Text and its marks, outermost first. ``\n`` is a line break.
Run = tuple[str, Marks]

INSERTED: Mark = ("ins", (("class", "clm_ins"),))
DELETED: Mark = ("del", (("class", "clm_del"),))

LISTS = frozenset({"ul", "ol"})
SECTIONS = frozenset({"thead", "tbody", "tfoot"})
CELLS = frozenset({"td", "th"})
HEADINGS = frozenset({"h1", "h2", "h3", "h4", "h5", "h6"})
#: Boxes that hold blocks and boxes; the root has no tag.
FLOW = frozenset({"", "div", "blockquote", "li", *CELLS})
#: Boxes that may stand wherever blocks may.
NESTING = frozenset({"div", "blockquote", "table", *LISTS})

#: Rows or columns that a cell may span, and the highest number of an item.
MAX_SPAN = 1000
MAX_NUMBER = 10**6

#: Where the parts of lists and tables belong.
PARENTS: Mapping[str, frozenset[str]] = {
    "li": LISTS,
    "tr": SECTIONS,
    **dict.fromkeys(CELLS, frozenset({"tr"})),
    **dict.fromkeys((*SECTIONS, "caption"), frozenset({"table"})),
}


@dataclass(slots=True, eq=False)
class Block:
    """A paragraph, heading, preformatted text or caption; bare text in a box has no tag."""

    tag: str
    attributes: Attributes = ()
    runs: list[Run] = field(default_factory=list)
    parent: Box | None = None

    @property
    def text(self) -> str:
        """All the text, without its marks."""
        return "".join(text for text, _marks in self.runs)


@dataclass(slots=True, eq=False)
class Box:
    """A list, item, table, section, row, cell, quote, division or line; the root has no tag.

    :param implied: whether the text had no tag for it
    """

    tag: str
    attributes: Attributes = ()
    children: list[Box | Block] = field(default_factory=list)
    parent: Box | None = None
    implied: bool = False

    def insert(self, index: int, child: Box | Block) -> None:
        """Take in a child, at a position among the children."""
        child.parent = self
        self.children.insert(index, child)

    def get(self, name: str) -> int | None:
        """Give the value of an attribute that is a number, None if it is not there."""
        return next((int(value) for key, value in self.attributes if key == name), None)

    def set(self, name: str, number: int | None) -> None:
        """Set an attribute that is a number, or remove it."""
        others = tuple(pair for pair in self.attributes if pair[0] != name)
        self.attributes = others if number is None else (*others, (name, str(number)))

    def blocks(self) -> Iterator[Block]:
        """Give all blocks within, in order."""
        for child in self.children:
            if isinstance(child, Block):
                yield child
            else:
                yield from child.blocks()

    def boxes(self) -> Iterator[Box]:
        """Give this box and all within, in order."""
        yield self
        for child in self.children:
            if isinstance(child, Box):
                yield from child.boxes()


def serialise(root: Box) -> str:
    """Write a tree as HTML that is well-formed XML too."""
    parts: list[str] = []
    _write(root, parts)
    return "".join(parts)


def text_of(root: Box) -> str:
    """Write a tree as plain text: blocks on lines, cells separated by tabs; nothing for what is empty."""
    return "\n".join(_lines(root))


def merge_runs(runs: Iterable[Run]) -> list[Run]:
    """Join neighbours with the same marks, leave out empty ones."""
    filled = (run for run in runs if run[0])
    return [("".join(text for text, _marks in group), marks) for marks, group in groupby(filled, itemgetter(1))]


def mark_runs(runs: Iterable[Run], mark: Mark) -> list[Run]:
    """Mark runs as inserted or deleted. What is deleted is no link any more."""
    without = "a" if mark == DELETED else None
    return [(text, (mark, *(other for other in marks if other[0] != without))) for text, marks in runs]


def _write(box: Box, parts: list[str]) -> None:
    for child in box.children:
        if child.tag == "hr":
            parts.append(_start_tag("hr", child.attributes)[:-1] + "/>")
            continue
        if child.tag:
            parts.append(_start_tag(child.tag, child.attributes))
        if isinstance(child, Block):
            _write_runs(child.runs, "\n" if child.tag == "pre" else "<br/>", parts)
        else:
            _write(child, parts)
        if child.tag:
            parts.append(f"</{child.tag}>")


def _write_runs(runs: Iterable[Run], line_break: str, parts: list[str]) -> None:
    opened: Marks = ()
    for text, marks in (*runs, ("", ())):
        common = 0
        while common < min(len(opened), len(marks)) and opened[common] == marks[common]:
            common += 1
        parts.extend(f"</{tag}>" for tag, _attributes in reversed(opened[common:]))
        parts.extend(_start_tag(*mark) for mark in marks[common:])
        parts.append(_escape(text).replace("\n", line_break))
        opened = marks


def _start_tag(tag: str, attributes: Attributes) -> str:
    quoted = "".join(f' {name}="{_quote(value)}"' for name, value in attributes)
    return f"<{tag}{quoted}>"


def _quote(value: str) -> str:
    return _escape(value).replace('"', "&quot;")


def _escape(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _lines(box: Box) -> Iterator[str]:
    for child in box.children:
        if isinstance(child, Block):
            stripped = (line.strip().replace("\t", " ") for line in child.text.split("\n"))
            yield from filter(None, stripped)
        elif child.tag == "tr":
            cells = [" ".join(_cell_lines(cell)) for cell in child.children]
            if any(cells):
                yield "\t".join(cells)
        else:
            yield from _lines(child)


def _cell_lines(cell: Box | Block) -> Iterator[str]:
    for line in _lines(cell) if isinstance(cell, Box) else ():
        yield line.replace("\t", " ")
