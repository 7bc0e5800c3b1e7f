from odoo.exceptions import AccessError
from odoo.fields import Command
from odoo.tests import tagged

from .contract_days import ContractDaysCase, day


@tagged("post_install", "-at_install")
class TestContractRenewal(ContractDaysCase):
    """Contracts that are renewed by hand."""

    def setUp(self):
        super().setUp()
        self.contract = self._create_running("2026-01-01", notice_count=3, uplift=3.0)

    # === WHAT A RENEWAL IS === #

    def test_renewal_begins_the_day_after_with_the_same_terms_and_raised_prices(self):
        successor = self.contract._renew()
        self.assertRecordValues(successor, [{
            "state": "draft", "previous_id": self.contract.id, "date_start": day("2027-01-01"),
            "date_end": day("2027-12-31"), "date_notice": day("2027-09-30"), "term_months": 12, "renewal_number": 1,
            "partner_id": self.partner.id, "type_id": self.calendar_type.id, "user_id": self.user.id,
            "renewal_policy": "manual", "notice_count": 3, "uplift": 3.0, "signature_required": "none",
            "activated_on": False, "mrr": 103.0,
        }])
        self.assertEqual(self.contract.next_id, successor)
        self.assertEqual(successor.line_ids.mapped("price_unit"), [103.0])
        self.assertEqual(self.contract.line_ids.mapped("price_unit"), [100.0])

    def test_uplift_of_the_act_goes_before_that_of_the_contract(self):
        cases = [(None, 103.0), (0.0, 100.0), (10.0, 110.0), (-5.0, 95.0), (2.345, 102.35), (100.0, 200.0)]
        for uplift, price in cases:
            with self.subTest(uplift=uplift), self.env.cr.savepoint() as savepoint:
                successor = self.contract._renew(uplift=uplift)
                self.assertAlmostEqual(successor.line_ids.price_unit, price, places=2)
                savepoint.rollback()

    def test_halves_of_a_cent_are_rounded_up(self):
        line = self.contract.line_ids
        line._unlocked().price_unit = 2.5
        self.assertEqual(line._raised_price(3.0), 2.58)  # 2.575

    def test_text_is_taken_over_word_for_word(self):
        contract = self._create_active()
        contract.clause_ids[1]._unlocked().body = "<p>The total is {{ total_value }}, or less.</p>"
        successor = contract._renew()
        self.assertEqual(successor.clause_ids.mapped("name"), contract.clause_ids.mapped("name"))
        self.assertEqual(successor.clause_ids.mapped("body"), contract.clause_ids.mapped("body"))
        self.assertEqual(successor.clause_ids.mapped("is_standard"), [True, False, True])

    def test_what_was_charged_once_or_has_ended_is_not_renewed(self):
        contract = self._create_running("2026-01-01", line_ids=[
            self._line(name="Monthly"),
            self._line(name="Setup", recurrence_unit="once", recurrence_interval=1),
            self._line(name="Trial", date_end=day("2026-03-31")),
            self._line(name="Longer", date_end=day("2027-06-30")),
            self._line(name="Later", date_start=day("2026-07-01")),
        ])
        successor = contract._renew()
        self.assertEqual(successor.line_ids.mapped("name"), ["Monthly", "Longer", "Later"])
        self.assertEqual(successor.line_ids.mapped("date_end"), [False, day("2027-06-30"), False])
        self.assertEqual(successor.line_ids.mapped("date_start"), [False, False, False])

    def test_term_of_the_act_the_renewal_and_the_contract(self):
        self.assertEqual(self._create_running("2026-01-01")._renew().term_months, 12)
        self.assertEqual(self._create_running("2026-01-01", renewal_months=6)._renew().term_months, 6)
        self.assertEqual(self._create_running("2026-01-01", renewal_months=6)._renew(months=24).term_months, 24)

    def test_what_is_left_of_the_minimum_term_binds_on(self):
        contract = self._create_running("2026-01-01", minimum_months=18)
        self.assertEqual(contract._renew().minimum_months, 6)

    def test_archived_owner_is_replaced_by_a_manager(self):
        self.user.active = False
        successor = self.contract.with_user(self.manager)._renew()
        self.assertEqual(successor.user_id, self.contract.sudo()._responsible())
        self.assertTrue(successor.user_id.active and successor.user_id.has_group("clm.group_manager"))

    # === REFUSED === #

    def test_renewal_of_a_draft_is_refused(self):
        with self._refuse("is in “Draft”. Only a contract in force can be renewed"):
            self._create_contract().action_renew()

    def test_renewal_of_a_closed_contract_is_refused(self):
        self.contract._close("expired", day("2026-12-31"))
        with self._refuse("is in “Closed”. Only a contract in force can be renewed"):
            self.contract.action_renew()

    def test_renewal_of_an_open_ended_contract_is_refused(self):
        contract = self._create_running("2026-01-01", term_months=0)
        with self._refuse("has no end date"):
            contract.action_renew()

    def test_second_renewal_is_refused(self):
        self.contract.action_renew()
        with self._refuse("is renewed already by"):
            self.contract.action_renew()

    def test_renewal_of_a_terminated_contract_is_refused(self):
        with self.at("2026-02-01"):
            self.contract.action_terminate(self.reason.id)
            with self._refuse("is terminated as of 2026-12-31. Withdraw"):
                self.contract.action_renew()
            for act in ("action_decide_renew", "action_decide_later"):
                with self._refuse("is terminated"):
                    getattr(self.contract, act)()

    def test_stranger_cannot_renew(self):
        with self.assertRaises(AccessError):
            self.contract.with_user(self.stranger).action_renew()

    def test_nothing_is_renewed_when_one_of_many_cannot_be(self):
        other = self._create_running("2026-01-01")
        with self._refuse("Only a contract in force"):
            (other | self._create_contract()).action_renew()
        self.assertFalse(other.next_id)

    # === CONCLUDED === #

    def test_renewal_in_force_closes_what_it_follows(self):
        with self.at("2026-11-01"):
            self.contract.action_renew()
            successor = self.contract.next_id
            successor.action_activate()
        self.assertEqual((self.contract.state, successor.state), ("active", "signed"))
        self.run_on("2026-12-31")
        self.assertEqual((self.contract.state, successor.state), ("active", "signed"))
        self.run_on("2027-01-01")
        self.assertEqual((self.contract.state, successor.state), ("closed", "active"))
        self.assertEqual((self.contract.close_reason, self.contract.closed_on), ("renewed", day("2026-12-31")))
        self.assertEqual(successor.activated_on, day("2027-01-01"))
        self._assert_tiled(self._chain(self.contract))

    def test_renewal_put_into_force_by_hand_closes_what_it_follows_at_once(self):
        with self.at("2026-11-01"):
            self.contract.action_renew()
        with self.at("2027-01-01"):
            self.contract.next_id.action_activate()
        self.assertEqual((self.contract.state, self.contract.close_reason), ("closed", "renewed"))
        self.assertEqual(self.contract.closed_on, day("2026-12-31"))

    def test_renewal_that_begins_earlier_ends_what_it_follows_earlier(self):
        with self.at("2026-10-01"):
            self.contract.action_renew()
            successor = self.contract.next_id
            successor.date_start = day("2026-10-01")
            successor.action_activate()
        self.assertEqual((self.contract.state, self.contract.closed_on), ("closed", day("2026-09-30")))
        self.assertEqual(self.contract.date_end, day("2026-12-31"), "reports count it in the month of its old end")

    def test_renewal_concluded_late_makes_an_expired_contract_a_renewed_one(self):
        with self.at("2026-12-01"):
            self.contract.action_renew()
        self.run_on("2027-01-01")
        self.assertEqual((self.contract.state, self.contract.close_reason), ("closed", "expired"))
        with self.at("2027-01-20"):
            self.contract.next_id.action_activate()
        self.assertEqual(self.contract.close_reason, "renewed")
        self.assertEqual(self.contract.next_id.activated_on, day("2027-01-20"))

    def test_renewal_terminated_before_it_began_leaves_an_expired_contract(self):
        with self.at("2026-11-01"):
            self.contract.action_renew()
            successor = self.contract.next_id
            successor.action_activate()
            successor.action_terminate(self.reason.id, day("2026-12-31"), agreed=True)
        self.assertEqual((successor.state, successor.activated_on), ("closed", False))
        self.run_on("2027-01-01")
        self.assertEqual((self.contract.state, self.contract.close_reason), ("closed", "expired"))

    def test_cancelled_renewal_opens_the_decision_again(self):
        with self.at("2026-09-01"):
            self.contract.action_renew()
            self.run_on("2026-09-01")
            self.contract.next_id.action_cancel()
            self.assertFalse(self.contract.decision or self.contract.next_id)
            self.run_on("2026-09-02")
        self.assertEqual(len(self._activities(self.contract, "renewal")), 1)
        with self.at("2026-09-03"):
            self.contract.action_renew()
        self.assertEqual(self.contract.next_id.state, "draft")

    def test_cancelled_renewal_cannot_come_back_once_there_is_another(self):
        self.contract.action_renew()
        first = self.contract.next_id
        first.action_cancel()
        self.contract.action_renew()
        with self._refuse("is renewed already by"):
            first.action_reset()
        self.contract.next_id.action_cancel()
        first.action_reset()
        self.assertEqual(self.contract.next_id, first)

    def test_extension_moves_a_renewal_that_is_a_draft(self):
        self.contract.action_renew()
        amendment = self._amend(self.contract, "2026-06-01", end="2027-03-31")
        with self.at("2026-06-01"):
            amendment.action_activate()
        self.assertEqual(self.contract.next_id.date_start, day("2027-04-01"))
        self.assertEqual(self.contract.next_id.date_end, day("2028-03-31"))
        self._assert_tiled(self._chain(self.contract))

    def test_extension_is_refused_once_the_renewal_is_signed(self):
        with self.at("2026-06-01"):
            self.contract.action_renew()
            self.contract.next_id.action_activate()
            with self._refuse("is renewed already by .* its end can no longer be changed"):
                self._amend(self.contract, "2026-06-01", end="2027-03-31")
            self._amend(self.contract, "2026-06-01")

    # === DECISIONS === #

    def test_decision_is_recorded_with_who_when_and_how_early(self):
        with self.at("2026-09-01"):
            self.contract.action_decide_end()
        self.assertRecordValues(self.contract, [{
            "decision": "end", "decision_user_id": self.user.id, "days_to_decide": 29,
        }])
        self.assertEqual(str(self.contract.decision_date), "2026-09-01 12:00:00")
        self.contract.action_decide_later()
        self.assertRecordValues(self.contract, [{
            "decision": False, "decision_user_id": False, "decision_date": False, "days_to_decide": 0,
        }])

    def test_late_decision_counts_negative_days(self):
        with self.at("2026-10-05"):
            self.contract.action_decide_renew()
        self.assertEqual(self.contract.days_to_decide, -5)

    def test_decision_to_renew_asks_to_prepare_it_until_it_is_done(self):
        with self.at("2026-09-01"):
            self.contract.action_decide_renew()
            self.assertEqual(self._activities(self.contract, "renewal").mapped("summary"), ["Prepare the renewal"])
            self.contract.action_renew()
        self.assertFalse(self._activities(self.contract, "renewal"))

    def test_decision_settles_the_reminder(self):
        self.run_on("2026-09-01")
        self.assertEqual(len(self._activities(self.contract, "renewal")), 1)
        with self.at("2026-09-02"):
            self.contract.action_decide_end()
        self.assertFalse(self._activities(self.contract, "renewal"))

    def test_reopened_decision_is_reminded_of_again(self):
        self.run_on("2026-09-01")
        with self.at("2026-09-02"):
            self.contract.action_decide_end()
            self.contract.action_decide_later()
        self.run_on("2026-09-03")
        self.assertEqual(len(self._activities(self.contract, "renewal")), 1)

    def test_nothing_to_decide_for_drafts_and_open_ended_contracts(self):
        for contract in (self._create_contract(), self._create_running("2026-01-01", term_months=0)):
            with self._refuse("there is nothing to decide"):
                contract.action_decide_renew()

    def test_end_cannot_be_decided_while_a_renewal_exists(self):
        self.contract.action_renew()
        self.assertEqual(self.contract.decision, "renew")
        with self._refuse("is renewed by .* already"):
            self.contract.action_decide_end()


@tagged("post_install", "-at_install")
class TestContractRenewalPolicies(ContractDaysCase):
    """What happens at the end by itself."""

    def test_contract_without_renewal_expires(self):
        for policy in ("none", "manual"):
            contract = self._create_running("2026-01-01", renewal_policy=policy)
            self.run_on("2026-12-31")
            self.assertEqual(contract.state, "active")
            self.run_on("2027-01-01")
            self.assertRecordValues(contract, [{
                "state": "closed", "close_reason": "expired", "closed_on": day("2026-12-31"),
            }])
            self.assertFalse(contract.next_id)

    def test_automatic_renewal_is_in_force_at_once(self):
        contract = self._create_running("2026-01-01", renewal_policy="auto", uplift=5.0)
        self.run_on("2026-12-31")
        self.assertFalse(contract.next_id)
        self.run_on("2027-01-01")
        successor = contract.next_id
        self.assertRecordValues(contract | successor, [
            {"state": "closed", "close_reason": "renewed", "closed_on": day("2026-12-31"), "auto_renewed": False},
            {"state": "active", "close_reason": False, "closed_on": False, "auto_renewed": True},
        ])
        self.assertRecordValues(successor, [{
            "activated_on": day("2027-01-01"), "signed_on": day("2027-01-01"), "date_end": day("2027-12-31"),
            "mrr": 105.0, "renewal_number": 1, "user_id": self.user.id,
        }])
        self.assertEqual(successor.version_ids.mapped("number"), [1], "the text in force is kept")
        self.assertEqual(successor.visit_ids.sorted("number").mapped("state"), ["draft", "signed", "active"])

    def test_silent_renewal_is_flagged_with_its_cost(self):
        contract = self._create_running("2026-01-01", renewal_policy="auto", uplift=5.0)
        self.run_on("2027-01-01")
        self.assertTrue(contract.next_id.silent_renewal)
        self.assertFalse(contract.silent_renewal)
        self.assertEqual(self._notices(contract.next_id), ["Renewed without a decision, for $\xa01,260.00"])

    def test_decided_renewal_is_not_silent(self):
        contract = self._create_running("2026-01-01", renewal_policy="auto", notice_count=3)
        with self.at("2026-09-30"):
            contract.action_decide_renew()
        self.run_on("2027-01-01")
        self.assertRecordValues(contract.next_id, [{"auto_renewed": True, "silent_renewal": False}])
        self.assertFalse(self._notices(contract.next_id))

    def test_decision_after_the_deadline_comes_too_late(self):
        contract = self._create_running("2026-01-01", renewal_policy="auto", notice_count=3)
        with self.at("2026-10-01"):
            contract.action_decide_renew()
        self.run_on("2027-01-01")
        self.assertTrue(contract.next_id.silent_renewal)

    def test_decided_end_stops_the_automatic_renewal(self):
        contract = self._create_running("2026-01-01", renewal_policy="auto")
        with self.at("2026-06-01"):
            contract.action_decide_end()
        self.run_on("2027-01-01")
        self.assertEqual((contract.state, contract.close_reason), ("closed", "expired"))
        self.assertFalse(contract.next_id)

    def test_automatic_renewal_goes_on_to_its_limit(self):
        contract = self._create_running("2026-01-01", renewal_policy="auto", renewal_limit=2, term_months=1)
        self.run_on("2026-12-01")
        chain = self._chain(contract)
        self.assertEqual(chain.mapped("close_reason"), ["renewed", "renewed", "expired"])
        self.assertEqual(chain.mapped("renewal_number"), [0, 1, 2])
        self.assertEqual(chain[-1].closed_on, day("2026-03-31"))

    def test_renewal_by_hand_begins_the_count_of_automatic_ones_anew(self):
        contract = self._create_running("2026-01-01", renewal_policy="auto", renewal_limit=1, term_months=1)
        self.run_on("2026-02-01")
        second = contract.next_id
        with self.at("2026-02-10"):
            second.action_renew()
            second.next_id.action_activate()
        self.run_on("2027-01-01")
        self.assertEqual(self._chain(contract).mapped("auto_renewed"), [False, True, False, True])

    def test_unsigned_renewal_gives_way_to_the_automatic_one(self):
        contract = self._create_running("2026-01-01", renewal_policy="auto")
        with self.at("2026-06-01"):
            contract.action_renew(uplift=20.0)
            unsigned = contract.next_id
        self.run_on("2027-01-01")
        self.assertEqual(unsigned.state, "cancelled")
        self.assertRecordValues(contract.next_id, [{"state": "active", "auto_renewed": True, "silent_renewal": False}])
        self.assertEqual(contract.next_id.line_ids.price_unit, 100.0)

    def test_evergreen_runs_on_after_its_first_term(self):
        contract = self._create_running("2026-01-01", renewal_policy="evergreen", date_end=day("2026-12-31"))
        self.run_on("2027-01-01")
        self.assertRecordValues(contract, [{"state": "active", "date_end": False, "date_notice": False}])
        self.assertFalse(contract.next_id)
        self.run_on("2030-01-01")
        self.assertEqual(contract.state, "active")

    def test_evergreen_from_its_type_has_no_end(self):
        kind = self._create_type(renewal_policy="evergreen", signature_required="none", name="Evergreen")
        self.assertFalse(self._create_contract(type_id=kind.id).date_end)

    def test_supplier_contracts_renew_as_well(self):
        kind = self._create_type(direction="supplier", name="Supply", renewal_policy="auto", signature_required="none")
        contract = self._create_running("2026-01-01", type_id=kind.id)
        self.run_on("2027-01-01")
        self.assertRecordValues(contract.next_id, [{
            "direction": "supplier", "state": "active", "silent_renewal": True,
        }])


@tagged("post_install", "-at_install")
class TestContractRenewalQuotation(ContractDaysCase):
    """A quotation whose confirmation concludes the renewal."""

    def setUp(self):
        super().setUp()
        self.contract = self._create_running("2026-01-01", uplift=10.0, line_ids=[
            self._line(quantity=2.0, discount=5.0),
            self._line(name="Words only", product_id=False, price_unit=7.0),
        ])
        with self.at("2026-11-01"):
            self.contract.with_user(self.seller).action_renew(quotation=True)
        self.successor = self.contract.next_id
        self.order = self.contract.sudo().renewal_order_id

    def test_quotation_has_the_raised_prices(self):
        self.assertRecordValues(self.order, [{
            "state": "draft", "partner_id": self.partner.id, "origin": self.contract.name,
            "clm_contract_id": self.successor.id, "user_id": self.user.id,
        }])
        self.assertRecordValues(self.order.order_line, [{
            "product_id": self.product.id, "product_uom_qty": 2.0, "price_unit": 110.0, "discount": 5.0,
        }])

    def test_button_opens_the_quotation(self):
        other = self._create_running("2026-01-01")
        action = other.with_user(self.seller).action_renew(quotation=True)
        self.assertEqual((action["res_model"], action["res_id"]), ("sale.order", other.sudo().renewal_order_id.id))

    def test_confirmation_concludes_the_renewal(self):
        with self.at("2026-12-01"):
            self.order.action_confirm()
        self.assertRecordValues(self.successor, [{"state": "signed", "signed_on": day("2026-12-01")}])
        self.assertFalse(self.successor.sale_order_id, "it drafts nothing else")
        self.run_on("2027-01-01")
        self.assertEqual((self.contract.state, self.successor.state), ("closed", "active"))

    def test_confirmation_takes_what_was_ordered(self):
        self.order.order_line.write({"product_uom_qty": 3.0, "price_unit": 99.0, "discount": 0.0})
        extra = self.env["product.product"].create({"name": "Cups", "type": "service"})
        self.order.order_line = [Command.create({
            "product_id": extra.id, "price_unit": 20.0, "tax_ids": [Command.clear()],
        })]
        with self.at("2026-12-01"):
            self.order.action_confirm()
        lines = self.successor.line_ids.sorted("price_unit")
        self.assertEqual(lines.mapped(lambda line: (line.name, line.quantity, line.price_unit, line.discount)), [
            ("Words only", 1.0, 7.7, 0.0), ("Cups", 1.0, 20.0, 0.0), ("Coffee", 3.0, 99.0, 0.0),
        ])

    def test_line_struck_out_of_the_quotation_is_not_renewed(self):
        self.order.order_line.unlink()
        extra = self.env["product.product"].create({"name": "Tea", "type": "service"})
        self.order.order_line = [Command.create({"product_id": extra.id, "price_unit": 50.0})]
        with self.at("2026-12-01"):
            self.order.action_confirm()
        self.assertEqual(sorted(self.successor.line_ids.mapped("name")), ["Tea", "Words only"])

    def test_confirmation_of_a_late_renewal_puts_it_into_force(self):
        with self.at("2027-01-05"):
            self.order.action_confirm()
        self.assertEqual((self.contract.close_reason, self.successor.state), ("renewed", "active"))

    def test_renewal_that_needs_an_approval_stays_a_draft(self):
        self.calendar_type.approval_ids = [Command.create({"name": "Legal"})]
        with self.at("2026-12-01"):
            self.order.action_confirm()
        self.assertEqual(self.successor.state, "draft")
        self.assertIn("Ordered by the customer: the renewal needs an approval", self._notices(self.successor))

    def test_renewal_that_was_cancelled_is_shown_to_its_owner(self):
        self.successor.action_cancel()
        with self.at("2026-12-01"):
            self.order.action_confirm()
        self.assertEqual(self.successor.state, "cancelled")
        self.assertEqual(self._notices(self.successor), ["Ordered by the customer: look at the renewal"])

    def test_cancelled_quotation_cancels_the_renewal(self):
        self.order._action_cancel()
        self.assertEqual(self.successor.state, "cancelled")
        self.assertFalse(self.contract.decision)

    def test_quotation_for_a_supplier_is_refused(self):
        kind = self._create_type(direction="supplier", name="Supply", signature_required="none")
        contract = self._create_running("2026-01-01", type_id=kind.id)
        with self._refuse("Quotations are for customers"):
            contract.with_user(self.seller).action_renew(quotation=True)
        self.assertFalse(contract.next_id)

    def test_quotation_without_products_is_refused(self):
        contract = self._create_running("2026-01-01", line_ids=[self._line(product_id=False)])
        with self._refuse("no lines with products"):
            contract.with_user(self.seller).action_renew(quotation=True)

    def test_quotation_of_an_archived_product_is_refused(self):
        product = self.env["product.product"].create({"name": "Old coffee", "type": "service"})
        contract = self._create_running("2026-01-01", line_ids=[self._line(product_id=product.id)])
        product.active = False
        with self._refuse("Old coffee can no longer be sold"):
            contract.with_user(self.seller).action_renew(quotation=True)

    def test_quotation_is_in_the_contract_s_currency(self):
        euro = self.env.ref("base.EUR")
        euro.active = True
        contract = self._create_running("2026-01-01", currency_id=euro.id)
        with self._refuse("needs a pricelist in that currency"):
            contract.with_user(self.seller).action_renew(quotation=True)
        pricelist = self.env["product.pricelist"].create({"name": "Euro", "currency_id": euro.id})
        contract.with_user(self.seller).action_renew(quotation=True)
        order = contract.sudo().renewal_order_id
        self.assertEqual((order.pricelist_id, order.currency_id), (pricelist, euro))
        self.assertEqual(order.order_line.price_unit, 100.0)


@tagged("post_install", "-at_install")
class TestContractAmendment(ContractDaysCase):
    """Changes of a contract in force."""

    def setUp(self):
        super().setUp()
        self.contract = self._create_running("2026-01-01", notice_count=1, line_ids=[
            self._line(name="Coffee"), self._line(name="Water", price_unit=50.0),
        ])
        self.coffee, self.water = self.contract.line_ids

    def _conclude(self, amendment, on):
        with self.at(on):
            amendment.action_activate()

    def _lines(self):
        return self.contract.line_ids.sorted("id").mapped(
            lambda line: (line.name, line.price_unit, line.date_start, line.date_end)
        )

    # === DRAFT === #

    def test_amendment_is_a_draft_of_its_own_that_ends_with_the_contract(self):
        amendment = self._amend(self.contract, "2026-07-01", reason="More coffee")
        self.assertRecordValues(amendment, [{
            "state": "draft", "title": "More coffee", "amends_id": self.contract.id, "previous_id": False,
            "date_start": day("2026-07-01"), "date_end": day("2026-12-31"), "user_id": self.user.id,
        }])
        self.assertEqual(amendment.line_ids.origin_line_id, self.contract.line_ids)
        self.assertEqual((self.contract.state, self.contract.amendment_count), ("active", 1))

    def test_other_terms_of_an_amendment_keep_its_end(self):
        amendment = self._amend(self.contract, "2026-07-01")
        amendment.write({"renewal_policy": "auto", "term_months": 6})
        amendment.date_start = day("2026-08-01")
        self.assertEqual(amendment.date_end, day("2026-12-31"))

    def test_second_amendment_waits_for_the_first(self):
        first = self._amend(self.contract, "2026-07-01")
        with self._refuse("is not finished"):
            self._amend(self.contract, "2026-08-01")
        first.action_cancel()
        second = self._amend(self.contract, "2026-08-01")
        with self._refuse("is not finished"):
            first.action_reset()
        self._conclude(second, "2026-08-01")
        self._amend(self.contract, "2026-09-01")

    def test_amendment_outside_of_the_term_is_refused(self):
        for start in ("2025-12-31", "2027-01-02"):
            with self._refuse("begins within the term"):
                self._amend(self.contract, start)
        self._amend(self.contract, "2027-01-01", end="2027-06-30")

    def test_amendment_that_ends_before_it_begins_is_refused(self):
        with self._refuse("ends .* before it starts"):
            self._amend(self.contract, "2026-07-01", end="2026-06-30")

    def test_amendment_of_an_amendment_a_draft_or_a_terminated_contract_is_refused(self):
        amendment = self._amend(self.contract, "2026-07-01")
        with self._refuse("not its amendment"):
            amendment._amend(day("2026-08-01"))
        with self._refuse("not its amendment|An amendment is not renewed"):
            amendment.action_renew()
        with self._refuse("is not in force"):
            self._create_contract()._amend(day("2026-08-01"))
        amendment.action_cancel()
        with self.at("2026-03-01"):
            self.contract.action_terminate(self.reason.id)
        with self._refuse("is terminated"):
            self._amend(self.contract, "2026-07-01")

    def test_amendment_needs_approval_and_signature_of_its_own(self):
        kind = self._create_type(name="Signed", steps=[{"name": "Legal"}])
        contract = self._create_active(type_id=kind.id)
        amendment = contract._amend(self.today, reason="Other words")
        amendment.clause_ids[2].body = "<p>No liability at all.</p>"
        with self._refuse("needs an approval"):
            amendment.action_send()
        self._activate(amendment)
        self.assertRecordValues(amendment, [{"state": "closed", "close_reason": "applied"}])
        self.assertEqual(len(amendment.signature_ids.filtered("valid")), 2)
        self.assertIn("No liability at all", contract.clause_ids[2].body)

    # === APPLIED === #

    def test_unchanged_amendment_changes_nothing(self):
        before = self._lines()
        amendment = self._amend(self.contract, "2026-07-01")
        self._conclude(amendment, "2026-07-01")
        self.assertEqual(self._lines(), before)
        self.assertRecordValues(amendment, [{
            "state": "closed", "close_reason": "applied", "closed_on": day("2026-07-01"),
        }])

    def test_changed_line_ends_the_day_before_and_goes_on_as_a_new_one(self):
        amendment = self._amend(self.contract, "2026-07-01")
        amendment.line_ids[0].price_unit = 120.0
        self._conclude(amendment, "2026-07-01")
        self.assertEqual(self._lines(), [
            ("Coffee", 100.0, False, day("2026-06-30")),
            ("Water", 50.0, False, False),
            ("Coffee", 120.0, day("2026-07-01"), False),
        ])
        self.assertEqual(self.contract.mrr, 170.0)
        self.assertEqual(self.contract.tcv, 6 * 100 + 12 * 50 + 6 * 120)

    def test_dropped_line_ends_and_added_line_begins(self):
        amendment = self._amend(self.contract, "2026-07-01")
        amendment.line_ids[1].unlink()
        amendment.line_ids = [self._line(name="Tea", price_unit=30.0)]
        self._conclude(amendment, "2026-07-01")
        self.assertEqual(self._lines(), [
            ("Coffee", 100.0, False, False),
            ("Water", 50.0, False, day("2026-06-30")),
            ("Tea", 30.0, day("2026-07-01"), False),
        ])

    def test_line_that_never_took_effect_leaves_no_trace_in_the_sums(self):
        first = self._amend(self.contract, "2026-01-01")
        first.line_ids[0].write({"price_unit": 90.0})
        self._conclude(first, "2026-01-01")
        self.assertEqual(self._lines(), [("Water", 50.0, False, False), ("Coffee", 90.0, day("2026-01-01"), False)])
        self.assertEqual(self.contract.tcv, 12 * 140)

    def test_amendment_of_the_future_waits_for_its_day(self):
        amendment = self._amend(self.contract, "2026-07-01")
        amendment.line_ids[0].price_unit = 120.0
        self._conclude(amendment, "2026-03-01")
        self.assertEqual((amendment.state, self.contract.mrr), ("signed", 150.0))
        self.run_on("2026-06-30")
        self.assertEqual(self.contract.mrr, 150.0)
        self.run_on("2026-07-20")
        self.assertEqual((amendment.state, self.contract.mrr), ("closed", 170.0))
        self.assertEqual(self._lines()[0][3], day("2026-06-30"))

    def test_extension_lengthens_the_contract_and_its_term(self):
        amendment = self._amend(self.contract, "2026-07-01", end="2027-06-30")
        self._conclude(amendment, "2026-07-01")
        self.assertRecordValues(self.contract, [{
            "date_end": day("2027-06-30"), "date_notice": day("2027-05-30"), "term_months": 18, "state": "active",
        }])

    def test_extension_that_begins_after_the_end_comes_in_time(self):
        amendment = self._amend(self.contract, "2027-01-01", end="2027-06-30")
        self._conclude(amendment, "2026-12-01")
        self.run_on("2027-01-01")
        self.assertRecordValues(self.contract, [{"state": "active", "date_end": day("2027-06-30")}])

    def test_amendment_to_an_earlier_end(self):
        amendment = self._amend(self.contract, "2026-03-01", end="2026-06-30")
        self._conclude(amendment, "2026-03-01")
        self.run_on("2026-07-01")
        self.assertRecordValues(self.contract, [{"state": "closed", "closed_on": day("2026-06-30")}])

    def test_amended_terms_hold_from_then_on(self):
        amendment = self._amend(
            self.contract, "2026-07-01", notice_count=2, renewal_policy="auto", uplift=7.0, minimum_months=10,
        )
        self._conclude(amendment, "2026-07-01")
        self.assertRecordValues(self.contract, [{
            "notice_count": 2, "renewal_policy": "auto", "uplift": 7.0, "minimum_months": 10,
            "date_end": day("2026-12-31"), "date_notice": day("2026-10-31"),
        }])

    def test_obligations_of_an_amendment_become_the_contract_s(self):
        amendment = self._amend(self.contract, "2026-07-01", obligation_ids=[Command.create({
            "name": "Hold a tasting", "date_due": day("2026-07-15"), "recurrence_unit": "month",
        })])
        self.assertFalse(self.contract.obligation_ids)
        self._conclude(amendment, "2026-07-01")
        self.assertEqual(self.contract.obligation_ids.mapped("date_due"), [day("2026-07-15"), day("2026-08-15")])

    def test_text_in_force_is_a_new_version_of_the_contract(self):
        contract = self._create_active()
        number = contract.version_ids[0].number
        amendment = contract._amend(self.today)
        amendment.clause_ids[2].body = "<p>Liability is unlimited.</p>"
        self._activate(amendment)
        version = contract.version_ids.sorted("number")[-1]
        self.assertEqual(version.number, number + 1)
        self.assertEqual(version.note, f"As amended by {amendment.name}")
        self.assertIn("unlimited", version.clauses[2]["body"])

    def test_amendment_keeps_a_reminder_from_being_lost(self):
        self.run_on("2026-11-15")
        self.assertEqual(len(self._activities(self.contract, "renewal")), 1)
        amendment = self._amend(self.contract, "2026-11-16", end="2027-12-31")
        self._conclude(amendment, "2026-11-16")
        self.run_on("2027-11-15")
        self.assertEqual(len(self._activities(self.contract, "renewal")), 2)

    # === THE CONTRACT ENDS MEANWHILE === #

    def test_amendments_end_with_their_contract(self):
        draft = self._amend(self.contract, "2026-07-01")
        with self.at("2026-05-01"):
            self.contract.action_terminate(self.reason.id, day("2026-05-01"), agreed=True)
        self.assertEqual((self.contract.state, draft.state), ("closed", "cancelled"))

    def test_signed_amendment_of_a_terminated_contract_never_comes(self):
        amendment = self._amend(self.contract, "2026-07-01")
        amendment.line_ids[0].price_unit = 120.0
        self._conclude(amendment, "2026-03-01")
        with self.at("2026-05-01"):
            self.contract.action_terminate(self.reason.id, day("2026-06-30"), agreed=True)
        self.run_on("2026-07-01")
        self.assertRecordValues(self.contract | amendment, [
            {"state": "closed", "close_reason": "terminated", "mrr": 150.0},
            {"state": "closed", "close_reason": "terminated", "mrr": 170.0},
        ])
        self.assertFalse(self.contract.cron_error or amendment.cron_error)

    def test_amendment_before_the_day_of_a_termination_leaves_that_day(self):
        amendment = self._amend(self.contract, "2026-06-01")
        amendment.line_ids[0].price_unit = 120.0
        self._conclude(amendment, "2026-03-01")
        with self.at("2026-05-01"):
            self.contract.action_terminate(self.reason.id, day("2026-07-31"), agreed=True)
        self.run_on("2026-06-01")
        self.assertRecordValues(self.contract, [{"date_end": day("2026-07-31"), "mrr": 170.0}])
        self.run_on("2026-08-01")
        self.assertEqual(self.contract.closed_on, day("2026-07-31"))
