"""Changes of lines and clauses between two states of a contract."""

from hypothesis import given
from hypothesis import strategies as st

from odoo.tests import BaseCase

from ..tools.changes import CHANGED, GONE, NEW, clause_changes, line_changes


def line(name="Hosting", price="100.0", **values):
    """A price line as versions keep it."""
    return {
        "name": name, "product": name, "quantity": "1.0", "price_unit": price, "discount": "0.0", "taxes": [],
        "recurrence": "1 month advance", "date_start": "", "date_end": "", **values,
    }


def clause(name, source="text", **values):
    """A clause as versions keep it."""
    return {"name": name, "body": f"<p>{source}</p>", "source": source, **values}


class TestLineChanges(BaseCase):
    def test_equal_lines_when_reordered_then_nothing_changed(self):
        self.assertEqual(line_changes([line("A"), line("B")], [line("B"), line("A")]), [])

    def test_price_when_it_differs_then_old_and_new_line_are_told(self):
        old, new = line(price="100.0"), line(price="120.0")
        self.assertEqual(line_changes([line("A"), old], [line("A"), new]), [(CHANGED, old, new)])

    def test_lines_when_added_and_dropped_then_the_dropped_ones_come_last(self):
        self.assertEqual(
            line_changes([line("A"), line("B")], [line("C"), line("B")]),
            [(NEW, None, line("C")), (GONE, line("A"), None)],
        )

    def test_origin_when_given_then_a_renamed_line_is_the_same_line(self):
        old, new = line("Small plan"), line("Big plan", "200.0")
        ended = {**old, "date_end": "2026-12-31"}
        self.assertEqual(line_changes([old], [new], [ended]), [(CHANGED, old, new)])
        self.assertEqual(line_changes([old], [new], [None]), [(NEW, None, new), (GONE, old, None)])

    def test_same_line_twice_when_one_is_dropped_then_one_is_gone(self):
        self.assertEqual(line_changes([line("A"), line("A")], [line("A")]), [(GONE, line("A"), None)])

    def test_product_name_when_in_another_language_then_nothing_changed(self):
        self.assertEqual(line_changes([line(product="Coffee")], [line(product="Kaffee")]), [])

    def test_taxes_when_they_differ_then_the_line_changed(self):
        [change] = line_changes([line(taxes=["15%"])], [line(taxes=["20%"])])
        self.assertEqual(change.kind, CHANGED)

    @given(*[st.lists(st.sampled_from([line(name, price) for name in "ABC" for price in "12"]), max_size=6)] * 2)
    def test_any_lists_when_compared_then_the_changes_lead_from_one_to_the_other(self, old, new):
        changes = line_changes(old, new)
        result = list(old)
        for change in changes:
            if change.before is not None:
                result.remove(change.before)
            if change.after is not None:
                result.append(change.after)

        def names(lines):
            return sorted((entry["name"], entry["price_unit"]) for entry in lines)

        self.assertEqual(names(result), names(new))
        self.assertFalse([change for change in changes if change.before == change.after])


class TestClauseChanges(BaseCase):
    def test_placeholder_when_it_says_something_else_then_nothing_changed(self):
        old = clause("Parties", "number {{ contract_number }}", body="<p>number C/1</p>")
        new = clause("Parties", "number {{ contract_number }}", body="<p>number C/2</p>")
        self.assertEqual(clause_changes([old], [new]), [])

    def test_text_when_it_differs_then_the_clause_changed_with_its_new_number(self):
        old, new = clause("Price", "old"), clause("Price", "new")
        self.assertEqual(
            clause_changes([clause("A"), old], [clause("Z", "z"), clause("A"), new]),
            [(NEW, 1, None, clause("Z", "z")), (CHANGED, 3, old, new)],
        )

    def test_title_when_it_differs_then_the_clause_changed(self):
        old, new = clause("Price", "same"), clause("Prices", "same")
        self.assertEqual(clause_changes([old], [new]), [(CHANGED, 1, old, new)])

    def test_clause_when_dropped_then_it_has_its_old_number(self):
        gone = clause("B", "b")
        self.assertEqual(clause_changes([clause("A"), gone], [clause("A")]), [(GONE, 2, gone, None)])

    def test_wording_of_the_other_side_when_proposed_then_changed_although_the_source_is_the_same(self):
        old, new = clause("Price", "same"), clause("Price", "same", body="<p>cheaper</p>", proposed=True)
        self.assertEqual(clause_changes([old], [new]), [(CHANGED, 1, old, new)])
