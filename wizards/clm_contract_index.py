from collections import defaultdict
from time import monotonic

from odoo import api, fields, models
from odoo.exceptions import UserError, ValidationError
from odoo.tools import formatLang

from ..tools.transitions import ACTIVE, SIGNED

#: how long one press of the button works, well below the time limit of a web request
MAX_SECONDS = 60


class ClmContractIndex(models.TransientModel):
    """Raises the prices of contracts in force from a day on, each by an amendment, and shows beforehand what changes.

    What is invoiced for the time before that day stays. A period that is broken by it is charged in part at each price,
    or credited in part when it was invoiced already.
    """

    _name = "clm.contract.index"
    _description = "Index Prices"
    _inherit = "clm.contract.mass.wizard"

    state = fields.Selection([("choose", "Choose"), ("preview", "Preview")], default="choose", required=True)
    contract_ids = fields.Many2many(
        "clm.contract", string="Contracts", help="Empty: all customer contracts in force.",
        domain="[('state', '=', 'active'), ('amends_id', '=', False)]",
    )
    type_ids = fields.Many2many("clm.contract.type", string="Only of Types", help="Empty: of every type.")
    date = fields.Date(
        "From", required=True, default=lambda self: self._default_date(), help="The first day of the new prices.",
    )
    method = fields.Selection(
        [("percent", "By percent"), ("index", "By an index")], "Increase", required=True, default="percent",
    )
    percent = fields.Float(digits=(16, 4), help="Negative: prices go down.")
    index_name = fields.Char("Name of the Index", help="Stands in the title of the amendments.")
    index_old = fields.Float("Index Then", digits=(16, 4), help="When the present prices were set.")
    index_new = fields.Float("Index Now", digits=(16, 4))
    has_floor = fields.Boolean("At Least", default=True)
    floor = fields.Float("Lowest", digits=(16, 4), help="In percent, also when the index says less.")
    has_cap = fields.Boolean("At Most")
    cap = fields.Float("Highest", digits=(16, 4), help="In percent, also when the index says more.")
    change = fields.Float("Price Change", compute="_compute_change", help="In percent.")
    needs_signature = fields.Boolean(
        "Needs Signatures",
        help="Drafts the amendments, to be approved and signed. Otherwise they hold at once: the contracts allow it.",
    )
    line_ids = fields.One2many(
        "clm.contract.index.line", "wizard_id", string="New Prices", domain=[("problem", "=", False)],
    )
    left_out_ids = fields.One2many(
        "clm.contract.index.line", "wizard_id", domain=[("problem", "!=", False)],
    )
    summary = fields.Char(compute="_compute_summary")
    amendment_ids = fields.Many2many(
        "clm.contract", "clm_contract_index_amendment_rel", string="Amendments", readonly=True,
    )
    done_count = fields.Integer("Done", compute="_compute_done_count")

    # === DEFAULTS === #

    @api.model
    def _default_date(self):
        today = self.env.company._lifecycle_today()
        return fields.Date.add(fields.Date.start_of(today, "month"), months=1)

    # === COMPUTE === #

    @api.depends("method", "percent", "index_old", "index_new", "has_floor", "floor", "has_cap", "cap")
    def _compute_change(self):
        for wizard in self:
            wizard.change = wizard._change()

    def _change(self):
        """:return: the increase in percent, limits applied"""
        if self.method == "percent":
            return self.percent
        if self.index_old <= 0 or self.index_new <= 0:
            return 0.0
        change = (self.index_new / self.index_old - 1) * 100
        if self.has_floor:
            change = max(change, self.floor)
        return min(change, self.cap) if self.has_cap else change

    @api.depends("line_ids.monthly_change")
    def _compute_summary(self):
        for wizard in self:
            sums = defaultdict(float)
            for line in wizard.line_ids:
                sums[line.currency_id] += line.monthly_change
            wizard.summary = self.env._(
                "Contracts: %(contracts)s. Prices: %(lines)s. Per month: %(amounts)s.",
                contracts=len(wizard.line_ids.contract_id), lines=len(wizard.line_ids),
                amounts=", ".join(
                    ("+" if amount >= 0 else "") + currency.format(amount) for currency, amount in sums.items()
                ),
            ) if sums else self.env._("No price changes.")

    @api.depends("amendment_ids")
    def _compute_done_count(self):
        for wizard in self:
            wizard.done_count = len(wizard.amendment_ids)

    @api.constrains("percent", "method", "index_old", "index_new", "has_floor", "floor", "has_cap", "cap")
    def _check_change(self):
        for wizard in self:
            by_index = wizard.method == "index"
            if by_index and (wizard.index_old <= 0 or wizard.index_new <= 0):
                raise ValidationError(self.env._("Give the index then and now; both are above 0."))
            if by_index and wizard.has_floor and wizard.has_cap and wizard.floor > wizard.cap:
                raise ValidationError(self.env._("The lowest increase is above the highest one."))
            if not -100 < wizard._change() <= 1000:
                raise ValidationError(self.env._("A price change goes from -100 to 1000 percent."))

    # === ACTIONS === #

    def action_preview(self):
        """List the new prices, and what cannot be changed with the reason.

        :return: action that shows this dialog again
        """
        self.ensure_one()
        if self.method == "percent" and not self.percent:
            raise UserError(self.env._("Say by how many percent the prices change."))
        self.line_ids.unlink()
        self.left_out_ids.unlink()
        contracts = self._contracts()
        if not contracts:
            raise UserError(self.env._("There is no contract in force of these types."))
        vals_list = [vals for contract in contracts for vals in self._prepare_line_vals_list(contract)]
        self.env["clm.contract.index.line"].create([{"wizard_id": self.id, **vals} for vals in vals_list])
        self.state = "preview"
        return self._reopen()

    def action_back(self):
        """Choose anew."""
        self.ensure_one()
        self.state = "choose"
        return self._reopen()

    def _reopen(self):
        action = self.env["ir.actions.act_window"]._for_xml_id("clm.clm_contract_index_action")
        return {**action, "res_id": self.id}

    def action_apply(self):
        """Amend the contracts of the list, each on its own: one that fails is left as it was.

        Stops in good time before the web server would; pressing the button again goes on with the rest.

        :return: action that says what was done, and opens the amendments; or shows what is left
        :raise UserError: with the reasons, when no contract could be changed
        """
        self.ensure_one()
        if not self.line_ids:
            raise UserError(self.env._("No price changes."))
        until = monotonic() + MAX_SECONDS
        for contract, lines in self.line_ids.grouped("contract_id").items():
            self._amend(contract, lines)
            if monotonic() > until:
                break
        self.invalidate_recordset(["line_ids", "left_out_ids"])
        if self.line_ids:
            return self._reopen()
        failed = [
            f"{line.contract_id.name}: {line.problem}" for line in self.left_out_ids if line.contract_line_id
        ]
        if not self.amendment_ids:
            raise UserError("\n".join(failed))
        return self._notify_done(failed)

    def _amend(self, contract, lines):
        """Amend one contract, or note on its row why not. What is done with disappears from the list."""
        try:
            with self.env.cr.savepoint():
                self.amendment_ids |= lines._amend(contract)
        except UserError as error:
            lines[0].problem = str(error)
            lines = lines[1:]
        lines.unlink()

    def _notify_done(self, failed):
        count = len(self.amendment_ids)
        message = (
            self.env._("Amendments drafted: %(count)s.", count=count) if self.needs_signature
            else self.env._("Contracts with new prices: %(count)s.", count=count)
        )
        if failed:
            message += "\n" + self.env._("Left alone:") + "\n" + "\n".join(failed)
        return {
            "type": "ir.actions.client",
            "tag": "display_notification",
            "params": {
                "title": self.env._("Prices indexed"),
                "message": message,
                "type": "warning" if failed else "success",
                "sticky": bool(failed),
                "next": self.amendment_ids._get_records_action(name=self.env._("Indexation")),
            },
        }

    # === CONTRACTS === #

    def _contracts(self):
        """:return: the contracts that were chosen, or all customer contracts in force"""
        contracts = self.contract_ids or self.env["clm.contract"].search([
            ("direction", "=", "customer"), ("state", "=", ACTIVE), ("amends_id", "=", False),
            ("company_id", "in", self.env.companies.ids),
        ])
        contracts -= self.amendment_ids.amends_id  # never twice
        types = self.type_ids
        return contracts.filtered(lambda contract: contract.type_id in types) if types else contracts

    def _prepare_line_vals_list(self, contract):
        """:return: list of values of the rows that a contract gets: its new prices, or why it is left out"""
        problem = self._problem(contract)
        lines = self._running_lines(contract)
        if not problem and not lines:
            problem = self.env._("No recurring price holds on this day.")
        if problem:
            return [{"contract_id": contract.id, "problem": problem}]
        changes = [
            {"contract_id": contract.id, "contract_line_id": line.id, "new_price": line._raised_price(self.change)}
            for line in lines
        ]
        changes = [vals for vals, line in zip(changes, lines, strict=True) if vals["new_price"] != line.price_unit]
        return changes or [{"contract_id": contract.id, "problem": self.env._("Its prices stay the same.")}]

    def _running_lines(self, contract):
        """:return: the lines of a contract that charge periods, and are agreed for the day"""
        return contract.line_ids.filtered(
            lambda line: line.recurrence_unit != "once"
            and (line.date_start or contract.date_start) <= self.date
            and not line._stops_before(self.date)
        )

    def _problem(self, contract):
        """:return: why a contract cannot be changed from the day on, or ``False``"""
        try:
            contract._check_amendable()
        except UserError as error:
            return str(error)
        if self.date < contract.date_start or (contract.date_end and self.date > contract.date_end):
            return self.env._("It is not in force on this day.")
        return False

    def _reason(self):
        """:return: the title of the amendments"""
        percent = f"{formatLang(self.env, self.change, digits=2)}%"
        if self.method == "index" and self.index_name:
            return self.env._("Indexation by %(percent)s (%(index)s)", percent=percent, index=self.index_name)
        return self.env._("Indexation by %(percent)s", percent=percent)

    def _conclude(self, amendment):
        """Put an amendment into force, from its day on, without signatures: the contract allows the increase."""
        contract = amendment.amends_id
        amendment._snapshot()
        amendment._set_state(SIGNED, act="conclude", signed_on=contract._today(), shared_at=contract.shared_at)
        if amendment.date_start <= contract._today():
            amendment._activate()
