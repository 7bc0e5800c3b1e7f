from odoo import api, fields, models
from odoo.exceptions import AccessError, UserError, ValidationError

MAX_DAYS = 3650
#: what a step must name, by kind
TARGETS = {
    "activity_plan": ("plan_id",),
    "mail": ("template_id",),
    "feedback": ("feedback_kind",),
    "server_action": ("action_server_id",),
    "handover": ("handover_user_id", "handover_team_id"),
    "opportunity": ("opportunity_name",),
    "renewal": (),
    "tags": ("tag_ids",),
    "mailing_list": ("mailing_list",),
}
CONTRACT_MODEL, PARTNER_MODEL = "clm.contract", "res.partner"


class InstalledReference(fields.Reference):
    """A reference that is empty while the module of its model is not installed."""

    def convert_to_record(self, value, record):
        """Read a value of a model that was uninstalled since as empty."""
        return super().convert_to_record(value, record) if value and value.split(",")[0] in record.env else None


class ClmPlaybookStep(models.Model):
    """One thing that a playbook does, so many days after the entry."""

    _name = "clm.playbook.step"
    _description = "Playbook Step"
    _order = "playbook_id, sequence, id"
    _rec_name = "summary"

    playbook_id = fields.Many2one("clm.playbook", required=True, ondelete="cascade", index=True)
    trigger = fields.Selection(related="playbook_id.trigger")
    company_id = fields.Many2one(related="playbook_id.company_id")
    sequence = fields.Integer(default=10)
    active = fields.Boolean("In Use", default=True, help="Switched off: nothing new, and what waits is cancelled.")
    kind = fields.Selection("_selection_kind", string="What", required=True, default="activity_plan")
    delay_days = fields.Integer("After Days", help="Days after the entry. 0: at once.")
    also_later = fields.Boolean(
        "Even If Moved On", help="Do it also when the customer or contract has left the stage or state meanwhile."
    )
    summary = fields.Char(compute="_compute_summary", help="The step in words.")
    plan_id = fields.Many2one(
        "mail.activity.plan", string="Activity Plan", ondelete="restrict",
        domain="[('res_model', 'in', ('res.partner', 'clm.contract') if trigger == 'contract' else ('res.partner',))]",
    )
    template_id = fields.Many2one(
        "mail.template", string="Mail Template", ondelete="restrict",
        domain="[('model', 'in', ('res.partner', 'clm.contract') if trigger == 'contract' else ('res.partner',))]",
    )
    needs_consent = fields.Boolean(
        "Only With Consent", help="Send it only to those who agreed to automatic mails. "
        "Whoever refused or opted out gets none in any case."
    )
    feedback_kind = fields.Selection(
        [("nps", "Recommendation, 0 to 10"), ("csat", "Satisfaction, 1 to 5")], string="Question", default="nps"
    )
    action_server_id = fields.Many2one(
        "ir.actions.server", string="Server Action", ondelete="restrict",
        domain="[('model_name', 'in', ('res.partner', 'clm.contract') if trigger == 'contract' else ('res.partner',))]",
        help="Chosen by a system administrator, as it runs without limits.",
    )
    handover_user_id = fields.Many2one(
        "res.users", string="Hand Over To", ondelete="restrict", domain="[('share', '=', False)]"
    )
    handover_team_id = fields.Many2one("crm.team", string="Hand Over To Team", ondelete="restrict")
    handover_hours = fields.Integer("Accept Within", default=48, help="Hours in which the taker is to accept.")
    handover_salesperson = fields.Boolean("Becomes the Salesperson", help="Whoever accepts takes over the customer.")
    opportunity_name = fields.Char("Opportunity", translate=True)
    opportunity_team_id = fields.Many2one("crm.team", string="Sales Team", ondelete="set null")
    tag_ids = fields.Many2many("res.partner.category", string="Tags")
    mailing_list = InstalledReference(selection="_selection_mailing_list", string="Mailing List")

    _check_delay = models.Constraint(
        f"CHECK (delay_days BETWEEN 0 AND {MAX_DAYS})", "A step comes 0 to 3,650 days after the entry."
    )
    _check_hours = models.Constraint(
        "CHECK (handover_hours BETWEEN 1 AND 8760)", "A hand-over is accepted within 1 to 8,760 hours."
    )

    # === COMPUTE === #

    @api.depends("kind", "delay_days", "active", "plan_id", "template_id", "feedback_kind", "action_server_id",
                 "handover_user_id", "handover_team_id", "opportunity_name", "tag_ids", "mailing_list")
    @api.depends_context("lang")
    def _compute_summary(self):
        _ = self.env._
        for step in self:
            what = step._describe()
            if not step.delay_days:
                step.summary = _("At once: %(what)s", what=what)
            elif step.delay_days == 1:
                step.summary = _("After 1 day: %(what)s", what=what)
            else:
                step.summary = _("After %(days)s days: %(what)s", days=step.delay_days, what=what)

    def _describe(self):
        """:return: what the step does, in a few words"""
        self.ensure_one()
        _ = self.env._
        kind = self.kind
        name = self._target_name()
        if kind == "activity_plan":
            return _("start the plan “%(name)s”", name=name)
        if kind == "mail":
            return _("send the mail “%(name)s”", name=name)
        if kind == "feedback":
            return _("ask for feedback (%(name)s)", name=name)
        if kind == "server_action":
            return _("run “%(name)s”", name=name)
        if kind == "handover":
            return _("hand over to %(name)s, to accept within %(hours)s hours", name=name, hours=self.handover_hours)
        if kind == "opportunity":
            return _("create the opportunity “%(name)s”", name=name)
        if kind == "renewal":
            return _("prepare the renewal with its quotation")
        if kind == "tags":
            return _("add the tags %(name)s", name=name)
        return _("add to the mailing list “%(name)s”", name=name)

    def _target_name(self):
        # sudo: only names; server actions are readable by system administrators alone
        step = self.sudo()
        for fname in TARGETS.get(self.kind, ()):
            field, value = self._fields[fname], step[fname]
            if value:
                if field.type == "selection":
                    return dict(field._description_selection(self.env))[value]
                return value if field.type == "char" else ", ".join(value.mapped("display_name"))
        return "…"

    # === SELECTION === #

    @api.model
    def _selection_kind(self):
        _ = self.env._
        kinds = [
            ("activity_plan", _("Activity plan")),
            ("mail", _("Mail to the customer")),
            ("feedback", _("Ask for feedback")),
            ("handover", _("Hand over to a colleague or team")),
            ("opportunity", _("Create an opportunity")),
            ("renewal", _("Prepare the renewal")),
            ("tags", _("Add tags")),
            ("server_action", _("Server action")),
        ]
        if "mailing.list" in self.env:
            kinds.append(("mailing_list", _("Add to a mailing list")))
        return kinds

    @api.model
    def _selection_mailing_list(self):
        return [("mailing.list", self.env._("Mailing List"))] if "mailing.list" in self.env else []

    # === CONSTRAINTS === #

    @api.constrains("kind", *(fname for fnames in TARGETS.values() for fname in fnames))
    def _check_target(self):
        for step in self.sudo():  # sudo: see _target_name
            names = TARGETS.get(step.kind, ())
            if names and not any(step[fname] for fname in names):
                raise ValidationError(self.env._(
                    "A step of “%(playbook)s” is not complete: %(field)s is missing.",
                    playbook=step.playbook_id.name, field=self._fields[names[0]]._description_string(self.env),
                ))
            step._check_model()

    def _check_model(self):
        """What the step uses must be made for customers, or for contracts where contracts start the playbook."""
        of_contract = self.playbook_id.trigger == "contract"
        allowed = {PARTNER_MODEL, CONTRACT_MODEL} if of_contract else {PARTNER_MODEL}
        model = {
            "activity_plan": self.plan_id.res_model,
            "mail": self.template_id.model,
            "server_action": self.action_server_id.model_name,
            "renewal": CONTRACT_MODEL,
        }.get(self.kind, PARTNER_MODEL)
        if model not in allowed:
            raise ValidationError(self.env._(
                "“%(step)s” cannot be done here: it is made for other documents than those that start “%(playbook)s”.",
                step=self._describe(), playbook=self.playbook_id.name,
            ))

    # === CRUD === #

    @api.model_create_multi
    def create(self, vals_list):
        for vals in vals_list:
            self._check_may_choose(vals)
        return super().create(vals_list)

    def write(self, vals):
        self._check_may_choose(vals)
        res = super().write(vals)
        if vals.get("active") is False:
            # sudo: effects are written by their doors alone
            self.env["clm.effect"].sudo().search([("step_id", "in", self.ids), ("state", "=", "waiting")])._close(
                "cancelled", self.env._("The step was switched off.")
            )
        return res

    @api.model
    def _check_may_choose(self, vals):
        """Steps run as the superuser: only who may do everything may choose code that does anything."""
        if vals.get("action_server_id") and not (self.env.su or self.env.user.has_group("base.group_system")):
            raise AccessError(self.env._("Only a system administrator may let a playbook run a server action."))

    @api.ondelete(at_uninstall=False)
    def _unlink_except_used(self):
        # sudo: what was done for customers of other companies counts as well
        if self.env["clm.effect"].sudo().search_count([("step_id", "in", self.ids)], limit=1):
            raise UserError(self.env._(
                "This step already did something for customers. Switch it off instead: what still waits is cancelled."
            ))
