from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.fields import Domain

from ..tools.transitions import ACTIVE, CLOSED, OPEN, SIGNATURE, SIGNED
from .clm_contract_risk import YEARLY_VALUES

#: errors of other runs, which remove them themselves
OTHER_RUNS = frozenset({"billing", "mrr"})


class ClmContract(models.Model):
    """The daily run: what is due, nobody else; after missed days everything once; one error stops nobody else."""

    _inherit = "clm.contract"

    cron_error = fields.Char("Error", readonly=True, copy=False, groups="base.group_user")
    cron_errors = fields.Json(
        readonly=True, copy=False, groups="base.group_user", help="What failed, and with what message."
    )
    reminded_for = fields.Date(
        readonly=True, copy=False, groups="base.group_user", help="The notice deadline that the owner was reminded of."
    )
    sign_reminded_for = fields.Date(readonly=True, copy=False, groups="base.group_user")

    _act_by_index = models.Index(
        "(company_id, date_act_by) WHERE state = 'active' AND decision IS NULL AND reminded_for IS NULL"
    )
    _sign_by_index = models.Index("(company_id, sign_by) WHERE state = 'signature' AND sign_reminded_for IS NULL")
    # the list: its order, and how many there are
    _error_index = models.Index("(company_id) WHERE cron_error IS NOT NULL")

    @api.model
    def _cron_daily(self):
        """Do what is due today or was due since the last run. Safe to run at any time and as often as one likes.

        Each contract has its own savepoint: an error is shown on it, and the others go on. Commits after every batch
        (not in a test). Cost grows with what is due, not with the contracts in force.

        :return: number of contracts and obligations handled
        """
        done = 0
        for company in self.env["res.company"]._lifecycle_companies():
            engine = self.sudo().with_company(company).with_context(
                allowed_company_ids=company.ids,
                mail_notify_force_send=False,  # a mail server that is slow or down holds up nobody
            )
            failed = set()
            for model, domain, method in engine._daily_steps(company):
                handled, failed_here, time_left = engine.env[model]._clm_run_due(domain, method)
                done += handled
                failed |= failed_here
                if not time_left:
                    return done
            engine._drop_errors(failed)
        self._clm_commit(0, 0)
        self.env.cr.cache.pop(YEARLY_VALUES, None)
        return done

    @api.model
    def _daily_steps(self, company):
        """Hook: what to do, in this order.

        :return: list of triples (model, domain of what is due, method of one record)
        """
        today = company._lifecycle_today()
        own = Domain("company_id", "=", company.id)
        running = own & Domain("state", "=", ACTIVE)
        # the end of a contract whose pause is to lengthen it is not known yet
        open_end = Domain("terminated_on", "=", False) & Domain(
            "suspension_ids", "any", [("finished", "=", False), ("extend_end", "=", True)]
        )
        resumed = own & Domain("finished", "=", False) & Domain("date_to", "<", today)
        return [
            ("clm.contract.suspension", resumed & Domain("extend_end", "=", True), "_clm_resume"),
            # before the ends: an amendment may move one, a renewal closes what it follows, and what began during
            # missed days may have ended in them too
            ("clm.contract", own & Domain("state", "=", SIGNED) & Domain("date_start", "<=", today), "_activate"),
            ("clm.contract", running & Domain("date_end", "<", today) & ~open_end, "_run_end"),
            ("clm.contract.suspension", resumed, "_clm_resume"),
            ("clm.contract.line", own & Domain("date_end", "<", today) & Domain("ended", "=", False), "_clm_end"),
            ("clm.contract", running & Domain("date_act_by", "<=", today) & Domain("decision", "=", False)
             & Domain("reminded_for", "=", False), "_run_reminder"),
            ("clm.contract", own & Domain("state", "=", SIGNATURE) & Domain("sign_by", "<", today)
             & Domain("sign_reminded_for", "=", False), "_run_sign_by"),
            ("clm.obligation", own & Domain("next_open_on", "<=", today), "_open_next"),
            ("clm.obligation", own & Domain("state", "=", "open") & Domain("date_due", "<", today)
             & Domain("overdue_flagged", "=", False) & Domain("contract_id.state", "in", (ACTIVE, CLOSED)),
             "_flag_overdue"),
            ("clm.contract", own & Domain("risk_next", "<=", today), "_risk_changed"),
            ("clm.contract", own & Domain("id", "in", self._risk_with_changed_debts(company)), "_risk_changed"),
            ("clm.contract", own & Domain("cron_error", "!=", False) & Domain("signed_attachment_id", "=", False)
             & Domain("state", "in", (SIGNED, ACTIVE)) & Domain("signature_ids.method", "=", "drawn"),
             "_run_signed_pdf"),
        ]

    # === STEPS === #

    def _run_end(self):
        """The last day has passed: renewed, terminated, going on, or expired."""
        self.ensure_one()
        successor = self.next_id
        if self.terminated_on:
            self._close("terminated", self.date_end)
        elif successor.state in (SIGNED, ACTIVE) or successor.activated_on:
            self._close("renewed", self.date_end)
        elif self.renewal_policy == "auto" and self.decision != "end":
            silent = self._is_undecided()
            if successor.state in OPEN:  # a renewal that nobody signed; the contract itself says that it goes on
                successor.action_cancel()
                self.invalidate_recordset(["next_id"])
            if self._may_renew_automatically():
                self._renew_automatically(silent)
            else:
                self._close("expired", self.date_end)
        elif self.renewal_policy == "evergreen" and self.decision != "end":
            self._unlocked().write({"date_end": False})
        else:
            self._close("expired", self.date_end)

    def _run_reminder(self):
        """Ask the owner to decide, once per notice deadline."""
        self.ensure_one()
        self._unlocked().write({"reminded_for": self.date_notice})
        if self.next_id:
            return  # being renewed; a renewal that is given up opens the decision again
        policy = dict(self._fields["renewal_policy"]._description_selection(self.env))[self.renewal_policy]
        self.activity_schedule(
            "clm.mail_activity_renewal",
            date_deadline=self.date_notice,
            user_id=self._responsible().id,
            summary=self.env._("Decide: renew or let it end"),
            note=self.env._(
                "Ends on %(end)s. Notice is possible until %(notice)s. At the end: %(policy)s.",
                end=fields.Date.to_string(self.date_end), notice=fields.Date.to_string(self.date_notice),
                policy=policy.lower(),
            ),
        )

    def _run_sign_by(self):
        """The time to sign is over: tell the owner, once per request."""
        self.ensure_one()
        self._unlocked().write({"sign_reminded_for": self.sign_by})
        self._notify_owner(self.env._("Not signed until %(day)s", day=fields.Date.to_string(self.sign_by)))

    def _run_signed_pdf(self):
        """Print the signed PDF that could not be printed when it was signed."""
        self.ensure_one()
        self._store_signed_pdf()
        if not self.signed_attachment_id:
            raise UserError(self.cron_errors["_run_signed_pdf"])

    def write(self, vals):
        res = super().write(vals)
        if vals.keys() & {"date_end", "notice_count", "notice_unit"}:
            self._remind_again("reminded_for")
        if "sign_by" in vals:
            self._remind_again("sign_reminded_for")
        return res

    def _remind_again(self, name):
        """A new deadline may be reminded of as well."""
        reminded = self.sudo().filtered(name)  # sudo: not a field for the other side, whose acts may move a deadline
        if reminded:
            reminded._unlocked().write({name: False})

    # === ERRORS === #

    def _record_error(self, message, step="_run_signed_pdf"):
        """Show an error of the daily run on the record, and ask its owner to look, once.

        :param str message: what went wrong
        :param str step: which step failed; its next success, or its end of being due, removes the error
        """
        for contract in self:
            errors = contract.sudo().cron_errors or {}
            if step not in errors:
                contract._notify_owner(contract.env._("The daily run failed"), message)
            contract._show_errors({**errors, step: message})

    @api.model
    def _drop_errors(self, failed):
        """Remove the errors of steps that succeeded or are due no longer.

        :param failed: set of pairs (contract id, step) that still fail
        """
        for contract in self.with_context(active_test=False).search([
            ("company_id", "=", self.env.company.id), ("cron_error", "!=", False),
        ]):
            errors = contract.cron_errors or {}
            left = {
                step: message for step, message in errors.items()
                if step in OTHER_RUNS or (contract.id, step) in failed
            }
            if left != errors:
                contract._show_errors(left)

    def _drop_error(self, step):
        """Remove the error of a step that succeeded."""
        for contract in self:
            errors = contract.sudo().cron_errors or {}  # sudo: see _show_errors
            if step in errors:
                contract._show_errors({key: message for key, message in errors.items() if key != step})

    def _show_errors(self, errors):
        # sudo: the step of a signature by the other side may fail as well
        self.sudo()._unlocked().write({
            "cron_errors": errors or False, "cron_error": "\n".join(dict.fromkeys(errors.values())) or False,
        })
