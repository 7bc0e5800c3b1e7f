from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.fields import Domain
from odoo.tools import format_amount, format_date

from ..const import DIRECTIONS
from ..tools.transitions import ACTIVE, CLOSED, OPEN, SIGNED


class ClmContractRegister(models.TransientModel):
    """Asks for a period and lists the contracts of one company in it, on the screen or as PDF."""

    _name = "clm.contract.register"
    _description = "Contract Register"

    date_from = fields.Date("From", required=True, default=lambda self: self._today().replace(month=1, day=1))
    date_to = fields.Date("To", required=True, default=lambda self: self._today().replace(month=12, day=31))
    company_id = fields.Many2one(
        "res.company", required=True, default=lambda self: self.env.company,
        domain="[('id', 'in', allowed_company_ids)]",
    )
    direction = fields.Selection(DIRECTIONS, help="Empty: customer and supplier contracts.")
    type_ids = fields.Many2many("clm.contract.type", string="Types", help="Empty: contracts of every type.")
    scope = fields.Selection(
        [
            ("force", "In force at some time in the period"),
            ("start", "Began in the period"),
            ("end", "End or ended in the period"),
        ],
        string="Contracts", required=True, default="force",
    )
    states = fields.Selection(
        [
            ("binding", "Signed, active and closed"),
            ("active", "Active only"),
            ("open", "Not signed yet"),
            ("all", "All but cancelled ones"),
        ],
        required=True, default="binding",
    )

    @api.model
    def _today(self):
        return self.env.company._lifecycle_today()

    @api.constrains("date_from", "date_to")
    def _check_dates(self):
        for register in self:
            if register.date_to < register.date_from:
                raise UserError(self.env._("The period ends before it begins. Correct one of the dates."))

    def action_print(self):
        """Print the register.

        :raise UserError: when there is nothing to print
        """
        self.ensure_one()
        if not self._contracts():
            raise UserError(self.env._("No contract fits. Choose another period, or fewer limits."))
        return self.env.ref("clm.action_report_contract_register").report_action(self)

    def action_export(self):
        """Download the register as a spreadsheet."""
        self.ensure_one()
        return {"type": "ir.actions.act_url", "url": f"/clm/export/register/{self.id}", "target": "download"}

    def _book(self):
        """:return: ``clm_export.Book`` of the register, in its company
        :raise AccessError: for users of other companies
        """
        self.ensure_one()
        register = self.with_company(self.company_id).with_context(allowed_company_ids=self.company_id.ids)
        return register.env["clm.export"]._book_register(register)

    def action_open(self):
        """Show the contracts of the register as a list."""
        self.ensure_one()
        return {
            "type": "ir.actions.act_window",
            "name": self.env._(
                "Contract Register %(first)s to %(last)s",
                first=fields.Date.to_string(self.date_from), last=fields.Date.to_string(self.date_to),
            ),
            "res_model": "clm.contract",
            "views": [(False, "list"), (False, "form")],
            "domain": list(self._domain()),
            "context": {"active_test": False, "group_by": ["type_id"], "create": False},
        }

    def _contracts(self):
        """:return: the ``clm.contract`` records, by type and number; archived ones count as well"""
        self.ensure_one()
        contracts = self.env["clm.contract"].with_context(active_test=False).search(self._domain())
        return contracts.sorted(lambda contract: (contract.type_id.sequence, contract.type_id.id, contract.name))

    def _domain(self):
        """Hook: which contracts belong into the register. Amendments are part of the contract that they change."""
        self.ensure_one()
        domain = Domain("company_id", "=", self.company_id.id) & Domain("amends_id", "=", False)
        if self.direction:
            domain &= Domain("direction", "=", self.direction)
        if self.type_ids:
            domain &= Domain("type_id", "in", self.type_ids.ids)
        return domain & self._domain_of_states() & self._domain_of_period()

    def _domain_of_states(self):
        return {
            "binding": Domain("state", "in", (SIGNED, ACTIVE, CLOSED)),
            "active": Domain("state", "=", ACTIVE),
            "open": Domain("state", "in", tuple(OPEN)),
            "all": Domain("state", "!=", "cancelled"),
        }[self.states]

    def _domain_of_period(self):
        if self.scope == "start":
            return Domain("date_start", ">=", self.date_from) & Domain("date_start", "<=", self.date_to)
        last_day = [
            # a closed contract ended on its last day in force, whatever its end date says
            (Domain("closed_on", "!=", False), "closed_on"),
            (Domain("closed_on", "=", False), "date_end"),
        ]
        if self.scope == "end":
            return Domain.OR(
                which & Domain(fname, ">=", self.date_from) & Domain(fname, "<=", self.date_to)
                for which, fname in last_day
            )
        ended_later = Domain.OR(which & Domain(fname, ">=", self.date_from) for which, fname in last_day)
        endless = Domain("closed_on", "=", False) & Domain("date_end", "=", False)
        return Domain("date_start", "<=", self.date_to) & (ended_later | endless)

    # === PRINT === #

    def _print_values(self):
        """Hook: contracts grouped by type, with sums.

        :return: dict with period, limits (list of texts), groups, sums of all and the number of contracts
        """
        self.ensure_one()
        contracts = self._contracts()
        return {
            **self._print_heading(),
            "today": format_date(self.env, self.company_id._lifecycle_today()),
            "groups": [
                {
                    "type": kind.name,
                    "rows": [contract._register_row() for contract in of_kind],
                    "sums": self._print_sums(of_kind),
                }
                for kind, of_kind in contracts.grouped("type_id").items()
            ],
            "sums": self._print_sums(contracts),
            "count": len(contracts),
        }

    def _print_heading(self):
        """:return: dict of texts: the company, its currency, the period and the limits"""
        labels = {
            name: dict(self._fields[name]._description_selection(self.env)) for name in ("scope", "states", "direction")
        }
        return {
            "company": self.company_id.name,
            "currency": self.company_id.currency_id.name,
            "date_from": format_date(self.env, self.date_from),
            "date_to": format_date(self.env, self.date_to),
            "limits": [
                labels["scope"][self.scope], labels["states"][self.states],
                *filter(None, [labels["direction"].get(self.direction), ", ".join(self.type_ids.mapped("name"))]),
            ],
        }

    def _print_sums(self, contracts):
        """:return: dict with the sums of each currency, and in that of the company"""
        own = self.company_id.currency_id
        return {
            "currencies": [
                {
                    "currency": currency.name,
                    "acv": format_amount(self.env, sum(priced.mapped("acv")), currency),
                    "tcv": format_amount(self.env, sum(priced.mapped("tcv")), currency),
                }
                for currency, priced in sorted(
                    contracts.grouped("currency_id").items(), key=lambda group: (group[0] != own, group[0].name)
                )
            ],
            "company_tcv": format_amount(self.env, sum(contracts.mapped("company_tcv")), own),
            "count": len(contracts),
        }


class ClmContract(models.Model):
    _inherit = "clm.contract"

    def _register_row(self):
        """:return: this contract in the register, as dict of texts"""
        self.ensure_one()
        labels = {
            name: dict(self._fields[name]._description_selection(self.env))
            for name in ("state", "close_reason", "renewal_policy")
        }
        last_day = self.closed_on or self.date_end
        return {
            "number": self.name,
            "title": self.title or "",
            "partner": self.partner_id.display_name,
            "start": format_date(self.env, self.date_start),
            "end": format_date(self.env, last_day) if last_day else self.env._("open"),
            "notice": format_date(self.env, self.date_notice) if self.date_notice and self.state != "closed" else "",
            "renewal": labels["renewal_policy"][self.renewal_policy],
            "state": labels["close_reason"].get(self.close_reason) or labels["state"][self.state],
            "owner": self.user_id.name or "",
            "acv": format_amount(self.env, self.acv, self.currency_id),
            "tcv": format_amount(self.env, self.tcv, self.currency_id),
            "company_tcv": format_amount(self.env, self.company_tcv, self.company_id.currency_id),
        }
