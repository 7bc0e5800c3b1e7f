from odoo.fields import Command
from odoo.tests import tagged
from odoo.tools import SQL, mute_logger

from .playbook_common import PlaybookCase

RUN = "odoo.addons.clm.models.clm_effect_run"


@tagged("post_install", "-at_install")
class TestPlaybookKinds(PlaybookCase):
    """What each kind of step does, and what keeps it from that."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.template = cls.env["mail.template"].create({
            "name": "Hello",
            "model_id": cls.env.ref("base.model_res_partner").id,
            "subject": "Hello {{ object.name }}",
            "body_html": "<p>Dear <t t-out='object.name'/>, your city is <t t-out='object.city.upper()'/></p>",
        })

    def _mail_step(self, **vals):
        return {"kind": "mail", "template_id": self.template.id, **vals}

    def _enter_one(self, *steps, **vals):
        """Create a playbook of these steps, let a customer enter and run what is due.

        :return: the effects
        """
        self._create_playbook(*steps)
        effects = self._of(self._enter(**{"email": "ada@example.com", "city": "Lyon", **vals}))
        self._run()
        return effects

    def _mails(self, effect):
        return self.env["mail.mail"].search([("model", "=", "res.partner"), ("res_id", "=", effect.partner_id.id)])

    # === MAIL === #

    def test_mail_is_queued_for_the_customer_and_seen_in_the_chatter(self):
        effect = self._enter_one(self._mail_step())
        mail = self._mails(effect)
        self.assertEqual((effect.state, effect.error), ("done", False))
        self.assertEqual((mail.state, mail.subject, mail.recipient_ids), ("outgoing", "Hello Ada", effect.partner_id))
        self.assertIn("LYON", mail.body_html)
        self.assertEqual((effect.result_model, effect.result_id), ("mail.message", mail.mail_message_id.id))
        self.assertEqual(effect.action_open_result()["res_id"], effect.partner_id.id)
        self.assertTrue(effect.partner_id.lifecycle_mailed_at)

    def test_mail_is_written_in_the_language_of_the_customer(self):
        self.env["res.lang"]._activate_lang("fr_FR")
        self.template.with_context(lang="fr_FR").subject = "Bonjour {{ object.name }}"
        effect = self._enter_one(self._mail_step(), lang="fr_FR")
        self.assertEqual(self._mails(effect).subject, "Bonjour Ada")

    def test_mail_comes_from_the_salesperson(self):
        self.salesperson.email = "sam@example.com"
        effect = self._enter_one(self._mail_step(), user_id=self.salesperson.id)
        self.assertIn("sam@example.com", self._mails(effect).email_from)

    def test_mail_to_a_company_without_address_goes_to_its_contact(self):
        self._create_playbook(self._mail_step())
        company = self._create_partner("Azure", known_since=self.days_ago(9), is_company=True)
        contact = self._create_partner("Bob", parent_id=company.id, email="bob@example.com", city="Lyon")
        self._create_order(company, self.days_ago(0, hours=1))
        self.engine._process_queue()
        self._run()
        self.assertEqual(self.env["mail.mail"].search([("res_id", "=", contact.id)]).recipient_ids, contact)
        self.assertTrue(company.lifecycle_mailed_at)

    def test_whom_no_mail_may_reach_is_left_out_with_the_reason(self):
        self.env["mail.blacklist"]._add("out@example.com")
        self._create_playbook(self._mail_step())
        cases = [
            ({}, "no mail address"),
            ({"email": "not an address"}, "not a mail address"),
            ({"email": "out@example.com"}, "want no mails"),
            ({"email": "no@example.com", "lifecycle_consent": "refused"}, "refused"),
        ]
        effects = [(self._of(self._enter(city="Lyon", **vals)), reason) for vals, reason in cases]
        self._run()
        for effect, reason in effects:
            with self.subTest(reason=reason):
                self.assertEqual(effect.state, "skipped", effect.error)
                self.assertIn(reason, effect.note)
                self.assertFalse(self._mails(effect))

    def test_mail_that_needs_consent_goes_only_to_those_who_gave_it(self):
        self._create_playbook(self._mail_step(needs_consent=True))
        asked, agreed = (
            self._of(self._enter(city="Lyon", email="a@example.com", lifecycle_consent=consent))
            for consent in (False, "given")
        )
        self._run()
        self.assertEqual((asked.state, agreed.state), ("skipped", "done"))

    def test_second_mail_waits_until_the_days_are_over(self):
        first, second = self._enter_one(self._mail_step(), self._mail_step())
        self.assertEqual((first.state, second.state), ("done", "waiting"))
        self.assertEqual((second.run_at - first.partner_id.lifecycle_mailed_at).days, 7)
        self.assertEqual((second.attempts, second.error), (0, False))
        self._in_days(7)
        first.partner_id.lifecycle_mailed_at = self.days_ago(8)
        self._run()
        self.assertEqual(second.state, "done")
        self.assertEqual(len(self._mails(first)), 2)

    def test_template_that_cannot_be_rendered_leaves_its_error_and_no_mail(self):
        self._create_playbook(self._mail_step(), self._tag_step())
        broken = self._of(self._enter(email="a@example.com", city=False))  # False has no upper()
        good = self._of(self._enter(email="b@example.com", city="Lyon"))
        with mute_logger(RUN, "odoo.addons.mail.models.mail_render_mixin"):
            self._run()
        self.assertEqual(broken.mapped("state"), ["waiting", "done"])
        self.assertTrue(broken[0].error)
        self.assertFalse(self._mails(broken[0]))
        self.assertFalse(broken.partner_id.lifecycle_mailed_at)
        self.assertEqual(good.mapped("state"), ["done", "done"])

    # === OTHERS === #

    def test_activities_fall_to_the_salesperson_or_to_whom_the_playbook_names(self):
        plan = self.env.ref("clm.mail_activity_plan_welcome")
        playbook = self._create_playbook({"kind": "activity_plan", "plan_id": plan.id})
        own, nobodys = self._enter("Own", user_id=self.salesperson.id), self._enter("Nobody's")
        self._run()
        self.assertEqual(self._of(own).state, "done", self._of(own).error)
        self.assertEqual(own.activity_ids.user_id, self.salesperson)
        self.assertEqual(nobodys.activity_ids.user_id, playbook.user_id)

    def test_plan_without_anybody_responsible_says_so(self):
        plan = self.env.ref("clm.mail_activity_plan_welcome")
        playbook = self._create_playbook({"kind": "activity_plan", "plan_id": plan.id})
        playbook.user_id = False
        effect = self._of(self._enter())
        with mute_logger(RUN):
            self._run()
        self.assertIn("responsible", effect.error)
        self.assertFalse(effect.partner_id.activity_ids)

    def test_server_action_acts_on_the_customer(self):
        action = self.env["ir.actions.server"].create({
            "name": "Note", "model_id": self.env.ref("base.model_res_partner").id, "state": "code",
            "code": "record.write({'comment': f\"by effect {env.context.get('clm_effect_id')}\"})",
        })
        effect = self._enter_one({"kind": "server_action", "action_server_id": action.id})
        self.assertEqual(effect.state, "done", effect.error)
        self.assertIn(f"by effect {effect.id}", effect.partner_id.comment)

    def test_handover_asks_the_taker(self):
        effect = self._enter_one({
            "kind": "handover", "handover_user_id": self.salesperson.id, "handover_hours": 24,
            "handover_salesperson": True,
        })
        self.assertEqual(effect.state, "done", effect.error)
        handover = self.env["clm.handover"].browse(effect.result_id)
        self.assertEqual((handover.user_id, handover.partner_id, handover.effect_id),
                         (self.salesperson, effect.partner_id, effect))

    def test_feedback_asks_the_customer_once(self):
        effect = self._enter_one({"kind": "feedback", "feedback_kind": "nps"})
        self.assertEqual(effect.state, "done", effect.error)
        request = self.env["clm.feedback"].browse(effect.result_id)
        self.assertEqual((request.kind, request.contact_id, request.effect_id), ("nps", effect.partner_id, effect))

    def test_feedback_of_a_customer_without_address_is_left_out(self):
        effect = self._enter_one({"kind": "feedback", "feedback_kind": "csat"}, email=False)
        self.assertEqual(effect.state, "skipped")
        self.assertIn("no mail address", effect.note)

    def test_opportunity_belongs_to_the_salesperson(self):
        effect = self._enter_one({"kind": "opportunity", "opportunity_name": "Second product"},
                                 user_id=self.salesperson.id)
        lead = self.env["crm.lead"].browse(effect.result_id)
        self.assertEqual((lead.name, lead.type, lead.partner_id, lead.user_id),
                         ("Second product", "opportunity", effect.partner_id, self.salesperson))

    def test_tags_that_the_customer_has_are_not_added_again(self):
        effect = self._enter_one(self._tag_step(), category_id=[Command.set(self.tag.ids)])
        self.assertEqual(effect.state, "done")
        self.assertEqual(effect.partner_id.category_id, self.tag)
        self.assertIn("already", effect.note)

    # === MAILING LISTS === #

    def test_mailing_list_is_offered_only_where_it_is_installed(self):
        kinds = dict(self.env["clm.playbook.step"]._selection_kind())
        self.assertEqual("mailing_list" in kinds, "mailing.list" in self.env)

    def test_list_of_a_module_that_was_uninstalled_reads_as_empty(self):
        step = self._create_playbook(activate=False).step_ids
        self.env.flush_all()
        self.env.cr.execute(SQL(
            "UPDATE clm_playbook_step SET kind = 'mailing_list', mailing_list = 'no.such,3' WHERE id = %s", step.id
        ))
        self.env.invalidate_all()
        self.assertFalse(step.mailing_list)
        self.assertIn("mailing list", step.summary)
        self.assertFalse(step.read(["mailing_list"])[0]["mailing_list"])

    def test_mailing_list_gets_the_customer_once_and_respects_who_left_it(self):
        if "mailing.list" not in self.env:
            self.skipTest("mass_mailing is not installed here")
        target = self.env["mailing.list"].create({"name": "News"})
        self._create_playbook({"kind": "mailing_list", "mailing_list": f"mailing.list,{target.id}"})
        left = self.env["mailing.contact"].create({
            "name": "Left", "email": "left@example.com",
            "subscription_ids": [Command.create({"list_id": target.id, "opt_out": True})],
        })
        effects = [
            self._of(self._enter(email=email)) for email in ("new@example.com", "left@example.com", "new@example.com")
        ]
        self._run()
        self.assertEqual([effect.state for effect in effects], ["done", "skipped", "skipped"])
        self.assertTrue(left.subscription_ids.opt_out)
        self.assertEqual(
            target.contact_ids.mapped("email"), ["new@example.com", "left@example.com"][:len(target.contact_ids)]
        )

    # === WORDS === #

    def test_summary_says_when_and_what(self):
        playbook = self._create_playbook(
            self._tag_step(), self._mail_step(delay_days=1), {"kind": "handover", "delay_days": 3,
            "handover_user_id": self.salesperson.id}, activate=False,
        )
        self.assertEqual(playbook.step_ids.mapped("summary"), [
            "At once: add the tags Welcomed",
            "After 1 day: send the mail “Hello”",
            f"After 3 days: hand over to {self.salesperson.name}, to accept within 48 hours",
        ])

    def test_summary_of_a_step_with_a_server_action_is_readable_for_viewers(self):
        action = self.env["ir.actions.server"].create({
            "name": "Secret", "model_id": self.env.ref("base.model_res_partner").id, "state": "code", "code": "pass",
        })
        playbook = self._create_playbook({"kind": "server_action", "action_server_id": action.id}, activate=False)
        viewer = self._create_user("k-viewer", "clm.group_viewer")
        self.assertEqual(playbook.step_ids.with_user(viewer).summary, "At once: run “Secret”")
