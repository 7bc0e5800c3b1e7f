from collections import Counter
from datetime import timedelta
from unittest.mock import patch

from odoo import fields
from odoo.tests import tagged
from odoo.tools import SQL, mute_logger

from .playbook_common import PlaybookCase

TRIGGER = "odoo.addons.clm.models.clm_effect_trigger"


@tagged("post_install", "-at_install")
class TestPlaybookTrigger(PlaybookCase):
    """Who enters a stage, from the activation on, makes effects: once, never in history."""

    def test_entering_a_stage_makes_one_effect_for_each_step(self):
        playbook = self._create_playbook(self._tag_step(), self._tag_step(delay_days=3))
        partner = self._enter()
        effects = self._of(partner)
        self.assertEqual(effects.step_id, playbook.step_ids)
        self.assertEqual(effects.mapped("state"), ["waiting", "waiting"])
        self.assertEqual((effects[1].run_at - partner.lifecycle_since).days, 3)
        self.assertEqual((effects[0].evidence_model, effects[0].cycle), ("sale.order", 1))

    def test_replaying_a_customer_again_makes_nothing_twice(self):
        self._create_playbook()
        partner = self._enter()
        for __ in range(3):
            self.queue._push(partner.ids)
            self.engine._process_queue()
        self.assertEqual(len(self._of(partner)), 1)

    def test_contact_of_a_customer_counts_for_the_customer(self):
        self._create_playbook()
        company = self._create_partner("Company", known_since=self.days_ago(9), is_company=True)
        contact = self._create_partner("Contact", parent_id=company.id)
        self._create_order(contact, self.days_ago(0, hours=1))
        self.env.cr.execute(SQL("DELETE FROM clm_queue"))
        self.queue._push(contact.ids)
        self.engine._process_queue()
        self.assertEqual(len(self._of(company)), 1)
        self.assertFalse(self._of(contact))

    def test_rebuild_of_a_customer_sets_nothing_in_motion(self):
        self._create_playbook()
        partner = self._create_partner(known_since=self.days_ago(30))
        self._create_order(partner, self.days_ago(0, hours=1))
        self.env.cr.execute(SQL("DELETE FROM clm_queue"))
        self.engine._rebuild(partner)
        self.assertEqual(partner.lifecycle_stage_id, self.conversion)
        self.assertFalse(self._of(partner))

    def test_rebuild_of_everybody_sets_nothing_in_motion(self):
        self._create_playbook()
        partner = self._create_partner(known_since=self.days_ago(30))
        self._create_order(partner, self.days_ago(0, hours=1))
        for rebuild in (self.engine._rebuild, self._rebuild_by_cron):
            with self.subTest(rebuild=rebuild.__name__):
                self.env.cr.execute(SQL("DELETE FROM clm_queue"))
                rebuild()
                self.assertEqual(partner.lifecycle_stage_id, self.conversion)
                self.assertFalse(self._of(partner))

    def _rebuild_by_cron(self):
        self.engine._enqueue_all()
        with self.enter_registry_test_mode():
            self.env.ref("clm.ir_cron_rebuild").method_direct_trigger()

    def test_live_change_during_a_rebuild_still_counts(self):
        self._create_playbook()
        partner = self._create_partner(known_since=self.days_ago(30))
        self._create_order(partner, self.days_ago(0, hours=1))
        self.engine._rebuild(partner)  # the rebuild came first
        self.engine._process_queue()
        self.assertEqual(len(self._of(partner)), 1)

    def test_entry_before_the_activation_is_left_alone(self):
        playbook = self._create_playbook()
        playbook._unlocked().activated_at = fields.Datetime.now()
        self.assertFalse(self._of(self._enter(hours=2)))

    def test_entry_that_became_known_days_later_is_left_alone(self):
        playbook = self._create_playbook()
        playbook._unlocked().activated_at = self.days_ago(30)
        self.assertFalse(self._of(self._enter(hours=50)))
        self.assertTrue(self._of(self._enter(hours=40)))

    def test_imported_stage_is_left_alone(self):
        self._create_playbook()
        for context, expected in (({"import_file": True}, 0), ({}, 1)):
            partner = self._create_partner(known_since=self.days_ago(30))
            self.env["clm.stage.change"].with_context(**context).create({
                "partner_id": partner.id, "stage_id": self.conversion.id,
            })
            self.engine._process_queue()
            self.assertEqual(partner.lifecycle_stage_id, self.conversion)
            self.assertEqual(len(self._of(partner)), expected)

    def test_draft_and_paused_playbooks_begin_nothing(self):
        draft = self._create_playbook(activate=False)
        paused = self._create_playbook()
        paused.action_pause()
        self.assertFalse(self._of(self._enter()))
        self.assertEqual((draft.state, paused.state), ("draft", "paused"))

    def test_resumed_playbook_leaves_those_alone_who_entered_while_it_was_paused(self):
        playbook = self._create_playbook()
        playbook.action_pause()
        partner = self._enter()
        playbook.action_resume()
        self.queue._push(partner.ids)
        self.engine._process_queue()
        self.assertFalse(self._of(partner))

    def test_step_switched_off_is_not_begun_and_what_waits_is_cancelled(self):
        playbook = self._create_playbook(self._tag_step(), self._tag_step(delay_days=2))
        first = self._enter()
        playbook.step_ids[1].active = False
        self.assertEqual(self._of(first).mapped("state"), ["waiting", "cancelled"])
        self.assertEqual(len(self._of(self._enter("Bob"))), 1)

    def test_filter_on_customers_lets_only_those_through(self):
        self._create_playbook(partner_domain="[('city', '=', 'Lyon')]")
        self._create_playbook(partner_domain="[('city', 'in', ['Lyon', 'Paris'])]")
        self.assertEqual(len(self._of(self._enter(city="Lyon"))), 2)
        self.assertEqual(len(self._of(self._enter(city="Paris"))), 1)
        self.assertFalse(self._of(self._enter(city="Rome")))

    def test_playbook_of_a_company_leaves_customers_of_others_alone(self):
        other = self.env["res.company"].create({"name": "Other"})
        self._create_playbook(company_id=other.id)
        self.assertFalse(self._of(self._enter(company_id=self.env.company.id)))
        shared = self._of(self._enter())
        self.assertEqual(shared.company_id, other)

    def test_filter_that_breaks_pauses_its_playbook_and_stops_nobody(self):
        broken, good = self._create_playbook(), self._create_playbook()
        cases = ("[('no_such_field', '=', 1)]", "[('id', '=', 'abc')]", "[(")
        for case in cases:
            with self.subTest(domain=case):
                broken._activate()
                broken._unlocked().activated_at = self.days_ago(1)
                self.env.flush_all()
                self.env.cr.execute(SQL(
                    "UPDATE clm_playbook SET partner_domain = %s WHERE id = %s", case, broken.id
                ))
                self.env.invalidate_all()
                with mute_logger(TRIGGER, "odoo.sql_db"):
                    partner = self._enter()
                self.assertEqual(self._of(partner).playbook_id, good)
                self.assertEqual(broken.state, "paused")
                self.assertIn("filter", broken.error)

    def test_history_found_later_does_not_begin_again_in_another_cycle(self):
        self._create_playbook(self._tag_step())
        partner = self._enter()
        # an old order appears: what was the first cycle is the second now
        self._create_order(partner, self.days_ago(900))
        self._backdate(partner, self.days_ago(1000))
        self.queue._push(partner.ids)
        self.engine._process_queue()
        self.assertEqual(partner.lifecycle_cycle, 2)
        self.assertEqual(len(self._of(partner)), 1)

    def test_customer_won_back_begins_again_in_the_next_cycle(self):
        self._create_playbook(stage=self.retention)
        partner = self._create_partner(known_since=self.days_ago(1000))
        for date in (self.days_ago(950), self.days_ago(900)):
            self._create_order(partner, date)
        self.engine._process_queue()
        self.assertFalse(self._of(partner))
        self._create_order(partner, self.days_ago(0, hours=1))
        self.engine._process_queue()
        self.assertEqual(self._of(partner).mapped("cycle"), [2])

    # === COST === #

    def _statements(self, act):
        statements = Counter()
        execute = type(self.env.cr).execute

        def spy(cr, query, params=None, log_exceptions=True):
            statements[" ".join((query.code if isinstance(query, SQL) else query).split())] += 1
            return execute(cr, query, params, log_exceptions)

        self.env.flush_all()
        with patch.object(type(self.env.cr), "execute", spy):
            act()
        return statements

    def test_without_active_playbook_the_engine_asks_the_database_nothing(self):
        partner = self._create_partner()
        self.effects._enqueue_visits(partner.ids)
        self.assertFalse(self._statements(lambda: self.effects._enqueue_visits(partner.ids)))
        self.assertFalse(self._statements(lambda: self.effects._enqueue_contracts(self.env["clm.contract"].browse(1))))

    def test_number_of_statements_does_not_depend_on_the_batch(self):
        self._create_playbook(partner_domain="[('city', '=', 'Lyon')]")
        few, many = ([self._enter(f"C{i}", city="Lyon").id for i in range(count)] for count in (1, 8))
        counts = []
        for ids in (few, few, many):
            self.env.cr.execute(SQL("DELETE FROM clm_effect"))
            self.env.invalidate_all()
            counts.append(self._statements(lambda ids=ids: self.effects._enqueue_visits(ids)).total())
            self.assertEqual(self.effects.search_count([]), len(ids))
        self.assertEqual(counts[1], counts[2])

    def test_time_alone_starts_playbooks_too(self):
        playbook = self._create_playbook(stage=self.lapsed)
        playbook._unlocked().activated_at = self.days_ago(1000)
        partner = self._create_partner(known_since=self.days_ago(400))
        self._create_order(partner, self.now - timedelta(days=365, hours=20))
        self.engine._process_queue()
        self.assertEqual(partner.lifecycle_stage_id, self.lapsed)
        self.assertEqual(len(self._of(partner)), 1)
