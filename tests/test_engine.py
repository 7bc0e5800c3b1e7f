from datetime import timedelta

from freezegun import freeze_time

from odoo.tests import tagged
from odoo.tools import SQL

from .common import ClmCase


@tagged("post_install", "-at_install")
class TestEngine(ClmCase):
    """Documents become stages."""

    def test_new_contact_stands_in_awareness(self):
        partner = self._create_partner()
        self.engine._process_queue()
        self.assertEqual(partner.lifecycle_stage_id, self.awareness)
        self.assertEqual(partner.lifecycle_cycle, 1)
        self.assertEqual(partner.lifecycle_since, partner.create_date.replace(microsecond=0))

    def test_lead_then_order_make_a_history(self):
        partner = self._create_partner(known_since=self.days_ago(30))
        lead = self.env["crm.lead"].create({"name": "Asks", "partner_id": partner.id, "type": "lead"})
        self._backdate(lead, self.days_ago(20))
        order = self._create_order(partner, self.days_ago(10))
        self.engine._process_queue()
        self.assertEqual(self._stages(partner), [self.awareness, self.acquisition, self.conversion])
        visits = partner.lifecycle_visit_ids.sorted("number")
        self.assertEqual(visits.mapped("entered_at"), [self.days_ago(30), self.days_ago(20), self.days_ago(10)])
        self.assertEqual(visits[:2].mapped("days"), [10.0, 10.0])
        self.assertEqual((visits[2].evidence_model, visits[2].evidence_id), ("sale.order", order.id))
        self.assertEqual(visits[2].evidence, order.name)
        self.assertEqual(visits[2].origin, "rule")

    def test_order_gets_stage_and_purchase_number_after_confirmation(self):
        partner = self._create_partner(known_since=self.days_ago(30))
        first = self._create_order(partner, self.days_ago(20))
        second = self._create_order(partner, self.days_ago(10))
        self.assertFalse(first.lifecycle_stage_id)
        self.engine._process_queue()
        self.assertEqual((first | second).mapped("purchase_number"), [1, 2])
        self.assertEqual((first | second).mapped("lifecycle_stage_id"), self.conversion | self.retention)

    def test_cancelled_order_is_superseded_not_deleted(self):
        partner = self._create_partner(known_since=self.days_ago(30))
        order = self._create_order(partner, self.days_ago(10))
        self.engine._process_queue()
        order._action_cancel()
        self.engine._process_queue()
        self.assertEqual(partner.lifecycle_stage_id, self.acquisition)
        self.assertFalse(order.purchase_number)
        superseded = self.env["clm.visit"].with_context(active_test=False).search(
            [("partner_id", "=", partner.id), ("superseded_at", "!=", False)]
        )
        self.assertIn(self.conversion, superseded.stage_id)

    def test_order_and_its_invoice_are_one_purchase(self):
        partner = self._create_partner(known_since=self.days_ago(30))
        order = self._create_order(partner, self.days_ago(10))
        order.order_line.qty_delivered = 1
        invoice = order._create_invoices()
        invoice.invoice_date = self.days_ago(5).date()
        invoice.action_post()
        self.engine._process_queue()
        self.assertEqual(partner.lifecycle_stage_id, self.conversion)

    def test_invoice_without_order_is_a_purchase(self):
        partner = self._create_partner(known_since=self.days_ago(30))
        self._create_invoice(partner, self.days_ago(10).date())
        self.engine._process_queue()
        self.assertEqual(partner.lifecycle_stage_id, self.conversion)

    def test_credit_note_lowers_the_amount_and_is_no_purchase(self):
        rule = self._create_rule(
            self.loyalty, {"event_kind": "purchase", "measure": "amount", "threshold": 150.0}
        )
        partner = self._create_partner(known_since=self.days_ago(30))
        self._create_order(partner, self.days_ago(20))
        self._create_invoice(partner, self.days_ago(15).date(), move_type="out_refund", price=60.0)
        self._create_order(partner, self.days_ago(12), price=90.0)
        self.engine._process_queue()
        self.assertEqual(partner.lifecycle_stage_id, self.retention, "100 + 90 - 60 is less than 150")
        self._create_order(partner, self.days_ago(10), price=20.0)
        self.engine._process_queue()
        self.assertEqual(partner.lifecycle_stage_id, self.loyalty)
        self.assertEqual(partner.lifecycle_visit_ids.sorted("number")[-1].rule_id, rule)

    def test_silent_customer_lapses_and_is_won_back_in_cycle_two(self):
        partner = self._create_partner(known_since=self.days_ago(900))
        self._create_order(partner, self.days_ago(800))
        self._create_order(partner, self.days_ago(10))
        self.engine._process_queue()
        self.assertEqual(
            self._visits(partner),
            [(self.awareness, 1), (self.conversion, 1), (self.lapsed, 1), (self.retention, 2)],
        )

    def test_timer_moves_only_who_is_due(self):
        due = self._create_partner("Due", known_since=self.days_ago(400))
        other = self._create_partner("Other", known_since=self.days_ago(400))
        self._create_order(due, self.days_ago(364))
        self._create_order(other, self.days_ago(100))
        self.engine._process_queue()
        self.assertEqual((due | other).lifecycle_stage_id, self.conversion)
        with freeze_time(self.now + timedelta(days=3)):
            self.assertIn(due.id, self.engine._take_due(1000, ()))
            self.assertNotIn(other.id, self.engine._take_due(1000, ()))
            self.engine._cron_tick()
        self.assertEqual(due.lifecycle_stage_id, self.lapsed)
        self.assertEqual(other.lifecycle_stage_id, self.conversion)

    def test_timer_runs_once_after_missed_months(self):
        partner = self._create_partner(known_since=self.days_ago(400))
        self._create_order(partner, self.days_ago(300))
        self.engine._process_queue()
        with freeze_time(self.now + timedelta(days=200)):
            self.engine._cron_tick()
            self.assertEqual(self.engine._cron_tick(), 0)
        lapsed = partner.lifecycle_visit_ids.filtered(lambda visit: visit.stage_id == self.lapsed)
        self.assertEqual(len(lapsed), 1)
        self.assertEqual((lapsed.entered_at.date() - self.days_ago(300).date()).days, 365)

    def test_crons_do_the_work(self):
        partner = self._create_partner(known_since=self.days_ago(400))
        self._create_order(partner, self.days_ago(300))
        with self.enter_registry_test_mode():
            self.env.ref("clm.ir_cron_process_queue").method_direct_trigger()
        self.assertEqual(partner.lifecycle_stage_id, self.conversion)
        self.engine._enqueue_all()
        with self.enter_registry_test_mode():
            self.env.ref("clm.ir_cron_rebuild").method_direct_trigger()
        self.assertFalse(self.queue._count())
        with freeze_time(self.now + timedelta(days=100)), self.enter_registry_test_mode():
            self.env.ref("clm.ir_cron_tick").method_direct_trigger()
        self.assertEqual(partner.lifecycle_stage_id, self.lapsed)

    def test_rebuild_changes_nothing(self):
        partner = self._create_partner(known_since=self.days_ago(900))
        self._create_order(partner, self.days_ago(800))
        self._create_order(partner, self.days_ago(10))
        self.engine._process_queue()
        before = partner.lifecycle_visit_ids.ids
        self.engine._rebuild(partner)
        self.engine._rebuild()
        self.assertEqual(partner.lifecycle_visit_ids.ids, before)

    def test_events_in_any_order_of_arrival_give_the_same_ledger(self):
        dates = [self.days_ago(days) for days in (700, 690, 300, 200, 20)]
        ledgers = []
        for order in (dates, dates[::-1], dates[2:] + dates[:2]):
            partner = self._create_partner(known_since=self.days_ago(900))
            for date in order:
                self._create_order(partner, date)
                self.engine._process_queue()
            ledgers.append([
                (visit.stage_id, visit.cycle, visit.entered_at, visit.exited_at)
                for visit in partner.lifecycle_visit_ids.sorted("number")
            ])
        self.assertEqual(ledgers[0], ledgers[1])
        self.assertEqual(ledgers[0], ledgers[2])

    def test_history_that_holds_is_not_written_again(self):
        partner = self._create_partner(known_since=self.days_ago(50))
        self._create_order(partner, self.days_ago(20))
        self.engine._process_queue()
        before = partner.lifecycle_visit_ids
        self._create_order(partner, self.days_ago(10))
        self.engine._process_queue()
        self.assertLess(set(before.ids), set(partner.lifecycle_visit_ids.ids))

    def test_number_of_statements_does_not_depend_on_the_batch(self):
        def count(partners):
            self.env.flush_all()
            self.env.invalidate_all()
            start = self.env.cr.sql_log_count
            self.env["clm.ledger"]._sync(partners.ids)
            return self.env.cr.sql_log_count - start

        few = self.env["res.partner"].create([{"name": f"Few {i}"} for i in range(2)])
        many = self.env["res.partner"].create([{"name": f"Many {i}"} for i in range(50)])
        count(self._create_partner("Warm up"))
        self.assertLessEqual(count(many), count(few))

    def test_customer_with_10000_events(self):
        partner = self._create_partner(known_since=self.days_ago(3000))
        template = self._create_order(partner, self.days_ago(2900))
        self.env.flush_all()
        columns = [
            name for name, field in template._fields.items()
            if field.store and field.column_type and name not in ("id", "date_order", "create_date", "access_token")
        ]
        names = SQL(", ").join(map(SQL.identifier, columns))
        self.env.cr.execute(SQL(
            """
            INSERT INTO sale_order (%(names)s, date_order, create_date)
            SELECT %(names)s, date_order + i * interval '6 hours', create_date + i * interval '6 hours'
              FROM sale_order, generate_series(1, 9999) i WHERE id = %(id)s
            """,
            names=names, id=template.id,
        ))
        self.env.invalidate_all()
        self.engine._rebuild(partner)
        self.assertEqual(self.env["clm.event"].search_count([("partner_id", "=", partner.id)]), 10001)
        self.assertEqual(self._stages(partner)[:4], [self.awareness, self.conversion, self.retention, self.loyalty])
        last = self.env["sale.order"].search([("partner_id", "=", partner.id)], order="date_order desc", limit=1)
        self.assertEqual(last.purchase_number, 10000)
