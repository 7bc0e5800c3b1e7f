from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.fields import Command

from ..tools.transitions import BINDING, CANCELLED, DRAFT, NEGOTIATION, OPEN, SIGNED


class ProductTemplate(models.Model):
    _inherit = "product.template"

    clm_contract_type_id = fields.Many2one(
        "clm.contract.type", string="Contract Type", domain="[('direction', '=', 'customer')]",
        ondelete="restrict", index="btree_not_null", groups="base.group_user",
        help="Confirming an order of this product drafts a contract of this type.",
    )


class SaleOrder(models.Model):
    _inherit = "sale.order"

    clm_contract_ids = fields.One2many("clm.contract", "sale_order_id", string="Contracts", groups="base.group_user")
    clm_contract_count = fields.Integer(compute="_compute_clm_contract_count", groups="clm.group_viewer")
    clm_contract_id = fields.Many2one(
        "clm.contract", string="Renewal", readonly=True, copy=False, index="btree_not_null", groups="base.group_user",
        help="The renewal that the confirmation of this quotation concludes.",
    )

    def _compute_clm_contract_count(self):
        counts = dict(self.env["clm.contract"]._read_group(
            [("sale_order_id", "in", self.ids)], ["sale_order_id"], ["__count"]
        ))
        for order in self:
            order.clm_contract_count = counts.get(order, 0) + bool(order.sudo().clm_contract_id)

    def _action_confirm(self):
        res = super()._action_confirm()
        # sudo: customers confirm in the portal, salespeople without rights on contracts in the backend
        for order in self.sudo():
            if order.clm_contract_id:
                order.clm_contract_id._conclude_by_order(order)
            else:
                order._clm_draft_contracts()
        return res

    def _action_cancel(self):
        res = super()._action_cancel()
        # sudo: whoever may cancel the order ends what it began
        contracts = self.sudo().clm_contract_ids | self.sudo().clm_contract_id
        for contract in contracts:
            if contract.state in OPEN:
                contract.action_cancel()
            elif contract.state in BINDING:
                contract._notify_owner(self.env._("The order of this contract was cancelled"))
        return res

    def _clm_draft_contracts(self):
        """Draft one contract for each contract type among the products of the order."""
        self.ensure_one()
        lines = self.order_line.filtered(
            lambda line: not line.display_type and line.product_id.clm_contract_type_id._may_begin_with(self)
        )
        if not lines or self.clm_contract_ids.filtered(lambda contract: contract.state != CANCELLED):
            return  # confirmed again: what it drafted is still there
        self.env["clm.contract"].create([
            self._prepare_clm_contract_vals(kind, kind_lines)
            for kind, kind_lines in lines.grouped(lambda line: line.product_id.clm_contract_type_id).items()
        ])

    def _prepare_clm_contract_vals(self, contract_type, lines):
        """Hook: values of the contract that lines of an order draft."""
        self.ensure_one()
        user = self.user_id or self.env.user
        return {
            "type_id": contract_type.id,
            "partner_id": self.partner_id.id,
            "company_id": self.company_id.id,
            "currency_id": self.currency_id.id,
            "user_id": False if user.share else user.id,  # a customer who confirms in the portal owns nothing
            "sale_order_id": self.id,
            "opportunity_id": self.opportunity_id.id,
            "date_start": self.company_id._lifecycle_today(),
            "line_ids": [Command.create(line._prepare_clm_contract_line_vals(self.currency_id)) for line in lines],
        }

    def action_view_clm_contracts(self):
        """The contracts of this order."""
        self.ensure_one()
        contracts = self.clm_contract_ids | self.clm_contract_id
        if len(contracts) == 1:
            return contracts._get_records_action()
        action = self.env["ir.actions.act_window"]._for_xml_id("clm.clm_contract_action_all")
        action["domain"] = ["|", ("sale_order_id", "=", self.id), ("id", "=", self.clm_contract_id.id)]
        action["context"] = {"default_sale_order_id": self.id, "default_partner_id": self.partner_id.id}
        return action


class SaleOrderLine(models.Model):
    _inherit = "sale.order.line"

    def _prepare_clm_contract_line_vals(self, currency):
        """Hook: values of the contract line that stands for this line.

        :param currency: ``res.currency`` of the contract
        """
        self.ensure_one()
        price = self.product_uom_id._compute_price(self.price_unit, self.product_id.uom_id)
        if currency != self.currency_id:
            price = self.currency_id._convert(
                price, currency, self.company_id, self.company_id._lifecycle_today(), round=False
            )
        return {
            "sale_line_id": self.id,
            "product_id": self.product_id.id,
            "name": self.name,
            "quantity": self.product_uom_id._compute_quantity(self.product_uom_qty, self.product_id.uom_id),
            "price_unit": price,
            "discount": self.discount,
            "tax_ids": [Command.set(self.tax_ids.ids)],
        }


class ClmContractType(models.Model):
    _inherit = "clm.contract.type"

    def _may_begin_with(self, order):
        """:return: whether an order can draft a contract of this type"""
        return bool(
            self and self.active and self.direction == "customer"
            and self.company_id in (order.company_id, self.env["res.company"])
        )


class ClmContract(models.Model):
    _inherit = "clm.contract"

    def _create_renewal_order(self, successor):
        """Make the quotation of a renewal. Its confirmation concludes the renewal.

        :raise UserError: when the contract is a supplier's, has nothing to quote, or no pricelist is in its currency
        """
        self.ensure_one()
        if self.direction != "customer":
            raise UserError(self.env._("Quotations are for customers; a supplier contract is renewed without one."))
        lines = successor.line_ids.filtered("product_id")
        if not lines:
            raise UserError(self.env._(
                "%(contract)s has no lines with products to put into a quotation.", contract=self.display_name,
            ))
        archived = lines.product_id.filtered(lambda product: not product.active)
        if archived:
            raise UserError(self.env._(
                "%(products)s can no longer be sold. Renew without a quotation, or put it back into use.",
                products=", ".join(archived.mapped("display_name")),
            ))
        order = self.env["sale.order"].create({
            "partner_id": self.partner_id.id,
            "company_id": self.company_id.id,
            "user_id": self._responsible().id,
            "pricelist_id": self._renewal_pricelist().id,
            "origin": self.name,
            "clm_contract_id": successor.id,
            "order_line": [
                Command.create({
                    "sequence": position,
                    "product_id": line.product_id.id,
                    "name": line.name,
                    "product_uom_id": line.product_id.uom_id.id,
                    "product_uom_qty": line.quantity,
                    "price_unit": line.price_unit,
                    "discount": line.discount,
                    "tax_ids": [Command.set(line.tax_ids.ids)],
                })
                for position, line in enumerate(lines, start=1)
            ],
        })
        for line, order_line in zip(lines, order.order_line.sorted("sequence"), strict=True):
            line.sale_line_id = order_line
        self._unlocked().write({"renewal_order_id": order.id})
        return order

    def _renewal_pricelist(self):
        """:return: a pricelist in the contract's currency, so that a price keeps its meaning; none where none is needed
        """
        partner = self.partner_id.with_company(self.company_id)
        pricelist = partner.property_product_pricelist
        if (pricelist.currency_id or self.company_id.currency_id) == self.currency_id:
            return pricelist
        if self.company_id.currency_id == self.currency_id:
            return pricelist.browse()
        pricelist = self.env["product.pricelist"].search([
            ("currency_id", "=", self.currency_id.id), ("company_id", "in", (False, self.company_id.id)),
        ], limit=1)
        if not pricelist:
            raise UserError(self.env._(
                "A quotation in %(currency)s needs a pricelist in that currency. Make one first.",
                currency=self.currency_id.name,
            ))
        return pricelist

    def _conclude_by_order(self, order):
        """The customer ordered the renewal: take the quotation's quantities and prices, and conclude it.

        Where that cannot be done at once, such as when an approval is needed, the owner is told.
        """
        self.ensure_one()
        if self.state in BINDING:
            return
        if self.state not in (DRAFT, NEGOTIATION):
            self._notify_owner(self.env._("Ordered by the customer: look at the renewal"))
            return
        self.line_ids = self._prepare_ordered_lines(order)
        if not self._is_approved():
            self._notify_owner(self.env._("Ordered by the customer: the renewal needs an approval"))
            return
        self._snapshot()
        self._set_state(
            SIGNED, act="conclude", signed_on=self._today(), shared_at=self.shared_at or fields.Datetime.now()
        )
        if self.date_start <= self._today():
            self._activate()

    def _prepare_ordered_lines(self, order):
        """:return: commands: what was quoted as it was ordered, what was not quoted as it is"""
        quoted = {line.sale_line_id: line for line in self.line_ids if line.sale_line_id}
        commands, kept = [], self.line_ids.filtered(lambda line: not line.product_id)
        for order_line in order.order_line.filtered(lambda line: not line.display_type):
            vals = order_line._prepare_clm_contract_line_vals(self.currency_id)
            if line := quoted.get(order_line):
                kept |= line
                commands.append(Command.update(line.id, vals))
            else:
                commands.append(Command.create(vals))
        return [*commands, *(Command.delete(line.id) for line in self.line_ids - kept)]


class ResPartner(models.Model):
    _inherit = "res.partner"

    clm_contract_count = fields.Integer(compute="_compute_clm_contract_count", groups="clm.group_viewer")

    def _compute_clm_contract_count(self):
        counts = dict(self.env["clm.contract"]._read_group(
            [("commercial_partner_id", "in", self.commercial_partner_id.ids), ("amends_id", "=", False)],
            ["commercial_partner_id"], ["__count"],
        ))
        for partner in self:
            partner.clm_contract_count = counts.get(partner.commercial_partner_id, 0)

    def action_view_clm_contracts(self):
        """The contracts of this company and its contacts: those that the button counts."""
        self.ensure_one()
        action = self.env["ir.actions.act_window"]._for_xml_id("clm.clm_contract_action_all")
        action["domain"] = [("commercial_partner_id", "=", self.commercial_partner_id.id), ("amends_id", "=", False)]
        action["context"] = {"default_partner_id": self.id}
        return action


class CrmLead(models.Model):
    _inherit = "crm.lead"

    clm_contract_count = fields.Integer(compute="_compute_clm_contract_count", groups="clm.group_viewer")

    @api.depends("partner_id")
    def _compute_clm_contract_count(self):
        counts = dict(self.env["clm.contract"]._read_group(
            [("opportunity_id", "in", self.ids)], ["opportunity_id"], ["__count"]
        ))
        for lead in self:
            lead.clm_contract_count = counts.get(lead, 0)

    def action_view_clm_contracts(self):
        """The contracts that came from this opportunity."""
        self.ensure_one()
        action = self.env["ir.actions.act_window"]._for_xml_id("clm.clm_contract_action_all")
        action["domain"] = [("opportunity_id", "=", self.id)]
        action["context"] = {"default_opportunity_id": self.id, "default_partner_id": self.partner_id.id}
        return action
