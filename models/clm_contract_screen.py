from odoo import api, fields, models
from odoo.fields import Domain
from odoo.tools import SQL, format_amount, format_date

from ..const import PLACEHOLDERS
from ..tools.placeholders import fill
from ..tools.redline import sanitise
from ..tools.transitions import ACTIVE, APPROVAL, CANCELLED, CLOSED, DRAFT, EDITABLE, NEGOTIATION, SIGNATURE, SIGNED, THEM, US

# months ahead that the search panel names
MONTHS_AHEAD = 12
# a deadline further away is told by its date alone
DAYS_NEAR = 100
GAP = "…"


class ClmContract(models.Model):
    """What the screens need and the engine does not: the next step in words, and fields to search and group by."""

    _inherit = "clm.contract"

    state = fields.Selection(group_expand="_group_expand_state")
    renewal_month = fields.Selection(
        "_selection_renewal_month", compute="_compute_renewal_month", search="_search_renewal_month",
        groups="base.group_user", help="The month of the end date.",
    )
    approval_missing = fields.Boolean(
        compute="_compute_approval_missing", groups="base.group_user",
        help="The type asks for an approval of the present text and terms.",
    )
    can_sign = fields.Boolean("To Sign", compute="_compute_can_sign", groups="base.group_user", help="We sign next.")
    next_step = fields.Selection(
        [
            ("share", "Share for review"),
            ("request", "Request approval"),
            ("approve", "Approve"),
            ("send", "Send for signature"),
            ("sign", "Sign"),
            ("activate", "Put into force"),
            ("renew", "Renew"),
        ],
        compute="_compute_next_step", groups="base.group_user", help="The button that stands out.",
    )
    waiting_for = fields.Char(compute="_compute_waiting_for", groups="base.group_user")
    proposal_id = fields.Many2one(
        "clm.contract.version", compute="_compute_proposal_id", groups="base.group_user",
        help="The wording that the other party proposed last, as long as nobody answered it.",
    )
    pause_note = fields.Char(compute="_compute_pause_note", groups="base.group_user")
    decision_due = fields.Boolean(
        compute="_compute_decision_due", search="_search_decision_due", groups="base.group_user",
        help="It is time to decide about the renewal, and nobody has.",
    )
    decision_note = fields.Char(compute="_compute_decision_note", groups="base.group_user")
    notice_passed = fields.Boolean(compute="_compute_notice_days", groups="base.group_user")
    notice_near = fields.Boolean(
        compute="_compute_notice_days", groups="base.group_user", help="So near that the days left are worth showing."
    )
    risk_table = fields.Json(compute="_compute_risk_table", groups="base.group_user")

    # === RENEWAL MONTH === #

    @api.model
    def _renewal_months(self):
        """:return: first days of the months that the search panel names, the current one first"""
        first = fields.Date.start_of(self.env.company._lifecycle_today(), "month")
        return [fields.Date.add(first, months=number) for number in range(MONTHS_AHEAD)]

    @api.model
    def _selection_renewal_month(self):
        return [
            ("earlier", self.env._("Earlier")),
            *(
                (f"{month:%Y-%m}", format_date(self.env, month, date_format="LLLL yyyy"))
                for month in self._renewal_months()
            ),
            ("later", self.env._("Later")),
        ]

    @api.depends("date_end")
    def _compute_renewal_month(self):
        months = self._renewal_months()
        for contract in self:
            end = contract.date_end
            if not end:
                contract.renewal_month = False
            elif end < months[0]:
                contract.renewal_month = "earlier"
            else:
                month = fields.Date.start_of(end, "month")
                contract.renewal_month = f"{end:%Y-%m}" if month <= months[-1] else "later"

    def _search_renewal_month(self, operator, value):
        if operator != "in":
            return NotImplemented
        values = [month or "" for month in value]
        return Domain.custom(to_sql=lambda model, alias, query: SQL(
            "COALESCE(%s, '') = ANY(%s)", model._renewal_month_sql(alias, query), values
        ))

    def _read_group_groupby(self, alias, groupby_spec, query):
        """Group by the month of the end too, which the search panel asks for."""
        if groupby_spec != "renewal_month":
            return super()._read_group_groupby(alias, groupby_spec, query)
        self._check_field_access(self._fields["renewal_month"], "read")
        return self._renewal_month_sql(alias, query)

    def _renewal_month_sql(self, alias, query):
        """:return: SQL for ``renewal_month``, the same as :meth:`_compute_renewal_month` says"""
        months = self._renewal_months()
        end = self._field_to_sql(alias, "date_end", query)
        return SQL(
            "CASE WHEN %(end)s < %(first)s THEN 'earlier' WHEN %(end)s >= %(after)s THEN 'later'"
            " ELSE to_char(%(end)s, 'YYYY-MM') END",
            end=end, first=months[0], after=fields.Date.add(months[-1], months=1),
        )

    # === WHAT COMES NEXT === #

    def _day(self, value):
        """:return: a date in words"""
        return format_date(self.env, value, date_format="medium")

    def _group_expand_state(self, states, domain):
        """Columns of the kanban: the whole way of a contract, and its ends only where some are."""
        return [
            state for state, __ in self._fields["state"].selection
            if state in states or state not in (CLOSED, CANCELLED)
        ]

    @api.depends("state", "approval_ids.state", "approval_round")
    def _compute_approval_missing(self):
        for contract in self:
            contract.approval_missing = bool(
                contract._origin and contract.state in EDITABLE and not contract._origin._is_approved()
            )

    @api.depends("state", "signature_ids.valid", "signature_required")
    def _compute_can_sign(self):
        for contract in self:
            contract.can_sign = contract.state == SIGNATURE and US in contract._sides_to_sign()

    @api.depends("state", "last_version_id.side", "last_version_id.taken_over")
    def _compute_proposal_id(self):
        for contract in self:
            last = contract.last_version_id
            is_open = contract.state == NEGOTIATION and last.side == THEM and not last.taken_over
            contract.proposal_id = last if is_open else False

    @api.depends(
        "state", "pen", "approval_status", "approval_missing", "can_sign", "can_approve", "decision_due", "proposal_id",
    )
    @api.depends_context("uid")
    def _compute_next_step(self):
        for contract in self:
            contract.next_step = contract._next_step()

    def _next_step(self):
        """:return: the step that usually follows, or False where we wait or nothing is to be done"""
        self.ensure_one()
        if self.state in EDITABLE:
            return self._next_step_to_signature()
        if self.state == SIGNATURE:
            return "sign" if self.can_sign and self.pen == US else False
        if self.state == SIGNED:
            return "activate" if self.date_start and self.date_start <= self._today() else False
        return "renew" if self.state == ACTIVE and self.decision_due else False

    def _next_step_to_signature(self):
        signs = self.signature_required != "none"
        if self.proposal_id:
            return False  # theirs is to be answered first
        if self.state == DRAFT and self.approval_status == "none" and signs:
            return "share"
        if not self.approval_missing:
            return "send" if signs else "activate"
        if self.state == APPROVAL:
            return "approve" if self.can_approve else False
        return "request"

    @api.depends("next_step", "pen", "sign_by", "partner_id", "date_start", "approval_ids", "proposal_id")
    @api.depends_context("uid")
    def _compute_waiting_for(self):
        for contract in self:
            contract.waiting_for = contract._waiting_for()

    def _waiting_for(self):
        """:return: a sentence that says who must act now, or False where that is plain to see"""
        self.ensure_one()
        partner = self.partner_id.display_name
        if self.state in (DRAFT, NEGOTIATION) and self.approval_status == "rejected":
            return self._rejection()
        if self.state == NEGOTIATION:
            if self.pen == THEM:
                return self.env._("Waiting for %(partner)s to comment, propose wording or agree.", partner=partner)
            if self.proposal_id:
                return self.env._(
                    "%(author)s proposes another wording. Take it over, or change the text and share it again.",
                    author=self.proposal_id.author_name or partner,
                )
            return self.env._("Our turn: share the text again, or go on once both sides agree.")
        if self.state == APPROVAL:
            return self._waiting_for_approval()
        if self.state == SIGNATURE and self.pen == THEM:
            if not self.sign_by:
                return self.env._("Waiting for %(partner)s to sign.", partner=partner)
            day = self._day(self.sign_by)
            if self.sign_by < self._today():
                return self.env._(
                    "The time to sign ended on %(day)s. Take the contract back and send it again.", day=day,
                )
            return self.env._("Waiting for %(partner)s to sign until %(day)s.", partner=partner, day=day)
        if self.state == SIGNATURE:
            return self.env._("Our signature is missing.")
        if self.state == SIGNED and not self.next_step:
            return self.env._(
                "Signed. Starts on %(day)s and is put into force on that day by itself.",
                day=self._day(self.date_start),
            )
        return False

    def _rejection(self):
        # sudo: who decided is no secret to the readers of a contract
        rejected = self.sudo()._current_approvals().filtered(lambda approval: approval.state == "rejected")[:1]
        return self.env._(
            "%(user)s rejected it: %(reason)s", user=rejected.decided_by_id.name, reason=rejected.comment or "",
        )

    def _waiting_for_approval(self):
        # sudo: who decides is no secret to the readers of a contract
        pending = self.sudo()._current_approvals().filtered(lambda approval: approval.state == "pending")
        if not pending:
            return self.env._("Approved: send it for signature.") if not self.approval_missing else False
        steps = ", ".join(
            f"{approval.name} ({', '.join(approval.user_ids.mapped('name')) or self.env._('any approver')})"
            for approval in pending
        )
        if self.can_approve:
            return self.env._("Your decision is asked for: %(steps)s.", steps=steps)
        return self.env._("Waiting for approval: %(steps)s.", steps=steps)

    @api.depends("suspension_ids.finished", "suspension_ids.date_to", "suspension_ids.reason")
    def _compute_pause_note(self):
        for contract in self:
            pause = contract.suspension_ids.filtered(lambda pause: not pause.finished)[:1]
            if not pause:
                contract.pause_note = False
            elif pause.date_to:
                contract.pause_note = self.env._(
                    "Paused from %(first)s to %(last)s: %(reason)s",
                    first=self._day(pause.date_from), last=self._day(pause.date_to), reason=pause.reason,
                )
            else:
                contract.pause_note = self.env._(
                    "Paused since %(first)s: %(reason)s",
                    first=self._day(pause.date_from), reason=pause.reason,
                )

    @api.depends("state", "decision", "date_act_by", "next_id", "amends_id")
    def _compute_decision_due(self):
        for contract in self:
            contract.decision_due = bool(
                contract.state == ACTIVE and not contract.decision and not contract.amends_id
                and contract.date_act_by and contract.date_act_by <= contract._today() and not contract.next_id
            )

    def _search_decision_due(self, operator, value):
        if operator != "in" or set(value) != {True}:
            return NotImplemented
        return Domain([
            ("state", "=", ACTIVE), ("decision", "=", False), ("amends_id", "=", False), ("next_id", "=", False),
        ]) & Domain.OR(
            Domain("company_id", "=", company.id) & Domain("date_act_by", "<=", company._lifecycle_today())
            for company in self.env.companies
        )

    @api.depends("date_notice", "state", "decision", "next_id")
    def _compute_notice_days(self):
        for contract in self:
            left = (contract.date_notice - contract._today()).days if contract.date_notice else 0
            undecided = contract.state in (SIGNED, ACTIVE) and not contract.decision and not contract.next_id
            contract.notice_passed = left < 0
            contract.notice_near = bool(contract.date_notice and undecided and left < DAYS_NEAR)

    @api.depends("decision_due", "decision", "decision_user_id", "date_end", "date_notice", "terminated_on")
    def _compute_decision_note(self):
        for contract in self:
            contract.decision_note = contract._decision_note()

    def _decision_note(self):
        """:return: a sentence about the renewal that is to be decided or was, or False"""
        self.ensure_one()
        if self.state != ACTIVE or self.terminated_on or self.next_id:
            return False
        end = self._day(self.date_end) if self.date_end else ""
        if self.decision:
            who = self.decision_user_id.name or ""
            day = self._day(self.decision_date)
            if self.decision == "end":
                return self.env._("Ends on %(end)s, as %(user)s decided on %(day)s.", end=end, user=who, day=day)
            return self.env._("To be renewed by %(end)s, as %(user)s decided on %(day)s.", end=end, user=who, day=day)
        if not self.decision_due:
            return False
        notice = self._day(self.date_notice)
        if self.renewal_policy != "auto":
            return self.env._("This contract ends on %(end)s. Should it be renewed?", end=end)
        if self.notice_passed:
            return self.env._(
                "The last day for notice was %(notice)s, and nobody decided: it renews by itself after %(end)s.",
                notice=notice, end=end,
            )
        return self.env._(
            "Without notice until %(notice)s it renews by itself after %(end)s. Should it?", notice=notice, end=end,
        )

    # === TEXT === #

    def _preview_values(self):
        """:return: what placeholders say while the contract is written; a gap for what is not known yet"""
        if not self.company_id or not self.type_id:
            return dict.fromkeys(PLACEHOLDERS, GAP)
        values = {name: value or GAP for name, value in self._placeholder_values().items()}
        return {**values, "contract_number": GAP} if self.name == "/" else values

    # === RISK === #

    @api.depends("risk_parts")
    def _compute_risk_table(self):
        for contract in self:
            contract.risk_table = [
                {**row, "found": contract._describe_risk(row["factor"], row["input"])} for row in contract._risk_table()
            ]

    def _describe_risk(self, factor, found):
        """:return: what a factor of the risk was computed from, in words"""
        if factor == "overdue":
            return format_amount(self.env, found, self.company_currency_id)
        if factor == "concentration":
            return f"{round(found * 100)} %"
        if factor != "notice":
            return str(found)
        if found is False:
            return self.env._("nothing to decide")
        return self.env._("%(days)s days", days=found) if found >= 0 else self.env._("passed")

    # === WHAT THE BUTTONS OPEN === #

    def action_take_over_proposal(self):
        """Bring the wording that the other party proposed into the contract."""
        self.ensure_one()
        return self.proposal_id.action_take_over()

    def action_view_obligations(self):
        """The obligations of this contract, the open ones first: those that the button counts."""
        return self._open_related("clm.clm_obligation_action", "contract_id", search_default_open=1)

    def action_view_claims(self):
        """The claims about this contract, those not settled first: those that the button counts."""
        return self._open_related("clm.clm_claim_action", "contract_id", search_default_unsettled=1, default_side=US)

    def action_view_amendments(self):
        """The amendments to this contract."""
        return self._open_related("clm.clm_contract_action_all", "amends_id", create=False)

    def _open_related(self, xmlid, field, **context):
        self.ensure_one()
        action = self.env["ir.actions.act_window"]._for_xml_id(xmlid)
        action["domain"] = [(field, "=", self.id)]
        action["context"] = {f"default_{field}": self.id, **context}
        return action

    def action_view_previous(self):
        """The contract that this one renews, or amends."""
        self.ensure_one()
        return (self.previous_id or self.amends_id)._get_records_action()

    def action_view_next(self):
        """The renewal of this contract."""
        self.ensure_one()
        return self.next_id._get_records_action()

    def action_view_order(self):
        """The order that brought this contract, or the quotation of its renewal."""
        self.ensure_one()
        return (self.sale_order_id | self.renewal_order_id)._get_records_action(name=self.env._("Orders"))

    def action_download_signed(self):
        """The signed file."""
        self.ensure_one()
        return {
            "type": "ir.actions.act_url",
            "url": f"/web/content/{self.signed_attachment_id.id}?download=true",
            "target": "download",
        }


class ClmContractClause(models.Model):
    _inherit = "clm.contract.clause"

    is_own = fields.Boolean(compute="_compute_is_own", help="Not from the library.")
    body_filled = fields.Html(
        "Text as Read", compute="_compute_body_filled", sanitize=False,
        help="With placeholders filled; once locked, as in the last version.",
    )

    @api.depends("clause_id")
    def _compute_is_own(self):
        for clause in self:
            clause.is_own = not clause.clause_id

    @api.depends(
        "body", "contract_id.state", "contract_id.partner_id", "contract_id.company_id", "contract_id.title",
        "contract_id.date_start", "contract_id.date_end", "contract_id.term_months", "contract_id.minimum_months",
        "contract_id.notice_count", "contract_id.notice_unit", "contract_id.renewal_policy",
        "contract_id.renewal_months", "contract_id.currency_id", "contract_id.tcv", "contract_id.user_id",
    )
    def _compute_body_filled(self):
        for contract, clauses in self.grouped("contract_id").items():
            agreed = {}
            if contract.is_locked:
                agreed = {clause["id"]: clause["body"] for clause in contract.last_version_id.clauses or []}
            values = {}
            for clause in clauses:
                if clause._origin.id in agreed:
                    clause.body_filled = agreed[clause._origin.id]
                    continue
                values = values or contract._preview_values()
                clause.body_filled = clause._filled(values)

    def _filled(self, values):
        """:return: the text with these values; as it is where it has a placeholder that is refused on saving"""
        body = self.body or ""
        try:
            body = fill(body, values)
        except KeyError:
            pass
        return sanitise(body)
