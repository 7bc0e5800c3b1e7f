"""Where in the new text the parts go that only the old one has: in order, and so that lists and tables stay valid."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from itertools import pairwise

from .html_blocks import (
    CELLS,
    DELETED,
    FLOW,
    LISTS,
    MAX_NUMBER,
    MAX_SPAN,
    PARENTS,
    SECTIONS,
    Block,
    Box,
    Mark,
    mark_runs,
)

Node = Box | Block
#: A box, and the index of a child to be.
Place = tuple[Box, int]


def mark_blocks(node: Node, mark: Mark) -> None:
    """Mark all text in a part as inserted or deleted."""
    for block in (node,) if isinstance(node, Block) else node.blocks():
        if block.text.strip():
            block.runs = mark_runs(block.runs, mark)


def mark_deleted(node: Node) -> bool:
    """Mark a part as deleted and take out of it what shows nothing, such as empty paragraphs and lines.

    :return: whether it has text at all
    """
    mark_blocks(node, DELETED)
    return _prune(node)


def put_in_flow(box: Box, index: int, node: Node) -> None:
    """Put a part into a box. Bare text next to bare text becomes a paragraph, or both would run into one."""
    neighbours = box.children[max(index - 1, 0) : index + 1]
    if not node.tag and any(not neighbour.tag for neighbour in neighbours):
        node.tag = "p"
    box.insert(index, node)


class DeletedItems:
    """Numbers of list items: those deleted keep their old one, and must not shift those of the items behind them.

    :param old: the old text, before anything is taken from it
    """

    def __init__(self, old: Box) -> None:
        self._numbers = {item: number for box in old.boxes() if box.tag == "ol" for item, number in _numbered(box, ())}
        self._deleted: set[Box] = set()

    def add(self, item: Box) -> None:
        """Note an item that was put into a list."""
        self._deleted.add(item)
        _set_number(item, self._numbers.get(item))

    def number(self, new: Box) -> None:
        """Give the items behind deleted ones the number that they have in the new text."""
        for box in new.boxes() if self._deleted else ():
            if box.tag != "ol":
                continue
            shifted = False
            numbers = dict(_numbered(box, self._deleted))
            for item in box.children:
                if item in self._deleted:
                    shifted = True
                elif shifted:
                    _set_number(item, numbers[item])
                    shifted = False


def _numbered(box: Box, skipped: Collection[Box]) -> Iterator[tuple[Box, int]]:
    """Give the items of an ordered list with their numbers."""
    start = box.get("start")
    number = 1 if start is None else start
    for item in box.children:
        if item not in skipped:
            own = item.get("value")
            number = number if own is None else own
            yield item, number
            number += 1


def _set_number(item: Box, number: int | None) -> None:
    item.set("value", None if number is None or number > MAX_NUMBER else number)


class Placement:
    """Puts deleted parts of one box into its counterpart.

    A part is put where the box that held it continues: an item into its list, a row into its table. If that is
    impossible without breaking the order, it gets a list or table of its own, or, within a list or table, an item or
    row of its own.

    :param old: a box of the old text
    :param new: its counterpart in the new text
    """

    def __init__(self, old: Box, new: Box, items: DeletedItems) -> None:
        self._old = old
        self._new = new
        self._items = items
        self._counterparts: dict[Box, set[Box]] = {old: {new}}  # the new boxes in which an old one continues
        self._spans: dict[Box, int] = {}  # the most rows that a cell of a section spans
        self._last_row: Box | None = None
        self._open_cells: list[tuple[Box, int]] = []  # of the deleted rows above: cells, how many rows each misses

    def learn(self, old: Node, new: Node) -> None:
        """Note two parts that belong together: the boxes around them belong together too."""
        around_new = list(_around(new, self._new))
        for box in _around(old, self._old):
            match = next((other for other in around_new if _kind(other) == _kind(box)), None)
            if match:
                around_new.remove(match)
                self._counterparts.setdefault(box, set()).add(match)

    def deleted(self, units: Iterable[Node], kept: Collection[Node]) -> list[Node]:
        """List the kept units and between them, as large as possible, the parts that hold none.

        :param units: blocks and rows of the old box
        :param kept: those that the new text has too
        """
        filled: set[Node] = set()
        holding: set[Node] = set()
        for unit in units:
            nodes = {unit, *_around(unit, self._old)}
            filled |= nodes
            if unit in kept:
                holding |= nodes
        return list(_parts(self._old, filled, holding, kept))

    def put(self, node: Node, after: Node | None, before: Node | None) -> None:
        """Mark a part as deleted and put it into the new text.

        :param node: a block, box or row
        :param after: what it must come after; None = at the start
        :param before: what it must come before; None = at the end
        """
        parent = node.parent
        mark_deleted(node)
        places = list(self._places(after, before))
        fitting = [place for place in places if _may_hold(place[0], node)]
        known = [place for place in fitting if place[0] in self._counterparts.get(parent, ())]
        if known or (fitting and node.tag in PARENTS):
            self._put_at(known[0] if known else fitting[0], node)
            return
        shell = self._in_shell(node, parent)
        flow = [place for place in places if place[0].tag in FLOW]
        if flow:
            self._put_at(min(flow, key=lambda place: sum(1 for _box in _around(place[0], self._new))), shell)
        else:
            self._put_at(places[0], _in_item_or_row(shell, places[0][0]))

    def _places(self, after: Node | None, before: Node | None) -> Iterator[Place]:
        """Give all places behind one part and before another: first those behind, from the inside out."""
        around_after = set(_around(after, self._new)) if after else {self._new}
        around_before = set(_around(before, self._new)) if before else {self._new}
        for edge, ends, step in ((after, around_before, 1), (before, around_after, 0)):
            node = edge
            while node:
                parent = node.parent
                if step or node.tag != "caption":  # nothing comes before a caption
                    yield parent, parent.children.index(node) + step
                node = None if parent in ends else parent
        if not after and not before:
            yield self._new, len(self._new.children)

    def _put_at(self, place: Place, node: Node) -> None:
        box, index = place
        if box.tag in FLOW:
            put_in_flow(box, index, node)
            return
        box.insert(index, node)
        if box.tag == "ol":
            self._items.add(node)
        elif box.tag in SECTIONS:
            self._fit_row(box, index, node)

    def _in_shell(self, node: Node, parent: Box) -> Node:
        """Wrap an item, row or section into a list or table like the one it was in, in which others may follow."""
        if node.tag == "caption":
            node.tag = "p"
        if node.tag not in PARENTS:
            return node
        shell = Box(parent.tag, parent.attributes)
        shell.insert(0, node)
        if shell.tag == "ol":
            self._items.add(node)
        self._counterparts.setdefault(parent, set()).add(shell)
        return self._in_shell(shell, parent.parent)

    def _fit_row(self, section: Box, index: int, row: Box) -> None:
        """Let cells that span rows span a deleted row between them too, and cells of it only deleted rows."""
        for cell in self._cells_across(section, index):
            self._grow(section, cell)
        follows = index and section.children[index - 1] is self._last_row
        self._open_cells = [(cell, missing - 1) for cell, missing in self._open_cells if follows and missing]
        for cell, _missing in self._open_cells:
            self._grow(section, cell)
        for cell in row.children:
            self._open_cells.append((cell, _rows_of(cell) - 1))
            cell.set("rowspan", None)
        self._last_row = row

    def _cells_across(self, section: Box, index: int) -> Iterator[Box]:
        """Give the cells above a row that go on below it."""
        if section not in self._spans:
            others = (*section.children[:index], *section.children[index + 1 :])
            self._spans[section] = max((_rows_of(cell) for row in others for cell in row.children), default=1)
        highest = max(index - self._spans[section] + 1, 0)
        for distance, row in enumerate(reversed(section.children[highest:index]), 1):
            yield from (cell for cell in row.children if _rows_of(cell) > distance)

    def _grow(self, section: Box, cell: Box) -> None:
        span = min(_rows_of(cell) + 1, MAX_SPAN)
        cell.set("rowspan", span)
        self._spans[section] = max(self._spans[section], span)


def _rows_of(cell: Box) -> int:
    return cell.get("rowspan") or 1


def _prune(node: Node) -> bool:
    """Take out of a part what shows nothing, but for cells.

    :return: whether it has text
    """
    if isinstance(node, Block):
        return bool(node.text.strip())
    node.children = [child for child in node.children if _prune(child) or child.tag in ("tr", *CELLS)]
    for before, child in pairwise(node.children):
        if not before.tag and not child.tag:
            child.tag = "p"
    return any(block.text.strip() for block in node.blocks())


def _around(node: Node, scope: Box) -> Iterator[Box]:
    """Give the boxes around a part, from the inside out, up to a box and with it."""
    while node is not scope:
        node = node.parent
        yield node


def _kind(box: Box) -> str:
    """Tell what a box is, in words that are the same for boxes of which one may continue the other."""
    if box.tag in LISTS:
        return "list"
    if box.tag in SECTIONS:
        return "section"
    return "flow" if box.tag in ("", "div", "blockquote", *CELLS) else box.tag


def _parts(box: Box, filled: Collection[Node], holding: Collection[Node], kept: Collection[Node]) -> Iterator[Node]:
    for child in box.children:
        if child in kept or (child in filled and child not in holding):
            yield child
        elif isinstance(child, Box) and child in holding:
            yield from _parts(child, filled, holding, kept)


def _may_hold(box: Box, node: Node) -> bool:
    return box.tag in PARENTS.get(node.tag, FLOW) and node.tag != "caption"


def _in_item_or_row(node: Node, box: Box) -> Box:
    """Wrap a part so that a list or table may hold it."""
    if box.tag in LISTS:
        wrapper = Box("li")
    else:
        columns = max((sum(cell.get("colspan") or 1 for cell in row.children) for row in _rows(box)), default=1)
        wrapper = Box("td", (("colspan", str(min(columns, MAX_SPAN))),) if columns > 1 else ())
    wrapper.insert(0, node)
    tags = {"table": ("tr", "tbody"), **dict.fromkeys(SECTIONS, ("tr",))}.get(box.tag, ())
    for tag in tags:
        outer = Box(tag)
        outer.insert(0, wrapper)
        wrapper = outer
    return wrapper


def _rows(box: Box) -> Iterator[Box]:
    for child in box.children:
        if child.tag == "tr":
            yield child
        elif child.tag in SECTIONS:
            yield from _rows(child)
