from odoo import api, fields, models
from odoo.exceptions import UserError, ValidationError
from odoo.fields import Domain
from odoo.tools import is_html_empty

from ..const import SIDES
from ..tools.transitions import THEM, US

ANSWER_DAYS = 5


class ClmClaim(models.Model):
    """A complaint of one side about a contract or an obligation, and how it was resolved."""

    _name = "clm.claim"
    _description = "Claim"
    _inherit = ["mail.thread", "mail.activity.mixin", "clm.door.mixin"]
    _order = "state, date_due, id desc"
    _check_company_auto = True
    _mail_post_access = "read"

    name = fields.Char("Subject", required=True, tracking=True)
    description = fields.Html(help="What happened and what is asked for.")
    contract_id = fields.Many2one("clm.contract", required=True, ondelete="cascade", index=True, check_company=True)
    company_id = fields.Many2one(related="contract_id.company_id", store=True, index=True)
    partner_id = fields.Many2one(related="contract_id.partner_id", store=True, string="Customer or Supplier")
    type_id = fields.Many2one(related="contract_id.type_id", store=True)
    obligation_id = fields.Many2one(
        "clm.obligation", domain="[('contract_id', '=', contract_id)]", ondelete="set null", index="btree_not_null",
    )
    side = fields.Selection(SIDES, string="Raised By", required=True, default=THEM, tracking=True)
    user_id = fields.Many2one(
        "res.users", string="Owner", compute="_compute_user_id", store=True, readonly=False, precompute=True,
        tracking=True, domain="[('share', '=', False)]",
    )
    date_open = fields.Datetime("Raised On", default=fields.Datetime.now, required=True, readonly=True)
    date_due = fields.Date("Answer By", required=True, default=lambda self: self._default_date_due(), tracking=True)
    state = fields.Selection(
        [("open", "Open"), ("answered", "Answered"), ("accepted", "Settled"), ("escalated", "Escalated")],
        default="open", required=True, readonly=True, tracking=True, index=True, copy=False,
    )
    answer = fields.Html(tracking=False, copy=False)
    answered_at = fields.Datetime(readonly=True, copy=False)
    closed_at = fields.Datetime("Settled On", readonly=True, copy=False)
    days_to_answer = fields.Float(compute="_compute_days", store=True, aggregator="avg")
    days_to_resolve = fields.Float(
        compute="_compute_days", store=True, aggregator="avg", help="From raised to settled, in days."
    )
    is_overdue = fields.Boolean(compute="_compute_is_overdue", search="_search_is_overdue")

    @api.model
    def _default_date_due(self):
        return fields.Date.add(self.env.company._lifecycle_today(), days=ANSWER_DAYS)

    @api.depends("contract_id")
    def _compute_user_id(self):
        for claim in self:
            claim.user_id = claim.user_id or claim.contract_id.user_id

    @api.depends("date_open", "answered_at", "closed_at")
    def _compute_days(self):
        for claim in self:
            opened = claim.date_open
            claim.days_to_answer = (claim.answered_at - opened).total_seconds() / 86400 if claim.answered_at else False
            claim.days_to_resolve = (claim.closed_at - opened).total_seconds() / 86400 if claim.closed_at else False

    @api.depends("state", "date_due")
    def _compute_is_overdue(self):
        for claim in self:
            claim.is_overdue = bool(
                claim.state in ("open", "escalated") and claim.date_due and claim.contract_id
                and claim.date_due < claim.contract_id._today()
            )

    def _search_is_overdue(self, operator, value):
        if operator != "in":
            return NotImplemented
        overdue = Domain("state", "in", ("open", "escalated")) & Domain.OR(
            Domain("company_id", "=", company.id) & Domain("date_due", "<", company._lifecycle_today())
            for company in self.env.companies
        )
        if set(value) == {True}:
            return overdue
        return ~overdue if set(value) == {False} else Domain.TRUE

    @api.constrains("obligation_id", "contract_id")
    def _check_obligation(self):
        for claim in self:
            if claim.obligation_id and claim.obligation_id.contract_id != claim.contract_id:
                raise ValidationError(self.env._("This obligation belongs to another contract."))

    @api.model_create_multi
    def create(self, vals_list):
        for vals in vals_list:
            self._check_doors(vals)
        claims = super().create(vals_list)
        claims._schedule()
        return claims

    def write(self, vals):
        self._check_doors(vals)
        return super().write(vals)

    def _set(self, **vals):
        self._unlocked().write(vals)

    def _schedule(self):
        """Ask the owners to answer."""
        for claim in self:
            claim.activity_schedule(
                "clm.mail_activity_claim", date_deadline=claim.date_due, summary=claim.name,
                user_id=(claim.user_id if claim.user_id.active else claim.contract_id._responsible()).id,
            )

    def _check_unsettled(self):
        for claim in self:
            if claim.state == "accepted":
                raise UserError(self.env._("“%(claim)s” is settled already.", claim=claim.name))

    @api.ondelete(at_uninstall=False)
    def _unlink_except_raised(self):
        if any(claim.side == THEM for claim in self):
            raise UserError(self.env._("A claim of the other party cannot be deleted. Settle it instead."))

    def action_answer(self):
        """Send the answer to the other party, which can accept it or escalate."""
        self.check_access("write")
        self._check_unsettled()
        for claim in self:
            if is_html_empty(claim.answer):
                raise UserError(self.env._("Write the answer first."))
            claim._set(state="answered", answered_at=claim.answered_at or fields.Datetime.now())
            claim.contract_id.message_post(
                body=claim.answer, subject=claim.name, subtype_xmlid="mail.mt_comment", message_type="comment",
            )
        self.activity_feedback(["clm.mail_activity_claim"])
        return True

    def action_accept(self):
        """Both sides agree: the claim is settled."""
        self.check_access("write")
        self._settle()
        return True

    def action_escalate(self):
        """Bring an unsettled claim to a manager."""
        self.check_access("write")
        self._escalate()
        return True

    def action_reopen(self):
        """Undo: a settled claim was not."""
        self.check_access("write")
        settled = self.filtered(lambda claim: claim.state in ("answered", "accepted"))
        settled._set(state="open", closed_at=False)
        settled._schedule()
        return True

    def _settle(self):
        self._check_unsettled()
        now = fields.Datetime.now()
        for claim in self:
            claim._set(state="accepted", closed_at=now, answered_at=claim.answered_at or now)
        self.activity_unlink(["clm.mail_activity_claim"])

    def _escalate(self):
        self._check_unsettled()
        self._set(state="escalated")
        for claim in self:
            contract = claim.contract_id
            leader = contract.team_id.user_id if contract.team_id.user_id.active else contract._responsible()
            claim.activity_schedule(
                "clm.mail_activity_claim", date_deadline=contract._today(), user_id=leader.id,
                summary=self.env._("Escalated: %(claim)s", claim=claim.name),
            )


class ClmContract(models.Model):
    _inherit = "clm.contract"

    claim_ids = fields.One2many("clm.claim", "contract_id", string="Claims")
    open_claim_count = fields.Integer(compute="_compute_open_claim_count", groups="base.group_user")

    @api.depends("claim_ids.state")
    def _compute_open_claim_count(self):
        counts = dict(self.env["clm.claim"]._read_group(
            [("contract_id", "in", self.ids), ("state", "!=", "accepted")], ["contract_id"], ["__count"]
        ))
        for contract in self:
            contract.open_claim_count = counts.get(contract._origin, 0)

    def _raise_claim(self, name, description, obligation=None, by=None, ip=None, user_agent=None):
        """The other side raises a claim in the portal.

        :param str name: the subject
        :param str description: plain text or HTML, sanitised on storing
        :param obligation: ``clm.obligation`` of this contract, or none
        :return: ``clm.claim``
        :raise UserError: without a subject
        """
        self.ensure_one()
        if not (name or "").strip():
            raise UserError(self.env._("Give your claim a subject."))
        if obligation and obligation.contract_id != self:
            raise UserError(self.env._("This obligation belongs to another contract."))
        claim = self.env["clm.claim"].sudo().create({  # sudo: customers raise claims through the portal
            "name": name.strip()[:200],
            "description": description,
            "contract_id": self.id,
            "obligation_id": obligation.id if obligation else False,
            "side": THEM,
            "date_due": fields.Date.add(self._today(), days=ANSWER_DAYS),
        })
        self._audit("claimed", name=by, ip=ip, user_agent=user_agent, note=claim.name)
        return claim

    def action_claim(self):
        """Raise a claim of ours."""
        self.ensure_one()
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("Claim"),
            "res_model": "clm.claim",
            "views": [(False, "form")],
            "context": {"default_contract_id": self.id, "default_side": US},
        }
