"""The kinds of events, and which of them a condition counts."""

from functools import lru_cache

#: In the order in which events of one and the same instant are applied.
KINDS = (
    "contact",
    "lead",
    "opportunity",
    "quotation",
    "order",
    "invoice",
    "refund",
    "contract_start",
    "contract_renewal",
    "contract_end",
    "feedback",
    "referral",
    "manual",
)
KIND_ORDER = {kind: position for position, kind in enumerate(KINDS)}

#: What is a purchase; a refund gives money back.
PURCHASE_KINDS = ("order", "invoice")
#: Names that only conditions use. ``any`` stands for everything but ``contact``.
GROUPS = {
    "enquiry": frozenset({"lead", "opportunity", "quotation"}),
    "purchase": frozenset(PURCHASE_KINDS),
}
ANY = "any"


def counts_in(kind: str, counted: str, measure: str = "count") -> bool:
    """Tell whether an event of one kind counts in a condition.

    A refund lowers the amount of purchases without being a purchase. A kind that
    is not listed above counts under its own name and in ``any``.

    :param kind: kind of the event
    :param counted: kind or group named by the condition
    :param measure: measure of the condition
    :return: whether the event changes what the condition measures
    """
    if measure == "age":
        return False
    if measure == "running":
        return kind in ("contract_start", "contract_end")
    if measure == "amount" and counted == "purchase" and kind == "refund":
        return True
    if counted == ANY:
        return kind != "contact"
    return kind in GROUPS.get(counted, (counted,))


@lru_cache(maxsize=1024)
def counts_in_any(kind: str, counted: tuple[str, ...]) -> bool:
    """Tell whether an event of one kind counts in a condition on one of several kinds."""
    return any(counts_in(kind, name) for name in counted)
