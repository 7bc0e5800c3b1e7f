from datetime import timedelta

from odoo import api, fields, models


class ResPartner(models.Model):
    """May a mail that nobody writes by hand go to this contact, and when? The one place that says so."""

    _inherit = "res.partner"

    lifecycle_consent = fields.Selection(
        [("given", "Agreed"), ("refused", "Refused")], string="Automatic Mails", copy=False, tracking=True,
        inverse="_inverse_lifecycle_consent", groups="clm.group_viewer",
        help="Whether the contact agreed to mails that nobody writes by hand: those of playbooks and surveys. "
        "What a company refused, its contacts refused too.",
    )
    lifecycle_consent_at = fields.Datetime(
        "Agreed or Refused On", readonly=True, copy=False, groups="clm.group_viewer"
    )
    lifecycle_mailed_at = fields.Datetime(
        "Last Automatic Mail", readonly=True, copy=False, groups="clm.group_viewer",
        help="When the last mail of a playbook or survey went to this customer or one of its contacts.",
    )

    def _inverse_lifecycle_consent(self):
        for decided, partners in self.grouped(lambda partner: bool(partner.lifecycle_consent)).items():
            partners.lifecycle_consent_at = fields.Datetime.now() if decided else False

    def _lifecycle_mail_refusals(self, needs_consent=False):
        """Tell why no automatic mail may go to these contacts.

        :param bool needs_consent: whether the contact, or its company, must have agreed
        :return: dict id -> the reason in the user's language, "" where a mail may go
        """
        contacts = self.sudo()  # sudo: the opt-outs of everybody count
        addresses = [address for address in contacts.mapped("email_normalized") if address]
        opted_out = set(self.env["mail.blacklist"].sudo().search([("email", "in", addresses)]).mapped("email"))
        return {
            contact.id: contact._lifecycle_mail_refusal_of(contact.email_normalized in opted_out, needs_consent)
            for contact in contacts
        }

    def _lifecycle_mail_refusal(self, needs_consent=False):
        """:return: why no automatic mail may go to this contact, or "": see :meth:`_lifecycle_mail_refusals`"""
        self.ensure_one()
        return self._lifecycle_mail_refusals(needs_consent)[self.id]

    def _lifecycle_mail_refusal_of(self, opted_out, needs_consent):
        self.ensure_one()
        _ = self.env._
        customer = self.commercial_partner_id
        consents = {self.lifecycle_consent, customer.lifecycle_consent}
        if not (self.active and customer.active):
            return _("%(contact)s is archived.", contact=self.display_name)
        if "refused" in consents:
            return _("%(contact)s refused automatic mails.", contact=self.display_name)
        if not (self.email or "").strip():
            return _("%(contact)s has no mail address.", contact=self.display_name)
        if not self.email_normalized:
            return _("%(address)s is not a mail address.", address=self.email)
        if opted_out:
            return _("%(address)s is on the list of those who want no mails.", address=self.email_normalized)
        if needs_consent and "given" not in consents:
            return _("%(contact)s did not agree to automatic mails yet.", contact=self.display_name)
        return ""

    def _lifecycle_mail_wait(self):
        """:return: datetime from which the next automatic mail may go to this customer, None: now"""
        self.ensure_one()
        customer = self.commercial_partner_id.sudo()  # sudo: mails to other contacts of the customer count too
        days = (customer.company_id or self.env.company).sudo().clm_mail_days
        if not days or not customer.lifecycle_mailed_at:
            return None
        free_at = customer.lifecycle_mailed_at + timedelta(days=days)
        return free_at if free_at > fields.Datetime.now() else None

    def _lifecycle_mailed(self):
        """Note that an automatic mail goes to these contacts now. Their customers wait for the next one."""
        # sudo: nobody writes that by hand
        self.commercial_partner_id.sudo().write({"lifecycle_mailed_at": fields.Datetime.now()})

    @api.model
    def _lifecycle_merge_consent(self, partners, target):
        """Of merged contacts a refusal counts more than an agreement, and the latest mail."""
        everybody = (partners | target).sudo()  # sudo: whoever may merge them need not see their lifecycle
        refused = everybody.filtered(lambda partner: partner.lifecycle_consent == "refused")
        if refused and target not in refused:
            target.sudo().lifecycle_consent = "refused"
        mails = everybody.filtered("lifecycle_mailed_at").mapped("lifecycle_mailed_at")
        if mails:
            target.sudo().lifecycle_mailed_at = max(mails)


class ResCompany(models.Model):
    _inherit = "res.company"

    clm_mail_days = fields.Integer(
        "Days Between Automatic Mails", default=7, required=True,
        help="A customer gets at most one mail of playbooks and surveys in so many days. 0: no limit.",
    )

    _check_clm_mail_days = models.Constraint(
        "CHECK (clm_mail_days BETWEEN 0 AND 365)", "Between two automatic mails there are 0 to 365 days.",
    )


class ResConfigSettings(models.TransientModel):
    _inherit = "res.config.settings"

    clm_mail_days = fields.Integer(related="company_id.clm_mail_days", readonly=False)
