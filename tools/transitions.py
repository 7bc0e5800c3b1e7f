"""The life of a contract as one table: which state follows which, and by what act."""

from collections.abc import Iterable
from typing import NamedTuple

DRAFT = "draft"
NEGOTIATION = "negotiation"
APPROVAL = "approval"
SIGNATURE = "signature"
SIGNED = "signed"
ACTIVE = "active"
CLOSED = "closed"
CANCELLED = "cancelled"

STATES = (DRAFT, NEGOTIATION, APPROVAL, SIGNATURE, SIGNED, ACTIVE, CLOSED, CANCELLED)

#: Text, lines and dates can be edited. In ``approval`` an edit makes the approvers decide anew.
EDITABLE = frozenset({DRAFT, NEGOTIATION, APPROVAL})
#: Nothing is agreed yet: may be deleted (drafts) or cancelled.
OPEN = frozenset({DRAFT, NEGOTIATION, APPROVAL, SIGNATURE})
#: Both sides are bound.
BINDING = frozenset({SIGNED, ACTIVE})
FINAL = frozenset({CLOSED})

US = "us"
THEM = "them"
SIDES = (US, THEM)


class Move(NamedTuple):
    """One allowed change of state.

    :param source: the state before
    :param target: the state after
    :param act: what causes it: the button ``action_<act>`` or, in the portal or by time, the event of that name
    """

    source: str
    target: str
    act: str


MOVES = (
    Move(DRAFT, NEGOTIATION, "negotiate"),
    Move(DRAFT, APPROVAL, "request_approval"),
    Move(DRAFT, SIGNATURE, "send"),
    Move(DRAFT, SIGNED, "conclude"),
    Move(DRAFT, CANCELLED, "cancel"),
    Move(NEGOTIATION, DRAFT, "withdraw"),
    Move(NEGOTIATION, APPROVAL, "request_approval"),
    Move(NEGOTIATION, SIGNATURE, "send"),
    Move(NEGOTIATION, SIGNED, "conclude"),
    Move(NEGOTIATION, CANCELLED, "cancel"),
    Move(APPROVAL, DRAFT, "take_back"),
    Move(APPROVAL, DRAFT, "reject"),
    Move(APPROVAL, NEGOTIATION, "negotiate"),
    Move(APPROVAL, NEGOTIATION, "take_back"),
    Move(APPROVAL, NEGOTIATION, "reject"),
    Move(APPROVAL, SIGNATURE, "send"),
    Move(APPROVAL, SIGNED, "conclude"),
    Move(APPROVAL, CANCELLED, "cancel"),
    Move(SIGNATURE, NEGOTIATION, "take_back"),
    Move(SIGNATURE, NEGOTIATION, "decline"),
    Move(SIGNATURE, SIGNED, "sign"),
    Move(SIGNATURE, CANCELLED, "cancel"),
    Move(SIGNED, ACTIVE, "activate"),
    Move(SIGNED, CLOSED, "close"),
    Move(ACTIVE, CLOSED, "close"),
    Move(CANCELLED, DRAFT, "reset"),
)

_TARGETS = {
    source: tuple(dict.fromkeys(move.target for move in MOVES if move.source == source)) for source in STATES
}
_PENS = {SIGNATURE: THEM, NEGOTIATION: THEM}


def targets(source: str) -> tuple[str, ...]:
    """Give the states that may follow a state, in the order of the table.

    :raise KeyError: when the state is none of ``STATES``
    """
    return _TARGETS[source]


def allowed(source: str, target: str, act: str | None = None) -> bool:
    """Tell whether a contract may go from one state to another.

    :param act: by this act; default: by any
    :raise KeyError: when the first state is none of ``STATES``
    """
    if act is None:
        return target in _TARGETS[source]
    return Move(source, target, act) in MOVES


def sources(target: str) -> tuple[str, ...]:
    """Give the states from which a state can be reached."""
    return tuple(dict.fromkeys(move.source for move in MOVES if move.target == target))


def first_pen(state: str) -> str:
    """Tell whose turn it is when a contract enters a state.

    A contract enters negotiation or signature by being sent to the other side; everything else is ours to do.
    """
    return _PENS.get(state, US)


def as_table(moves: Iterable[Move] = MOVES) -> str:
    """Give the moves as a Markdown table for the documentation."""
    rows = [f"| {move.source} | {move.target} | `{move.act}` |" for move in moves]
    return "\n".join(["| from | to | by |", "|---|---|---|", *rows])
