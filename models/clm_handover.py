from odoo import api, fields, models
from odoo.exceptions import AccessError, UserError
from odoo.fields import Domain

ACTIVITY = "clm.mail_activity_handover"
HOURS = 48


class ClmHandover(models.Model):
    """A customer handed over to somebody else, who accepts or sends back with a reason.

    Nobody writes these rows by hand: they are asked for by :meth:`_request` and decided by the buttons.
    """

    _name = "clm.handover"
    _description = "Hand-Over"
    _inherit = ["mail.thread", "mail.activity.mixin", "clm.counted.mixin"]
    _order = "decided_at desc nulls first, date_due, id"
    _rec_name = "partner_id"
    _check_company_auto = True
    _mail_post_access = "read"

    partner_id = fields.Many2one(
        "res.partner", "Customer", required=True, readonly=True, ondelete="cascade", index=True,
    )
    contract_id = fields.Many2one(
        "clm.contract", readonly=True, ondelete="set null", index="btree_not_null", check_company=True,
    )
    company_id = fields.Many2one("res.company", required=True, readonly=True, index=True)
    from_user_id = fields.Many2one("res.users", "From", readonly=True, index="btree_not_null")
    user_id = fields.Many2one("res.users", "To", readonly=True, tracking=True, index="btree_not_null")
    team_id = fields.Many2one(
        "crm.team", "To Team", readonly=True, tracking=True, ondelete="restrict", index="btree_not_null",
        help="Any member of the team may accept, unless somebody is named.",
    )
    state = fields.Selection(
        [("pending", "To accept"), ("accepted", "Accepted"), ("returned", "Sent back"), ("cancelled", "Cancelled")],
        default="pending", required=True, readonly=True, tracking=True, index=True, copy=False,
    )
    requested_at = fields.Datetime("Requested On", required=True, readonly=True, default=fields.Datetime.now)
    date_due = fields.Datetime("Answer By", required=True, readonly=True, tracking=True)
    decided_at = fields.Datetime("Answered On", readonly=True, copy=False)
    decided_by = fields.Many2one("res.users", "Answered By", readonly=True, copy=False)
    reason = fields.Char("Why Sent Back", readonly=True, copy=False, tracking=True)
    note = fields.Text("What to Know", readonly=True)
    salesperson = fields.Boolean(
        "Becomes the Salesperson", readonly=True, help="Whoever accepts becomes the salesperson of the customer.",
    )
    effect_id = fields.Many2one(
        "clm.effect", "Playbook Step", readonly=True, ondelete="set null", index="btree_not_null",
    )
    is_late = fields.Boolean("Late", compute="_compute_is_late", search="_search_is_late")
    can_decide = fields.Boolean(compute="_compute_can_decide")
    can_cancel = fields.Boolean(compute="_compute_can_decide")
    is_mine = fields.Boolean("Mine to Accept", compute="_compute_can_decide", search="_search_is_mine")

    _user_uniq = models.UniqueIndex(
        "(partner_id, user_id) WHERE state = 'pending' AND user_id IS NOT NULL",
        "This customer waits for the answer of the same person already.",
    )
    _team_uniq = models.UniqueIndex(
        "(partner_id, team_id) WHERE state = 'pending' AND user_id IS NULL",
        "This customer waits for the answer of the same team already.",
    )
    _decided_idx = models.Index("(decided_at) WHERE state IN ('accepted', 'returned')")
    _has_taker = models.Constraint(
        "CHECK(user_id IS NOT NULL OR team_id IS NOT NULL)", "Name a person or a team to hand over to.",
    )

    # === COMPUTE === #

    @api.depends("partner_id", "user_id", "team_id")
    def _compute_display_name(self):
        for handover in self:
            handover.display_name = self.env._(
                "%(customer)s to %(taker)s",
                customer=handover.partner_id.display_name or "",
                taker=(handover.user_id or handover.team_id).display_name or "",
            )

    @api.depends("state", "date_due")
    def _compute_is_late(self):
        now = fields.Datetime.now()
        for handover in self:
            handover.is_late = bool(handover.state == "pending" and handover.date_due and handover.date_due < now)

    def _search_is_late(self, operator, value):
        if operator != "in":
            return NotImplemented
        late = Domain("state", "=", "pending") & Domain("date_due", "<", fields.Datetime.now())
        return Domain.OR([late if True in value else Domain.FALSE, ~late if False in value else Domain.FALSE])

    @api.depends("state", "user_id", "team_id", "from_user_id")
    @api.depends_context("uid")
    def _compute_can_decide(self):
        user = self.env.user
        is_manager = user.has_group("clm.group_manager")
        for handover in self:
            is_pending = handover.state == "pending"
            handover.is_mine = is_pending and user == (handover.user_id or handover._team_users() & user)
            handover.can_decide = is_pending and (is_manager or user in handover.user_id | handover._team_users())
            handover.can_cancel = is_pending and (is_manager or user == handover.from_user_id)

    def _search_is_mine(self, operator, value):
        if operator != "in":
            return NotImplemented
        mine = Domain("state", "=", "pending") & (
            Domain("user_id", "=", self.env.uid) | Domain("user_id", "=", False) & (
                Domain("team_id.user_id", "=", self.env.uid)
                | Domain("team_id.crm_team_member_ids.user_id", "=", self.env.uid)
            )
        )
        return Domain.OR([mine if True in value else Domain.FALSE, ~mine if False in value else Domain.FALSE])

    def _team_users(self):
        """:return: leader and members of the team. sudo: who is in a team is no secret to whoever it is handed to"""
        team = self.team_id.sudo()
        return (team.user_id | team.member_ids).with_env(self.env)

    # === REQUEST === #

    @api.model
    def _request(
        self, partner, user=None, team=None, hours=HOURS, contract=None, effect=None, salesperson=False, note="",
    ):
        """Ask somebody to take a customer over; the caller checks who may ask.

        :param partner: ``res.partner``; any contact stands for its customer
        :param user: ``res.users`` who is asked
        :param team: ``crm.team`` that is asked; its leader gets the activity unless a user is named
        :param hours: within how many hours the answer is due
        :param contract: ``clm.contract`` that goes with it
        :param effect: ``clm.effect`` that asks, for a playbook
        :param salesperson: whether the taker becomes the customer's salesperson
        :param str note: what the taker should know
        :return: ``clm.handover``; the one that waits already, if the same taker was asked before
        :raise UserError: when nobody can be asked
        """
        customer = partner.commercial_partner_id
        pending = self._pending(customer, user, team)
        if pending:
            if note:
                pending._message_log(body=note)
            return pending
        now = fields.Datetime.now()
        vals = {
            "partner_id": customer.id,
            "contract_id": contract.id if contract else False,
            "company_id": self._company_of(customer, contract, effect).id,
            "from_user_id": self._asking(customer, contract).id,
            "user_id": user.id if user else False,
            "team_id": team.id if team else False,
            "requested_at": now,
            "date_due": fields.Datetime.add(now, hours=max(hours or HOURS, 1)),
            "note": note,
            "salesperson": salesperson,
            "effect_id": effect.id if effect else False,
        }
        handover = self.sudo().create(vals)  # sudo: these rows are written by their doors alone
        handover._schedule()
        return handover.with_env(self.env)

    @api.model
    def _pending(self, customer, user=None, team=None):
        """:return: the hand-over of a customer that waits for the answer of the same taker"""
        taker = Domain("user_id", "=", user.id) if user else (
            Domain("user_id", "=", False) & Domain("team_id", "=", team.id if team else False)
        )
        # sudo: one of another company is in the way as well
        pending = self.sudo().search(taker & Domain("state", "=", "pending") & Domain("partner_id", "=", customer.id))
        return pending.with_env(self.env)

    @api.model
    def _company_of(self, customer, contract, effect):
        company = contract.company_id if contract else effect.company_id if effect else None
        return company or customer.company_id or self.env.company

    @api.model
    def _asking(self, customer, contract):
        """:return: who gets it back: whoever asks, or whom the customer or contract belongs to if a playbook does"""
        if not self.env.user._is_superuser():
            return self.env.user
        return customer.user_id or (contract.user_id if contract else self.env["res.users"])

    def _taker(self):
        """:return: who gets the activity
        :raise UserError: when that user cannot see it, or the team has nobody
        """
        taker = self.user_id or self.team_id.user_id.filtered("active") or self.team_id.member_ids[:1]
        if not taker:
            raise UserError(self.env._("Nobody is in the team %(team)s who could accept.", team=self.team_id.name))
        if not taker.active or not taker.has_group("clm.group_viewer") or self.company_id not in taker.company_ids:
            raise UserError(self.env._(
                "%(user)s cannot take this customer over: the user is archived, has no access to the lifecycle or not "
                "to %(company)s.",
                user=taker.name, company=self.company_id.name,
            ))
        return taker

    def _schedule(self):
        taker = self._taker()
        due = fields.Datetime.context_timestamp(self.with_context(tz=taker.tz or "UTC"), self.date_due).date()
        self.activity_schedule(
            ACTIVITY, date_deadline=due, user_id=taker.id,
            summary=self.env._("Take over %(customer)s", customer=self.partner_id.display_name),
        )

    # === DECISION === #

    def action_accept(self):
        """Take the customers over.

        :raise AccessError: for anybody but the takers and managers
        """
        self._check_decision()
        for handover in self.sudo():  # sudo: these rows, and the salesperson of the customer, are written by this door
            handover._decide("accepted")
            if handover.salesperson:
                handover.partner_id.user_id = handover._new_salesperson()
        return True

    def action_return(self, reason=None):
        """Send the customers back; asks for the reason where there is none yet.

        :raise AccessError: for anybody but the takers and managers
        """
        self._check_decision()
        reason = (reason or "").strip()
        if not reason:
            return self.env["clm.reason"]._ask(self, "action_return", self.env._("Send Back"))
        for handover in self.sudo():  # sudo: these rows are written by this door
            handover._decide("returned", reason=reason)
            handover._schedule_return()
        return True

    def action_cancel(self):
        """Withdraw what nobody has answered yet.

        :raise AccessError: for anybody but whoever asked, and managers
        """
        self.check_access("read")
        self._check_pending()
        if any(not handover.can_cancel for handover in self):
            raise AccessError(self.env._("Only whoever asked for a hand-over, or a manager, can cancel it."))
        self.sudo()._decide("cancelled")  # sudo: these rows are written by this door
        return True

    def _check_decision(self):
        self.check_access("read")
        self._check_pending()
        if any(not handover.can_decide for handover in self):
            raise AccessError(self.env._(
                "Only the person or team asked to take the customer over, or a manager, can answer."
            ))

    def _check_pending(self):
        for handover in self:
            if handover.state != "pending":
                raise UserError(self.env._(
                    "%(handover)s is not waiting for an answer any more.", handover=handover.display_name,
                ))

    def _decide(self, state, **vals):
        self.write({"state": state, "decided_at": fields.Datetime.now(), "decided_by": self.env.uid, **vals})
        if state == "cancelled":
            self.activity_unlink([ACTIVITY])
        else:
            self.activity_feedback([ACTIVITY], feedback=vals.get("reason"))

    def _new_salesperson(self):
        """:return: the user named; of a team the one who accepts, or its leader when a manager accepts for it"""
        if self.user_id or self.env.user in self._team_users():
            return self.user_id or self.env.user
        return self.team_id.user_id or self.env.user

    def _schedule_return(self):
        """Tell whoever asked that the customer is theirs again."""
        sender = self.from_user_id if self.from_user_id.active else self.partner_id.user_id
        if sender.active:
            self.activity_schedule(
                ACTIVITY, user_id=sender.id,
                summary=self.env._(
                    "%(customer)s was sent back: %(reason)s",
                    customer=self.partner_id.display_name, reason=self.reason,
                ),
            )


class ResPartner(models.Model):
    _inherit = "res.partner"

    clm_handover_ids = fields.One2many(
        "clm.handover", "partner_id", string="Hand-Overs", readonly=True, groups="clm.group_viewer",
    )
    clm_handover_count = fields.Integer(
        "Number of Hand-Overs", compute="_compute_clm_handover_count", groups="clm.group_viewer",
    )

    @api.depends("clm_handover_ids.state", "commercial_partner_id")
    def _compute_clm_handover_count(self):
        counts = dict(self.env["clm.handover"]._read_group(
            [("partner_id", "in", self.commercial_partner_id.ids), ("state", "!=", "cancelled")],
            ["partner_id"], ["__count"],
        ))
        for partner in self:
            partner.clm_handover_count = counts.get(partner.commercial_partner_id, 0)

    def action_open_handovers(self):
        """Every hand-over of the customer, whoever answered it."""
        self.ensure_one()
        customer = self.commercial_partner_id
        action = self.env["ir.actions.act_window"]._for_xml_id("clm.clm_handover_action")
        action["domain"] = [("partner_id", "=", customer.id)]
        action["display_name"] = self.env._("Hand-overs of %(customer)s", customer=customer.display_name)
        action["context"] = {}
        return action
