from odoo import api, fields, models
from odoo.exceptions import ValidationError
from odoo.fields import Command

from ..const import BILLING, RECURRENCE_UNITS
from ..tools import recurrence


class ClmContractLine(models.Model):
    """What is delivered and charged: a price per period, or once."""

    _name = "clm.contract.line"
    _description = "Contract Line"
    _inherit = ["clm.contract.content.mixin", "clm.recurrence.mixin", "clm.due.mixin", "analytic.mixin"]
    _order = "contract_id, sequence, id"
    _rec_name = "name"
    _check_company_auto = True
    _clm_free_fields = frozenset({"analytic_distribution"})

    contract_id = fields.Many2one("clm.contract", required=True, ondelete="cascade", index=True)
    company_id = fields.Many2one(related="contract_id.company_id", store=True, index=True, precompute=True)
    partner_id = fields.Many2one(related="contract_id.partner_id")
    state = fields.Selection(related="contract_id.state")
    currency_id = fields.Many2one(related="contract_id.currency_id")
    sequence = fields.Integer(default=10)
    product_id = fields.Many2one("product.product", check_company=True, ondelete="restrict", index="btree_not_null")
    name = fields.Text(
        "Description", compute="_compute_name", store=True, readonly=False, precompute=True, required=True
    )
    quantity = fields.Float(default=1.0, digits="Product Unit")
    price_unit = fields.Float(
        "Price", compute="_compute_price_unit", store=True, readonly=False, precompute=True, digits="Product Price",
        help="Per unit and billing period, without taxes unless the tax is included in the price.",
    )
    discount = fields.Float("Discount (%)", digits="Discount")
    tax_ids = fields.Many2many(
        "account.tax", compute="_compute_tax_ids", store=True, readonly=False, precompute=True, check_company=True,
        string="Taxes", context={"active_test": False},
    )
    recurrence_interval = fields.Integer(
        "Every", compute="_compute_recurrence", store=True, readonly=False, precompute=True,
    )
    recurrence_unit = fields.Selection(
        RECURRENCE_UNITS, "Period", compute="_compute_recurrence", store=True, readonly=False, precompute=True,
        required=True,
    )
    billing = fields.Selection(
        BILLING, compute="_compute_recurrence", store=True, readonly=False, precompute=True, required=True,
    )
    date_start = fields.Date("From", help="Empty: from the start of the contract.")
    date_end = fields.Date("Until", help="The last day. Empty: to the end of the contract.")
    anchor_date = fields.Date(
        "Periods From", compute="_compute_anchor_date", store=True, readonly=False,
        help="Billing periods are counted from this day; one that is broken by a start or an end is charged in part.",
    )
    replaces_id = fields.Many2one(
        "clm.contract.line", readonly=True, copy=False, index="btree_not_null", ondelete="set null",
        help="The line whose billing periods this one goes on with, since an amendment.",
    )
    sale_line_id = fields.Many2one(
        "sale.order.line", copy=False, index="btree_not_null", string="Order Line", ondelete="set null",
    )
    origin_line_id = fields.Many2one(
        "clm.contract.line", copy=False, index="btree_not_null", string="Amended Line", ondelete="set null",
        help="On an amendment: the line of the contract that this one replaces.",
    )

    price_subtotal = fields.Monetary(
        "Amount", compute="_compute_amounts", store=True, help="Per billing period, without taxes."
    )
    monthly_amount = fields.Monetary(
        "Per Month", compute="_compute_amounts", store=True, help="Without taxes; a month has 30.4375 days."
    )
    yearly_amount = fields.Monetary("Per Year", compute="_compute_amounts", store=True, help="Without taxes.")
    total_amount = fields.Monetary(
        "Over the Term", compute="_compute_amounts", store=True, help="Without an end date: of one year."
    )
    discount_amount = fields.Monetary(
        compute="_compute_amounts", store=True, help="What the discount takes off per billing period, without taxes.",
    )
    ended = fields.Boolean(compute="_compute_amounts", store=True, help="Set once its own last day has passed.")

    _end_index = models.Index("(company_id, date_end) WHERE date_end IS NOT NULL AND ended IS NOT TRUE")
    _check_discount = models.Constraint(
        "CHECK (discount >= 0 AND discount <= 100)", "A discount goes from 0 to 100 percent."
    )

    @api.depends("product_id")
    def _compute_name(self):
        for line in self:
            if line.product_id:
                product = line.product_id.with_context(lang=line.contract_id.partner_id.lang)
                line.name = product.get_product_multiline_description_sale()
            else:
                line.name = line.name or False

    @api.depends("product_id", "quantity")
    def _compute_price_unit(self):
        for line in self:
            contract = line.contract_id
            if not line.product_id or line._origin.product_id == line.product_id:
                line.price_unit = line.price_unit
            elif contract.direction == "supplier":
                line.price_unit = line.product_id._get_tax_included_unit_price(
                    contract.company_id, contract.currency_id, contract.date_start, "purchase",
                )
            else:
                pricelist = contract.partner_id.with_company(contract.company_id).property_product_pricelist
                line.price_unit = pricelist._get_product_price(
                    line.product_id, line.quantity or 1.0, currency=contract.currency_id,
                    date=contract.date_start or fields.Date.context_today(line),
                )

    @api.depends("product_id", "company_id")
    def _compute_tax_ids(self):
        for line in self:
            contract = line.contract_id.with_company(line.contract_id.company_id)
            product = line.product_id.with_company(contract.company_id)
            taxes = product.supplier_taxes_id if contract.direction == "supplier" else product.taxes_id
            position = self.env["account.fiscal.position"].with_company(contract.company_id)._get_fiscal_position(
                contract.partner_id
            )
            line.tax_ids = position.map_tax(taxes._filter_taxes_by_company(contract.company_id))

    @api.depends("date_start", "contract_id.date_start", "recurrence_interval", "recurrence_unit")
    def _compute_anchor_date(self):
        for line in self:
            line.anchor_date = line.date_start or line.contract_id.date_start

    @api.depends("contract_id.analytic_account_id")
    def _compute_analytic_distribution(self):
        for line in self:
            account = line.contract_id.analytic_account_id
            line.analytic_distribution = line.analytic_distribution or (account and {str(account.id): 100.0}) or False

    @api.depends("contract_id.type_id")
    def _compute_recurrence(self):
        for line in self:
            kind = line.contract_id.type_id
            line.recurrence_interval = line.recurrence_interval or kind.recurrence_interval or 1
            line.recurrence_unit = line.recurrence_unit or kind.recurrence_unit or "month"
            line.billing = line.billing or kind.billing or "advance"

    @api.depends(
        "quantity", "price_unit", "discount", "tax_ids", "recurrence_interval", "recurrence_unit", "date_start",
        "date_end", "product_id", "contract_id.date_start", "contract_id.date_end", "contract_id.currency_id",
        "contract_id.partner_id",
    )
    def _compute_amounts(self):
        for line in self:
            contract = line.contract_id
            currency = contract.currency_id
            price = line.price_unit * (1 - (line.discount or 0.0) / 100)
            taxes = line.tax_ids.compute_all(
                price, currency, line.quantity, product=line.product_id, partner=contract.partner_id
            )
            line.price_subtotal = taxes["total_excluded"]
            line.discount_amount = line._full_amount() - taxes["total_excluded"] if line.discount else 0.0
            line.ended = bool(line.date_end and contract.company_id and line.date_end < contract._today())
            line.monthly_amount = line._recurring_amount(taxes["total_excluded"], 1)
            line.yearly_amount = line._recurring_amount(taxes["total_excluded"], 12)
            line.total_amount = line._total_amount(taxes["total_excluded"])

    def _full_amount(self):
        """:return: the amount of a period without the discount"""
        return self.tax_ids.compute_all(
            self.price_unit, self.contract_id.currency_id, self.quantity,
            product=self.product_id, partner=self.contract_id.partner_id,
        )["total_excluded"]

    def _recurring_amount(self, amount, months):
        """:return: what falls on so many months, rounded once"""
        currency = self.contract_id.currency_id
        if self.recurrence_interval < 1 or not currency:
            return 0.0
        per_month = recurrence.monthly_amount(amount, self.recurrence_unit, self.recurrence_interval)
        return currency.round(per_month * months)

    def _total_amount(self, amount):
        start = self.date_start or self.contract_id.date_start
        if not start or self.recurrence_interval < 1 or not self.contract_id.currency_id:
            return amount if self.recurrence_unit == "once" else 0.0
        end = self.date_end or self.contract_id.date_end or recurrence.last_day(start, 12)
        return self.contract_id.currency_id.round(
            recurrence.total_value(amount, self.recurrence_unit, self.recurrence_interval, start, end)
        )

    @api.constrains("recurrence_interval", "recurrence_unit")
    def _check_interval(self):
        for line in self:
            if line.recurrence_interval < 1:
                raise ValidationError(self.env._("“%(line)s”: bill every 1 or more periods.", line=line.name))

    @api.constrains("date_start", "date_end")
    def _check_dates(self):
        for line in self:
            if line.date_start and line.date_end and line.date_end < line.date_start:
                if line.contract_id._is_unlocked():
                    continue  # an amendment that replaces a line before it began
                raise ValidationError(self.env._(
                    "“%(line)s” ends before it starts. Correct one of its dates.", line=line.name,
                ))

    @api.constrains("product_id")
    def _check_product(self):
        for line in self:
            if line.product_id and not line.product_id.active and not line.contract_id._is_unlocked():
                raise ValidationError(self.env._(
                    "The product %(product)s is archived. Choose another one, or put it back into use.",
                    product=line.product_id.display_name,
                ))

    def _clm_end(self):
        """The last day of these lines has passed: they no longer count in the monthly value."""
        self.env.add_to_compute(self._fields["ended"], self)
        self.env.add_to_compute(self.contract_id._fields["mrr"], self.contract_id)
        self.flush_recordset(["ended"])

    def _content(self):
        """:return: what is agreed in this line, as a dict of plain values for the hash and the versions"""
        self.ensure_one()
        return {
            "name": self.name or "",
            "product": self.product_id.display_name or "",
            "quantity": repr(self.quantity),
            "price_unit": repr(self.price_unit),
            "discount": repr(self.discount),
            "taxes": self.tax_ids.sorted("id").mapped("name"),
            "recurrence": f"{self.recurrence_interval} {self.recurrence_unit} {self.billing}",
            "date_start": fields.Date.to_string(self.date_start) or "",
            "date_end": fields.Date.to_string(self.date_end) or "",
        }

    def _prepare_copy_vals(self, **changes):
        """:return: values of a line of a renewal or an amendment with the same content"""
        self.ensure_one()
        return {
            "sequence": self.sequence,
            "product_id": self.product_id.id,
            "name": self.name,
            "quantity": self.quantity,
            "price_unit": self.price_unit,
            "discount": self.discount,
            "tax_ids": [Command.set(self.tax_ids.ids)],
            "recurrence_interval": self.recurrence_interval,
            "recurrence_unit": self.recurrence_unit,
            "billing": self.billing,
            "analytic_distribution": self.analytic_distribution,
            **changes,
        }
