from datetime import datetime, timedelta

from odoo.exceptions import UserError
from odoo.tests import tagged
from odoo.tools import SQL

from .contract_days import ContractDaysCase, day


@tagged("post_install", "-at_install")
class TestContractLifecycle(ContractDaysCase):
    """Start, renewal and end of a customer's contract are events of the customer's lifecycle."""

    def setUp(self):
        super().setUp()
        self.customer = self._create_partner("Coffee House", is_company=True, known_since=datetime(2020, 1, 1))

    def _create_running(self, start, **vals):
        return super()._create_running(start, **{"partner_id": self.customer.id, **vals})

    def _events(self, customer=None):
        self.env.flush_all()
        events = self.env["clm.event"].search([
            ("partner_id", "=", (customer or self.customer).id), ("model", "=", "clm.contract"),
        ], order="date, kind_number")
        return [(event.kind, str(event.date), event.res_id) for event in events]

    def _queued(self):
        self.env.flush_all()
        queued = set(self.queue.search([]).mapped("partner_id"))
        self.env.cr.execute(SQL("DELETE FROM clm_queue"))
        self.queue._announced().clear()
        return queued

    def _process(self, on):
        self.env.flush_all()
        with self.at(on):
            self.engine._process_queue()
        self.customer.invalidate_recordset()
        return self.customer.lifecycle_stage_id

    # === EVENTS === #

    def test_start_renewal_and_end_are_events_of_their_days(self):
        contract = self._create_running("2026-01-01", renewal_policy="auto", renewal_limit=1)
        self.run_on("2027-01-03")
        self.run_on("2028-01-01")
        successor = contract.next_id
        self.assertEqual(self._events(), [
            ("contract_start", "2026-01-01 00:00:00", contract.id),
            ("contract_renewal", "2027-01-01 00:00:00", successor.id),
            ("contract_end", "2028-01-01 00:00:00", successor.id),
        ])

    def test_days_are_those_of_the_company(self):
        self.company.lifecycle_tz = "Pacific/Auckland"
        contract = self._create_running("2026-01-01", on="2025-12-31")  # noon UTC is the next day there
        self.run_on("2027-01-02")
        self.assertEqual(self._events(), [
            ("contract_start", "2025-12-31 11:00:00", contract.id),
            ("contract_end", "2026-12-31 11:00:00", contract.id),
        ])
        days = self.env["clm.event"].search([("model", "=", "clm.contract"), ("res_id", "=", contract.id)])
        self.assertEqual(sorted(days.mapped("day")), [day("2026-01-01"), day("2027-01-01")])

    def test_nothing_happens_before_a_contract_is_in_force(self):
        self._create_contract(partner_id=self.customer.id)
        self._create_running("2026-12-01", on="2026-01-01")
        self.assertEqual(self._events(), [])

    def test_contract_terminated_before_its_start_is_no_event(self):
        contract = self._create_running("2026-12-01", on="2026-01-01")
        with self.at("2026-02-01"):
            contract.action_terminate(self.reason.id, day("2026-11-30"), agreed=True)
        self.assertEqual((contract.state, self._events()), ("closed", []))

    def test_termination_at_once_is_an_event_of_its_moment(self):
        contract = self._create_running("2026-01-01")
        with self.at("2026-03-10"):
            contract.action_terminate(self.reason.id, day("2026-03-10"), agreed=True)
        self.assertEqual(self._events()[1], ("contract_end", "2026-03-10 12:00:00", contract.id))

    def test_end_is_never_before_the_start(self):
        contract = self._create_running("2026-01-01", on="2026-03-10")
        with self.at("2026-03-11"):
            contract.action_terminate(self.reason.id, day("2025-12-31"), agreed=True)
        self.assertEqual(self._events(), [
            ("contract_start", "2026-03-10 00:00:00", contract.id),
            ("contract_end", "2026-03-10 00:00:00", contract.id),
        ])

    def test_supplier_contracts_and_amendments_make_no_event(self):
        kind = self._create_type(direction="supplier", name="Supply", signature_required="none")
        self._create_running("2026-01-01", type_id=kind.id)
        self.assertEqual(self._events(), [])
        contract = self._create_running("2026-01-01")
        amendment = self._amend(contract, "2026-03-01")
        with self.at("2026-03-01"):
            amendment.action_activate()
        self.assertEqual(amendment.close_reason, "applied")
        self.assertEqual([res_id for __, __, res_id in self._events()], [contract.id])

    def test_contract_of_a_contact_is_the_company_s(self):
        contact = self.env["res.partner"].create({"name": "Ann", "parent_id": self.customer.id})
        contract = self._create_running("2026-01-01", partner_id=contact.id)
        self.assertEqual(self._events(), [("contract_start", "2026-01-01 00:00:00", contract.id)])

    # === THE QUEUE === #

    def test_moves_of_a_contract_in_force_queue_its_customer(self):
        self._queued()
        contract = self._create_running("2026-01-01")
        self.assertIn(self.customer.id, self._queued())
        with self.at("2026-03-10"):
            contract.action_terminate(self.reason.id, day("2026-03-10"), agreed=True)
        self.assertEqual(self._queued(), {self.customer.id})

    def test_drafts_words_and_supplier_contracts_queue_nobody(self):
        kind = self._create_type(direction="supplier", name="Supply", signature_required="none")
        self._queued()
        contract = self._create_contract(partner_id=self.customer.id)
        contract.title = "Other words"
        contract.action_negotiate()
        self._create_running("2026-01-01", type_id=kind.id)
        self.assertEqual(self._queued(), set())

    def test_another_customer_queues_both(self):
        contract = self._create_running("2026-01-01")
        self._queued()
        with self.assertRaises(UserError):
            contract.partner_id = self.other_partner
        contract._unlocked().partner_id = self.other_partner
        self.assertEqual(self._queued(), {self.customer.id, self.other_partner.id})
        self.assertEqual(len(self._events(self.other_partner)), 1)
        self.assertEqual(self._events(), [])

    def test_contract_once_in_force_cannot_be_deleted(self):
        contract = self._create_running("2026-01-01")
        with self.assertRaises(UserError):
            contract.unlink()

    def test_merged_contacts_share_their_contracts(self):
        contract = self._create_running("2026-01-01")
        self._process("2026-01-02")
        other = self._create_partner("Coffee House Ltd", is_company=True, known_since=datetime(2021, 1, 1))
        self.env["base.partner.merge.automatic.wizard"].create({})._merge(
            (self.customer | other).ids, dst_partner=other
        )
        self.assertEqual(contract.partner_id, other)
        self.customer = other
        self.assertEqual(self._process("2026-01-03"), self.conversion)

    # === STAGES === #

    def test_first_contract_converts_and_a_renewal_retains(self):
        self.assertEqual(self._process("2025-12-01"), self.awareness)
        contract = self._create_running("2026-01-01", renewal_policy="auto")
        self.assertEqual(self._process("2026-01-01"), self.conversion)
        visit = self.customer.lifecycle_visit_ids.sorted("number")[-1]
        self.assertEqual((visit.evidence_model, visit.evidence_id), ("clm.contract", contract.id))
        self.assertEqual(visit.entered_at, datetime(2026, 1, 1))
        self.run_on("2027-01-01")
        self.assertEqual(self._process("2027-01-01"), self.retention)
        self.run_on("2028-01-01")
        self.assertEqual(self._process("2028-01-01"), self.loyalty, "the second renewal")

    def test_contract_of_a_year_retains_without_any_document(self):
        self._create_running("2026-01-01", term_months=0)
        self.assertEqual(self._process("2026-01-02"), self.conversion)
        for on, stage in (("2026-12-31", self.conversion), ("2027-01-02", self.retention)):
            with self.at(on):
                self.engine._cron_tick()
            self.customer.invalidate_recordset()
            self.assertEqual(self.customer.lifecycle_stage_id, stage, on)

    def test_customer_lapses_only_without_a_running_contract(self):
        contract = self._create_running("2020-02-01", term_months=0)
        self._process("2020-02-02")
        with self.at("2026-01-01"):
            self.engine._cron_tick()
            self.customer.invalidate_recordset()
            self.assertEqual(self.customer.lifecycle_stage_id, self.retention, "silent, with a contract")
            contract.action_terminate(self.reason.id, day("2026-01-01"), agreed=True)
        self.assertEqual(self._process("2026-01-02"), self.retention)
        with self.at("2027-01-03"):
            self.engine._cron_tick()
        self.customer.invalidate_recordset()
        self.assertEqual(self.customer.lifecycle_stage_id, self.lapsed)

    def test_renewal_concluded_late_keeps_the_customer_running(self):
        contract = self._create_running("2025-01-01")
        with self.at("2025-11-01"):
            contract.action_renew(months=60)
        self.run_on("2026-01-01")
        with self.at("2026-01-20"):
            contract.next_id.action_activate()
        self.assertEqual([kind for kind, __, __ in self._events()], ["contract_start", "contract_renewal"])
        self._process("2026-01-21")
        with self.at("2029-01-01"):
            self.engine._cron_tick()
        self.customer.invalidate_recordset()
        self.assertEqual(self.customer.lifecycle_stage_id, self.retention)

    def test_renewal_that_never_began_lets_the_customer_go(self):
        contract = self._create_running("2025-01-01")
        with self.at("2025-11-01"):
            contract.action_renew()
            contract.next_id.action_activate()
            contract.next_id.action_terminate(self.reason.id, day("2025-12-31"), agreed=True)
        self.run_on("2026-01-01")
        self.assertEqual([kind for kind, __, __ in self._events()], ["contract_start", "contract_end"])

    def test_rebuild_gives_the_same_ledger(self):
        self._create_running("2026-01-01", renewal_policy="auto")
        self.run_on("2027-01-01")
        self._process("2027-01-02")
        before = self._visits(self.customer)
        self.queue._push(self.customer.ids)
        self._process("2027-01-02")
        self.assertEqual(self._visits(self.customer), before)
        self.assertEqual(before[-1][0], self.retention)

    def test_order_and_its_contract_are_both_reasons_once(self):
        order = self._create_order(self.customer, date=datetime(2026, 1, 1) - timedelta(days=1))
        self._create_running("2026-01-01", sale_order_id=order.id, user=self.manager)
        self.assertEqual(self._process("2026-01-02"), self.conversion)
