from odoo import models
from odoo.exceptions import UserError
from odoo.fields import Command

from .clm_effect_run import NotWantedError, TooEarlyError


class ClmEffect(models.Model):
    """What the kinds of steps do. ``_do_<kind>`` returns the record that was made, if any, and a note.

    Each runs in a savepoint; :class:`NotWantedError` and :class:`TooEarlyError` leave nothing behind.
    """

    _inherit = "clm.effect"

    def _do_activity_plan(self):
        plan = self.step_id.plan_id
        document = self._document(plan.res_model)
        self.env["mail.activity.schedule"].create({
            "res_model": document._name,
            "res_ids": f"{document.ids}",
            "plan_id": plan.id,
            "plan_on_demand_user_id": self._responsible().id,
        }).action_schedule_plan()
        return None, self.env._("%(count)s activities of “%(plan)s”.", count=len(plan.template_ids), plan=plan.name)

    def _do_mail(self):
        contact, template = self._contact(), self.step_id.template_id
        self._check_mail(contact, self.step_id.needs_consent)
        document = contact if template.model == contact._name else self.contract_id
        sender = self._responsible().partner_id or self.env.company.partner_id
        values = {"recipient_ids": [Command.set(contact.ids)], "email_to": False, "auto_delete": False}
        if not template.email_from:
            values |= {"email_from": sender.email_formatted or self.env.company.email_formatted, "author_id": sender.id}
        mail = template.with_context(lang=contact.lang).send_mail_batch(document.ids, email_values=values)
        contact._lifecycle_mailed()
        return mail.mail_message_id, self.env._(
            "“%(subject)s” to %(address)s.", subject=mail.subject or template.name, address=contact.email_normalized,
        )

    def _check_mail(self, contact, needs_consent=False):
        """:raise NotWantedError: when no automatic mail may go to the contact
        :raise TooEarlyError: when the customer just got one
        """
        if reason := contact._lifecycle_mail_refusal(needs_consent):
            raise NotWantedError(reason)
        if until := contact._lifecycle_mail_wait():
            raise TooEarlyError(until, self.env._("Waits, as the customer got an automatic mail just before."))

    def _do_feedback(self):
        contact = self._contact()
        requests, refused = self.env["clm.feedback"]._request(contact, self.step_id.feedback_kind, effect=self)
        if not requests:
            raise NotWantedError(refused.get(contact.id) or self.env._("Nobody can be asked."))
        return requests, self.env._("%(contact)s is asked.", contact=requests.contact_id.display_name)

    def _do_server_action(self):
        action = self.step_id.action_server_id
        document = self._document(action.model_name)
        action.with_context(
            active_model=document._name, active_id=document.id, active_ids=document.ids,
        ).run()
        return None, self.env._("“%(name)s” ran.", name=action.name)

    def _do_handover(self):
        step = self.step_id
        handover = self.env["clm.handover"]._request(
            self.partner_id, step.handover_user_id, step.handover_team_id, step.handover_hours,
            contract=self.contract_id, effect=self, salesperson=step.handover_salesperson, note=self.playbook_id.name,
        )
        return handover, self.env._("Handed over to %(who)s.", who=step._target_name())

    def _do_opportunity(self):
        step, user = self.step_id, self._responsible()
        lead = self.env["crm.lead"].create({
            "type": "opportunity",
            "name": step.opportunity_name,
            "partner_id": self._contact().id,
            "user_id": user.id,
            "team_id": (step.opportunity_team_id or user.sale_team_id).id,
            "company_id": self.company_id.id,
        })
        return lead, lead.name

    def _do_renewal(self):
        contract = self.contract_id
        try:
            contract._check_renewable()
        except UserError as reason:
            raise NotWantedError(f"{reason}") from reason
        contract.action_renew(quotation=True)
        successor = contract.next_id
        return successor, successor.display_name

    def _do_tags(self):
        missing = self.step_id.tag_ids - self.partner_id.category_id
        if not missing:
            return None, self.env._("The customer has these tags already.")
        self.partner_id.write({"category_id": [Command.link(tag.id) for tag in missing]})
        return None, ", ".join(missing.mapped("name"))

    def _do_mailing_list(self):
        target = self.step_id.mailing_list
        if not target:
            raise NotWantedError(self.env._("The mailing list does not exist any more."))
        contact = self._contact()
        if reason := contact._lifecycle_mail_refusal(self.step_id.needs_consent):
            raise NotWantedError(reason)
        member = self.env["mailing.contact"].search([("email_normalized", "=", contact.email_normalized)], limit=1)
        subscription = member.subscription_ids.filtered(lambda line: line.list_id == target)
        if subscription:
            raise NotWantedError(
                self.env._("Left the list before.") if subscription.opt_out else self.env._("Is on the list already.")
            )
        values = {"subscription_ids": [Command.create({"list_id": target.id})]}
        if member:
            member.write(values)
        else:
            member = member.create({"name": contact.name, "email": contact.email_normalized, **values})
        return member, target.name
