from odoo import models

from ..tools.changes import clause_changes, line_changes
from ..tools.redline import redline

NO_CLAUSE = {"name": "", "body": ""}


class ClmContract(models.Model):
    """What changed between two states of a contract, in words: for amendments and for redlines."""

    _inherit = "clm.contract"

    def _changed_terms(self, old, new, skip=()):
        """Compare terms as versions keep them.

        :param skip: keys of rows that say nothing here
        :return: list of dicts with label, before and after
        """
        before, after = ({row["key"]: row for row in self._named_terms(terms)} for terms in (old, new))
        empty = {"value": ""}
        return [
            {
                "label": (after.get(key) or before[key])["label"],
                "before": before.get(key, empty)["value"],
                "after": after.get(key, empty)["value"],
            }
            for key in {**before, **after}
            if key not in skip and before.get(key, empty)["value"] != after.get(key, empty)["value"]
        ]

    def _named_terms(self, terms):
        """:return: the key terms, with what stands in the head of the document"""
        return [
            {"key": "title", "label": self.env._("Title"), "value": terms["title"]},
            {"key": "partner", "label": self.env._("Other party"), "value": terms["partner"]},
            *self._print_terms(terms),
        ]

    def _changed_lines(self, base, old, new):
        """Compare price lines as versions keep them.

        :param base: ``clm.contract`` that the old lines belong to
        :return: list of dicts with kind, name, before and after
        """
        start = new["date_start"] if base != self else ""
        running = [line for line in old["lines"] if not (line["date_end"] and line["date_end"] < start)]
        sources = [line.origin_line_id for line in self._lines_like(new["lines"])]
        origins = [source._content() if source else None for source in sources]
        return [
            {
                "kind": change.kind,
                "name": (change.after or change.before)["name"],
                "before": base._line_words(change.before, change.after),
                "after": self._line_words(change.after, change.before),
            }
            for change in line_changes(running, new["lines"], origins)
        ]

    def _line_words(self, content, other):
        """:return: a line in one sentence, with its name where that changed; empty for no line"""
        if content is None:
            return ""
        [line] = self._print_lines([content])
        parts = [
            content["name"] if other and other["name"] != content["name"] else "",
            f"{line['quantity']} x {line['price']} {self.currency_id.name}",
            line["billing"],
            self.env._("%(percent)s discount", percent=line["discount"]) if line["discount"] else "",
            line["taxes"],
            line["from"],
            line["until"],
        ]
        return ", ".join(part for part in parts if part)

    def _changed_clauses(self, old, new):
        """Compare clauses as versions keep them.

        :return: list of dicts with kind, number, name, the title before where it changed, and the redline as markup
        """
        return [
            {
                "kind": change.kind,
                "number": change.number,
                "name": after["name"] or before["name"],
                "old_name": before["name"] if before["name"] != after["name"] and change.kind == "changed" else "",
                "html": self._print_body(redline(before["body"], after["body"]).html),
            }
            for change in clause_changes(old, new)
            for before, after in [(change.before or NO_CLAUSE, change.after or NO_CLAUSE)]
        ]
