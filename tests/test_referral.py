
from odoo.exceptions import AccessError, ValidationError
from odoo.tests import tagged
from odoo.tools import SQL

from .referral_common import ReferralCase


@tagged("post_install", "-at_install")
class TestReferral(ReferralCase):
    """Who brought whom, and when it counts."""

    # === CONVERSION === #

    def test_referral_of_somebody_who_has_not_bought_waits(self):
        self._refer(self.ben, self.ada)
        self.assertRecordValues(self._referral(self.ben), [
            {"contact_id": self.ada.id, "referrer_id": self.ada.id, "origin": "field", "converted_at": False},
        ])
        self.assertFalse(self._events(self.ada))
        self.assertEqual((self.ada.referral_count, self.ada.referral_waiting_count), (0, 1))

    def test_referral_counts_once_when_the_customer_buys(self):
        self._refer(self.ben, self.ada)
        order = self._bought(self.ben)
        self._bought(self.ben, days=3)
        self.assertEqual(self._referral(self.ben).converted_at, order.date_order)
        self.assertRecordValues(self._events(self.ada), [
            {"date": order.date_order, "label": "Ben", "model": "clm.referral", "res_id": self._referral(self.ben).id},
        ])
        self.assertEqual((self.ada.referral_count, self.ada.referral_waiting_count), (1, 0))

    def test_referral_said_after_the_purchase_counts_at_the_purchase(self):
        order = self._bought(self.ben)
        self._refer(self.ben, self.ada)
        self.assertEqual(self._events(self.ada).date, order.date_order)

    def test_referrer_who_bought_becomes_loyal_when_the_referral_buys(self):
        self._bought(self.ada, days=30)
        self._refer(self.ben, self.ada)
        self.assertEqual(self.ada.lifecycle_stage_id, self.conversion)
        self._bought(self.ben)
        self.assertEqual(self.ada.lifecycle_stage_id, self.loyalty)

    def test_referral_stops_counting_when_the_order_is_cancelled(self):
        self._bought(self.ada, days=30)
        self._refer(self.ben, self.ada)
        order = self._bought(self.ben)
        order._action_cancel()
        self.engine._process_queue()
        self.assertFalse(self._referral(self.ben).converted_at)
        self.assertEqual(self.ada.lifecycle_stage_id, self.conversion)

    def test_referral_moves_to_another_referrer_and_both_are_replayed(self):
        self._bought(self.ada, days=30)
        self._bought(self.carl, days=30)
        self._refer(self.ben, self.ada)
        self._bought(self.ben)
        self._refer(self.ben, self.carl)
        self.assertEqual(self.ada.lifecycle_stage_id, self.conversion)
        self.assertEqual(self.carl.lifecycle_stage_id, self.loyalty)
        self.assertFalse(self._events(self.ada))

    def test_referral_that_nobody_says_any_more_is_gone(self):
        self._refer(self.ben, self.ada)
        self._bought(self.ben)
        self._refer(self.ben, self.env["res.partner"])
        self.assertFalse(self._referral(self.ben))
        self.assertFalse(self._events(self.ada))

    def test_rebuild_gives_the_same_referrals(self):
        self._bought(self.ada, days=30)
        self._refer(self.ben, self.ada)
        self._bought(self.ben)
        before = self._referral(self.ben).read()
        self.engine._rebuild()
        self.assertEqual(self._referral(self.ben).read(), before)
        self.assertEqual(self.ada.lifecycle_stage_id, self.loyalty)

    def test_reconstruction_finds_referrals_and_leaves_nothing_behind(self):
        self._bought(self.ada, days=30)
        self._refer(self.ben, self.ada)
        self._bought(self.ben)
        self.env.cr.execute(SQL("DELETE FROM clm_referral"))
        self.env.cr.execute(SQL("DELETE FROM clm_visit WHERE partner_id = ANY(%s)", (self.ada | self.ben).ids))
        self.env.invalidate_all()
        self.engine._enqueue_all()
        self.engine._process_queue()
        self.assertEqual(self.ada.lifecycle_stage_id, self.loyalty)
        self.assertFalse(self.queue._count())

    # === WHO COUNTS === #

    def test_archived_referrer_still_counts(self):
        self._refer(self.ben, self.ada)
        self.ada.active = False
        self._bought(self.ben)
        self.assertEqual(self._referral(self.ben).referrer_id, self.ada)
        self.assertEqual(len(self._events(self.ada)), 1)

    def test_referral_by_a_contact_counts_for_its_company(self):
        company = self._create_partner("Mill", is_company=True)
        contact = self._create_partner("Max", parent_id=company.id)
        self._refer(self.ben, contact)
        self._bought(self.ben)
        self.assertRecordValues(self._referral(self.ben), [{"contact_id": contact.id, "referrer_id": company.id}])
        self.assertEqual((company.referral_count, contact.referral_count), (1, 1))

    def test_referrer_who_joins_a_company_takes_the_referral_along(self):
        company = self._create_partner("Mill", is_company=True)
        self._refer(self.ben, self.ada)
        self._bought(self.ben)
        self.ada.parent_id = company
        self.engine._process_queue()
        self.assertEqual(self._referral(self.ben).referrer_id, company)
        self.assertEqual(len(self._events(company)), 1)

    def test_referral_said_on_a_contact_brings_its_company(self):
        company = self._create_partner("Mill", is_company=True)
        contact = self._create_partner("Max", parent_id=company.id)
        self._refer(contact, self.ada)
        self.assertEqual(self._referral(company).contact_id, self.ada)
        self._refer(company, self.carl)
        self.assertEqual(self._referral(company).contact_id, self.carl)

    def test_customer_who_joins_a_company_has_no_referral_of_their_own(self):
        company = self._create_partner("Mill", is_company=True)
        self._refer(self.ben, self.ada)
        self.ben.parent_id = company
        self.engine._process_queue()
        self.assertFalse(self._referral(self.ben))
        self.assertEqual(self._referral(company).contact_id, self.ada)

    def test_nobody_is_referred_by_themselves_or_their_own_company(self):
        company = self._create_partner("Mill", is_company=True)
        one, two = (self._create_partner(name, parent_id=company.id) for name in ("Max", "Mia"))
        for partner, referrer in ((company, company), (company, one), (one, company), (one, two), (one, one)):
            with (
                self.subTest(partner=partner.name, referrer=referrer.name),
                self.assertRaisesRegex(ValidationError, "cannot be referred by themselves"),
            ):
                partner.referred_by_id = referrer

    def test_referrer_who_joins_the_customer_is_no_referrer_any_more(self):
        company = self._create_partner("Mill", is_company=True)
        self._refer(company, self.ada)
        self.ada.parent_id = company
        self.engine._process_queue()
        self.assertFalse(self._referral(company))

    def test_deleted_customer_is_taken_from_the_referrer(self):
        self._bought(self.ada, days=30)
        self._refer(self.ben, self.ada)
        self.env["clm.stage.change"].create({
            "partner_id": self.ben.id, "stage_id": self.conversion.id, "date": self.days_ago(5),
        })
        self.engine._process_queue()
        self.assertEqual(self.ada.lifecycle_stage_id, self.loyalty)
        self.ben.unlink()
        self.engine._process_queue()
        self.assertEqual(self.ada.lifecycle_stage_id, self.conversion)

    # === SOURCES === #

    def test_lead_with_the_source_of_a_referrer_is_brought_by_them(self):
        self._create_lead(self.ben, self._create_source(self.ada))
        self.assertRecordValues(self._referral(self.ben), [{"contact_id": self.ada.id, "origin": "utm"}])

    def test_order_with_the_source_of_a_referrer_is_brought_by_them(self):
        order = self._bought(self.ben, source_id=self._create_source(self.ada).id)
        self.assertRecordValues(self._referral(self.ben), [
            {"contact_id": self.ada.id, "origin": "utm", "converted_at": order.date_order},
        ])

    def test_source_after_the_first_purchase_brought_nobody(self):
        self._bought(self.ben, days=30)
        self._bought(self.ben, days=3, source_id=self._create_source(self.ada).id)
        self.assertFalse(self._referral(self.ben))

    def test_first_of_several_sources_counts(self):
        self._create_lead(self.ben, self._create_source(self.ada, "Second"), days=20)
        self._create_lead(self.ben, self._create_source(self.carl, "First"), days=25)
        self.assertEqual(self._referral(self.ben).contact_id, self.carl)

    def test_what_is_said_on_the_customer_wins_over_the_source(self):
        self._create_lead(self.ben, self._create_source(self.ada))
        self._refer(self.ben, self.carl)
        self.assertRecordValues(self._referral(self.ben), [{"contact_id": self.carl.id, "origin": "field"}])

    def test_own_source_is_no_referral(self):
        self._create_lead(self.ada, self._create_source(self.ada))
        self.assertFalse(self._referral(self.ada))

    def test_source_that_gets_another_referrer_moves_its_referrals(self):
        source = self._create_source(self.ada)
        self._create_lead(self.ben, source)
        source.clm_partner_id = self.carl
        self.engine._process_queue()
        self.assertEqual(self._referral(self.ben).contact_id, self.carl)
        source.clm_partner_id = False
        self.engine._process_queue()
        self.assertFalse(self._referral(self.ben))

    def test_lead_that_loses_its_source_loses_the_referral(self):
        lead = self._create_lead(self.ben, self._create_source(self.ada))
        lead.source_id = False
        self.engine._process_queue()
        self.assertFalse(self._referral(self.ben))

    def test_deleted_source_brought_nobody(self):
        source = self._create_source(self.ada)
        lead = self._create_lead(self.ben, source)
        lead.source_id = False
        self._create_lead(self.carl, source)
        self.env["crm.lead"].search([("source_id", "=", source.id)]).source_id = False
        source.unlink()
        self.engine._process_queue()
        self.assertFalse(self._referral(self.ben) | self._referral(self.carl))

    # === CIRCLES === #

    def test_circle_is_refused_in_words(self):
        self._refer(self.ben, self.ada)
        with self.assertRaisesRegex(ValidationError, "cannot be the other way round"):
            self.ada.referred_by_id = self.ben

    def test_circle_by_sources_ends_with_the_first_referral(self):
        self._refer(self.ben, self.ada)
        self._bought(self.ada, days=30)
        self._create_lead(self.ada, self._create_source(self.ben), days=40)
        self._bought(self.ben)
        self.assertEqual(self._referral(self.ben).contact_id, self.ada)
        self.assertFalse(self._referral(self.ada))
        self.assertFalse(self.queue._count())

    def test_circle_of_three_within_one_batch_leaves_two_referrals(self):
        partners = self.ada | self.ben | self.carl
        for partner, referrer in zip(partners, partners[1:] | partners[0], strict=True):
            self.env.cr.execute(SQL(
                "UPDATE res_partner SET referred_by_id = %s WHERE id = %s", referrer.id, partner.id,
            ))
        for __ in range(2):
            self.referrals._sync(partners.ids)
            self.assertEqual(self.referrals.search([("partner_id", "in", partners.ids)]).partner_id, partners[:2])

    # === MERGING === #

    def test_merged_customers_were_brought_once(self):
        self._refer(self.ben, self.ada)
        self._refer(self.carl, self.ada)
        self._bought(self.carl)
        self._merge(self.ben, self.carl)
        self.assertEqual(self.ada.referral_count, 1)
        self.assertEqual(len(self._events(self.ada)), 1)

    def test_merged_customer_keeps_who_brought_the_other(self):
        self._refer(self.carl, self.ada)
        self._merge(self.ben, self.carl)
        self.assertEqual(self._referral(self.ben).contact_id, self.ada)

    def test_merged_referrers_keep_their_referrals(self):
        dora = self._create_partner("Dora")
        self._refer(self.ben, self.ada)
        self._refer(self.carl, dora)
        self._merge(self.ada, dora)
        self.assertEqual(self.ada.referral_ids.partner_id, self.ben | self.carl)

    def test_referrer_merged_with_the_customer_is_no_referral(self):
        for kept, gone in (("ada", "ben"), ("ben", "ada")):
            with self.subTest(kept=kept), self.env.cr.savepoint() as savepoint:
                self._refer(self.ben, self.ada)
                self._bought(self.ben)
                self._merge(getattr(self, kept), getattr(self, gone))
                self.assertFalse(getattr(self, kept).referred_by_id)
                self.assertFalse(self._referral(getattr(self, kept)))
                savepoint.rollback()
                self.env.invalidate_all()

    def test_merge_that_closes_a_circle_succeeds(self):
        self._refer(self.ben, self.ada)
        self._refer(self.carl, self.ben)
        self._merge(self.ada, self.carl)
        self.assertEqual(self._referral(self.ben).contact_id, self.ada)
        self.assertFalse(self._referral(self.ada))
        self.assertFalse(self.queue._count())

    # === COST === #

    def test_batch_that_others_hold_as_a_whole_waits_for_later(self):
        ada, bob = self._create_partner("Ada"), self._create_partner("Bob")
        self._refer(bob, ada)
        self._bought(bob)
        self.engine._process_queue()
        self.patch(self.env.registry["clm.ledger"], "_sync", lambda ledger, partner_ids, now=None: set(partner_ids))
        self.assertEqual(self.engine._sync(bob.ids), set(bob.ids))
        self.assertIn(bob.id, self.queue._take(10))

    def test_sync_costs_one_statement_where_nobody_was_brought(self):
        self.env.cr.execute(SQL("DELETE FROM clm_referral"))
        self.env.cr.execute(SQL("UPDATE res_partner SET referred_by_id = NULL"))
        self.env.cr.execute(SQL("UPDATE utm_source SET clm_partner_id = NULL"))
        self.env.invalidate_all()
        with self.assertQueryCount(1):
            self.referrals._sync(self.ada.ids)

    def test_sync_costs_the_same_for_one_and_for_twenty(self):
        source = self._create_source(self.carl)
        counts = []
        for number in (1, 20):
            partners = self.env["res.partner"].create([
                {"name": f"New {number} {index}", "referred_by_id": self.ada.id} for index in range(number)
            ])
            self.env["crm.lead"].create([
                {"name": "Asks", "partner_id": partner.id, "source_id": source.id} for partner in partners
            ])
            self.env.flush_all()
            before = self.env.cr.sql_log_count
            self.referrals._sync(partners.ids)
            counts.append(self.env.cr.sql_log_count - before)
            self.assertEqual(len(self.referrals.search([("partner_id", "in", partners.ids)])), number)
        self.assertEqual(*counts)
        self.assertLessEqual(counts[0], 4)

    # === SCREENS AND RIGHTS === #

    def test_viewer_reads_referrals_and_nobody_writes_them(self):
        viewer = self._create_user("r-viewer", "clm.group_viewer")
        self._refer(self.ben, self.ada)
        referral = self._referral(self.ben)
        self.assertEqual(referral.with_user(viewer).contact_id, self.ada)
        manager = self._create_user("r-manager", "clm.group_manager")
        for user in viewer | manager:
            with self.assertRaises(AccessError):
                referral.with_user(user).contact_id = self.carl
            with self.assertRaises(AccessError):
                referral.with_user(user).unlink()

    def test_referrals_of_another_company_are_hidden(self):
        other = self.env["res.company"].create({"name": "Other"})
        viewer = self._create_user("r-viewer", "clm.group_viewer")
        self.ben.company_id = other
        self._refer(self.ben, self.ada)
        self.env["clm.stage.change"].create({"partner_id": self.ben.id, "stage_id": self.conversion.id})
        self.engine._process_queue()
        self.assertTrue(self._events(self.ada))
        self.assertFalse(self.referrals.with_user(viewer).search([("partner_id", "=", self.ben.id)]))
        self.assertFalse(self.env["clm.event"].with_user(viewer).search(
            [("partner_id", "=", self.ada.id), ("kind", "=", "referral")],
        ))

    def test_stat_button_opens_whom_the_customer_brought(self):
        self._refer(self.ben, self.ada)
        self._bought(self.ben)
        action = self.ada.action_open_referrals()
        self.assertEqual(self.env[action["res_model"]].search(action["domain"]).partner_id, self.ben)
        self.assertEqual(self._events(self.ada).action_open_document()["res_model"], "clm.referral")
