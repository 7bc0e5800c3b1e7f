from collections import Counter
from contextlib import contextmanager
from unittest.mock import patch

from odoo.tests import tagged
from odoo.tools import SQL

from .common import ClmCase


@tagged("post_install", "-at_install")
class TestHotPath(ClmCase):
    """Business documents pay one INSERT, whatever their number, and never wait for a customer's row."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.partners = cls.env["res.partner"].create([{"name": f"Buyer {i}"} for i in range(6)])
        cls.env.flush_all()

    def _extra_statements(self, prepare, act):
        """:return: Counter of the statements that our hook adds to ``act``, those that caches cause left out"""
        push = type(self.queue)._push
        extra = None
        for __ in range(3):
            with self._prepared(prepare) as (records, hooked):
                act(records)
                self.env.flush_all()
            with (
                self._prepared(prepare) as (records, bare),
                patch.object(type(self.queue), "_push", lambda *args: None),
            ):
                act(records)
                self.env.flush_all()
            extra = hooked - bare if extra is None else extra & (hooked - bare)
        self.assertIs(type(self.queue)._push, push)
        return extra

    @contextmanager
    def _prepared(self, prepare):
        """Prepare documents as if an earlier transaction had made them, then count statements."""
        records = prepare()
        self.env.flush_all()
        self.queue._announced().clear()
        self.env.invalidate_all()
        statements = Counter()
        execute = type(self.env.cr).execute

        def spy(cr, query, params=None, log_exceptions=True):
            code = query.code if isinstance(query, SQL) else query
            statements[" ".join(code.split())] += 1
            return execute(cr, query, params, log_exceptions)

        with patch.object(type(self.env.cr), "execute", spy):
            yield records, statements

    def _assert_one_statement(self, prepare, act):
        extra = self._extra_statements(prepare, act)
        self.assertEqual(extra.total(), 1, extra)
        self.assertIn("INSERT INTO clm_queue", next(iter(extra)))

    def test_the_queue_touches_no_partner(self):
        order = self._create_order(self.partners[0])
        self.env.flush_all()
        partner_ids = order.partner_id.ids
        with self._prepared(lambda: order) as (__, statements):
            self.queue._push(partner_ids)
        queries = list(statements)
        self.assertEqual(len(queries), 1)
        self.assertNotIn("res_partner", queries[0])
        self.assertFalse(self.env.execute_query(SQL(
            """
            SELECT 1 FROM pg_constraint WHERE contype = 'f' AND conrelid = 'clm_queue'::regclass
            """
        )), "a foreign key would lock the customer's row")

    def test_confirming_one_order_adds_one_statement(self):
        self._assert_one_statement(
            lambda: self._create_order(self.partners[0], confirm=False), lambda orders: orders.action_confirm()
        )

    def test_confirming_many_orders_adds_one_statement(self):
        def prepare():
            orders = self.env["sale.order"]
            for partner in self.partners:
                orders |= self._create_order(partner, confirm=False)
            return orders

        self._assert_one_statement(prepare, lambda orders: orders.action_confirm())

    def test_confirming_queues_the_customers(self):
        orders = self.env["sale.order"]
        for partner in self.partners[:2]:
            orders |= self._create_order(partner, confirm=False)
        self.env.flush_all()
        self.env.cr.execute(SQL("DELETE FROM clm_queue"))
        orders.action_confirm()
        self.env.flush_all()
        self.assertEqual(set(self.queue.search([]).mapped("partner_id")), set(self.partners[:2].ids))

    def test_posting_an_invoice_adds_one_statement(self):
        def prepare():
            return self.env["account.move"].create([{
                "partner_id": partner.id, "move_type": "out_invoice", "invoice_date": self.now.date(),
                "invoice_line_ids": [(0, 0, {"name": "x", "price_unit": 5.0, "tax_ids": []})],
            } for partner in self.partners])

        self._assert_one_statement(prepare, lambda moves: moves.action_post())

    def test_creating_leads_adds_one_statement(self):
        def act(partners):
            self.env["crm.lead"].create([
                {"name": "Asks", "partner_id": partner.id, "type": "lead"} for partner in partners
            ])

        self._assert_one_statement(lambda: self.partners, act)

    def test_confirmation_writes_no_stage(self):
        order = self._create_order(self.partners[0])
        self.env.flush_all()
        self.assertFalse(self.partners[0].lifecycle_stage_id)
        self.assertFalse(order.purchase_number)

    def test_draft_vendor_bill_and_journal_entry_queue_nobody(self):
        self.env.cr.execute(SQL("DELETE FROM clm_queue"))
        self.env["account.move"].create({
            "partner_id": self.partners[0].id, "move_type": "in_invoice",
            "invoice_line_ids": [(0, 0, {"name": "x", "price_unit": 5.0, "tax_ids": []})],
        })
        self.env.flush_all()
        self.assertFalse(self.queue._count())
