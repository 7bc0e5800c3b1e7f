"""Reading HTML, whatever it is, into the tree of ``html_blocks``: what is unknown or unsafe is left out."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from lxml import etree

from .html_blocks import (
    CELLS,
    DELETED,
    FLOW,
    HEADINGS,
    INSERTED,
    LISTS,
    MAX_NUMBER,
    MAX_SPAN,
    NESTING,
    PARENTS,
    SECTIONS,
    Attributes,
    Block,
    Box,
    Mark,
    Marks,
    Run,
    merge_runs,
)

#: Boxes within boxes that ``sanitise`` keeps; what lies deeper is flattened to paragraphs.
MAX_DEPTH = 64
#: The same for texts to compare: what is deleted at the bottom of one may go to the bottom of the other.
COMPARED_DEPTH = 24
#: Formatting within formatting that is kept.
MAX_MARKS = 12
#: Characters of a link that is kept.
MAX_HREF = 2000

#: What is made up around a box or block that lacks its parent, and within a box that cannot hold text.
_MISSING_PARENT = {"li": "ul", "tr": "tbody", "td": "tr", "th": "tr"}
_MISSING_CHILD = {"ul": "li", "ol": "li", "table": "tbody", "tr": "td", **dict.fromkeys(SECTIONS, "tr")}

_CHANGES = frozenset({"ins", "del"})
_MARK_TAGS = frozenset({"a", "b", "strong", "i", "em", "u", "s", "sub", "sup", "span", "code", *_CHANGES})
_BLOCK_TAGS = frozenset({"p", "pre", *HEADINGS})
_BOX_TAGS = frozenset({*NESTING, *PARENTS}) - {"caption"}
#: With all they hold. Tags that never hold anything, such as ``img``, need no mention.
_DROPPED_TAGS = frozenset({
    *("script", "style", "iframe", "object", "applet", "svg", "math", "form", "head", "title", "template"),
    *("noscript", "noembed", "noframes", "textarea", "select", "button", "audio", "video", "canvas"),
})
_OTHER_NAMES = {
    **dict.fromkeys(
        (
            *("section", "article", "aside", "header", "footer", "main", "nav", "address", "center", "figure"),
            *("figcaption", "details", "summary", "dl", "dt", "dd", "fieldset", "legend", "hgroup"),
        ),
        "div",
    ),
    **dict.fromkeys(("menu", "dir"), "ul"),
    "strike": "s",
}

#: Classes that neither hide nor move anything.
_CLASSES = re.compile(
    r"text-(?:start|center|end|left|right|justify)|table(?:-(?:bordered|borderless|striped|sm))?|o_table|oe-nested"
    r"|fw-(?:bold|normal)|fst-italic|small|lead|h[1-6]"
)
#: Attributes that are numbers, with their lowest and highest value.
_NUMBERS = {
    **{tag: {"colspan": (1, MAX_SPAN), "rowspan": (1, MAX_SPAN)} for tag in CELLS},
    "ol": {"start": (-MAX_NUMBER, MAX_NUMBER)},
    "li": {"value": (-MAX_NUMBER, MAX_NUMBER)},
}
_HREF = re.compile(r"(?:https?://|mailto:)[^\s<>\"]+", re.IGNORECASE)

#: What XML cannot hold, what reverses the order of the text on the screen, and the mark that editors leave behind.
_ILLEGAL = re.compile("[\x00-\x08\x0e-\x1f\ud800-\udfff\u202d\u202e\ufeff\ufffe\uffff]")
_NO_TAG = re.compile(r"<(?!/?[a-zA-Z][\w:.-]*[\s/>]|[!?])")
_WORD_CONDITION = re.compile(r"<!\[(?:if|endif)[^<>\]]*\]>", re.IGNORECASE)
_LINES = re.compile(r"\n|[^\n]+")
_SPACES = re.compile(r"[ \t\n\r]+")


def parse(html: str | None, depth: int = MAX_DEPTH, keep_changes: bool = True) -> Box:
    """Read any text as HTML.

    :param html: HTML, also malformed or hostile; plain text; nothing
    :param depth: boxes within boxes
    :param keep_changes: whether ``ins`` and ``del`` stay as marks, instead of leaving only their text
    :return: the root
    """
    builder = _Builder(depth, _MARK_TAGS if keep_changes else _MARK_TAGS - _CHANGES)
    # Bytes and a root: a declaration in the text can then change neither the encoding nor the structure.
    source = ("<html><body>" + _prepare(str(html or ""))).encode()
    return etree.fromstring(source, etree.HTMLParser(target=builder, encoding="utf-8", huge_tree=True))


def runs_for(block: Block, tag: str) -> list[Run]:
    """Give the runs of a block as they are written in a block of another tag: only ``pre`` keeps all white space."""
    if tag == "pre":
        return _tidy_preformatted(block.runs)
    if block.tag != "pre":
        return block.runs
    lines = ((line, marks) for text, marks in block.runs for line in _LINES.findall(text))
    return _tidy((None if line == "\n" else line, marks) for line, marks in lines)


def _prepare(text: str) -> str:
    """Take out what parsers disagree on: characters that XML does not know, and ``<`` that opens no tag."""
    return _NO_TAG.sub("&lt;", _WORD_CONDITION.sub("", _legal(text)))


def _legal(text: str) -> str:
    return _ILLEGAL.sub("", text.replace("\x0b", "\n").replace("\x0c", "\n"))


class _Builder:
    """Target of the parser: makes the tree out of tags and text as they come, mending what does not fit."""

    def __init__(self, depth: int, mark_tags: frozenset[str]) -> None:
        self._depth = depth
        self._mark_tags = mark_tags
        self._path = [Box("")]
        self._block: Block | None = None
        self._pieces: list[tuple[str | None, Marks]] = []  # of the block; None is a line break
        self._marks: Marks = ()
        self._flattened = False
        self._dropped = False
        #: tags that are open, each with what its end does
        self._open: list[tuple[str, Box | Block | Mark | str | None]] = []

    # What the parser calls

    def start(self, tag: str, attributes: Mapping[str, str]) -> None:
        if tag not in ("html", "body"):
            name = _OTHER_NAMES.get(tag, tag)
            self._open.append((tag, None if self._dropped else self._start(name, attributes)))

    def end(self, tag: str) -> None:
        if not any(tag == name for name, _opened in reversed(self._open)):
            return
        name = None
        while name != tag:
            name, opened = self._open.pop()
            self._end(opened)

    def data(self, text: str) -> None:
        if not self._dropped:
            self._add_text(_legal(text))

    def close(self) -> Box:
        self._close_block()
        return self._path[0]

    # Tags

    def _start(self, tag: str, attributes: Mapping[str, str]) -> Box | Block | Mark | str | None:
        if tag in _DROPPED_TAGS:
            self._dropped = True
            return "dropped"
        if tag in self._mark_tags:
            return self._open_mark((tag, _clean(tag, attributes)))
        if tag == "br":
            self._add_piece(None)
        elif tag == "hr":
            self._need_flow()
            self._append(Box("hr", _clean(tag, attributes)))
        elif tag in _BLOCK_TAGS:
            return self._open_block(tag, _clean(tag, attributes))
        elif tag == "caption":
            return self._open_caption(_clean(tag, attributes))
        elif tag in _BOX_TAGS:
            return self._open_box(tag, _clean(tag, attributes))
        return None

    def _end(self, opened: Box | Block | Mark | str | None) -> None:
        if opened == "dropped":
            self._dropped = False
        elif opened == "flattened":
            self._flatten()
        elif isinstance(opened, tuple):
            self._marks = self._marks[:-1]
        elif isinstance(opened, Block):
            if opened is self._block:
                self._close_block()
        elif isinstance(opened, Box) and opened in self._path:
            self._close_block()
            del self._path[self._path.index(opened) :]

    # Marks and text

    def _open_mark(self, mark: Mark) -> Mark | None:
        formatting = sum(tag not in _CHANGES for tag, _attributes in self._marks)
        if mark in self._marks or (mark[0] not in _CHANGES and formatting >= MAX_MARKS):
            return None
        self._marks = (*self._marks, mark)
        return mark

    def _add_text(self, text: str) -> None:
        if self._block or text.strip(" \t\n\r"):
            self._add_piece(text)

    def _add_piece(self, text: str | None) -> None:
        if not self._block:
            self._open_block("p" if self._flattened else "", ())
        self._pieces.append((text, self._marks))

    # Blocks

    def _open_block(self, tag: str, attributes: Attributes) -> Block:
        self._need_flow()
        self._block = Block(tag, attributes)
        self._append(self._block)
        return self._block

    def _open_caption(self, attributes: Attributes) -> Block:
        self._close_block()
        if not self._fits("caption") or self._path[-1].children:
            return self._open_block("p", attributes)
        self._block = Block("caption", attributes)
        self._append(self._block)
        return self._block

    def _close_block(self) -> None:
        if not self._block:
            return
        tidy = _tidy_preformatted if self._block.tag == "pre" else _tidy
        self._block.runs = tidy(self._pieces)
        if not self._block.tag and not self._block.runs:
            self._path[-1].children.pop()
        self._block, self._pieces = None, []

    # Boxes

    def _open_box(self, tag: str, attributes: Attributes) -> Box | str:
        if tag in NESTING:
            self._need_flow()
            fits = self._has_room()
        else:
            self._close_block()
            fits = self._fits(tag)
        return self._push(Box(tag, attributes)) if fits else self._flatten()

    def _flatten(self) -> str:
        """Let text after the start or end of a box that is left out be a paragraph of its own."""
        self._close_block()
        self._flattened = True
        return "flattened"

    def _has_room(self) -> bool:
        return len(self._path) <= self._depth

    def _fits(self, tag: str) -> bool:
        """Tell whether a part of a list or table can be opened here, after making up the parents it lacks."""
        parents = PARENTS[tag]
        while self._path[-1].implied and self._path[-1].tag not in parents:
            self._path.pop()
        if self._path[-1].tag in parents:
            return True
        missing = _MISSING_PARENT.get(tag)
        if missing == "ul":
            possible = self._path[-1].tag in FLOW and self._has_room()
        else:
            possible = missing is not None and self._fits(missing)
        if possible:
            self._push(Box(missing, implied=True))
        return possible

    def _need_flow(self) -> None:
        """Close the block, and make up items or cells where a box cannot hold text itself."""
        self._close_block()
        self._flattened = False
        while self._path[-1].tag not in FLOW:
            if self._path[-1].implied and self._path[-1].tag in LISTS:
                self._path.pop()
            else:
                self._push(Box(_MISSING_CHILD[self._path[-1].tag], implied=True))

    def _push(self, box: Box) -> Box:
        self._append(box)
        self._path.append(box)
        return box

    def _append(self, child: Box | Block) -> None:
        parent = self._path[-1]
        parent.insert(len(parent.children), child)


def _tidy(pieces: Iterable[tuple[str | None, Marks]]) -> list[Run]:
    """Collapse white space as browsers do: none at the ends of lines."""
    runs: list[Run] = []
    last = "\n"
    for text, marks in pieces:
        if text is None:
            _strip_end(runs, last)
            tidied = "\n"
        else:
            tidied = _SPACES.sub(" ", text)
            if last in " \n":
                tidied = tidied.removeprefix(" ")
        if tidied:
            runs.append((tidied, marks))
            last = tidied[-1]
    _strip_end(runs, last)
    return merge_runs(runs)


def _strip_end(runs: list[Run], last: str) -> None:
    if last == " ":
        text, marks = runs.pop()
        runs.append((text[:-1], marks))


def _tidy_preformatted(pieces: Iterable[tuple[str | None, Marks]]) -> list[Run]:
    """Keep white space, but for the empty lines at the start, of which parsers drop the first."""
    runs: list[Run] = []
    for text, marks in pieces:
        plain = "\n" if text is None else text.replace("\r\n", "\n").replace("\r", "\n")
        if not runs:
            plain = plain.lstrip("\n")
        if plain:
            runs.append((plain, marks))
    return merge_runs(runs)


def _clean(tag: str, attributes: Mapping[str, str]) -> Attributes:
    """Keep the attributes that are known to be harmless."""
    kept = []
    classes = dict.fromkeys(filter(lambda name: _is_class(tag, name), (attributes.get("class") or "").split()))
    if classes:
        kept.append(("class", " ".join(classes)))
    if tag == "a" and (href := _clean_href(attributes.get("href") or "")):
        kept.append(("href", href))
    if tag == "ol" and attributes.get("type") in ("1", "a", "A", "i", "I"):
        kept.append(("type", attributes["type"]))
    for name, (lowest, highest) in _NUMBERS.get(tag, {}).items():
        value = (attributes.get(name) or "").strip()
        if re.fullmatch(r"-?[0-9]{1,7}", value) and lowest <= int(value) <= highest:
            kept.append((name, str(int(value))))
    return tuple(kept)


def _is_class(tag: str, name: str) -> bool:
    return bool(_CLASSES.fullmatch(name)) or (tag, (("class", name),)) in (INSERTED, DELETED)


def _clean_href(href: str) -> str:
    href = re.sub(r"[\t\n\r]", "", _legal(href)).strip().replace(" ", "%20")
    return href if len(href) <= MAX_HREF and _HREF.fullmatch(href) else ""
