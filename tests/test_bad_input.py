from datetime import datetime, timedelta

from freezegun import freeze_time

from odoo.exceptions import UserError, ValidationError
from odoo.fields import Command
from odoo.tests import Form, tagged

from .common import ClmCase

ONE_PURCHASE = {"event_kind": "purchase"}


@tagged("post_install", "-at_install")
class TestBadPolicy(ClmCase):
    """Policies that make no sense are refused with a sentence that says how to mend them."""

    def test_rule_without_conditions_is_refused(self):
        with self.assertRaisesRegex(ValidationError, "Add at least one"):
            self._create_rule(self.loyalty)

    def test_rule_that_loses_its_last_condition_moves_nobody(self):
        rule = self._create_rule(self.loyalty, ONE_PURCHASE)
        rule.condition_ids.unlink()
        partner = self._create_partner()
        self._create_order(partner)
        self.engine._process_queue()
        self.assertEqual(partner.lifecycle_stage_id, self.conversion)

    def test_negative_threshold_is_refused(self):
        with self.assertRaisesRegex(ValidationError, "Enter 0 or more"):
            self._create_rule(self.loyalty, {**ONE_PURCHASE, "threshold": -1})

    def test_negative_window_is_refused(self):
        with self.assertRaisesRegex(ValidationError, "1 day or more"):
            self._create_rule(self.loyalty, {**ONE_PURCHASE, "scope": "rolling", "window_days": -5})

    def test_rolling_without_window_is_refused(self):
        with self.assertRaisesRegex(ValidationError, "1 day or more"):
            self._create_rule(self.loyalty, {**ONE_PURCHASE, "scope": "rolling"})

    def test_silence_of_no_days_is_refused(self):
        with self.assertRaisesRegex(ValidationError, "1 or more"):
            self._create_rule(self.lapsed, {"event_kind": "any", "measure": "silence", "threshold": 0})

    def test_score_of_orders_is_refused(self):
        with self.assertRaisesRegex(ValidationError, "only feedback has a score"):
            self._create_rule(self.loyalty, {"event_kind": "order", "measure": "score"})

    def test_rule_from_its_own_target_is_refused(self):
        with self.assertRaisesRegex(ValidationError, "to itself"):
            self._create_rule(self.loyalty, ONE_PURCHASE, from_stage_ids=[Command.set(self.loyalty.ids)])

    def test_unreadable_filter_is_refused(self):
        for domain in ("[('no_such_field', '=', 1)]", "[(", "__import__('os')"):
            with self.subTest(domain=domain), self.assertRaisesRegex(ValidationError, "cannot be read"):
                self._create_rule(self.loyalty, ONE_PURCHASE, partner_domain=domain)

    def test_rules_that_chase_each_other_by_time_are_refused(self):
        self._create_rule(
            self.retention, {"measure": "age", "threshold": 5}, from_stage_ids=[Command.set(self.conversion.ids)]
        )
        with self.assertRaisesRegex(ValidationError, "back and forth"):
            self._create_rule(
                self.conversion, {"measure": "age", "threshold": 5}, from_stage_ids=[Command.set(self.retention.ids)]
            )

    def test_rules_that_fight_over_one_event_settle(self):
        self._create_rule(self.loyalty, ONE_PURCHASE, from_stage_ids=[Command.set(self.conversion.ids)])
        self._create_rule(self.conversion, ONE_PURCHASE, from_stage_ids=[Command.set(self.loyalty.ids)])
        partner = self._create_partner(known_since=self.days_ago(50))
        for __ in range(3):
            self._create_order(partner, self.days_ago(20))
        self.engine._process_queue()
        self.assertEqual(
            self._stages(partner), [self.awareness, self.conversion, self.loyalty, self.conversion],
            "one move for each event, then it is over",
        )

    def test_rules_that_fight_over_silence_settle(self):
        silence = {"event_kind": "any", "measure": "silence", "threshold": 30}
        self._create_rule(self.loyalty, silence, from_stage_ids=[Command.set(self.conversion.ids)])
        self._create_rule(self.conversion, silence, from_stage_ids=[Command.set(self.loyalty.ids)])
        partner = self._create_partner(known_since=self.days_ago(150))
        self._create_order(partner, self.days_ago(100))
        self.engine._process_queue()
        self.assertEqual(self._stages(partner), [self.awareness, self.conversion, self.loyalty])

    def test_deleting_a_stage_in_use_is_refused(self):
        self._create_partner()
        self.engine._process_queue()
        with self.assertRaisesRegex(UserError, "Archive it instead"):
            self.awareness.unlink()

    def test_archiving_a_stage_where_customers_stand_is_refused(self):
        self._create_partner()
        self.engine._process_queue()
        with self.assertRaisesRegex(UserError, "stand in Awareness"):
            self.awareness.action_archive()

    def test_archiving_a_stage_that_rules_use_is_refused(self):
        stage = self.env["clm.stage"].create({"name": "Ambassador", "sequence": 55})
        rule = self._create_rule(stage, {**ONE_PURCHASE, "threshold": 999})
        with self.assertRaisesRegex(UserError, rule.name):
            stage.action_archive()
        rule.action_archive()
        stage.action_archive()
        self.assertFalse(stage.active)

    def test_unused_stage_can_be_deleted(self):
        stage = self.env["clm.stage"].create({"name": "Typo", "sequence": 55})
        stage.unlink()
        self.assertFalse(stage.exists())

    def test_stage_for_customers_and_the_lapsed_is_refused(self):
        with self.assertRaisesRegex(ValidationError, "not for both"):
            self.env["clm.stage"].create({"name": "Both", "is_customer": True, "is_lapsed": True})

    def test_rule_is_described_in_words(self):
        rule = self._create_rule(
            self.loyalty, {**ONE_PURCHASE, "measure": "days", "threshold": 5, "scope": "rolling", "window_days": 365}
        )
        self.assertEqual(
            rule.summary, "Any purchase on at least 5 days in the last 365 days"
        )

    def test_edit_in_the_screens_waits_until_it_is_applied(self):
        rule = self.env.ref("clm.rule_conversion_purchase").with_context(clm_policy_edit=True)
        with Form(rule) as form, form.condition_ids.edit(0) as condition:
            condition.threshold = 2
        partner = self._create_partner(known_since=self.days_ago(50))
        self._create_order(partner, self.days_ago(20))
        self.engine._process_queue()
        self.assertEqual(partner.lifecycle_stage_id, self.conversion, "the policy in force still asks for one")
        self.env["clm.policy"]._apply()
        self.engine._process_queue()
        self.assertEqual(partner.lifecycle_stage_id, self.awareness)

    def test_discarded_edit_is_gone(self):
        Rule = self.env["clm.rule"].with_context(clm_policy_edit=True)
        before = self.env["clm.policy"]._read()
        Rule.browse(self.env.ref("clm.rule_conversion_purchase").id).condition_ids.threshold = 7
        added = Rule.create({
            "name": "Added", "stage_id": self.loyalty.id, "condition_ids": [Command.create(ONE_PURCHASE)],
        })
        self.env.ref("clm.rule_awareness_contact").with_context(clm_policy_edit=True).active = False
        self.env["clm.policy"]._discard()
        self.assertEqual(self.env["clm.policy"]._read(), before)
        self.assertFalse(added.active)
        self.assertFalse(self.env["clm.policy"]._held())


    def test_discard_archives_an_added_stage_and_remakes_a_deleted_one(self):
        stage = self.env["clm.stage"].create({"name": "Trial", "sequence": 25})
        rule = self._create_rule(stage, ONE_PURCHASE)
        Stage = self.env["clm.stage"].with_context(clm_policy_edit=True)
        added = Stage.create({"name": "Added", "sequence": 45})
        rule.with_context(clm_policy_edit=True).unlink()
        Stage.browse(stage.id).unlink()
        self.env["clm.policy"]._discard()
        self.assertFalse(added.active)
        trial = self.env["clm.stage"].search([("name", "=", "Trial")])
        self.assertEqual(trial.sequence, 25)
        self.assertEqual(trial.rule_ids.mapped("condition_ids.event_kind"), ["purchase"])

    def test_discard_is_not_stopped_by_rules_that_chase_each_other_halfway(self):
        there = self._create_rule(
            self.retention, {"measure": "age", "threshold": 5}, from_stage_ids=[Command.set(self.conversion.ids)]
        )
        back = self._create_rule(
            self.conversion, {"measure": "age", "threshold": 5}, from_stage_ids=[Command.set(self.loyalty.ids)]
        )
        (there | back).with_context(clm_policy_edit=True).active = False
        before = self.env["clm.policy"]._held()
        other = self._create_rule(
            self.conversion, {"measure": "age", "threshold": 5}, from_stage_ids=[Command.set(self.retention.ids)]
        )
        self.env["clm.policy"]._discard()
        self.assertFalse(other.active)
        self.assertEqual(self.env["clm.policy"]._read(), before)

    def test_move_to_a_stage_that_waits_to_be_applied_is_refused(self):
        stage = self.env["clm.stage"].with_context(clm_policy_edit=True).create({"name": "New", "sequence": 45})
        partner = self._create_partner()
        self.engine._process_queue()
        with self.assertRaisesRegex(UserError, "not in force yet"):
            partner.action_lifecycle_move(stage.id)
        self.env["clm.policy"]._apply()
        partner.action_lifecycle_move(stage.id)
        self.assertEqual(partner.lifecycle_stage_id, stage)


@tagged("post_install", "-at_install")
class TestOddFacts(ClmCase):
    """Documents as years of real data hold them."""

    def test_order_before_the_contact_existed(self):
        partner = self._create_partner()
        self._create_order(partner, self.days_ago(30))
        self.engine._process_queue()
        self.assertEqual(self._stages(partner), [self.conversion])
        self.assertEqual(partner.lifecycle_since, self.days_ago(30))

    def test_contact_record_made_after_lapsing_wins_nobody_back(self):
        partner = self._create_partner()
        self._create_order(partner, self.days_ago(900))
        self.engine._process_queue()
        self.assertEqual(self._visits(partner), [(self.conversion, 1), (self.lapsed, 1)])

    def test_order_in_the_future_counts_when_its_day_comes(self):
        partner = self._create_partner(known_since=self.days_ago(5))
        order = self._create_order(partner)
        order.date_order = self.now + timedelta(days=10)
        self.engine._process_queue()
        self.assertNotEqual(partner.lifecycle_stage_id, self.conversion)
        self.assertEqual(partner.lifecycle_next_check, order.date_order)
        with freeze_time(self.now + timedelta(days=11)):
            self.engine._cron_tick()
        self.assertEqual(partner.lifecycle_stage_id, self.conversion)
        self.assertEqual(partner.lifecycle_since, order.date_order)

    def test_cancelled_quotation_is_an_enquiry(self):
        partner = self._create_partner(known_since=self.days_ago(5))
        order = self._create_order(partner, self.days_ago(2), confirm=False)
        order._action_cancel()
        self.engine._process_queue()
        self.assertEqual(partner.lifecycle_stage_id, self.acquisition)

    def test_locked_order_is_a_purchase(self):
        partner = self._create_partner(known_since=self.days_ago(5))
        self._create_order(partner, self.days_ago(2)).action_lock()
        self.engine._process_queue()
        self.assertEqual(partner.lifecycle_stage_id, self.conversion)

    def test_order_of_zero_is_a_purchase(self):
        partner = self._create_partner(known_since=self.days_ago(5))
        order = self._create_order(partner, self.days_ago(2), price=0.0)
        self.engine._process_queue()
        self.assertEqual(partner.lifecycle_stage_id, self.conversion)
        self.assertEqual(order.purchase_number, 1)

    def test_negative_order_is_no_purchase(self):
        partner = self._create_partner(known_since=self.days_ago(5))
        order = self._create_order(partner, self.days_ago(2), price=-50.0)
        self.engine._process_queue()
        self.assertEqual(partner.lifecycle_stage_id, self.awareness)
        self.assertEqual(order.purchase_number, 0)
        self.assertEqual(partner.lifecycle_event_ids.filtered(lambda event: event.kind == "refund").amount, -50.0)

    def test_order_in_another_currency_counts_in_company_currency(self):
        currency = self.env["res.currency"].with_context(active_test=False).search(
            [("id", "!=", self.env.company.currency_id.id)], limit=1
        )
        currency.active = True
        self.env["res.currency.rate"].search([("currency_id", "=", currency.id)]).unlink()
        self.env["res.currency.rate"].create({"currency_id": currency.id, "rate": 4.0, "name": "2000-01-01"})
        pricelist = self.env["product.pricelist"].create({"name": "Foreign", "currency_id": currency.id})
        partner = self._create_partner(known_since=self.days_ago(5))
        self._create_order(partner, self.days_ago(2), pricelist_id=pricelist.id)
        self.engine._process_queue()
        amounts = {event.kind: event.amount for event in partner.lifecycle_event_ids}
        self.assertAlmostEqual(amounts["order"], 25.0, 2)

    def test_amounts_of_companies_with_other_currencies_are_added_up_in_the_main_one(self):
        currency = self.env["res.currency"].with_context(active_test=False).search(
            [("id", "!=", self.env["res.company"].search([], order="id", limit=1).currency_id.id)], limit=1
        )
        currency.active = True
        self.env["res.currency.rate"].search([("currency_id", "=", currency.id)]).unlink()
        self.env["res.currency.rate"].create({"currency_id": currency.id, "rate": 4.0, "name": "2000-01-01"})
        other = self.env["res.company"].create({"name": "Abroad", "currency_id": currency.id})
        self._create_rule(self.loyalty, {"event_kind": "order", "measure": "amount", "threshold": 130.0})
        partner = self._create_partner(known_since=self.days_ago(50))
        self._create_order(partner, self.days_ago(20))
        self._create_order(partner, self.days_ago(20), company_id=other.id)
        self.engine._process_queue()
        self.assertEqual(partner.lifecycle_stage_id, self.conversion, "100 + 100 / 4 is less than 130")

    def test_changed_total_of_a_confirmed_order_counts(self):
        self._create_rule(self.loyalty, {"event_kind": "order", "measure": "amount", "threshold": 500.0})
        partner = self._create_partner(known_since=self.days_ago(5))
        order = self._create_order(partner, self.days_ago(2))
        self.engine._process_queue()
        order.order_line.price_unit = 600.0
        self.engine._process_queue()
        self.assertEqual(partner.lifecycle_stage_id, self.loyalty)

    def test_lead_without_partner_is_nobody(self):
        self.env["crm.lead"].create({"name": "Unknown", "email_from": "x@example.com"})
        self.assertEqual(self.engine._process_queue(), 0)

    def test_lead_counts_once_it_has_a_partner(self):
        lead = self.env["crm.lead"].create({"name": "Unknown", "type": "lead"})
        partner = self._create_partner(known_since=self.days_ago(5))
        lead.partner_id = partner
        self.engine._process_queue()
        self.assertEqual(partner.lifecycle_stage_id, self.acquisition)

    def test_lost_lead_is_an_enquiry_all_the_same(self):
        partner = self._create_partner(known_since=self.days_ago(5))
        self.env["crm.lead"].create({"name": "Lost", "partner_id": partner.id, "type": "lead", "active": False})
        self.engine._process_queue()
        self.assertEqual(partner.lifecycle_stage_id, self.acquisition)

    def test_document_moved_to_another_customer_moves_both(self):
        one = self._create_partner("One", known_since=self.days_ago(5))
        two = self._create_partner("Two", known_since=self.days_ago(5))
        order = self._create_order(one, self.days_ago(2))
        self.engine._process_queue()
        order.partner_id = two
        self.engine._process_queue()
        self.assertEqual(one.lifecycle_stage_id, self.awareness)
        self.assertEqual(two.lifecycle_stage_id, self.conversion)

    def test_deleted_document_is_forgotten(self):
        partner = self._create_partner(known_since=self.days_ago(5))
        quotation = self._create_order(partner, self.days_ago(2), confirm=False)
        self.engine._process_queue()
        quotation.unlink()
        self.engine._process_queue()
        self.assertEqual(partner.lifecycle_stage_id, self.awareness)

    def test_orders_of_the_same_day_are_one_day(self):
        partner = self._create_partner(known_since=datetime(2025, 1, 1))
        orders = [self._create_order(partner, datetime(2025, 3, 3, hour)) for hour in (8, 12, 18)]
        self.engine._rebuild(partner)
        self.assertNotIn(self.retention, self._stages(partner))
        self.assertEqual([order.purchase_number for order in orders], [1, 2, 3])

    def test_two_events_at_the_same_instant(self):
        partner = self._create_partner(known_since=self.days_ago(30))
        lead = self.env["crm.lead"].create({"name": "Asks", "partner_id": partner.id, "type": "lead"})
        self._backdate(lead, self.days_ago(10))
        self._create_order(partner, self.days_ago(10))
        self.engine._process_queue()
        self.assertEqual(self._stages(partner), [self.awareness, self.acquisition, self.conversion])
        visits = partner.lifecycle_visit_ids.sorted("number")
        self.assertEqual(visits[1].days, 0.0)
        self.assertEqual(visits[1].exited_at, visits[2].entered_at)

    def test_days_are_days_of_the_company(self):
        """23:30 and 00:30 in Auckland are two days there and one day in UTC."""
        orders = (datetime(2025, 3, 3, 10, 30), datetime(2025, 3, 3, 11, 30))
        for zone, stages in (
            ("UTC", [self.awareness, self.conversion]),
            ("Pacific/Auckland", [self.awareness, self.conversion, self.retention]),
        ):
            with self.subTest(zone=zone):
                self.env.company.lifecycle_tz = zone
                partner = self._create_partner(known_since=datetime(2025, 1, 1))
                for date in orders:
                    self._create_order(partner, date)
                with freeze_time("2025-06-01"):
                    self.engine._rebuild(partner)
                self.assertEqual(self._stages(partner), stages)

    def test_silence_ends_at_midnight_of_the_company(self):
        self.env.company.lifecycle_tz = "America/New_York"
        partner = self._create_partner(known_since=datetime(2024, 1, 1))
        self._create_order(partner, datetime(2024, 3, 4, 3, 0))  # 3 March, 22:00 in New York
        with freeze_time("2025-06-01"):
            self.engine._rebuild(partner)
        # 365 days after 3 March 2024 is 3 March 2025; midnight there is 05:00 UTC
        self.assertEqual(partner.lifecycle_stage_id, self.lapsed)
        self.assertEqual(partner.lifecycle_since, datetime(2025, 3, 3, 5, 0))

    def test_invoice_has_the_day_of_its_company(self):
        self.env.company.lifecycle_tz = "Asia/Tokyo"
        partner = self._create_partner(known_since=datetime(2024, 1, 1))
        self._create_invoice(partner, "2024-05-05")
        self.engine._process_queue()
        event = partner.lifecycle_event_ids.filtered(lambda event: event.kind == "invoice")
        self.assertEqual(event.date, datetime(2024, 5, 4, 15, 0))
        self.assertEqual(str(event.day), "2024-05-05")

    def test_reset_and_reposted_invoice_counts_once(self):
        partner = self._create_partner(known_since=self.days_ago(30))
        invoice = self._create_invoice(partner, self.days_ago(10).date())
        self.engine._process_queue()
        invoice.button_draft()
        self.engine._process_queue()
        self.assertEqual(partner.lifecycle_stage_id, self.awareness)
        invoice.action_post()
        self.engine._process_queue()
        self.assertEqual(partner.lifecycle_stage_id, self.conversion)
        self.assertEqual(self._stages(partner).count(self.conversion), 1)

    def test_rule_for_some_customers_leaves_the_others_alone(self):
        country = self.env.ref("base.be")
        self._create_rule(self.loyalty, ONE_PURCHASE, partner_domain=f"[('country_id', '=', {country.id})]")
        belgian = self._create_partner("Belgian", known_since=self.days_ago(5), country_id=country.id)
        other = self._create_partner("Other", known_since=self.days_ago(5))
        for partner in (belgian, other):
            self._create_order(partner, self.days_ago(2))
        self.engine._process_queue()
        self.assertEqual(belgian.lifecycle_stage_id, self.loyalty)
        self.assertEqual(other.lifecycle_stage_id, self.conversion)
