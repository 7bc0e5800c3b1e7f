from datetime import timedelta

from odoo import fields
from odoo.fields import Command
from odoo.tests import tagged

from .contract_common import ContractCase


@tagged("post_install", "-at_install")
class TestPlaybookContract(ContractCase):
    """Who concludes a contract sets the right people in motion."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.playbooks, cls.effects = cls.env["clm.playbook"], cls.env["clm.effect"]
        cls.playbooks.search([]).action_pause()
        cls.tag = cls.env["res.partner.category"].create({"name": "Under contract"})

    def _create_playbook(self, **vals):
        playbook = self.playbooks.create({
            "name": "Begin well",
            "trigger": "contract",
            "contract_state": "active",
            "step_ids": [Command.create({"kind": "tags", "tag_ids": [Command.set(self.tag.ids)]})],
            **vals,
        })
        playbook._activate()
        return playbook

    def _of(self, contract):
        return self.effects.search([("contract_id", "=", contract.id)])

    def test_entering_a_state_makes_an_effect_that_runs(self):
        self._create_playbook()
        contract = self._create_active()
        effect = self._of(contract)
        self.assertEqual((effect.state, effect.partner_id), ("waiting", self.partner))
        self.assertEqual(effect.company_id, contract.company_id)
        self.effects._cron_run()
        self.assertEqual(effect.state, "done")
        self.assertIn(self.tag, self.partner.category_id)

    def test_other_states_types_and_directions_make_none(self):
        other = self._create_type(name="Other")
        for vals in ({"contract_state": "closed"}, {"contract_type_ids": [Command.set(other.ids)]},
                     {"direction": "supplier"}, {"partner_domain": "[('city', '=', 'Rome')]"}):
            self._create_playbook(**vals)
        self.assertFalse(self._of(self._create_active()))

    def test_given_types_and_matching_customers_make_one(self):
        self._create_playbook(
            contract_type_ids=[Command.set(self.contract_type.ids)], partner_domain="[('city', '=', 'Lyon')]",
            direction=False,
        )
        self.assertEqual(len(self._of(self._create_active())), 1)

    def test_contract_that_left_the_state_is_left_out(self):
        self._create_playbook(contract_state="negotiation")
        contract = self._share(self._create_contract())
        self.env.invalidate_all()
        effect = self._of(contract)
        contract.action_withdraw()
        self.effects._cron_run()
        self.assertEqual(effect.state, "skipped")
        self.assertIn("another state", effect.note)

    def test_turns_within_a_negotiation_do_not_begin_again(self):
        self._create_playbook(contract_state="negotiation")
        contract = self._share(self._create_contract())
        self.env["clm.contract.visit"]._enter(contract, "negotiation", "us")
        self.env["clm.contract.visit"]._enter(contract, "negotiation", "them")
        self.assertEqual(len(self._of(contract)), 1)

    def test_renewals_are_left_alone_where_the_playbook_says_so(self):
        self._create_playbook(skip_renewals=True)
        both = self._create_playbook()
        contract = self._create_active()
        self.assertEqual(len(self._of(contract)), 2)
        contract.action_renew()
        renewal = contract.next_id
        self._activate(renewal)
        if renewal.state != "active":
            renewal._activate()
        self.assertEqual((renewal.state, renewal.previous_id), ("active", contract))
        self.assertEqual(self._of(renewal).playbook_id, both)

    def test_imported_contracts_and_rebuilds_are_left_alone(self):
        self._create_playbook(contract_state="draft")
        for context in ({"import_file": True}, {"clm_bulk": True}):
            contract = self.env["clm.contract"].with_context(**context).create({
                "type_id": self.contract_type.id, "partner_id": self.partner.id,
                "line_ids": [Command.create(self._prepare_line())],
            })
            self.assertFalse(self._of(contract))
        self.assertEqual(len(self._of(self._create_contract())), 1)

    def test_renewal_step_prepares_the_renewal_once(self):
        self._create_playbook(step_ids=[Command.create({"kind": "renewal", "delay_days": 300})])
        contract = self._create_active()
        effect = self._of(contract)
        effect.run_at = fields.Datetime.now() - timedelta(days=1)
        self.effects._cron_run()
        self.assertEqual(effect.state, "done", effect.error)
        self.assertEqual(effect.result_id, contract.next_id.id)
        self.assertTrue(contract.renewal_order_id)

    def test_renewal_step_leaves_out_what_cannot_be_renewed(self):
        self._create_playbook(step_ids=[Command.create({"kind": "renewal"})])
        contract = self._create_active()
        contract.action_renew()
        self.effects._cron_run()
        self.assertEqual(self._of(contract).state, "skipped")
        self.assertIn("renewed already", self._of(contract).note)

    def test_activities_fall_to_the_owner_of_the_contract(self):
        self._create_playbook(step_ids=[Command.create({
            "kind": "activity_plan", "plan_id": self.env.ref("clm.mail_activity_plan_contract").id,
        })])
        contract = self._create_active()
        self.effects._cron_run()
        self.assertEqual(self._of(contract).state, "done", self._of(contract).error)
        kick_off = contract.activity_ids.filtered(lambda activity: "Kick-off" in (activity.summary or ""))
        self.assertEqual(kick_off.user_id, self.user)

    def test_deleted_draft_takes_its_effects_along(self):
        self._create_playbook(contract_state="draft")
        contract = self._create_contract()
        effect = self._of(contract)
        contract.unlink()
        self.assertFalse(effect.exists())
