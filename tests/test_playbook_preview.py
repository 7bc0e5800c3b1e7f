from odoo.exceptions import AccessError
from odoo.fields import Command
from odoo.tests import Form, tagged

from .playbook_common import PlaybookCase


@tagged("post_install", "-at_install")
class TestPlaybookPreview(PlaybookCase):
    """Before it is activated, a playbook says what it would have done."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.manager = cls._create_user("v-manager", "clm.group_manager")
        cls.stage = cls.env["clm.stage"].create({"name": "Trial", "sequence": 90})

    def _move(self, name, days, **vals):
        """Create a customer who was moved to the stage so many days ago."""
        partner = self._create_partner(name, known_since=self.days_ago(300), **vals)
        self.env["clm.stage.change"].create({
            "partner_id": partner.id, "stage_id": self.stage.id, "date": self.days_ago(days),
        })
        self.engine._process_queue()
        self.assertEqual(partner.lifecycle_stage_id, self.stage)
        return partner

    def _preview(self, playbook):
        action = playbook.with_user(self.manager).action_preview()
        return self.env[action["res_model"]].with_user(self.manager).browse(action["res_id"])

    def test_customers_of_the_last_90_days_are_counted_and_listed(self):
        new, older, __ = self._move("New", 5), self._move("Older", 80), self._move("Too old", 95)
        preview = self._preview(self._create_playbook(stage=self.stage, activate=False))
        self.assertEqual(preview.line_ids.partner_id, new | older)
        self.assertEqual(preview.line_ids[0].entered_at, self.days_ago(5))
        self.assertEqual((preview.entry_count, preview.customer_count), (2, 2))
        self.assertIn("2 customers in the last 90 days", preview.headline)

    def test_imports_superseded_visits_and_others_are_not_counted(self):
        self._move("Rome", 5, city="Rome")
        imported = self._create_partner("Imported", known_since=self.days_ago(300), city="Lyon")
        self.env["clm.stage.change"].with_context(import_file=True).create({
            "partner_id": imported.id, "stage_id": self.stage.id, "date": self.days_ago(9),
        })
        undone = self._move("Undone", 5, city="Lyon")
        self.env["clm.stage.change"].search([("partner_id", "=", undone.id)]).unlink()
        self.engine._process_queue()
        counted = self._move("Lyon", 5, city="Lyon")
        playbook = self._create_playbook(
            stage=self.stage, activate=False, partner_domain="[('city', '=', 'Lyon')]"
        )
        self.assertEqual(self._preview(playbook).line_ids.partner_id, counted)

    def test_steps_say_how_often_and_what_would_keep_them_from_it(self):
        self._move("With", 5, email="with@example.com")
        self._move("Without", 6)
        template = self.env.ref("clm.mail_template_welcome")
        playbook = self._create_playbook(
            {"kind": "mail", "template_id": template.id}, self._tag_step(delay_days=2),
            self._tag_step(active=False), stage=self.stage, activate=False,
        )
        steps = self._preview(playbook).step_ids
        self.assertEqual(steps.mapped("count"), [2, 2])
        self.assertEqual(steps.mapped("name"), playbook.step_ids.filtered("active").mapped("summary"))
        self.assertIn("1 of 2 cannot be written to", steps[0].hindrance)
        self.assertFalse(steps[1].hindrance)

    def test_preview_writes_nothing(self):
        partner = self._move("New", 1)
        playbook = self._create_playbook(stage=self.stage, activate=False)
        self._preview(playbook)
        self.assertEqual((playbook.state, len(self._of(partner))), ("draft", 0))

    def test_activation_is_confirmed_in_the_preview(self):
        playbook = self._create_playbook(stage=self.stage, activate=False).with_user(self.manager)
        action = playbook.action_activate()
        self.assertEqual(playbook.state, "draft")
        self.env[action["res_model"]].with_user(self.manager).browse(action["res_id"]).action_confirm()
        self.assertEqual(playbook.state, "active")
        self.assertTrue(playbook.activated_at)

    def test_nobody_is_said_in_words(self):
        preview = self._preview(self._create_playbook(stage=self.stage, activate=False))
        self.assertIn("not have begun for anybody", preview.headline)

    def test_customers_of_other_companies_are_not_shown(self):
        other = self.env["res.company"].create({"name": "Other"})
        self._move("Hidden", 5, company_id=other.id)
        self.assertFalse(self._preview(self._create_playbook(stage=self.stage, activate=False)).line_ids)

    def test_preview_of_contracts_counts_states(self):
        contract_type = self.env["clm.contract.type"].create({"name": "Agreement", "term_months": 12})
        contract = self.env["clm.contract"].create({
            "type_id": contract_type.id, "partner_id": self._create_partner().id,
        })
        playbook = self._create_playbook(
            activate=False, trigger="contract", contract_state="draft",
            contract_type_ids=[Command.set(contract_type.ids)],
        )
        preview = self._preview(playbook)
        self.assertEqual((preview.line_ids.contract_id, preview.entry_count), (contract, 1))
        self.assertIn("1 contracts", preview.headline)

    def test_viewers_may_not_preview(self):
        viewer = self._create_user("v-viewer", "clm.group_viewer")
        with self.assertRaises(AccessError):
            self._create_playbook(activate=False).with_user(viewer).action_preview()

    def test_seeded_playbooks_are_drafts_that_could_be_activated(self):
        for name in ("welcome", "loyal", "win_back", "contract"):
            playbook = self.env.ref(f"clm.playbook_{name}").copy()
            self.assertEqual(playbook.state, "draft")
            self._preview(playbook).action_confirm()
            self.assertEqual(playbook.state, "active")

    def test_form_makes_a_playbook_of_its_steps(self):
        with Form(self.env["clm.playbook"].with_user(self.manager)) as form:
            form.name = "By hand"
            form.stage_id = self.stage
            with form.step_ids.new() as step:
                step.kind = "tags"
                step.tag_ids.add(self.tag)
                step.delay_days = 4
        playbook = form.save()
        self.assertEqual(playbook.step_ids.summary, "After 4 days: add the tags Welcomed")
